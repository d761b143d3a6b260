"""Discount: apply redeemed coupons to bills to be (CONTRACTS rule 10). What is free of coupons costs one question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from billing import granting
from billing.granting import Applied, Granted
from billing.models import BillingPeriod
from billing.models.catalogue import Interval
from invoices.grouping import CAP, Group, Waiting
from invoices.totals import Offer, take_off

RANK = {name: rank for rank, name in enumerate(Interval.values)}


@dataclass(slots=True)
class _Offers:
    """What the coupons of some subscriptions may still give, and what they have given in the course of this drafting."""

    by_subscription: Mapping[int, Sequence[Granted]]
    periods: Mapping[int, BillingPeriod]
    # What an amount has given in a plan's period, by (redeemed coupon, period).
    given: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    budgets: dict[int, int] = field(default_factory=dict)
    # Coupons that give once, and do so elsewhere.
    elsewhere: set[int] = field(default_factory=set)
    # What caps take off lines: a coupon gives on what is left.
    capped: Mapping[int, int] = field(default_factory=dict)


def apply(groups: Sequence[Group], *, held: bool = True, only: Mapping[int, set[int]] | None = None) -> None:
    """Reckon what coupons take off the lines of bills to be, and keep it in each group's `discounts`.

    A coupon that gives once gives on the first of them; where `held`, not if it gives on another draft already. `only`
    names, by place in `groups`, the coupons of that kind that may give there.
    """
    subscriptions = {c.subscription_id for group in groups for c in group.charges if c.amount_minor > 0}
    granted = granting.in_force(subscriptions) if subscriptions else []
    for group in groups:
        group.discounts = {}
    if not granted:
        return
    offers = _offers(granted, groups, held)
    for number, group in enumerate(groups):
        allowed = None if only is None else only.get(number, set())
        for subscription in dict.fromkeys(charge.subscription_id for charge in group.charges):
            if mine := offers.by_subscription.get(subscription):
                _discount(group, [c for c in group.charges if c.subscription_id == subscription], mine, offers, allowed)


def _offers(granted: Sequence[Granted], groups: Sequence[Group], held: bool) -> _Offers:
    by_subscription: dict[int, list[Granted]] = defaultdict(list)
    for one in granted:
        by_subscription[one.subscription_id].append(one)
    # Lines' coupons first, then the bill's; each in the order of redeeming.
    for mine in by_subscription.values():
        mine.sort(key=lambda one: (not one.coupon__applies_to, one.position))
    once = [one.pk for one in granted if one.once]
    lines = [c for group in groups for c in group.charges if c.subscription_id in by_subscription]
    offers = _Offers(by_subscription, _plan_periods(c.period_id for c in lines))
    offers.elsewhere = granting.held(once) if held and once else set()
    budgets = {one.coupon_id: one.coupon__budget_minor for one in granted if one.coupon__budget_minor is not None}
    offers.budgets = granting.left_of(budgets) if budgets else {}
    caps = [c.pk for c in lines if c.reason == CAP]
    offers.capped = granting.capped(caps) if caps else {}
    _count_given(offers, [one.pk for one in granted if one.coupon__amount_minor is not None and not one.once])
    return offers


def _plan_periods(period_ids: Iterable[int]) -> dict[int, BillingPeriod]:
    """Return, by period, the plan's period that holds its start: of those that do, the one of the longest rhythm."""
    known = granting.periods_from(period_ids)
    by_subscription: dict[int, list[BillingPeriod]] = defaultdict(list)
    for period in known:
        by_subscription[period.subscription_id].append(period)
    return {
        period.pk: max(
            (whole for whole in by_subscription[period.subscription_id] if whole.start <= period.start < whole.end),
            key=lambda whole: RANK[whole.interval],
            # A period that was cut on its first day is empty, and none may hold its start.
            default=period,
        )
        for period in known
    }


def _count_given(offers: _Offers, amounts: Sequence[int]) -> None:
    if not amounts or not offers.periods:
        return
    wholes = {period.pk: period for period in offers.periods.values()}.values()
    whose = {one.pk: one.subscription_id for mine in offers.by_subscription.values() for one in mine}
    for redemption, start, amount in granting.given(amounts, since=min(whole.start for whole in wholes)):
        for whole in wholes:
            if whole.subscription_id == whose[redemption] and _holds(whole, start):
                offers.given[redemption, whole.pk] += amount


def _holds(whole: BillingPeriod, instant: datetime) -> bool:
    return whole.start <= instant < whole.end


def _discount(
    group: Group, lines: Sequence[Waiting], granted: Sequence[Granted], offers: _Offers, allowed: set[int] | None
) -> None:
    left = [charge.amount_minor - offers.capped.get(charge.pk, 0) for charge in lines]
    for one in granted:
        if one.once and (one.pk in offers.elsewhere or (allowed is not None and one.pk not in allowed)):
            continue
        offer = _offer(one, lines, offers)
        for number, taken in enumerate(take_off(left, offer, group.side[2])):
            if taken:
                left[number] -= taken
                _write_down(group, lines[number], one, taken, offer.parts[number], offers)
        if one.once and any(charge.amount_minor for charge in lines):
            offers.elsewhere.add(one.pk)


def _offer(one: Granted, lines: Sequence[Waiting], offers: _Offers) -> Offer:
    parts = tuple(_part(one, charge, offers.periods[charge.period_id]) for charge in lines)
    most = offers.budgets.get(one.coupon_id)
    amount = one.coupon__amount_minor
    if amount is None:
        return Offer(parts, percent=one.coupon__percent, by_line=bool(one.coupon__applies_to), most=most)
    rest = {part: max(0, amount - offers.given[one.pk, part]) for part in dict.fromkeys(parts) if part is not None}
    return Offer(parts, rest=dict[Any, int](rest), most=most)


def _part(one: Granted, charge: Waiting, whole: BillingPeriod) -> int | None:
    """Return the period that a line's share of a coupon belongs to; 0 where it gives once and for all."""
    if (
        charge.amount_minor <= 0
        or charge.reason == CAP
        or not one.covers(charge.code)
        or not one.lasts(_first_day(whole))
    ):
        return None
    return 0 if one.once else whole.pk


def _first_day(whole: BillingPeriod) -> date:
    return whole.start_on


def _write_down(group: Group, charge: Waiting, one: Granted, taken: int, part: object, offers: _Offers) -> None:
    rows = group.discounts.setdefault(charge.pk, [])
    rows.append(Applied(charge.tenant_id, charge.pk, one.pk, len(rows) + 1, taken))
    if isinstance(part, int):
        offers.given[one.pk, part] += taken
    if one.coupon_id in offers.budgets:
        offers.budgets[one.coupon_id] -= taken
