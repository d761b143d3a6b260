"""Who of a company may commit it to pay, in words."""

from __future__ import annotations

from invoices.pages import wording
from invoices.pages.visit import Visit
from tenants.models import Member


def who(visit: Visit) -> str:
    """Return who may confirm."""
    payers = Member.objects.filter(tenant=visit.tenant, role__in=Member.MAY_PAY).select_related("user").order_by("pk")
    return wording.joined([str(member.user) for member in payers[:3]])
