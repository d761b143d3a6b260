"""Whatever the order and the batches in which events arrive, counters and measures are the same (CONTRACTS rule 15)."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.usage import oracle
from tests.usage.conftest import AT
from usage import counting, ingest, measuring
from usage.models import UsageCounter, UsageMember

pytestmark = [pytest.mark.django_db, pytest.mark.database]

START = datetime(2026, 3, 8, 16, 0, tzinfo=UTC)  # midnight of 9 March in Shanghai
REGIONS = [{}, {"region": "cn"}, {"region": "us"}]
METERS = ["messages", "calls", "peak", "level", "people", "load"]
# Around the period's ends and inside it, at whole hours and beside them.
MINUTES = [-130, -60, -1, 0, 1, 30, 59, 60, 61, 150, 151, 240, 299, 300, 301, 400]
SEVERAL = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@st.composite
def stories(draw):
    """Uses of one meter, some of them taken back, in the order of their telling."""
    count = draw(st.integers(1, 14))
    uses = [
        {
            "key": f"e{n:02}",
            "quantity": draw(st.sampled_from(["0", "1", "2.5", "7", "0.0000000001"])),
            "occurred_at": START
            + timedelta(minutes=draw(st.sampled_from(MINUTES)), seconds=draw(st.sampled_from([0, 0, 13]))),
            "properties": draw(st.sampled_from(REGIONS)) | {"person": draw(st.sampled_from("abc"))},
        }
        for n in range(count)
    ]
    gone = draw(st.sets(st.integers(0, count - 1), max_size=5))
    return uses, [{"key": f"v{n:02}", "void": f"e{n:02}"} for n in sorted(gone)]


def told(data, uses, voids):
    """The events in some order in which each void comes after what it takes back, cut into batches."""
    order = list(data.draw(st.permutations(uses)))
    for void in voids:
        place = next(n for n, event in enumerate(order) if event["key"] == void["void"])
        order.insert(data.draw(st.integers(place + 1, len(order))), void)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order)), max_size=4)) | {0, len(order)})
    return [order[a:b] for a, b in pairwise(cuts)]


def take(tenant, meter, batches):
    for batch in batches:
        events = [event if "void" in event else event | {"meter": meter.code} for event in batch]
        answers = ingest.accept(tenant, events, at=AT)
        assert {answer.status for answer in answers} <= {"accepted"}


def counters():
    found = UsageCounter.objects.filter(events__gt=0).values_list(
        "dimension__region",
        "bucket",
        "events",
        "total",
        "highest",
        "first_at",
        "last_at",
        "last_key",
        "last_value",
        "area",
    )
    members = UsageMember.objects.filter(events__gt=0).values_list("dimension__region", "bucket", "member", "events")
    return set(found), set(members)


PERIODS = [(0, 300), (1, 299), (-60, 61), (30, 30 + 24 * 60), (5, 50)]


def wants(tenant, meter):
    prices = [({}, []), ({"region": "cn"}, []), ({}, [{"region": "cn"}, {}]), ({"region": "nowhere"}, [])]
    return [
        measuring.Want(
            (a, b, n, recurring), tenant.pk, meter.pk, meter.aggregation, recurring,
            START + timedelta(minutes=a), START + timedelta(minutes=b), match, others,
        )
        for a, b in PERIODS
        for n, (match, others) in enumerate(prices)
        for recurring in (False, True)
    ]  # fmt: skip


@pytest.mark.parametrize("code", METERS)
@SEVERAL
@given(story=stories(), data=st.data())
def test_it_counts_and_measures_as_the_oracle_does(tenant, meters, code, story, data):
    meter, (uses, voids) = meters[code], story
    with transaction.atomic():
        take(tenant, meter, told(data, uses, voids))
        assert counting.recount() == []
        asked = wants(tenant, meter)
        found = measuring.measure(asked)
        for want in asked:
            expected = oracle.measure(
                [*uses, *voids], meter.aggregation, want.recurring, want.start, want.end, want.match, want.others
            )
            assert found[want.key].quantity == expected, want
        transaction.set_rollback(True)


@pytest.mark.parametrize("code", ["load", "people"])
@SEVERAL
@given(story=stories(), data=st.data())
def test_it_keeps_the_same_counters_in_any_order(tenant, meters, code, story, data):
    results = []
    for _again in range(2):
        with transaction.atomic():
            take(tenant, meters[code], told(data, *story))
            results.append(counters())
            transaction.set_rollback(True)
    assert results[0] == results[1]
