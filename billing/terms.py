"""What a contract consists of: its clauses (one price as it stands in it), rhythm and ends, and a stretch of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.rating import Price
from usage.periods import Alignment, Interval, Schedule, Span, local_day, local_midnight

DAY = timedelta(days=1)


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
    """One price as it stands in one contract: negotiated, of the group's list, or the plan's own.

    A clause is in force from `since` until `until`; None is the contract's own start and end. Before and behind them the
    clauses of another plan stand.
    """

    # None for what no single price makes: a commitment's true-up.
    price_id: int | None
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
    # The quantities that are paid for by another price: what is measured is charged above them.
    paid: tuple[tuple[datetime, datetime | None, Decimal], ...] = ()
    proration: str = "day"
    since: datetime | None = None
    until: datetime | None = None

    def quantity_at(self, instant: datetime) -> Decimal | None:
        """Return the quantity in force at an instant, or None when the price is not taken then."""
        for start, end, quantity in self.quantities:
            if start <= instant and (end is None or instant < end):
                return quantity
        return None


@dataclass(frozen=True, slots=True)
class Commitment:
    """The least that a whole period comes to, in minor units before discount and tax; in force from `since` until `until`."""

    minimum_minor: int
    interval: Interval
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A subscription's facts, as planning needs them.

    `first_on` is the first day of what is in force now: the start, a change of plan, or a resumption. `former` are clauses
    of plans before it. Nothing opens from `pause_on` on, nor from `changes_on` on, the day of a change that waits.
    """

    subscription_id: int
    zone: str
    currency: str
    status: str
    start_on: date
    anchor_on: date
    first_on: date
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
    former: tuple[Clause, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    pause_on: date | None = None
    changes_on: date | None = None
    # Whether the change that waits brings another rhythm, so that every running period ends with it.
    changes_rhythm: bool = False
    ended_at: datetime | None = None

    def schedule(self, interval: Interval) -> Schedule:
        """Return the periods of one rhythm, counted from the anchor."""
        return Schedule(self.anchor_on, interval, self.zone, self.alignment, self.billing_day)

    @property
    def paid_from(self) -> date:
        """The first day that is paid for: what is charged once is charged in the period that begins on it."""
        return self.trial_end_on or self.start_on

    @property
    def all_clauses(self) -> tuple[Clause, ...]:
        """What is in force now, and what was before."""
        return (*self.former, *self.clauses)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The rhythms of the contract: the plan's, and those of prices with their own."""
        own = {clause.interval for clause in self.clauses} | {self.interval}
        return tuple(sorted(own, key=lambda interval: interval.rank))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A period as planned or as it stands in the database (`id`), in local days.

    `cut_at` is the instant at which it ends when that is not the first of a day (a plan that splits by the second). One that
    was closed by a change that was taken back closes `again`.
    """

    interval: Interval
    span: Span
    trial: bool = False
    id: int | None = None
    closed: bool = False
    cut_at: datetime | None = None
    again: bool = False

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return local_midnight(self.span.start, self.span.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self.cut_at or local_midnight(self.span.end, self.span.zone)

    @property
    def over_on(self) -> date:
        """The local day on which it is over, and its arrears are asked for."""
        return local_day(self.cut_at, self.span.zone) if self.cut_at else self.span.end

    @property
    def whole_seconds(self) -> int:
        """The length of the whole period in seconds, as a plan that splits by the second counts it."""
        zone = self.span.zone
        return seconds(local_midnight(self.span.whole_start, zone), local_midnight(self.span.whole_end, zone))


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a stretch in which one clause stands: instants, and the local days that it touches."""

    start: datetime
    end: datetime
    zone: str

    @property
    def start_on(self) -> date:
        """Its first local day."""
        return local_day(self.start, self.zone)

    @property
    def end_on(self) -> date:
        """The local day after its last one."""
        return local_day(self.end - timedelta(microseconds=1), self.zone) + DAY


def part_of(clause: Clause, stretch: Stretch) -> Part | None:
    """Return where in a stretch a clause stands, or None when it does not; an optional one only where it is taken."""
    start = max(stretch.start, clause.since) if clause.since else stretch.start
    end = min(stretch.end, clause.until) if clause.until else stretch.end
    if clause.optional and clause.meter:
        taken = [
            (since, until) for since, until, _q in clause.quantities if since < end and (not until or until > start)
        ]
        if not taken:
            return None
        start = max(start, min(since for since, _until in taken))
        end = min(end, *(until or end for _since, until in taken[-1:]))
    return Part(start, end, stretch.span.zone) if start < end else None


def seconds(start: datetime, end: datetime) -> int:
    """Return the whole seconds between two instants."""
    return (end - start) // timedelta(seconds=1)
