"""Writers tell usage while closes run and run again: at every moment the period comes to its cap at most, and every event is kept."""

import threading

import pytest
from django.db import connection

from billing import closing
from billing.models import Charge, Subscription
from tests import shop
from tests.billing.capped import CALLS, cap, charged, close, quantity
from tests.usage.test_at_once import at_once
from usage import ingest
from usage.models import UsageEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
WRITERS, WAVES, EACH = 4, 3, 5


def test_many_writers_and_closes_at_once_never_pass_the_cap(qingyu):
    who = shop.tenant()
    plans = [shop.plan(qingyu, [CALLS | {"code": code}], code=code) for code in ("one", "two")]
    contracts = [shop.subscribe(who, plan, "2026-01-01") for plan in plans]
    for one in contracts:
        close(one, "2026-01-01 09:00")
    cap(who, 40_00)
    above: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if (now := charged(who)) > 40_00:
                above.append(now)
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for wave in range(WAVES):
            _wave(who, contracts, wave)
    finally:
        done.set()
        watcher.join()
    assert above == []
    for one in contracts:
        _due(contracts)
        closing.close([one.pk], at=shop.at("2026-02-10 00:00"))
    # Each contract measures every event: 60 × 10 calls, twice.
    assert UsageEvent.objects.count() == WAVES * WRITERS * EACH
    assert quantity(who) == 2 * 10 * WAVES * WRITERS * EACH
    assert charged(who) == 40_00
    assert Charge.objects.filter(reason="cap").exists()


def _wave(who, contracts, wave: int) -> None:
    told = shop.at(f"2026-02-0{wave + 2} 12:00")
    _due(contracts)

    def write(writer: int) -> None:
        for number in range(EACH):
            event = {
                "key": f"{wave}-{writer}-{number}",
                "meter": "messages",
                "quantity": "10",
                "occurred_at": shop.at("2026-01-20 12:00").isoformat(),
            }
            (answer,) = ingest.accept(who, [event], at=told)
            assert answer.status == "accepted", answer

    closes = [lambda pk=one.pk: closing.close([pk], at=told) for one in contracts]
    at_once(*(lambda n=writer: write(n) for writer in range(WRITERS)), *closes, *closes)


def _due(contracts) -> None:
    """Let the contracts be due now, so that a close measures late usage at once."""
    Subscription.objects.filter(pk__in=[one.pk for one in contracts]).update(next_at=shop.at("2026-02-01 00:00"))
