"""What falls due in a contract until an instant: periods to open, periods to close, terms to renew. Pure.

The run, the preview and the rehearsal all ask here, so a preview cannot differ from the bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from billing.rating import Price
from usage.periods import Alignment, Interval, Schedule, Span, local_midnight

# CONTRACTS rule 14: the periods of an ended subscription are measured once more so long after its end.
LATE_WINDOW = timedelta(days=35)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What a usage price measures: a meter, and which of its events (`others` are the matches of its sisters)."""

    meter_id: int
    aggregation: str
    recurring: bool
    match: Mapping[str, str]
    others: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One price as it stands in one contract: negotiated, of the group's list, or the plan's own."""

    price_id: int
    code: str
    kind: str
    name: str
    name_en: str
    unit: str
    unit_en: str
    price: Price
    interval: Interval
    advance: bool
    one_off: bool
    optional: bool
    tax_rate: Decimal
    meter: Metered | None
    # (from, until or None, quantity), in order; a base has the quantity 1 all the time.
    quantities: tuple[tuple[datetime, datetime | None, Decimal], ...]

    def quantity_at(self, instant: datetime) -> Decimal | None:
        """Return the quantity in force at an instant, or None when the price is not taken then."""
        for start, end, quantity in self.quantities:
            if start <= instant and (end is None or instant < end):
                return quantity
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A subscription's facts, as planning needs them."""

    subscription_id: int
    zone: str
    currency: str
    status: str
    start_on: date
    anchor_on: date
    trial_end_on: date | None
    terms_done: int
    term_start_on: date
    term_end_on: date
    end_on: date | None
    renews: bool
    trial_pays: bool
    interval: Interval
    term: Interval
    alignment: Alignment
    billing_day: int | None
    clauses: tuple[Clause, ...]

    def schedule(self, interval: Interval) -> Schedule:
        """Return the periods of one rhythm, counted from the anchor."""
        return Schedule(self.anchor_on, interval, self.zone, self.alignment, self.billing_day)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The rhythms of the contract: the plan's, and those of prices with their own."""
        own = {clause.interval for clause in self.clauses} | {self.interval}
        return tuple(sorted(own, key=lambda interval: interval.rank))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A period as planned or as it stands in the database (`id`), in local days."""

    interval: Interval
    span: Span
    trial: bool = False
    id: int | None = None
    closed: bool = False

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return local_midnight(self.span.start, self.span.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return local_midnight(self.span.end, self.span.zone)


@dataclass(frozen=True, slots=True)
class Due:
    """All that falls due: what to open, what to close, and how the contract stands afterwards."""

    opened: tuple[Stretch, ...] = ()
    closed: tuple[Stretch, ...] = ()
    status: str = ""
    terms_done: int = 0
    term_start_on: date | None = None
    term_end_on: date | None = None
    ended_on: date | None = None
    next_at: datetime | None = None


@dataclass(slots=True)
class _Terms:
    """The contract's terms, renewed as far as somebody asks."""

    contract: Contract
    done: int = field(init=False)
    start: date = field(init=False)
    end: date = field(init=False)

    def __post_init__(self) -> None:
        self.done, self.start, self.end = (
            self.contract.terms_done,
            self.contract.term_start_on,
            self.contract.term_end_on,
        )

    def over_on(self, day: date) -> date | None:
        """Return the day on which the contract is over, if that is on or before `day`; renew terms on the way."""
        contract = self.contract
        if contract.trial_end_on and not contract.trial_pays and contract.trial_end_on <= day:
            return contract.trial_end_on
        while self.end <= day:
            if contract.end_on and contract.end_on <= self.end:
                break
            if not contract.renews:
                return self.end
            self.done += 1
            self.start, self.end = self.end, self._term_end(self.done + 1)
        return contract.end_on if contract.end_on and contract.end_on <= day else None

    def known_end(self) -> date | None:
        """Return the last day known by now, after which nothing is billed."""
        contract = self.contract
        if contract.trial_end_on and not contract.trial_pays:
            return contract.trial_end_on
        ends = [day for day in (contract.end_on, None if contract.renews else self.end) if day]
        return min(ends, default=None)

    def _term_end(self, number: int) -> date:
        return self.contract.schedule(self.contract.interval).term_end(self.contract.term, number)


