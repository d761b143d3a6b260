"""Who looks at which company, when and in which language: what every page function is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from tenants.models import Member, Tenant, User


@dataclass(frozen=True)
class Visit:
    """One request by one member; `at` is the instant that the page is true for."""

    tenant: Tenant
    member: Member
    user: User
    companies: tuple[Tenant, ...]
    at: datetime
    language: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tenant.timezone)

    @property
    def today(self) -> date:
        """The company's local day."""
        return self.at.astimezone(self.zone).date()

    def to(self, name: str, *args: object) -> str:
        """Return the address of a page of this company."""
        return reverse(f"portal:{name}", args=[self.tenant.code, *args])

    def to_pay(self, *bills: int) -> str:
        """Return the address on which these bills are paid by hand."""
        return f"{self.to('pay')}?{urlencode([('bill', pk) for pk in bills])}"

    def home_of(self, company: Tenant) -> str:
        """Return where another company of this person begins."""
        return reverse("portal:overview", args=[company.code])
