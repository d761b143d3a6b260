"""The rules of an event and of its answer (CONTRACTS rules 13 and 14)."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import translation

from tests.usage.conftest import AT, meter
from usage import counting, ingest, voiding
from usage.decoding import TooMany
from usage.models import Meter, UsageCounter, UsageEvent, UsageMark

pytestmark = [pytest.mark.django_db, pytest.mark.database]
EVENT = {"key": "a", "meter": "messages", "quantity": "3"}


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def take(tenant, meters):
    """Take events in and return (status, code, path) of each."""

    def accept(*events, at=AT, to=tenant, seller=None):
        answers = ingest.accept(to, list(events), at=at, seller=seller)
        return [(answer.status, answer.code, answer.path) for answer in answers]

    return accept


ACCEPTED, DUPLICATE = ("accepted", "", ""), ("duplicate", "", "")


def refused(code, path):
    return ("refused", code, path)


def test_it_takes_an_event_and_counts_it(take, tenant, meters):
    assert take(EVENT | {"properties": {"region": "cn", "note": "x"}}) == [ACCEPTED]
    event = UsageEvent.objects.get()
    assert (event.tenant, event.meter, event.key, event.quantity) == (tenant, meters["messages"], "a", 3)
    assert (event.occurred_at, event.received_at, event.dimension) == (AT, AT, {"region": "cn"})
    counter = UsageCounter.objects.get()
    assert (counter.bucket, counter.events, counter.total, counter.dimension) == (AT, 1, 3, {"region": "cn"})


def test_the_quantity_is_one_unless_told(take):
    take({"key": "a", "meter": "messages"})
    assert UsageEvent.objects.get().quantity == 1


def test_it_acknowledges_a_repeat_and_changes_nothing(take):
    take(EVENT)
    assert take(EVENT, EVENT | {"quantity": "3.00"}) == [DUPLICATE, DUPLICATE]
    assert UsageCounter.objects.get().total == 3


def test_a_repeat_without_an_instant_repeats_the_first_ones(take):
    take(EVENT | {"occurred_at": "2026-03-09T12:00:00Z"})
    assert take(EVENT, at=AT + timedelta(hours=3)) == [DUPLICATE]


@pytest.mark.parametrize(
    "change",
    [{"quantity": "4"}, {"meter": "calls"}, {"occurred_at": "2026-03-09T12:00:00Z"}, {"properties": {"region": "us"}}],
)
def test_it_refuses_a_key_with_other_content(take, change):
    take(EVENT)
    assert take(EVENT | change) == [refused("key_conflict", "key")]
    assert UsageCounter.objects.get().total == 3


def test_it_knows_repeats_and_conflicts_inside_a_batch(take):
    assert take(EVENT, EVENT, EVENT | {"quantity": "4"}) == [ACCEPTED, DUPLICATE, refused("key_conflict", "key")]


def test_the_first_good_event_of_a_key_wins(take):
    old = EVENT | {"occurred_at": "2026-01-01T00:00:00Z"}
    assert take(old, EVENT, EVENT) == [refused("too_late", "occurred_at"), ACCEPTED, DUPLICATE]


def test_it_acknowledges_a_repeat_long_after(take):
    take(EVENT | {"occurred_at": AT.isoformat()})
    assert take(EVENT | {"occurred_at": AT.isoformat()}, at=AT + timedelta(days=90)) == [DUPLICATE]


def test_it_acknowledges_a_repeat_for_an_ended_meter(take):
    take(EVENT)
    Meter.objects.update(active=False)
    assert take(EVENT, EVENT | {"key": "b"}) == [DUPLICATE, refused("ended_meter", "meter")]


def test_keys_belong_to_a_customer(take, other_tenant):
    assert take(EVENT) == take(EVENT | {"quantity": "9"}, to=other_tenant) == [ACCEPTED]


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        (AT - timedelta(days=35), ACCEPTED),
        (AT - timedelta(days=35, microseconds=1), refused("too_late", "occurred_at")),
        (AT + timedelta(minutes=5), ACCEPTED),
        (AT + timedelta(minutes=5, microseconds=1), refused("too_early", "occurred_at")),
    ],
)
def test_it_refuses_what_is_too_late_or_too_early(take, when, answer):
    assert take(EVENT | {"occurred_at": when}) == [answer]


def test_the_windows_are_settings(take, settings):
    settings.USAGE_LATE_DAYS = 1
    assert take(EVENT | {"occurred_at": AT - timedelta(days=2)}) == [refused("too_late", "occurred_at")]


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"quantity": 3}, "invalid", "quantity"),
        ({"quantity": "-1"}, "negative", "quantity"),
        ({"quantity": "1e3"}, "invalid", "quantity"),
        ({"quantity": "NaN"}, "invalid", "quantity"),
        ({"quantity": ""}, "invalid", "quantity"),
        ({"quantity": "1234567890123456"}, "invalid", "quantity"),
        ({"quantity": "0.12345678901"}, "invalid", "quantity"),
        ({"quantity": "１"}, "invalid", "quantity"),
        ({"key": ""}, "invalid", "key"),
        ({"key": "x" * 121}, "invalid", "key"),
        ({"key": "a\x00b"}, "invalid", "key"),
        ({"key": 7}, "invalid", "key"),
        ({"meter": "faxes"}, "unknown_meter", "meter"),
        ({"meter": ""}, "unknown_meter", "meter"),
        ({"meter": None}, "invalid", "meter"),
        ({"meter": "\x00"}, "unknown_meter", "meter"),
        ({"occurred_at": "2026-03-10T09:00:00"}, "invalid", "occurred_at"),
        ({"occurred_at": "yesterday"}, "invalid", "occurred_at"),
        ({"occurred_at": 1767225600}, "invalid", "occurred_at"),
        ({"properties": []}, "invalid", "properties"),
        ({"properties": {"region": ["cn"]}}, "invalid", "properties.region"),
        ({"properties": {"region": "a\x00"}}, "invalid", "properties.region"),
        ({"properties": {"region": "x" * 201}}, "too_long", "properties.region"),
        ({"properties": {"note": "x" * 9000}}, "too_long", "properties"),
        ({"properties": {"n": 10**30}}, "invalid", "properties.n"),
        ({"colour": "red"}, "unknown_field", "colour"),
        ({"void": "b"}, "invalid", "void"),
    ],
)
def test_it_names_what_is_wrong(take, change, code, path):
    assert take(EVENT | change) == [refused(code, path)]
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize("event", [3, None, "a", [], {}])
def test_it_refuses_what_is_no_event(take, event):
    assert take(event, EVENT)[1] == ACCEPTED
    assert take(event)[0][0] == "refused"


def test_a_refused_event_harms_no_other(take):
    bad = [{"key": "b", "meter": "messages", "quantity": 1}, {"key": "c", "meter": "faxes"}]
    assert [status for status, *_rest in take(bad[0], EVENT, bad[1])] == ["refused", "accepted", "refused"]
    assert UsageCounter.objects.get().events == 1


def test_it_reads_json_text(tenant, meters):
    text = (
        b'[{"key": "a", "meter": "messages", "properties": {"n": 1.10, "e": 1e400}}, {"key": "b", "meter": "calls"}, 3]'
    )
    assert [answer.status for answer in ingest.accept(tenant, text, at=AT)] == ["refused", "accepted", "refused"]


def test_numbers_in_properties_are_exact(tenant, meters):
    text = b'[{"key": "a", "meter": "turnover", "properties": {"amount": 123456789012345.0123456789}}]'
    ingest.accept(tenant, text, at=AT)
    assert UsageEvent.objects.get().quantity == Decimal("123456789012345.0123456789")


def test_it_says_in_words_what_to_do(tenant, meters):
    [answer] = ingest.accept(tenant, [EVENT | {"quantity": 3}], at=AT)
    assert "as text" in answer.message


def test_a_sum_reads_its_property(take, meters):
    assert take({"key": "a", "meter": "turnover", "properties": {"amount": "12.50"}, "quantity": "7"}) == [ACCEPTED]
    assert UsageEvent.objects.get().quantity == Decimal("12.50")


@pytest.mark.parametrize(
    ("properties", "code"),
    [({}, "missing_property"), ({"amount": None}, "missing_property"), ({"amount": "-1"}, "negative"), ({"amount": True}, "invalid")],
)  # fmt: skip
def test_it_asks_for_the_meters_property(take, properties, code):
    assert take({"key": "a", "meter": "turnover", "properties": properties}) == [refused(code, "properties.amount")]


def test_a_count_ignores_the_quantity(take):
    take({"key": "a", "meter": "calls", "quantity": "17"})
    assert UsageCounter.objects.get().total == 1


def test_a_unique_count_reads_its_member(take):
    take({"key": "a", "meter": "people", "properties": {"person": 7}})
    assert UsageEvent.objects.get().member == "7"


def test_dimensions_are_texts_and_absent_ones_are_left_out(take, seller):
    meter(seller, "calls2", "sum", dimensions=["model", "fast", "rate", "gone", "nil"])
    take({"key": "a", "meter": "calls2", "properties": {"model": "m", "fast": True, "rate": 1.50, "nil": None, "x": 1}})
    assert UsageEvent.objects.get().dimension == {"model": "m", "fast": "true", "rate": "1.5"}


def test_a_void_takes_an_event_back(take):
    take(EVENT, EVENT | {"key": "b", "quantity": "4"})
    assert take({"key": "v", "void": "a"}) == [ACCEPTED]
    assert (UsageCounter.objects.get().events, UsageCounter.objects.get().total) == (1, 4)
    assert UsageEvent.objects.get(key="v").voids.key == "a"


def test_a_repeated_void_is_a_duplicate(take):
    take(EVENT, {"key": "v", "void": "a"})
    assert take({"key": "v", "void": "a"}, {"key": "v", "void": "a"}) == [DUPLICATE, DUPLICATE]


@pytest.mark.parametrize(
    ("void", "code", "path"),
    [
        ({"key": "w", "void": "a"}, "already_void", "void"),
        ({"key": "w", "void": "nothing"}, "unknown_event", "void"),
        ({"key": "w", "void": "v"}, "not_voidable", "void"),
        ({"key": "w", "void": "w"}, "unknown_event", "void"),
        ({"key": "v", "void": "b"}, "key_conflict", "key"),
        ({"key": "b", "void": "b"}, "key_conflict", "key"),
        ({"key": "w", "void": ""}, "invalid", "void"),
        ({"key": "w", "void": "x" * 121}, "invalid", "void"),
        ({"key": "w", "void": "b", "quantity": "1"}, "invalid", "void"),
    ],
)
def test_it_refuses_a_wrong_void(take, void, code, path):
    take(EVENT, EVENT | {"key": "b"}, {"key": "v", "void": "a"})
    assert take(void) == [refused(code, path)]
    assert counting.recount() == []


def test_a_voids_key_is_not_taken_by_a_use(take):
    take(EVENT, {"key": "v", "void": "a"})
    assert take(EVENT | {"key": "v"}) == [refused("key_conflict", "key")]


def test_another_customers_event_cannot_be_taken_back(take, other_tenant):
    take(EVENT)
    assert take({"key": "v", "void": "a"}, to=other_tenant) == [refused("unknown_event", "void")]


def test_an_old_event_cannot_be_taken_back(take):
    take(EVENT)
    assert take({"key": "v", "void": "a"}, at=AT + timedelta(days=36)) == [refused("too_late", "void")]


def test_the_order_of_a_batch_counts(take):
    early = {"key": "v", "void": "a"}
    assert take(early, EVENT, early) == [refused("unknown_event", "void"), ACCEPTED, ACCEPTED]


def test_the_first_void_of_a_batch_wins(take):
    take(EVENT)
    voids = [{"key": "z", "void": "a"}, {"key": "b", "void": "a"}]
    assert take(*voids) == [ACCEPTED, refused("already_void", "void")]


def test_a_key_may_follow_a_refused_void(take):
    assert take({"key": "k", "void": "none"}, EVENT | {"key": "k"}, {"key": "k", "void": "k"}) == [
        refused("unknown_event", "void"), ACCEPTED, refused("key_conflict", "key")
    ]  # fmt: skip


def test_it_cuts_a_batch_only_where_order_matters():
    events = [ingest.Event(f"e{n}") for n in range(3)]
    voids = [ingest.Event(f"v{n}", void=f"e{n}") for n in range(3)]
    assert len(ingest.segments([*events, *voids, voids[0]])) == 1
    assert len(ingest.segments([voids[0], events[0], events[1], voids[1]])) == 2


def test_a_voided_event_may_be_told_again_under_a_new_key(take):
    take(EVENT, {"key": "v", "void": "a"})
    assert take(EVENT | {"key": "a2"}) == [ACCEPTED]
    assert UsageCounter.objects.get().total == 3


def test_an_ambiguous_meter_asks_for_the_seller(take, seller):
    other = type(seller).objects.create(
        code="second", legal_name="二", brand="二", mark="二", tax_number="91310000MA1FL4B24X", number_prefix="S", created_at=AT
    )  # fmt: skip
    theirs = meter(other, "messages")
    assert take(EVENT) == [refused("ambiguous_meter", "meter")]
    assert take(EVENT, seller=other) == [ACCEPTED]
    assert UsageEvent.objects.get().meter == theirs


def test_it_sees_a_new_meter_at_once(take, seller):
    assert take({"key": "a", "meter": "new"}) == [refused("unknown_meter", "meter")]
    meter(seller, "new")
    assert take({"key": "a", "meter": "new"}) == [ACCEPTED]


@pytest.mark.parametrize(
    "key", ["'; DROP TABLE usage_usageevent; --", '"', "\\", "%s", "%(x)s", "{}", "$1", "中\u200d文", "\ue000"]
)
def test_a_key_is_only_text(take, key):
    assert take(EVENT | {"key": key}, {"key": f"{key}v", "void": key}) == [ACCEPTED, ACCEPTED]
    assert UsageEvent.objects.filter(key=key).count() == 1


def test_it_takes_5000_events_and_no_more(tenant, meters):
    events = [{"key": f"k{n}", "meter": "messages", "quantity": "2"} for n in range(5001)]
    with pytest.raises(TooMany):
        ingest.accept(tenant, events, at=AT)
    answers = ingest.accept(tenant, json.dumps(events[:5000]).encode(), at=AT)
    assert {answer.status for answer in answers} == {"accepted"}
    assert UsageCounter.objects.get().total == 10_000  # 5000 × 2


def test_it_takes_nothing_from_an_empty_batch(tenant, meters):
    assert ingest.accept(tenant, [], at=AT) == ingest.accept(tenant, b"[]", at=AT) == []


def test_it_leaves_nothing_behind_when_it_fails(tenant, meters, monkeypatch):
    monkeypatch.setattr(voiding, "take_back", lambda *args, **how: 1 / 0)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ingest.accept(tenant, [EVENT, {"key": "v", "void": "a"}], at=AT)
    assert not UsageEvent.objects.exists()
    assert not UsageCounter.objects.exists()
    assert not UsageMark.objects.exists()


def test_a_batch_without_voids_is_one_statement(tenant, meters, monkeypatch):
    codes = ["messages", "load", "level", "calls"]
    events = [{"key": f"{code}{n}", "meter": code} for n in range(20) for code in codes]
    said, execute = [], counting.psycopg.Cursor.execute
    monkeypatch.setattr(
        counting.psycopg.Cursor, "execute", lambda at, *query: said.append(query[0]) or execute(at, *query)
    )
    ingest.accept(tenant, events, at=AT)
    assert len([statement for statement in said if "usage_usageevent" in statement]) == 1


@pytest.mark.parametrize(
    ("zone", "bucket"),
    [
        ("Asia/Shanghai", "04:00"),
        ("Asia/Kolkata", "03:30"),
        ("Asia/Kathmandu", "04:15"),
        ("Australia/Adelaide", "03:30"),
    ],
)
def test_hours_are_those_of_the_customers_zone(take, tenant, zone, bucket):
    tenant.timezone = zone
    tenant.save()
    take(EVENT | {"occurred_at": AT.replace(minute=20)}, at=AT.replace(minute=30))
    assert f"{UsageCounter.objects.get().bucket:%H:%M}" == bucket


def test_both_hours_of_an_autumn_night_are_kept_apart(take, tenant):
    tenant.timezone = "Europe/Berlin"
    tenant.save()
    # Clocks go back at 01:00 UTC: 00:30 and 01:30 UTC both show 02:30.
    nights = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    take(*(EVENT | {"key": str(n), "occurred_at": night} for n, night in enumerate(nights)), at=nights[1])
    assert [f"{bucket:%H:%M}" for bucket in UsageCounter.objects.order_by("bucket").values_list("bucket", flat=True)] == [
        "00:00", "01:00"
    ]  # fmt: skip
    assert counting.recount() == []


def test_it_takes_part_in_a_transaction_of_its_caller(tenant, meters):
    with transaction.atomic():
        ingest.accept(tenant, [EVENT], at=AT)
        transaction.set_rollback(True)
    assert not UsageEvent.objects.exists()
    assert not connection.needs_rollback
