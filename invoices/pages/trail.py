"""The audit log of one company, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices.pages.visit import Visit
from tenants.models import AuditEntry

# What an act is called. An act that is not listed shows its own code, so that nothing is ever left out.
ACTS = {
    "tenant.opened": gettext_lazy("Account opened"),
    "tenant.amended": gettext_lazy("Company data changed"),
    "tenant.contacts_set": gettext_lazy("Contacts changed"),
    "member.invited": gettext_lazy("Person invited"),
    "member.removed": gettext_lazy("Person removed"),
    "member.role_changed": gettext_lazy("Role changed"),
    "subscription.started": gettext_lazy("Subscription started"),
    "subscription.ends": gettext_lazy("End of the subscription set"),
    "subscription.plan": gettext_lazy("Plan changed"),
    "subscription.quantity": gettext_lazy("Quantity changed"),
    "subscription.cancel": gettext_lazy("Subscription cancelled"),
    "subscription.keep": gettext_lazy("Cancellation or change taken back"),
    "subscription.pause": gettext_lazy("Subscription paused"),
    "subscription.resume": gettext_lazy("Pause ended"),
    "coupon.redeemed": gettext_lazy("Coupon redeemed"),
    "renewal.on": gettext_lazy("Automatic renewal switched on"),
    "renewal.off": gettext_lazy("Automatic renewal switched off"),
    "authorisation.given": gettext_lazy("Authorisation given"),
    "authorisation.withdrawn": gettext_lazy("Authorisation withdrawn"),
    "invoice.issued": gettext_lazy("Bill issued"),
    "invoice.credited": gettext_lazy("Credit note issued"),
    "payment.recorded": gettext_lazy("Payment received"),
    "notice.resent": gettext_lazy("Message sent again"),
    "api_key.issued": gettext_lazy("API key issued"),
    "api_key.revoked": gettext_lazy("API key revoked"),
    "customer.viewed": gettext_lazy("Looked at by our staff"),
    "parked.resolved": gettext_lazy("Billing problem solved"),
}


@dataclass(frozen=True)
class Entry:
    """One act: when, who, what, on what, and what was recorded with it."""

    at: datetime
    by: str
    what: str
    target: str
    detail: str


@dataclass(frozen=True)
class TrailPage:
    """The page /settings/log/."""

    entries: tuple[Entry, ...]
    count: int
    more: str


def entries(visit: Visit, *, target: str = "", limit: int = 100) -> tuple[Entry, ...]:
    """Return the newest acts on this company, on one kind of thing where `target` says so."""
    found = AuditEntry.objects.filter(tenant=visit.tenant, target__startswith=target)
    return tuple(entry(row) for row in found.order_by("-at", "-id")[:limit])


def entry(row: AuditEntry) -> Entry:
    return Entry(
        at=row.at,
        by=row.by_name or _("by itself, as agreed"),
        what=str(ACTS.get(row.verb, row.verb)),
        target=row.target,
        detail=_(", ").join(
            f"{name}: {value}" for name, value in row.detail.items() if value not in ("", None, [], {})
        ),
    )


def page(visit: Visit, shown: int, more: str) -> TrailPage:
    """Return the log, newest first."""
    count = AuditEntry.objects.filter(tenant=visit.tenant).count()
    return TrailPage(entries(visit, limit=shown), count, more if count > shown else "")
