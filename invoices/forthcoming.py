"""What will be deducted: the next renewals of payers, from the preview of the close, with the ceiling of their arrears.

CONTRACTS rule 17. Amounts are minor units before discount and tax; the total is with tax, so that a bill can be held to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from billing import budgets, previewing
from billing.charging import Worth
from billing.models import Subscription
from billing.money import minor_digits
from billing.previewing import Preview, UsageSoFar
from billing.relief import Cap, Spot
from invoices.tax import line_tax
from usage.periods import Span, local_day, local_midnight

DAY = timedelta(days=1)
AUTOMATIC = (Subscription.Pays.WALLET, Subscription.Pays.MANDATE)
# (payer, seller, currency, way of payment)
Side = tuple[int, int, str, str]


class Arrears(NamedTuple):
    """What one price in arrears is estimated to come to by the day."""

    spot: Spot
    tenant_id: int
    amount: Fraction


class Bound(NamedTuple):
    """A customer's budget or cap, which takes the place of the estimate of what it bounds."""

    tenant_id: int
    cap: Cap


@dataclass(slots=True)
class Coming:
    """What one payer will be charged on one day: its renewals, and at most how much for what was used until then."""

    side: Side
    due_on: date
    due_at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)
    renewal_minor: int = 0
    renewal_gross: int = 0
    arrears: list[Arrears] = field(default_factory=list)
    # What customers' budgets say instead of an estimate, by customer and price.
    bounds: list[Bound] = field(default_factory=list)
    rate: Decimal = Decimal(0)
    inclusive: bool = True

    @property
    def ceiling_minor(self) -> int:
        """The ceiling of arrears: what the customer set, else the estimate, rounded up to a whole unit of the currency."""
        unit = 10 ** minor_digits(self.side[2])
        said, rest = 0, list(self.arrears)
        # The widest first: a budget for everything says it all.
        for bound in sorted(self.bounds, key=lambda one: -one.cap.rank):
            mine = [one for one in rest if one.tenant_id == bound.tenant_id and bound.cap.holds(one.spot)]
            said += bound.cap.most_minor if mine else 0
            rest = [one for one in rest if one not in mine]
        return said + max(0, ceil(sum((one.amount for one in rest), Fraction(0)) / unit) * unit)

    @property
    def total_minor(self) -> int:
        """At most what will be taken, with tax; the tax of a ceiling is rounded up to a whole unit too."""
        if self.inclusive or not self.rate:
            return max(0, self.renewal_gross) + self.ceiling_minor
        unit = 10 ** minor_digits(self.side[2])
        taxed = ceil(Fraction(self.ceiling_minor) * (1 + Fraction(self.rate)) / unit) * unit
        return max(0, self.renewal_gross) + taxed


def coming(subscriptions: Sequence[Subscription], *, at: datetime, until: datetime) -> list[Coming]:
    """Return what falls due after `at` and not after `until`, by payer and day, earliest first.

    Expects `version`, `seller` and `tenant` to be selected along.
    """
    found: dict[tuple[Side, date], Coming] = {}
    due = [s for s in subscriptions if s.pays in AUTOMATIC and s.next_at is not None and s.next_at <= until]
    previews = previewing.preview(due, at=until)
    for subscription in due:
        if subscription.pk in previews:
            _gather(found, subscription, previews[subscription.pk], at)
    days = [found[key] for key in sorted(found, key=lambda key: (key[1], key[0])) if found[key].due_at > at]
    _bind(days, at)
    return days


def _bind(days: Sequence[Coming], at: datetime) -> None:
    """Put the budgets in force on the days whose arrears they bound: hard caps and those that only tell."""
    by_tenant = defaultdict(list)
    for row in budgets.in_force({one.tenant_id for day in days for one in day.arrears}, at=at):
        by_tenant[row.tenant_id].append(row)
    for day in days:
        theirs = [row for tenant in {one.tenant_id for one in day.arrears} for row in by_tenant[tenant]]
        day.bounds = [Bound(row.tenant_id, budgets.cap_of(row, at=at)) for row in theirs if row.currency == day.side[2]]


def _gather(found: dict[tuple[Side, date], Coming], subscription: Subscription, preview: Preview, at: datetime) -> None:
    for worth in preview.fixed:
        advance = worth.clause.advance
        day = _day(found, subscription, worth.start if advance else worth.end)
        if advance:
            _renewal(day, subscription, worth)
        else:
            _arrears(day, subscription, worth, Fraction(worth.amount_minor))
    for use in preview.usage:
        day = _day(found, subscription, use.stretch.span.end)
        _arrears(day, subscription, use.so_far, _grown(use, at))


def _day(found: dict[tuple[Side, date], Coming], subscription: Subscription, due_on: date) -> Coming:
    payer = subscription.tenant.parent_id or subscription.tenant_id
    side = (payer, subscription.seller_id, subscription.currency, subscription.pays)
    if (side, due_on) not in found:
        due_at = local_midnight(due_on, subscription.zone)
        found[side, due_on] = Coming(side, due_on, due_at, inclusive=subscription.seller.tax_inclusive)
    return found[side, due_on]


def _renewal(day: Coming, subscription: Subscription, worth: Worth) -> None:
    clause = worth.clause
    day.renewal_minor += worth.amount_minor
    day.renewal_gross += line_tax(worth.amount_minor, clause.tax_rate, day.inclusive, day.side[2]).gross
    if worth.amount_minor:
        day.lines.append(
            {
                "subscription": subscription.pk,
                "name": clause.name,
                "name_en": clause.name_en,
                "amount_minor": worth.amount_minor,
                "first": str(worth.start),
                "last": str(worth.end - DAY),
            }
        )


def _arrears(day: Coming, subscription: Subscription, worth: Worth, amount: Fraction) -> None:
    clause = worth.clause
    spot = Spot(0, subscription.pk, clause.code, clause.meter.meter_id if clause.meter else None, 0)
    day.arrears.append(Arrears(spot, subscription.tenant_id, amount))
    day.rate = max(day.rate, worth.clause.tax_rate)


def _grown(use: UsageSoFar, at: datetime) -> Fraction:
    """Return the price of usage so far × days of the period ÷ days elapsed; under one day elapsed counts as one."""
    elapsed = elapsed_days(use.stretch.span, at)
    return Fraction(use.so_far.amount_minor) * use.stretch.span.days / elapsed


def elapsed_days(span: Span, at: datetime) -> Fraction:
    """Return how many local days of a period have passed, the running one by its share; at least one, at most all."""
    today = local_day(at, span.zone)
    into = Fraction(int((at - local_midnight(today, span.zone)).total_seconds()), int(DAY.total_seconds()))
    passed = (today - span.start).days + min(into, Fraction(1))
    return max(Fraction(1), min(passed, Fraction(span.days)))


def of_payers(payers: Iterable[int], until: datetime) -> list[Subscription]:
    """Return the subscriptions of these payers that are deducted by themselves and fall due until then."""
    found = Subscription.objects.due(until).filter(payer__in=list(payers), pays__in=AUTOMATIC)
    live = found.exclude(status=Subscription.Status.ENDED)
    return list(live.select_related("version", "seller", "tenant").order_by("pk"))
