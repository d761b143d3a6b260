"""Events counted one by one say what the counters say, whatever the meter."""

from datetime import timedelta

import pytest
from django.db import connection

from tests import shop
from usage import ingest, measuring, recounting
from usage.measuring import Want
from usage.models import Meter

pytestmark = pytest.mark.django_db
START, END = shop.at("2026-03-01 00:00"), shop.at("2026-04-01 00:00")
TOLD = [("2026-02-20 08:30", "7"), ("2026-03-02 09:15", "5"), ("2026-03-02 09:40", "9"), ("2026-03-20 23:59", "4")]


def counted(aggregation: str, *, recurring: bool = False, **changes) -> Want:
    """Make a meter with events, one of which is taken back; return the question about March."""
    sold_by = shop.seller()
    meter = Meter.objects.create(
        seller=sold_by,
        code="m",
        name="m",
        aggregation=aggregation,
        recurring=recurring,
        value_property="name" if aggregation == "unique" else "",
        created_at=shop.OPENED,
    )
    version = shop.plan(
        sold_by, [{"code": "m", "kind": "usage", "meter": "m", "model": "per_unit", "unit_amount": "1"}]
    )
    acme = shop.tenant()
    shop.subscribe(acme, version, "2026-01-01")
    for when, quantity in TOLD:
        shop.use(acme, quantity, when, meter="m", key=f"{when}", name=f"w{int(quantity) % 2}")
    shop.use(acme, "100", "2026-03-05 10:00", meter="m", key="wrong", name="w9")
    ingest.accept(acme, [{"key": "back", "void": "wrong"}], at=shop.at("2026-03-06 10:00"))
    return Want("q", acme.pk, meter.pk, aggregation, recurring, START, END, **changes)


@pytest.mark.parametrize("recurring", [False, True])
@pytest.mark.parametrize("aggregation", ["sum", "count", "unique", "max", "latest", "time_weighted"])
def test_it_counts_what_the_counters_count(aggregation, recurring):
    want = counted(aggregation, recurring=recurring)
    assert recounting.count(want) == measuring.measure([want])["q"]


def test_it_knows_what_was_known_then():
    want = counted("sum")
    # 5 + 9 + 100, the last not yet taken back.
    assert recounting.count(want, known_at=shop.at("2026-03-06 09:00")).quantity == 114
    assert recounting.count(want).quantity == 18


def test_it_sees_a_counter_that_lies():
    want = counted("sum")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_usagecounter SET total = total + 1 WHERE bucket >= %s", [START])
    assert recounting.count(want).quantity == 18
    assert measuring.measure([want])["q"].quantity != 18


def test_it_says_with_which_level_a_month_begins():
    want = counted("latest", recurring=True)
    assert recounting.openings(want) == [({}, 7)]
    assert recounting.openings(want, known_at=START - timedelta(days=30)) == []