def plan(contract: Contract, current: Mapping[Interval, Stretch], *, at: datetime) -> Due:
    """Return what falls due in `contract` up to and including the instant `at`.

    `current` holds, for each rhythm, the period that was opened last (none: nothing was opened yet).
    Periods open at their start (prices in advance) and close at their end (arrears); both are listed in order of time.
    Nothing opens on or after the day on which the contract is over.
    """
    if contract.status in ("ended", "paused"):
        return Due(status=contract.status, terms_done=contract.terms_done)
    terms = _Terms(contract)
    opened: list[Stretch] = []
    closed: list[Stretch] = []
    waiting: list[datetime] = []
    served: list[date] = []
    for interval in contract.intervals:
        for stretch, is_new in _stretches(contract, interval, current.get(interval), terms, at):
            served.append(stretch.span.end)
            if is_new:
                opened.append(stretch)
            if stretch.end > at:
                waiting.append(stretch.end)
            elif not stretch.closed:
                closed.append(stretch)
    over = terms.known_end()
    is_over = over and local_midnight(over, contract.zone) <= at and not waiting
    # A period that was opened is served to its end, also where renewal was switched off in it.
    ended = max(over, *served) if over and is_over else None
    if not opened and not waiting and not closed and ended is None:
        waiting.append(local_midnight(contract.start_on, contract.zone))
    return Due(
        opened=tuple(sorted(opened, key=lambda s: (s.start, s.interval.rank))),
        closed=tuple(sorted(closed, key=lambda s: (s.end, s.interval.rank))),
        status=_status(contract, ended, at),
        terms_done=terms.done,
        term_start_on=terms.start,
        term_end_on=terms.end,
        ended_on=ended,
        next_at=_measured_again(ended, contract.zone, at) if ended else min(waiting, default=None),
    )


def _stretches(
    contract: Contract, interval: Interval, current: Stretch | None, terms: _Terms, at: datetime
) -> Iterator[tuple[Stretch, bool]]:
    """Yield the open period of one rhythm, then each one that has begun by `at`; True marks the new ones."""
    cursor = contract.start_on
    if current is not None:
        yield current, False
        cursor = current.span.end
    while local_midnight(cursor, contract.zone) <= at and terms.over_on(cursor) is None:
        stretch = _next(contract, interval, cursor, terms)
        yield stretch, True
        cursor = stretch.span.end


def _next(contract: Contract, interval: Interval, day: date, terms: _Terms) -> Stretch:
    """Return the period of a rhythm that begins on `day`: the trial, or the schedule's, cut where the contract ends."""
    if contract.trial_end_on and day < contract.trial_end_on:
        end = contract.trial_end_on
        return Stretch(interval, Span(0, day, end, day, end, contract.zone), trial=True)
    span = _span(contract.schedule(interval), day)
    last = terms.known_end()
    if last and last < span.end:
        span = replace(span, end=last)
    return Stretch(interval, span)


# Customers who started on one day share their periods.
@lru_cache(maxsize=10_000)
def _span(schedule: Schedule, day: date) -> Span:
    return schedule.span(schedule.containing(day)[0])


def _measured_again(ended: date, zone: str, at: datetime) -> datetime | None:
    """Return when an ended contract is measured once more; None when that time is over, and this close measures it."""
    again = local_midnight(ended, zone) + LATE_WINDOW
    return again if again > at else None


def _status(contract: Contract, ended: date | None, at: datetime) -> str:
    if ended:
        return "ended"
    if local_midnight(contract.start_on, contract.zone) > at:
        return "pending"
    if contract.trial_end_on and at < local_midnight(contract.trial_end_on, contract.zone):
        return "trialing"
    return "active" if contract.status in ("pending", "trialing") else contract.status
