"""Changes of contracts: those that wait, each with the way to take it back, and the history of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Change
from invoices import changed, states
from invoices.pages import plans
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Waiting:
    """A change that waits; `back` is where it is taken back."""

    sentence: str
    back: str


@dataclass(frozen=True)
class Row:
    """One change of the past or to come."""

    at: datetime
    by: str
    sentence: str
    state: states.State


def of(visit: Visit) -> QuerySet[Change]:
    found = Change.objects.filter(tenant=visit.tenant)
    return found.select_related("subscription__plan", "version__plan", "price", "by").order_by("-pk")


def waiting(visit: Visit, subscription: int) -> tuple[Waiting, ...]:
    """Return what waits of one contract; taking back takes all of it back."""
    found = of(visit).filter(subscription=subscription, status=Change.Status.SCHEDULED)
    return tuple(
        Waiting(changed.effect(one, visit.language), plans.change_address(visit, one.subscription, do="keep"))
        for one in found
    )


def rows(visit: Visit, limit: int = 100) -> tuple[Row, ...]:
    """Return the changes, newest first."""
    return tuple(
        Row(one.at, str(one.by or _("a program")), changed.effect(one, visit.language), states.CHANGE[one.status])
        for one in of(visit)[:limit]
    )
