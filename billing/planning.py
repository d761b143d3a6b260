"""What falls due in a contract until an instant: periods to open, periods to close, terms to renew. Pure.

The run, the preview and the rehearsal all ask here, so a preview cannot differ from the bill. What the contract consists of
stands in billing.terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from billing.terms import Contract, Stretch
from usage.periods import Interval, Schedule, Span, local_midnight

# CONTRACTS rule 14: the periods of an ended subscription are measured once more so long after its end.
LATE_WINDOW = timedelta(days=35)


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
            return min(contract.trial_end_on, contract.end_on or contract.trial_end_on)
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
            return min(contract.trial_end_on, contract.end_on or contract.trial_end_on)
        ends = [day for day in (contract.end_on, None if contract.renews else self.end) if day]
        return min(ends, default=None)

    def over(self) -> date | None:
        """Return the last day, unless a change that was confirmed takes its place."""
        last, changes = self.known_end(), self.contract.changes_on
        return None if last and changes and changes <= last else last

    def _term_end(self, number: int) -> date:
        return self.contract.schedule(self.contract.interval).term_end(self.contract.term, number)


def plan(contract: Contract, current: Mapping[Interval, Stretch], *, at: datetime) -> Due:
    """Return what falls due in `contract` up to and including the instant `at`.

    `current` holds, for each rhythm, the period that was opened last (none: nothing was opened yet).
    Periods open at their start (prices in advance) and close at their end (arrears); both are listed in order of time.
    Nothing opens on or after the day on which the contract is over, is paused, or changes.
    """
    terms = _Terms(contract)
    opened: list[Stretch] = []
    closed: list[Stretch] = []
    waiting: list[datetime] = []
    served: list[date] = []
    for interval in dict.fromkeys((*contract.intervals, *current)):
        for stretch, is_new in _stretches(contract, interval, current.get(interval), terms, at):
            served.append(stretch.span.end)
            if is_new:
                opened.append(stretch)
            if stretch.end > at:
                waiting.append(stretch.end)
            elif not stretch.closed:
                closed.append(stretch)
    over = terms.over()
    is_over = contract.status != "ended" and over and local_midnight(over, contract.zone) <= at and not waiting
    # A period that was opened is served to its end, also where renewal was switched off in it.
    ended = max(over, *served) if over and is_over else None
    return Due(
        opened=tuple(sorted(opened, key=lambda s: (s.start, s.interval.rank))),
        closed=tuple(sorted(closed, key=lambda s: (s.end, s.interval.rank))),
        status=_status(contract, ended, at),
        terms_done=terms.done,
        term_start_on=terms.start,
        term_end_on=terms.end,
        ended_on=ended,
        next_at=_next_at(contract, terms, ended, waiting, at),
    )


def _next_at(
    contract: Contract, terms: _Terms, ended: date | None, waiting: list[datetime], at: datetime
) -> datetime | None:
    """Return when something falls due next; None is never again."""
    zone = contract.zone
    if waiting:
        return min(waiting)
    if contract.status == "ended" or ended:
        over = local_midnight(ended, zone) if ended else contract.ended_at
        return _measured_again(over, at) if over else None
    if contract.pause_on and contract.pause_on <= (contract.changes_on or contract.pause_on):
        last = terms.over()
        coming = [
            _measured_again(local_midnight(contract.pause_on, zone), at),
            local_midnight(last, zone) if last else None,
        ]
        return min((instant for instant in coming if instant), default=None)
    return local_midnight(contract.changes_on or contract.first_on, zone)


def _stretches(
    contract: Contract, interval: Interval, current: Stretch | None, terms: _Terms, at: datetime
) -> Iterator[tuple[Stretch, bool]]:
    """Yield the open period of one rhythm, then each one that has begun by `at`; True marks the new ones."""
    cursor = contract.first_on
    if current is not None:
        yield current, False
        cursor = max(cursor, current.span.end)
    if contract.status == "ended" or interval not in contract.intervals:
        return
    stops = min((day for day in (contract.pause_on, contract.changes_on) if day), default=None)
    while local_midnight(cursor, contract.zone) <= at and (stops is None or cursor < stops):
        if terms.over_on(cursor) is not None:
            return
        stretch = _next(contract, interval, cursor, terms)
        yield stretch, True
        cursor = stretch.span.end


def _next(contract: Contract, interval: Interval, day: date, terms: _Terms) -> Stretch:
    """Return the period of a rhythm that begins on `day`: the trial, or the schedule's, cut where the contract ends."""
    if contract.trial_end_on and day < contract.trial_end_on:
        end = min(contract.trial_end_on, contract.end_on or contract.trial_end_on)
        return Stretch(interval, Span(0, day, end, day, end, contract.zone), trial=True)
    span = _span(contract.schedule(interval), day)
    if span.start < day:
        span = replace(span, start=day)
    lasts = (terms.known_end(), contract.pause_on, contract.changes_on if contract.changes_rhythm else None)
    end = min((last for last in lasts if last and last > day), default=span.end)
    return Stretch(interval, replace(span, end=end) if end < span.end else span)


# Customers who started on one day share their periods.
@lru_cache(maxsize=10_000)
def _span(schedule: Schedule, day: date) -> Span:
    return schedule.span(schedule.containing(day)[0])


def _measured_again(over: datetime, at: datetime) -> datetime | None:
    """Return when an ended or paused contract is measured once more; None when this close does it, or one before it."""
    return over + LATE_WINDOW if over + LATE_WINDOW > at else None


def _status(contract: Contract, ended: date | None, at: datetime) -> str:
    if ended or contract.status == "ended":
        return "ended"
    if contract.pause_on and local_midnight(contract.pause_on, contract.zone) <= at:
        return "paused"
    if local_midnight(contract.start_on, contract.zone) > at:
        return "pending"
    if contract.trial_end_on and at < local_midnight(contract.trial_end_on, contract.zone):
        return "trialing"
    return "active" if contract.status in ("pending", "trialing", "paused") else contract.status
