"""Company and people, the audit log of the account, and help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from invoices import opinions, states
from invoices.models import Survey
from invoices.pages import frame, trail
from invoices.pages.tables import address, whole
from invoices.pages.visit import Visit
from tenants.models import Contact, Member, Seller, Tenant

LOG_SHOWN, LOG_MORE, LOG_MOST = 50, 200, 5000


@dataclass(frozen=True)
class Person:
    """A member, or a contact that bills are sent to."""

    pk: int
    name: str
    email: str
    phone: str
    role: str
    joined: date | None
    receives_bills: bool
    edit: str


@dataclass(frozen=True)
class SettingsPage:
    """The page /settings/."""

    tenant: Tenant
    name: str
    state: states.State
    tax_number: str
    language: str
    languages: tuple[tuple[str, str], ...]
    parent: str
    members: tuple[Person, ...]
    contacts: tuple[Person, ...]
    may_manage: bool
    add_contact: str
    language_address: str


@dataclass(frozen=True)
class HelpPage:
    """The page /help/: what the four promises mean here, and whom to call."""

    seller: Seller | None
    asks: bool


def page(visit: Visit) -> SettingsPage:
    """Return the company as it stands on bills, its members and contacts."""
    tenant = visit.tenant
    members = Member.objects.filter(tenant=tenant).select_related("user").order_by("pk")
    return SettingsPage(
        tenant=tenant,
        name=tenant.name_in(visit.language),
        state=states.TENANT[tenant.status],
        tax_number=masked(tenant.tax_number),
        language=tenant.language,
        languages=(("zh-hans", "中文"), ("en", "English")),
        parent=tenant.parent.name_in(visit.language) if tenant.parent else "",
        members=tuple(member(visit, row) for row in members),
        contacts=tuple(contact(visit, row) for row in Contact.objects.filter(tenant=tenant).order_by("pk")),
        may_manage=visit.member.may_manage,
        add_contact=visit.to("new_contact"),
        language_address=visit.to("language"),
    )


def masked(number: str) -> str:
    """Return a tax number with its middle hidden, in groups of four."""
    shown = number[:8] + "*" * max(len(number) - 10, 0) + number[-2:] if len(number) > 10 else number
    return " ".join(shown[n : n + 4] for n in range(0, len(shown), 4))


def member(visit: Visit, row: Member) -> Person:
    joined = row.joined_at.astimezone(visit.zone).date()
    return Person(row.pk, str(row.user), row.user.email, "", str(Member.Role(row.role).label), joined, False, "")


def contact(visit: Visit, row: Contact) -> Person:
    edit = visit.to("contact", row.pk) if visit.member.may_manage else ""
    return Person(
        row.pk, row.name, row.email, row.phone, str(Contact.Role(row.role).label), None, row.receives_bills, edit
    )


def log(visit: Visit, query: Mapping[str, str]) -> trail.TrailPage:
    """Return the audit log, so much of it as the address asks for."""
    shown = whole(query.get("shown"), LOG_SHOWN, LOG_MOST)
    return trail.page(visit, shown, address(visit.to("log"), {}, shown=shown + LOG_MORE))


def help_page(visit: Visit) -> HelpPage:
    """Return whom to ask, and whether we ask for an opinion: once a quarter."""
    occasion = opinions.quarter(visit.tenant, visit.at)
    answered = Survey.objects.filter(tenant=visit.tenant, by=visit.user, occasion=occasion).exists()
    return HelpPage(frame.seller_of(visit), not answered)
