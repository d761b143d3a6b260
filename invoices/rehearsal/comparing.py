"""Compare two sets of prices on what customers really used: the same functions that charge, on the recorded usage.

Each contract is taken as it is now, over its last whole periods: what it was charged for under the one set and what it would be
under the other, by the seats and modules that it had and the events that were counted. Amounts are before discount and tax;
resource packs and credits are left out. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import contracts
from billing.charging import in_advance, in_arrears, is_metered
from billing.commitments import minimum
from billing.measures import Question, measure
from billing.models import NegotiatedPrice, PlanVersion, Price, PriceList, Subscription, SubscriptionItem
from billing.rating import Price as Rating
from billing.terms import Clause, Contract, Stretch
from tenants.bulk import among
from tenants.models import Tenant
from usage.periods import Alignment, Interval, Schedule, Span, add_months, local_day, local_midnight

Held = tuple[tuple[datetime, datetime | None, Any], ...]
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Prices:
    """A set of prices: what was agreed, but for a plan's version (also a draft) or a group's list that takes its place."""

    version: PlanVersion | None = None
    price_list: PriceList | None = None

    def concerns(self, s: Subscription) -> bool:
        """Return whether a contract's prices come from here."""
        of_plan = self.version is None or self.version.plan_id == s.plan_id
        of_group = self.price_list is None or self.price_list.group_id == s.tenant.group_id
        return of_plan and of_group and (self.price_list is None or self.price_list.seller_id == s.seller_id)

    def keeps_negotiated(self, s: Subscription) -> bool:
        """Return whether prices negotiated for a contract hold: they were agreed for its plan, and for no other."""
        return self.version is None or self.version.plan_id == s.plan_id

    def put_on(self, s: Subscription) -> Subscription:
        """Return the subscription as it would be with these prices; it is not saved."""
        other = copy(s)
        if self.version is not None:
            other.version, other.alignment, other.billing_day = self.version, s.alignment, s.billing_day
        if self.price_list is not None:
            other.price_list = self.price_list
        return other


@dataclass(frozen=True, slots=True)
class Row:
    """What one customer comes to in one currency under both sets, in minor units."""

    tenant: Tenant
    currency: str
    one_minor: int
    other_minor: int
    first: date
    last: date

    @property
    def difference_minor(self) -> int:
        """What he pays more under the other set; below zero, less."""
        return self.other_minor - self.one_minor


@dataclass(frozen=True, slots=True)
class Comparison:
    """All customers, who would pay most more first."""

    rows: tuple[Row, ...]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return the sums of both sets by currency."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            one, other = found.get(row.currency, (0, 0))
            found[row.currency] = one + row.one_minor, other + row.other_minor
        return found


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a contract comes to under each version (by id), in minor units, over local days, half open."""

    first: date
    end: date
    sums: Mapping[int, int]


def compare(tenants: Iterable[Tenant], one: Prices, other: Prices, *, at: datetime, months: int = 12) -> Comparison:
    """Return what customers come to under each of two sets of prices, over the whole periods of the last `months`.

    Contracts whose prices come from neither set are left out, and so are trials. A constant number of queries, whatever the
    number of customers (but one for each period of a price per transaction).
    """
    subscriptions = [s for s in _subscriptions(tenants) if one.concerns(s) and other.concerns(s)]
    windows = {s.pk: window for s in subscriptions if (window := _window(s, at, months))}
    lasting = [s for s in subscriptions if s.pk in windows]
    sums = [_sums(lasting, prices, windows) for prices in (one, other)]
    by_tenant: dict[tuple[int, str], list[Subscription]] = defaultdict(list)
    for s in lasting:
        by_tenant[s.tenant_id, s.currency].append(s)
    rows = [
        Row(
            mine[0].tenant,
            currency,
            sum(sums[0][s.pk] for s in mine),
            sum(sums[1][s.pk] for s in mine),
            min(windows[s.pk][0] for s in mine),
            max(windows[s.pk][1] for s in mine),
        )
        for (_tenant, currency), mine in by_tenant.items()
    ]
    return Comparison(tuple(sorted(rows, key=lambda row: (-row.difference_minor, row.tenant.code))))


def replay(s: Subscription, versions: Iterable[PlanVersion], *, at: datetime, months: int = 12) -> Replayed | None:
    """Return what one contract would come to under other versions, also of other plans of its product.

    None without a whole period yet. Negotiated prices hold for the own plan only, those of the group's list for all.
    """
    if (window := _window(s, at, months)) is None:
        return None
    sums = {one.pk: _sums([s], Prices(version=one), {s.pk: window})[s.pk] for one in versions}
    return Replayed(window[0], window[1], sums)


def _subscriptions(tenants: Iterable[Tenant]) -> list[Subscription]:
    found = Subscription.objects.filter(among("tenant", [tenant.pk for tenant in tenants]))
    return list(found.select_related("version", "seller", "plan", "tenant", "price_list").order_by("pk"))


def _window(s: Subscription, at: datetime, months: int) -> tuple[date, date] | None:
    """Return the local days, half open, of a contract's whole periods within the last months; None where there is none."""
    schedule = _schedule(s, Interval(s.version.interval), s.anchor_on)
    today = local_day(min(at, s.ended_at) if s.ended_at else at, s.zone)
    if today <= s.anchor_on:
        return None
    last = today if s.ended_at and s.ended_at <= at else schedule.boundary(schedule.containing(today)[0])
    first = max(s.anchor_on, add_months(last, -months))
    return (first, last) if first < last else None


