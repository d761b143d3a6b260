"""Periods from an anchor (CONTRACTS rules 1–3): they tile for ever, in every zone."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.periods import (
    Alignment,
    Interval,
    Period,
    Schedule,
    UnknownZone,
    add_interval,
    add_months,
    days,
    local_day,
    local_midnight,
    term_end,
)

SHANGHAI = "Asia/Shanghai"
MONTH = Interval.MONTH
# Zones that skip midnight, skip a day, repeat midnight, sit half an hour or a quarter off, or never change.
ZONES = [
    SHANGHAI,
    "UTC",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Africa/Cairo",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/New_York",
]
days_of_life = st.dates(date(1990, 1, 1), date(2120, 12, 31))
zones = st.sampled_from(ZONES)
schedules = st.builds(
    Schedule,
    anchor=days_of_life,
    interval=st.sampled_from(list(Interval)),
    zone=zones,
    alignment=st.sampled_from(list(Alignment)),
    billing_day=st.none() | st.integers(1, 31),
)


def boundaries(schedule: Schedule, count: int) -> list[date]:
    return [schedule.boundary(n) for n in range(count)]


def test_it_computes_from_the_anchor_never_from_the_previous_period() -> None:
    assert boundaries(Schedule(date(2026, 1, 31), MONTH, SHANGHAI), 5) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2026, 5, 31),
    ]


def test_it_keeps_the_29th_of_february_for_leap_years() -> None:
    yearly = Schedule(date(2024, 2, 29), Interval.YEAR, SHANGHAI)
    assert boundaries(yearly, 5)[1:] == [date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


@pytest.mark.parametrize(
    ("interval", "second"),
    [
        (Interval.DAY, date(2026, 1, 16)),
        (Interval.WEEK, date(2026, 1, 22)),
        (Interval.MONTH, date(2026, 2, 15)),
        (Interval.QUARTER, date(2026, 4, 15)),
        (Interval.HALF_YEAR, date(2026, 7, 15)),
        (Interval.YEAR, date(2027, 1, 15)),
    ],
)
def test_it_runs_by_anniversary_in_every_interval(interval: Interval, second: date) -> None:
    schedule = Schedule(date(2026, 1, 15), interval, SHANGHAI)
    assert schedule.boundary(1) == second
    assert not schedule.span(0).is_part


@pytest.mark.parametrize(
    ("interval", "whole_start", "end"),
    [
        # 15 January 2026 is a Thursday
        (Interval.WEEK, date(2026, 1, 12), date(2026, 1, 19)),
        (Interval.MONTH, date(2026, 1, 1), date(2026, 2, 1)),
        (Interval.QUARTER, date(2026, 1, 1), date(2026, 4, 1)),
        (Interval.HALF_YEAR, date(2026, 1, 1), date(2026, 7, 1)),
        (Interval.YEAR, date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_it_begins_the_calendar_with_a_part(interval: Interval, whole_start: date, end: date) -> None:
    part = Schedule(date(2026, 1, 15), interval, SHANGHAI, Alignment.CALENDAR).span(0)
    assert (part.start, part.end) == (date(2026, 1, 15), end)
    assert (part.whole_start, part.whole_end) == (whole_start, end)
    assert part.is_part


def test_it_says_the_days_of_a_part_and_of_its_whole() -> None:
    part = Schedule(date(2026, 1, 20), MONTH, SHANGHAI, Alignment.CALENDAR).span(0)
    # 20 to 31 January are 12 of 31 days
    assert (part.days, part.whole_days) == (12, 31)


def test_it_has_no_part_when_the_start_is_a_boundary() -> None:
    assert not Schedule(date(2026, 4, 1), Interval.QUARTER, SHANGHAI, Alignment.CALENDAR).span(0).is_part
    assert not Schedule(date(2026, 2, 28), MONTH, SHANGHAI, billing_day=31).span(0).is_part


def test_it_starts_periods_of_months_on_the_billing_day() -> None:
    monthly = Schedule(date(2026, 1, 20), MONTH, SHANGHAI, billing_day=31)
    assert boundaries(monthly, 4) == [date(2026, 1, 20), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    part = monthly.span(0)
    # 20 to 30 January are 11 of the 31 days from 31 December
    assert (part.whole_start, part.days, part.whole_days) == (date(2025, 12, 31), 11, 31)


def test_it_lets_the_billing_day_beat_the_calendar() -> None:
    both = Schedule(date(2026, 1, 20), Interval.QUARTER, SHANGHAI, Alignment.CALENDAR, billing_day=5)
    assert boundaries(both, 3) == [date(2026, 1, 20), date(2026, 2, 5), date(2026, 5, 5)]
    assert both.span(0).whole_start == date(2025, 11, 5)


def test_it_leaves_days_and_weeks_alone_with_a_billing_day() -> None:
    weekly = Schedule(date(2026, 1, 20), Interval.WEEK, SHANGHAI, billing_day=5)
    assert weekly.boundary(1) == date(2026, 1, 27)


def test_it_begins_later_on_the_anchors_grid() -> None:
    resumed = Schedule(date(2026, 1, 31), MONTH, SHANGHAI, first=date(2026, 3, 10))
    part = resumed.span(0)
    assert (part.start, part.end, part.whole_start) == (date(2026, 3, 10), date(2026, 3, 31), date(2026, 2, 28))
    assert resumed.boundary(2) == date(2026, 4, 30)


def test_it_finds_the_period_of_a_day() -> None:
    monthly = Schedule(date(2026, 1, 31), MONTH, SHANGHAI)
    assert monthly.containing(date(2026, 3, 30)) == (1, date(2026, 2, 28), date(2026, 3, 31))
    assert monthly.containing(date(2026, 3, 31)) == (2, date(2026, 3, 31), date(2026, 4, 30))
    with pytest.raises(ValueError, match="before the first period"):
        monthly.containing(date(2026, 1, 30))


def test_it_walks_the_periods_that_start_before_a_day() -> None:
    monthly = Schedule(date(2026, 1, 31), MONTH, SHANGHAI)
    starts = [span.start for span in monthly.periods_until(date(2026, 3, 31))]
    assert starts == [date(2026, 1, 31), date(2026, 2, 28)]
    assert [span.number for span in monthly.periods_until(date(2026, 5, 1), 2)] == [2, 3]


@given(schedules, st.integers(0, 400))
def test_it_tiles_for_ever(schedule: Schedule, n: int) -> None:
    one, following = schedule.span(n), schedule.span(n + 1)
    assert one.start < one.end == following.start
    assert one.whole_start <= one.start
    assert one.whole_end == one.end
    assert one.period.end == following.period.start


@given(schedules, st.integers(0, 3000))
def test_it_puts_every_day_into_exactly_one_period(schedule: Schedule, later: int) -> None:
    day = schedule.anchor + timedelta(days=later)
    n, start, end = schedule.containing(day)
    assert start <= day < end
    assert (start, end) == (schedule.boundary(n), schedule.boundary(n + 1))


@given(schedules, st.integers(0, 500), st.integers(0, 400))
def test_it_keeps_the_grid_when_it_begins_later(schedule: Schedule, later: int, n: int) -> None:
    first = schedule.anchor + timedelta(days=later)
    moved = Schedule(
        schedule.anchor, schedule.interval, schedule.zone, schedule.alignment, schedule.billing_day, first=first
    )
    skipped = schedule.containing(first)[0]
    assert moved.start == first
    assert moved.boundary(n + 1) == schedule.boundary(skipped + n + 1)


@given(days_of_life, st.integers(-600, 600))
def test_it_adds_months_with_a_clamp(anchor: date, n: int) -> None:
    there = add_months(anchor, n)
    assert (there.year * 12 + there.month) - (anchor.year * 12 + anchor.month) == n
    assert there.day == anchor.day or (there.day < anchor.day and (there + timedelta(days=1)).day == 1)


def test_it_adds_intervals_and_counts_days() -> None:
    assert add_interval(date(2026, 8, 31), Interval.HALF_YEAR, 1) == date(2027, 2, 28)
    assert add_interval(date(2026, 1, 1), Interval.WEEK, -1) == date(2025, 12, 25)
    assert days(date(2026, 2, 1), date(2026, 3, 1)) == 28


# Terms (rule 3)


def test_it_ends_a_term_as_long_as_the_interval_with_the_period() -> None:
    calendar = Schedule(date(2026, 1, 15), MONTH, SHANGHAI, Alignment.CALENDAR)
    assert [calendar.term_end(MONTH, n) for n in (1, 2)] == [date(2026, 2, 1), date(2026, 3, 1)]


def test_it_ends_a_longer_term_at_the_first_boundary_on_or_after() -> None:
    assert term_end(date(2026, 1, 31), MONTH, Interval.YEAR, 1) == date(2027, 1, 31)
    calendar = Schedule(date(2026, 1, 15), MONTH, SHANGHAI, Alignment.CALENDAR)
    # 15 January 2027 lies in the period from 1 January: the term ends with it
    assert calendar.term_end(Interval.YEAR, 1) == date(2027, 2, 1)
    # weeks from Saturday 31 January: the fourth boundary is 28 February, just a month on
    assert term_end(date(2026, 1, 31), Interval.WEEK, MONTH, 1) == date(2026, 2, 28)
    assert term_end(date(2026, 1, 31), Interval.WEEK, MONTH, 2) == date(2026, 4, 4)


def test_it_counts_terms_on_the_anchors_grid() -> None:
    resumed = Schedule(date(2026, 1, 10), MONTH, SHANGHAI, first=date(2026, 6, 20))
    assert resumed.term_end(Interval.YEAR, 1) == date(2027, 1, 10)
    assert resumed.term_end(MONTH, 6) == date(2026, 7, 10)


def test_it_refuses_a_term_shorter_than_the_interval() -> None:
    with pytest.raises(ValueError, match="at least as long"):
        term_end(date(2026, 1, 1), Interval.QUARTER, MONTH, 1)
    with pytest.raises(ValueError, match="count from 1"):
        term_end(date(2026, 1, 1), MONTH, MONTH, 0)


@given(schedules, st.sampled_from(list(Interval)), st.integers(0, 4000))
def test_it_puts_every_day_into_exactly_one_term(schedule: Schedule, term: Interval, later: int) -> None:
    if term.rank < schedule.interval.rank:
        term = schedule.interval
    day = schedule.anchor + timedelta(days=later)
    n, end = schedule.term_containing(term, day)
    assert day < end
    assert n == 1 or schedule.term_end(term, n - 1) <= day


@given(schedules, st.sampled_from(list(Interval)), st.integers(1, 60))
def test_it_ends_every_term_on_a_period_boundary(schedule: Schedule, term: Interval, n: int) -> None:
    if term.rank < schedule.interval.rank:
        term = schedule.interval
    end = schedule.term_end(term, n)
    assert schedule.containing(end)[1] == end


# Local days (rule 2)


@pytest.mark.parametrize(
    ("day", "zone", "utc"),
    [
        (date(2026, 1, 31), SHANGHAI, datetime(2026, 1, 30, 16, tzinfo=UTC)),
        # summer time began at midnight: the day starts at 01:00, which is 03:00 UTC
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # 23:30 became 00:30: the day starts at half past twelve
        (date(1919, 3, 31), "America/Toronto", datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
        # 00:01 became 23:01 of the day before: midnight came twice and the first counts
        (date(2006, 10, 29), "America/St_Johns", datetime(2006, 10, 29, 2, 30, tzinfo=UTC)),
        # Samoa had no 30 December 2011
        (date(2011, 12, 30), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
        (date(2011, 12, 31), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_it_finds_the_first_instant_of_a_local_day(day: date, zone: str, utc: datetime) -> None:
    assert local_midnight(day, zone) == utc


def test_it_gives_usage_at_the_end_to_the_next_period() -> None:
    january = Schedule(date(2026, 1, 1), MONTH, SHANGHAI).period(0)
    assert january.start in january
    assert january.end not in january
    assert january.end - timedelta(microseconds=1) in january


def test_it_knows_the_local_day_of_an_instant() -> None:
    assert local_day(datetime(2026, 1, 30, 16, tzinfo=UTC), SHANGHAI) == date(2026, 1, 31)
    assert local_day(datetime(2026, 1, 30, 15, 59, 59, tzinfo=UTC), SHANGHAI) == date(2026, 1, 30)
    # a quarter of an hour after midnight the clocks were put back before it: the new day has begun all the same
    assert local_day(datetime(2006, 10, 29, 2, 45, tzinfo=UTC), "America/St_Johns") == date(2006, 10, 29)
    with pytest.raises(ValueError, match="without an offset"):
        local_day(datetime(2026, 1, 30), SHANGHAI)  # noqa: DTZ001


@given(st.integers(473_385_600, 2_114_380_800), zones)
def test_it_finds_the_day_whose_instants_hold_it(seconds: int, zone: str) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    day = local_day(instant, zone)
    assert local_midnight(day, zone) <= instant < local_midnight(day + timedelta(days=1), zone)


@given(st.dates(date(1985, 1, 1), date(2037, 1, 1)), zones)
def test_it_starts_the_day_where_the_clock_first_shows_it(day: date, zone: str) -> None:
    instant, place = local_midnight(day, zone), zoneinfo.ZoneInfo(zone)
    assert instant.astimezone(place).date() >= day
    assert (instant - timedelta(seconds=1)).astimezone(place).date() < day


def test_it_makes_a_skipped_day_empty() -> None:
    starts = [local_midnight(date(2011, 12, day), "Pacific/Apia") for day in (29, 30, 31)]
    assert [second - first for first, second in pairwise(starts)] == [timedelta(days=1), timedelta(0)]
    assert Period(starts[1], starts[2]).is_empty


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_it_refuses_an_unknown_zone(zone: str) -> None:
    with pytest.raises(UnknownZone, match="Asia/Shanghai"):
        local_midnight(date(2026, 1, 1), zone)


def test_it_refuses_periods_that_are_not_utc_or_run_backwards() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="UTC"):
        Period(noon.astimezone(zoneinfo.ZoneInfo(SHANGHAI)), noon)
    with pytest.raises(ValueError, match="ends after"):
        Period(noon, noon - timedelta(seconds=1))


def test_it_knows_overlaps_and_seconds() -> None:
    january, february = (Schedule(date(2026, 1, 1), MONTH, SHANGHAI).period(n) for n in (0, 1))
    assert not january.overlaps(february)
    assert january.overlaps(Period(january.start, february.end))
    # 31 days of 86,400 seconds
    assert january.seconds == 2_678_400


def test_it_refuses_bad_schedules() -> None:
    with pytest.raises(ValueError, match="1 to 31"):
        Schedule(date(2026, 1, 1), MONTH, SHANGHAI, billing_day=32)
    with pytest.raises(ValueError, match="not before"):
        Schedule(date(2026, 1, 2), MONTH, SHANGHAI, first=date(2026, 1, 1))
    with pytest.raises(ValueError, match="from 0"):
        Schedule(date(2026, 1, 1), MONTH, SHANGHAI).boundary(-1)
