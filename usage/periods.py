"""Half-open periods computed from an anchor in a zone (CONTRACTS rules 1–3). Dates are local, instants are UTC."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class UnknownZone(ValueError):
    """The name is no zone of the IANA time zone database."""


class Interval(StrEnum):
    """A billing rhythm, shortest first."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"

    @property
    def days(self) -> int:
        """Days of one interval, or 0 when it is counted in months."""
        return _DAYS.get(self, 0)

    @property
    def months(self) -> int:
        """Months of one interval, or 0 when it is counted in days."""
        return _MONTHS.get(self, 0)

    @property
    def rank(self) -> int:
        """The place among the intervals by length: a day is 0, a year 5."""
        return list(Interval).index(self)


_DAYS: Final = {Interval.DAY: 1, Interval.WEEK: 7}
_MONTHS: Final = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.HALF_YEAR: 6, Interval.YEAR: 12}
_LONGEST_DAYS: Final = {
    Interval.DAY: 1,
    Interval.WEEK: 7,
    Interval.MONTH: 31,
    Interval.QUARTER: 92,
    Interval.HALF_YEAR: 184,
    Interval.YEAR: 366,
}


class Alignment(StrEnum):
    """Where periods begin: on the day of start, or on the calendar's own days."""

    ANNIVERSARY = "anniversary"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of instants, in UTC. It may be empty (a local day that a zone skipped)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for instant in (self.start, self.end):
            if instant.utcoffset() != timedelta(0):
                raise ValueError("A period is written in UTC.")
        if self.end < self.start:
            raise ValueError("A period ends after it starts.")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def is_empty(self) -> bool:
        """Whether no instant lies in it."""
        return self.start == self.end

    @property
    def seconds(self) -> int:
        """Its length in whole seconds, as proration by the second counts it."""
        return int((self.end - self.start).total_seconds())

    def overlaps(self, other: Period) -> bool:
        """Whether some instant lies in both."""
        return max(self.start, other.start) < min(self.end, other.end)


@dataclass(frozen=True, slots=True)
class Span:
    """The n-th period of a schedule in local days, half open, with the whole period that it is a part of.

    `whole_start` and `whole_end` differ from `start` and `end` only for a part first period: they are the
    denominator of its proration (CONTRACTS rule 4).
    """

    number: int
    start: date
    end: date
    whole_start: date
    whole_end: date
    zone: str

    @property
    def days(self) -> int:
        """Days that it covers."""
        return days(self.start, self.end)

    @property
    def whole_days(self) -> int:
        """Days of the whole period from boundary to boundary."""
        return days(self.whole_start, self.whole_end)

    @property
    def is_part(self) -> bool:
        """Whether it starts after the whole period does, so that its prices are prorated."""
        return self.start != self.whole_start

    @property
    def period(self) -> Period:
        """The same as instants: from the first instant of its first day to that of the day after its last."""
        return Period(local_midnight(self.start, self.zone), local_midnight(self.end, self.zone))


