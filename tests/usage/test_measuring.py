"""Measures by hand; that they agree with an oracle is proven in test_any_order."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.usage import oracle
from tests.usage.conftest import AT
from usage import counting, ingest, measuring
from usage.measuring import Mark, Want

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)  # midnight of 10 March in Shanghai
HOUR = timedelta(hours=1)


@pytest.fixture
def tell(tenant, meters):
    """Tell (hours after midnight, quantity) of a meter."""

    def accept(code, *told, properties=None, to=tenant):
        events = [
            {"key": f"{code}{n}", "meter": code, "quantity": quantity, "occurred_at": DAY + hours * HOUR}
            | {"properties": properties or {}}
            for n, (hours, quantity) in enumerate(told)
        ]
        answers = ingest.accept(to, events, at=DAY + 48 * HOUR)
        assert {answer.status for answer in answers} == {"accepted"}

    return accept


@pytest.fixture
def ask(tenant, meters):
    def measure(code, start=0, end=24, *, recurring=False, **how):
        meter = meters[code]
        want = Want("x", tenant.pk, meter.pk, meter.aggregation, recurring, DAY + start * HOUR, DAY + end * HOUR, **how)
        return measuring.measure([want])["x"]

    return measure


def test_a_sum_counts_the_start_and_not_the_end(tell, ask):
    tell("messages", (-1, "8"), (0, "1"), (23, "2"), (24, "4"))
    assert ask("messages") == (3, 2)


def test_an_empty_period_measures_zero(ask):
    codes = ["messages", "calls", "peak", "level", "people", "load"]
    assert {ask(code) for code in codes} == {(Decimal(0), 0)}


def test_an_average_weighs_by_time(tell, ask):
    # 2 from 06:00 and 8 from 18:00: (2 × 12 + 8 × 6) ÷ 24 = 3
    tell("load", (6, "2"), (18, "8"))
    assert ask("load").quantity == 3


def test_an_average_is_rounded_half_up_at_ten_decimals(tell, ask):
    tell("load", (0, "2"), (8, "0"))
    assert ask("load").quantity == Decimal("0.6666666667")  # 2 × 8 ÷ 24


def test_a_part_of_a_period_may_be_divided_by_the_whole(tell, ask):
    tell("load", (0, "6"))
    assert ask("load", 0, 12, over=24 * HOUR).quantity == 3  # 6 × 12 ÷ 24


@pytest.mark.parametrize(("code", "kept"), [("level", 5), ("peak", 5), ("load", 5)])
def test_a_recurring_meter_keeps_its_level(tell, ask, code, kept):
    tell(code, (-30, "9"), (-3, "5"))
    assert (ask(code).quantity, ask(code, recurring=True).quantity) == (0, kept)


def test_levels_of_several_dimensions_add_up(tell, ask):
    tell("level", (1, "5"), properties={"region": "cn"})
    assert ask("level").quantity == 5
    ingest.accept(ingest.Tenant.objects.get(code="acme"), [
        {"key": "us", "meter": "level", "quantity": "7", "occurred_at": DAY + 2 * HOUR, "properties": {"region": "us"}}
    ], at=AT)  # fmt: skip
    assert (ask("level").quantity, ask("level", match={"region": "us"}).quantity) == (12, 7)  # 5 + 7


def test_a_price_without_match_takes_what_the_others_leave(tell, ask):
    tell("messages", (1, "5"), properties={"region": "cn"})
    others = [{"region": "cn"}, {}]
    assert ask("messages", match={}, others=others).quantity == 0
    assert ask("messages", match={"region": "cn"}, others=[{}]).quantity == 5


def test_a_match_may_be_a_number_or_a_truth(tell, ask):
    tell("messages", (1, "5"), properties={"region": 7})
    assert ask("messages", match={"region": 7}).quantity == 5
    assert ask("messages", match={"region": "7.5"}).quantity == 0


def test_a_split_inside_an_hour_divides_its_events(tell, ask):
    tell("messages", (0.25, "1"), (0.5, "2"), (0.75, "4"))
    assert (ask("messages", 0, 0.5).quantity, ask("messages", 0.5, 24).quantity) == (1, 6)


def test_a_large_answer_needs_few_queries(tell, tenant, meters, monkeypatch):
    tell("messages", (1, "5"))
    said, execute = [], counting.psycopg.Cursor.execute
    monkeypatch.setattr(
        counting.psycopg.Cursor, "execute", lambda at, *query: said.append(query[0]) or execute(at, *query)
    )
    wants = [
        Want((code, n), tenant.pk, meters[code].pk, meters[code].aggregation, False, DAY, DAY + 24 * HOUR)
        for code in ("messages", "calls", "peak", "level", "people", "load")
        for n in range(100)
    ]
    with CaptureQueriesContext(connection) as others:
        found = measuring.measure(wants)
    assert (len(found), found["messages", 99].quantity) == (600, 5)
    assert (len(said), len(others)) == (3, 0)


def test_transactions_come_in_order_without_what_was_taken_back(tell, tenant, meters):
    tell("messages", (3, "30"), (1, "10"), (2, "20"), (25, "99"))
    ingest.accept(tenant, [{"key": "v", "void": "messages2"}], at=DAY + 48 * HOUR)
    want = Want("x", tenant.pk, meters["messages"].pk, "sum", False, DAY, DAY + 24 * HOUR)
    assert measuring.transactions(want) == [10, 30]


def test_by_day_measures_each_local_day(tell, tenant, meters):
    tell("messages", (0, "1"), (23, "2"), (24, "4"))
    want = Want("x", tenant.pk, meters["messages"].pk, "sum", False, DAY, DAY + 48 * HOUR)
    assert measuring.by_day(want, "Asia/Shanghai") == [(date(2026, 3, 10), 3), (date(2026, 3, 11), 4)]


def test_a_quantity_has_no_zeros_at_its_end(tell, ask):
    tell("messages", (0, "1200"))
    assert str(ask("messages").quantity) == "1200"


def test_marks_are_taken_once(tell, tenant, meters):
    tell("messages", (0, "1"), (5.5, "2"))
    mark = Mark(tenant.pk, meters["messages"].pk, DAY, DAY + 5 * HOUR)
    assert measuring.take_marks([tenant.pk], DAY + 24 * HOUR) == [mark]
    assert measuring.take_marks([tenant.pk], DAY + 24 * HOUR) == []


def test_marks_of_later_hours_stay(tell, tenant):
    tell("messages", (5, "1"))
    assert measuring.take_marks([tenant.pk], DAY + 5 * HOUR) == []
    assert len(measuring.take_marks([tenant.pk], DAY + 6 * HOUR)) == 1


@pytest.mark.parametrize("late", [{"key": "late", "meter": "messages"}, {"key": "v", "void": "messages0"}])
def test_an_event_or_a_void_marks_its_hour_again(tell, tenant, late):
    tell("messages", (0, "1"))
    measuring.take_marks([tenant.pk], DAY + 24 * HOUR)
    when = {} if "void" in late else {"occurred_at": DAY}
    ingest.accept(tenant, [late | when], at=DAY + 40 * HOUR)
    [mark] = measuring.take_marks([tenant.pk], DAY + 24 * HOUR)
    assert (mark.since, mark.until) == (DAY, DAY)


def test_a_duplicate_leaves_no_mark(tell, tenant):
    tell("messages", (0, "1"))
    measuring.take_marks([tenant.pk], DAY + 24 * HOUR)
    ingest.accept(tenant, [{"key": "messages0", "meter": "messages"}], at=DAY + 40 * HOUR)
    assert measuring.take_marks([tenant.pk], DAY + 24 * HOUR) == []


def test_a_mark_touches_the_periods_of_its_hours():
    mark = Mark(1, 1, DAY, DAY + HOUR)
    assert mark.touches(DAY - HOUR, DAY + HOUR)
    assert mark.touches(DAY + 1.5 * HOUR, DAY + 3 * HOUR)
    assert not mark.touches(DAY - HOUR, DAY)
    assert not mark.touches(DAY + 2 * HOUR, DAY + 3 * HOUR)


NIGHTS = {
    "Europe/Berlin": [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)],
    "Asia/Kolkata": [datetime(2026, 3, 9, 17, tzinfo=UTC)],
    # Clocks move by half an hour, so hours are cut short.
    "Australia/Lord_Howe": [datetime(2026, 4, 4, 12, tzinfo=UTC), datetime(2026, 10, 3, 13, tzinfo=UTC)],
    "America/St_Johns": [datetime(2026, 11, 1, 2, tzinfo=UTC)],
}


@pytest.mark.parametrize(("zone", "night"), [(zone, night) for zone, nights in NIGHTS.items() for night in nights])
@pytest.mark.parametrize("code", ["messages", "load", "level", "people", "peak"])
def test_every_zone_measures_as_the_oracle_does(tenant, meters, zone, night, code):
    tenant.timezone = zone
    tenant.save()
    meter = meters[code]
    instants = [night + timedelta(minutes=minute) for minute in range(0, 480, 7)]
    events = [
        {
            "key": f"{n:03}",
            "meter": code,
            "quantity": str(n % 5),
            "occurred_at": at,
            "properties": {"person": str(n % 9)},
        }
        for n, at in enumerate(instants)
    ]
    ingest.accept(tenant, events[::2], at=instants[-1])
    ingest.accept(tenant, events[1::2], at=instants[-1])
    assert counting.recount() == []
    cuts = [night + timedelta(minutes=minute) for minute in (0, 60, 95, 150, 180, 195, 240, 420)]
    wants = [
        Want((a, b, kept), tenant.pk, meter.pk, meter.aggregation, kept, a, b)
        for a, b in [*pairwise(cuts), (cuts[0], cuts[-1])]
        for kept in (False, True)
    ]
    found = measuring.measure(wants)
    for want in wants:
        expected = oracle.measure(events, meter.aggregation, want.recurring, want.start, want.end)
        assert found[want.key].quantity == expected, want
