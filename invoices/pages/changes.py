"""Changes of contracts: those that wait, each with the way to take it back, and the history of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import migrating
from billing.models import Change, Subscription
from billing.money import Money
from invoices import changed, states
from invoices.pages import plans, titles
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Waiting:
    """A change that waits; `back` is where it is taken back."""

    sentence: str
    back: str


@dataclass(frozen=True)
class NewPrices:
    """Prices that the seller announced: from which day, what is fixed per period, and where the button to leave leads.

    `leave` is empty once the contract ends before that day.
    """

    first: date
    last: date
    before: Money
    after: Money
    difference: Money
    usage: Money | None
    reason: str
    leave: str


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
    """Return what waits of one contract because the customer wished it; taking back takes all of it back."""
    found = of(visit).filter(subscription=subscription, status=Change.Status.SCHEDULED, migration=None)
    return tuple(
        Waiting(changed.effect(one, visit.language), plans.change_address(visit, one.subscription, do="keep"))
        for one in found
    )


def new_prices(visit: Visit, row: Subscription) -> NewPrices | None:
    """Return the new prices that the seller announced for a contract and that are not in force yet."""
    waits = of(visit).filter(subscription=row.pk, status=Change.Status.SCHEDULED, migration__isnull=False)
    change = waits.select_related("subscription__plan", "version__plan", "migration").first()
    if change is None or change.migration is None:
        return None
    change.subscription = row
    move = migrating.outlook(change, at=visit.at)
    usage = move.usage_difference_minor
    return NewPrices(
        first=move.on,
        last=titles.last_day(move.on),
        before=Money(move.before_minor, row.currency),
        after=Money(move.after_minor, row.currency),
        difference=Money(move.difference_minor, row.currency),
        usage=None if usage is None else Money(usage, row.currency),
        reason=change.migration.reason,
        leave="" if move.stays else plans.change_address(visit, row, do="cancel"),
    )


def rows(visit: Visit, limit: int = 100) -> tuple[Row, ...]:
    """Return the changes, newest first."""
    return tuple(
        Row(one.at, str(one.by or _("a program")), changed.effect(one, visit.language), states.CHANGE[one.status])
        for one in of(visit)[:limit]
    )
