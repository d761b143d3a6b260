"""The next bill: when it comes, what of it is fixed and what the use makes of it, by the functions that will charge it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting, previewing
from billing.charging import Worth
from billing.models import Subscription
from billing.money import Money
from invoices import alerting, states
from invoices.models import ChargeNotice
from invoices.pages import meters, wording
from invoices.pages.visit import Visit
from invoices.tax import line_tax

SHOWN_NAMES = 4


@dataclass(frozen=True)
class Coming:
    """The next bill. `ceiling` is a promise and only known once it was announced; `expected` is a guess.

    `by_hand` says that nothing of it is deducted by itself.
    """

    day: date
    title: str
    reason: str
    fixed: Money
    used: Money
    expected: Money
    ceiling: Money | None
    by_hand: bool
    state: states.State
    meter: meters.Meter
    costs_address: str


def coming_of(visit: Visit) -> Coming | None:
    """Return the bill that comes next, or None when nothing runs that would be charged."""
    paid = Subscription.objects.filter(payer=visit.tenant, currency=visit.tenant.currency).live()
    rows = {row.pk: row for row in paid.select_related("version", "seller", "plan")}
    found = previewing.preview(list(rows.values()), at=visit.at)
    charging = {pk: one for pk, one in found.items() if one.fixed or one.usage}
    if not charging:
        return None
    day = min(one.due_on for one in charging.values())
    next_ones = [(rows[pk], one) for pk, one in charging.items() if one.due_on == day]
    return written(visit, day, next_ones)


def next_day(visit: Visit) -> date | None:
    """Return the day of the next bill."""
    following = coming_of(visit)
    return following.day if following else None


def written(visit: Visit, day: date, ones: Sequence[tuple[Subscription, previewing.Preview]]) -> Coming:
    currency = visit.tenant.currency
    fixed = sum(gross(row, one.fixed) for row, one in ones)
    used = sum(gross(row, (use.so_far for use in one.usage)) - capped(row, one)[0] for row, one in ones)
    expected = sum(gross(row, (use.expected for use in one.usage)) - capped(row, one)[1] for row, one in ones) + fixed
    money = {"fixed": Money(fixed, currency), "used": Money(used, currency), "expected": Money(expected, currency)}
    return Coming(
        day=day,
        title=title(visit, day),
        reason=reason(visit, ones),
        ceiling=ceiling(visit, day),
        by_hand=all(row.pays == Subscription.Pays.MANUAL for row, _one in ones),
        state=states.BILL["draft"],
        meter=bar(fixed, used, expected, money),
        costs_address=visit.to("costs"),
        **money,
    )


def ceiling(visit: Visit, day: date) -> Money | None:
    """Return the most that the notices in force say of the renewals of a day; None where there are none."""
    told = ChargeNotice.objects.filter(tenant=visit.tenant, currency=visit.tenant.currency, due_on=day)
    coming = alerting.in_force(told.filter(of=ChargeNotice.Of.RENEWAL), at=visit.at)
    return Money(sum(one.total_minor for one in coming), visit.tenant.currency) if coming else None


def gross(row: Subscription, worths: Iterable[Worth]) -> int:
    """Return what worths come to on the bill, tax included."""
    inclusive = row.seller.tax_inclusive
    return sum(line_tax(w.amount_minor, w.clause.tax_rate, inclusive, row.currency).gross for w in worths)


def capped(row: Subscription, one: previewing.Preview) -> tuple[int, int]:
    """Return what the customer's caps take off the usage, by now and as expected, tax included."""
    rate = max((use.clause.tax_rate for use in one.usage), default=Decimal(0))
    both = (one.off.so_far_minor, one.off.expected_minor)
    now, then = (line_tax(minor, rate, row.seller.tax_inclusive, row.currency).gross for minor in both)
    return now, then


def title(visit: Visit, day: date) -> str:
    named = {"month": wording.month(day, visit.language), "year": day.year}
    return (_("%(month)s bill") if day.year == visit.today.year else _("%(month)s %(year)s bill")) % named


def reason(visit: Visit, ones: Sequence[tuple[Subscription, previewing.Preview]]) -> str:
    """Return what it is for; the use of a subsidiary is not seen from here and is said to come on top."""
    chinese = formatting.is_chinese(visit.language)
    names = list(
        dict.fromkeys(
            (worth.clause.name if chinese else worth.clause.name_en or worth.clause.name)
            for _row, one in ones
            for worth in (*one.fixed, *(use.so_far for use in one.usage))
        )
    )
    shown = wording.joined(names[:SHOWN_NAMES])
    if len(names) > SHOWN_NAMES:
        shown = _("%(names)s and %(count)s more") % {"names": shown, "count": len(names) - SHOWN_NAMES}
    if any(row.tenant_id != visit.tenant.pk and one.usage for row, one in ones):
        return _("%(names)s; the use of your subsidiaries comes on top") % {"names": shown}
    return shown


def bar(fixed: int, used: int, expected: int, money: dict[str, Money]) -> meters.Meter:
    said = {name: wording.amount(value) for name, value in money.items()}
    label = _("Fixed %(fixed)s, use so far %(used)s, expected in all %(expected)s") % said
    whole = Decimal(max(expected, fixed + used, 1)) * Decimal("1.08")
    rest = Decimal(max(expected - fixed - used, 0))
    return meters.meter(label, included=Decimal(fixed), paid=Decimal(used), coming=rest, whole=whole)