@dataclass(frozen=True, slots=True)
class Schedule:
    """All periods of a subscription (or of a price with its own interval), for ever, from one anchor.

    `anchor` is the local day of the start. `billing_day` (1–31, intervals of months only) beats `alignment`.
    `first` is the first day when that is later than the anchor, as after a change that keeps the anchor: the period
    it falls in begins there and is a part. Periods are numbered from 0, the one that begins on the first day.
    """

    anchor: date
    interval: Interval
    zone: str
    alignment: Alignment = Alignment.ANNIVERSARY
    billing_day: int | None = None
    first: date | None = None

    def __post_init__(self) -> None:
        if self.billing_day is not None and not 1 <= self.billing_day <= 31:
            raise ValueError("The billing day is 1 to 31.")
        if self.first is not None and self.first < self.anchor:
            raise ValueError("The first day is not before the anchor.")

    @property
    def start(self) -> date:
        """The first day of period 0."""
        return self.first or self.anchor

    def boundary(self, n: int) -> date:
        """Return the first day of period n; that of period n + 1 is where it ends. n counts from 0."""
        if n < 0:
            raise ValueError("Periods are numbered from 0.")
        return self._grid(self._index(self.start) + n) if n else self.start

    def span(self, n: int) -> Span:
        """Return period n in local days."""
        at = self._index(self.start) + n
        return Span(n, self.boundary(n), self.boundary(n + 1), self._grid(at), self._grid(at + 1), self.zone)

    def period(self, n: int) -> Period:
        """Return period n as instants in UTC."""
        return self.span(n).period

    def containing(self, day: date) -> tuple[int, date, date]:
        """Return number, first day and end day of the period that a day lies in; ValueError before the start."""
        if day < self.start:
            raise ValueError(f"{day} is before the first period, which starts on {self.start}.")
        n = self._index(day) - self._index(self.start)
        return n, self.boundary(n), self.boundary(n + 1)

    def periods_until(self, until: date, n: int = 0) -> Iterator[Span]:
        """Yield the periods from number n on that start before a day."""
        while (span := self.span(n)).start < until:
            yield span
            n += 1

    def term_end(self, term: Interval, n: int) -> date:
        """Return the day on which the n-th term (from 1, counted on the anchor's grid) ends (CONTRACTS rule 3).

        A term as long as the interval is the period. A longer one ends at the first period boundary on or after
        anchor + n terms. A shorter one is refused: ValueError.
        """
        if n < 1 or term.rank < self.interval.rank:
            raise ValueError("Terms count from 1 and are at least as long as the billing interval.")
        if term == self.interval:
            return self._grid(n)
        wanted = add_interval(self.anchor, term, n)
        at = self._index(wanted)
        return wanted if self._grid(at) == wanted else self._grid(at + 1)

    def term_containing(self, term: Interval, day: date) -> tuple[int, date]:
        """Return number (from 1) and end of the term that a day on or after the anchor lies in."""
        n = max(1, days(self.anchor, day) // _LONGEST_DAYS[term])
        while (end := self.term_end(term, n)) <= day:
            n += 1
        return n, end

    def _index(self, day: date) -> int:
        """Return which cell of the grid, counted from the anchor's, a day lies in."""
        origin = self._grid(0)
        if self.interval.days:
            return (day - origin).days // self.interval.days
        months = (day.year - origin.year) * 12 + day.month - origin.month
        at = months // self.interval.months
        return at if self._grid(at) <= day else at - 1

    def _grid(self, at: int) -> date:
        """Return where cell `at` begins; cell 0 holds the anchor."""
        if self.interval.months and self.billing_day is not None:
            return self._on_billing_day(at)
        if self.alignment == Alignment.CALENDAR:
            return add_interval(_calendar_start(self.anchor, self.interval), self.interval, at)
        return add_interval(self.anchor, self.interval, at)

    def _on_billing_day(self, at: int) -> date:
        wanted = self.billing_day or 1
        month = self.anchor.replace(day=1)
        if _in_month(month, wanted) == self.anchor:
            return _in_month(add_months(month, at * self.interval.months), wanted)
        # The first whole period begins on the next billing day, at most a month away, and the grid is counted from it.
        ahead = 0 if self.anchor < _in_month(month, wanted) else 1
        return _in_month(add_months(month, ahead + (at - 1) * self.interval.months), wanted)


def add_months(anchor: date, n: int) -> date:
    """Return the same day n months on, clamped to the month's last day. Always start from the anchor."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + n, 12)
    return _in_month(date(year, month + 1, 1), anchor.day)


def add_interval(anchor: date, interval: Interval, n: int) -> date:
    """Return the day n intervals after an anchor."""
    if interval.days:
        return anchor + timedelta(days=interval.days * n)
    return add_months(anchor, interval.months * n)


def days(start: date, end: date) -> int:
    """Return the number of days in the half-open span."""
    return (end - start).days


def term_end(start: date, interval: Interval, term: Interval, n: int) -> date:
    """Return the end of the n-th term of a subscription that started on `start` and runs by anniversary."""
    return Schedule(start, interval, "UTC").term_end(term, n)


@lru_cache(maxsize=65536)
def local_midnight(day: date, zone: str) -> datetime:
    """Return, in UTC, the first instant at which a zone's clocks show this day or a later one.

    That is midnight, but where summer time begins at midnight the day starts at 01:00, and a day that a zone left
    out (Apia, 30 December 2011) is empty. Where midnight comes twice it is the first.
    """
    place = _zone(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=place)
    late = midnight.astimezone(UTC)
    if late.astimezone(place).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return late
    early = midnight.replace(fold=1).astimezone(UTC)
    gap = int((late - early).total_seconds())
    low, high = 0, gap
    while low < high:
        middle = (low + high) // 2
        if (early + timedelta(seconds=middle)).astimezone(place).date() >= day:
            high = middle
        else:
            low = middle + 1
    return early + timedelta(seconds=low)


def local_day(instant: datetime, zone: str) -> date:
    """Return the local day that an instant belongs to: local_midnight(day) <= instant < local_midnight(day + 1).

    An hour that comes twice and begins the day before midnight belongs to the day that had already begun.
    """
    if instant.tzinfo is None:
        raise ValueError("An instant without an offset has no local day.")
    day = instant.astimezone(_zone(zone)).date()
    following = day + timedelta(days=1)
    return following if local_midnight(following, zone) <= instant else day


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"Unknown time zone {name!r}: write a name such as Asia/Shanghai.") from None


def _in_month(month: date, day: int) -> date:
    return month.replace(day=min(day, calendar.monthrange(month.year, month.month)[1]))


def _calendar_start(day: date, interval: Interval) -> date:
    if interval == Interval.DAY:
        return day
    if interval == Interval.WEEK:
        return day - timedelta(days=day.weekday())
    return date(day.year, day.month - (day.month - 1) % interval.months, 1)