def _schedule(s: Subscription, interval: Interval, anchor: date) -> Schedule:
    if interval != Interval(s.version.interval) and interval.months >= Interval(s.version.interval).months:
        return Schedule(anchor, interval, s.zone)
    return Schedule(s.anchor_on, interval, s.zone, Alignment(s.alignment), s.billing_day)


def _sums(
    subscriptions: Sequence[Subscription], prices: Prices, windows: Mapping[int, tuple[date, date]]
) -> dict[int, int]:
    """Return what each contract comes to under a set of prices, in minor units."""
    agreed = _agreed(subscriptions, prices)
    pieces = [
        (s, clause, stretch)
        for s in subscriptions
        for clause in agreed[s.pk].clauses
        for stretch in _stretches(s, clause.interval, windows[s.pk])
    ]
    questions = [
        Question((s.pk, clause.code, stretch.span.start), s, stretch, clause)
        for s, clause, stretch in pieces
        if is_metered(clause, stretch, first=agreed[s.pk].paid_from)
    ]
    found = measure(questions)
    by_day: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for s, clause, stretch in pieces:
        first, measured = agreed[s.pk].paid_from, found.get((s.pk, clause.code, stretch.span.start))
        ahead = in_advance(clause, stretch, currency=s.currency, first=first)
        behind = in_arrears(clause, stretch, currency=s.currency, first=first, measured=measured)
        by_day[s.pk][stretch.span.start] += sum(w.amount_minor for w in ([ahead] if ahead else behind))
    return {s.pk: _with_minimum(s, agreed[s.pk], by_day[s.pk], windows[s.pk]) for s in subscriptions}


def _with_minimum(s: Subscription, contract: Contract, by_day: Mapping[date, int], window: tuple[date, date]) -> int:
    """Return the sum of all charges, each whole period raised to the commitment."""
    short = 0
    for stretch in _stretches(s, contract.interval, window) if contract.commitments else ():
        held = sum(minor for day, minor in by_day.items() if stretch.span.start <= day < stretch.span.end)
        short += max(0, (minimum(contract, stretch) or 0) - held)
    return sum(by_day.values()) + short


def _stretches(s: Subscription, interval: Interval, window: tuple[date, date]) -> Iterator[Stretch]:
    """Yield the periods of a rhythm in a window of days; the ones at its ends are cut there, and prorated."""
    schedule = _schedule(s, interval, window[0])
    day = window[0]
    while day < window[1]:
        span = schedule.span(schedule.containing(day)[0])
        end = min(span.end, window[1])
        yield Stretch(interval, Span(0, day, end, span.whole_start, span.whole_end, s.zone))
        day = span.end


def _agreed(subscriptions: Sequence[Subscription], prices: Prices) -> dict[int, Contract]:
    """Return each contract as it is now, with these prices; quantities and negotiated prices go by the prices' codes."""
    dressed = [prices.put_on(s) for s in subscriptions]
    loaded = contracts.load(dressed)
    held = _held(subscriptions)
    negotiated = _negotiated([s for s in subscriptions if prices.keeps_negotiated(s)])
    return {
        s.pk: replace(
            loaded[s.pk],
            former=(),
            clauses=tuple(_clause(s, clause, held, negotiated) for clause in loaded[s.pk].clauses),
            commitments=tuple(replace(one, since=None, until=None) for one in loaded[s.pk].commitments[-1:]),
        )
        for s in dressed
    }


def _clause(s: Subscription, clause: Clause, held: Mapping[Key, Held], negotiated: Mapping[Key, Rating]) -> Clause:
    quantities = held.get((s.pk, clause.code)) or _new(s, clause)
    price = negotiated.get((s.pk, clause.code), clause.price)
    return replace(clause, quantities=quantities, price=price, since=None, until=None)


def _new(s: Subscription, clause: Clause) -> Held:
    """Return what a contract holds of a price that it did not have: a base counts once, seats and modules not at all."""
    if clause.kind != Price.Kind.BASE or clause.optional:
        return ()
    return ((local_midnight(s.start_on, s.zone), None, Decimal(1)),)


def _held(subscriptions: Sequence[Subscription]) -> dict[Key, Held]:
    rows = SubscriptionItem.objects.filter(
        among("subscription", [s.pk for s in subscriptions]), during__isempty=False
    ).order_by("during")
    found: dict[Key, list[Any]] = defaultdict(list)
    told = rows.values_list("subscription_id", "price__code", "quantity", "during__startswith", "during__endswith")
    for pk, code, quantity, start, end in told:
        found[pk, code].append((start, end, quantity))
    return {key: tuple(rows) for key, rows in found.items()}


def _negotiated(subscriptions: Sequence[Subscription]) -> dict[Key, Rating]:
    rows = NegotiatedPrice.objects.filter(among("subscription", [s.pk for s in subscriptions]))
    return {
        (pk, code): contracts.rating_of(model, params)
        for pk, code, model, params in rows.values_list("subscription_id", "price__code", "model", "params")
    }
