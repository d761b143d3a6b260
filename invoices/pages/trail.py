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
    "subscription.started": gettext_lazy("Subscription started"),
    "subscription.ended": gettext_lazy("Subscription ended"),
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


def entries(visit: Visit, *, verbs: str = "", limit: int = 100) -> tuple[Entry, ...]:
    """Return the newest acts on this company, of one kind where `verbs` says so."""
    found = AuditEntry.objects.filter(tenant=visit.tenant, verb__startswith=verbs)
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
