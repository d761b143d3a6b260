"""Several connections at once: nothing counted twice, nothing lost, no deadlock left to the caller."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from tests.usage.conftest import AT
from usage import counting, ingest, measuring
from usage.models import UsageCounter, UsageEvent, UsageMember

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
THREADS = 4


def at_once(*work):
    """Run every piece of work on a connection of its own, all started together; return what each returned."""
    gate = threading.Barrier(len(work))

    def run(piece):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '30s'")  # a lock that is never given is an error, not a wait
            gate.wait(30)
            return piece()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, piece) for piece in work]]


def statuses(results):
    return [answer.status for answers in results for answer in answers]


def event(n, code="messages", **more):
    return {"key": f"{code}{n:04}", "meter": code, "quantity": "1"} | more


def test_the_same_batch_from_everywhere_counts_once(tenant, meters):
    batch = [event(n) for n in range(300)]
    orders = [batch, batch[::-1], batch[150:] + batch[:150], batch]
    results = at_once(*(lambda order=order: ingest.accept(tenant, order, at=AT) for order in orders))
    assert statuses(results).count("accepted") == 300
    assert statuses(results).count("duplicate") == 900
    assert UsageCounter.objects.get().total == 300
    assert counting.recount() == []


@pytest.mark.parametrize("code", ["messages", "load", "people", "level", "peak"])
def test_parallel_batches_add_up(tenant, meters, code):
    """Out of order, in several hours and dimensions, so that hours are counted again while others add to them."""

    def batch(worker, turn):
        return [
            event(
                worker * 1000 + turn * 100 + n,
                code,
                quantity=str(n),
                occurred_at=AT - timedelta(minutes=(worker * 37 + turn * 11 + n * 7) % 170),
                properties={"region": ("cn", "us")[n % 2], "person": f"p{n % 5}"},
            )
            for n in range(20)
        ]

    def work(worker):
        return [answer for turn in range(6) for answer in ingest.accept(tenant, batch(worker, turn), at=AT)]

    results = at_once(*(lambda worker=worker: work(worker) for worker in range(THREADS)))
    assert statuses(results) == ["accepted"] * 480  # 4 × 6 × 20
    assert counting.recount() == []


@pytest.mark.parametrize("code", ["messages", "load", "people"])
def test_uses_and_voids_at_once_agree(tenant, meters, code):
    told = {"properties": {"person": "alice"}}
    ingest.accept(tenant, [event(n, code, **told) for n in range(200)], at=AT)

    def use(worker):
        batches = [[event(1000 + worker * 100 + n, code, **told)] for n in range(25)]
        return [answer for batch in batches for answer in ingest.accept(tenant, batch, at=AT)]

    def void(worker):
        order = range(200) if worker % 2 else reversed(range(200))
        voids = [{"key": f"v{worker}-{n}", "void": f"{code}{n:04}"} for n in order]
        return [answer for a in range(0, 200, 40) for answer in ingest.accept(tenant, voids[a : a + 40], at=AT)]

    work = [lambda: use(0), lambda: void(1), lambda: void(2), lambda: use(3)]
    results = at_once(*work)
    # 2 × 25 uses, and each of the 200 first ones taken back exactly once.
    assert statuses(results).count("accepted") == 250
    assert UsageEvent.objects.filter(kind="void").count() == 200
    assert counting.recount() == []
    assert UsageCounter.objects.get().events == 50
    assert {member.events for member in UsageMember.objects.all()} <= {50}


def test_an_event_that_arrives_during_a_close_is_measured_or_marked(tenant, meters):
    """A close takes the marks, then measures, then commits; between these an event arrives."""
    ingest.accept(tenant, [event(1)], at=AT)
    taken, arrived = threading.Event(), threading.Event()
    want = measuring.Want(
        "x", tenant.pk, meters["messages"].pk, "sum", False, AT - timedelta(hours=4), AT + timedelta(hours=4)
    )

    def close():
        with transaction.atomic():
            measuring.take_marks([tenant.pk], AT + timedelta(days=1))
            taken.set()
            assert not arrived.wait(0.5)  # it waits for this transaction
            return measuring.measure([want])["x"].quantity

    def late():
        taken.wait(10)
        ingest.accept(tenant, [event(2)], at=AT)
        arrived.set()

    measured, _none = at_once(close, late)
    assert measured == 1
    assert len(measuring.take_marks([tenant.pk], AT + timedelta(days=1))) == 1
    assert measuring.measure([want])["x"].quantity == 2


def test_a_close_waits_for_an_event_on_its_way(tenant, meters):
    """The event was inserted and not committed when the close takes the marks: the close must see it."""
    ingest.accept(tenant, [event(1)], at=AT)
    inserted = threading.Event()
    want = measuring.Want(
        "x", tenant.pk, meters["messages"].pk, "sum", False, AT - timedelta(hours=4), AT + timedelta(hours=4)
    )

    def slow():
        with transaction.atomic():
            ingest.accept(tenant, [event(2)], at=AT)
            inserted.set()
            time.sleep(0.3)

    def close():
        inserted.wait(10)
        with transaction.atomic():
            measuring.take_marks([tenant.pk], AT + timedelta(days=1))
            return measuring.measure([want])["x"].quantity

    assert at_once(slow, close)[1] == 2


def test_closes_and_batches_do_not_stop_each_other(tenant, other_tenant, meters):
    pair = [tenant, other_tenant]

    def use(worker):
        for n in range(30):
            told = [event(worker * 100 + n, code) for code in ("messages", "calls", "load")]
            ingest.accept(pair[n % 2], told if n % 3 else told[::-1], at=AT)

    def close():
        return sum(len(measuring.take_marks([other_tenant.pk, tenant.pk], AT + timedelta(days=1))) for _n in range(30))

    *_uses, first, second = at_once(lambda: use(1), lambda: use(2), close, close)
    assert first + second > 0
    assert UsageEvent.objects.count() == 180  # 2 × 30 × 3
    assert counting.recount() == []


def test_a_changed_meter_is_read_again(tenant, meters):
    ingest.accept(tenant, [event(1, "people", properties={"person": "bob"})], at=AT)  # all are remembered from here on
    meters["messages"].dimensions = ["person"]
    meters["messages"].save()
    [answer] = ingest.accept(tenant, [event(2, properties={"person": "alice"})], at=AT)
    assert answer.status == "accepted"
    assert UsageEvent.objects.get(key="messages0002").dimension == {"person": "alice"}


def test_an_ended_meter_is_refused_at_once(tenant, meters):
    ingest.accept(tenant, [event(1)], at=AT)
    type(meters["messages"]).objects.filter(code="messages").update(active=False)
    [answer] = ingest.accept(tenant, [event(2)], at=AT)
    assert (answer.status, answer.code) == ("refused", "ended_meter")


@pytest.mark.parametrize(("failures", "takes"), [(ingest.TRIES - 1, True), (ingest.TRIES, False)])
def test_a_deadlock_is_tried_again(tenant, meters, monkeypatch, failures, takes):
    left, take = [OperationalError("deadlock")] * failures, ingest._Batch.take

    def stumble(batch):
        if left:
            raise left.pop() from DeadlockDetected()
        return take(batch)

    monkeypatch.setattr(ingest._Batch, "take", stumble)
    if takes:
        assert ingest.accept(tenant, [event(1)], at=AT)[0].status == "accepted"
    else:
        with pytest.raises(OperationalError):
            ingest.accept(tenant, [event(1)], at=AT)
