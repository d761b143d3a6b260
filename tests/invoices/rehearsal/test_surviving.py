"""Nothing survives a rehearsal: no row, no number, no mail, no task, no file; and it waits for nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.core import mail
from django.db import connection, transaction

from invoices import rehearsal
from invoices.models import NumberSeries
from tenants.models import AuditEntry
from tests import shop
from tests.invoices.rehearsal.conftest import BASE, BUY, MESSAGES, played, story, use
from tests.shopping import METERS as OTHERS

STEPS = [
    {**BUY, "quantities": {"seat": 2}},
    use("2026-02-10T09:00:00", "1200"),
    {"at": "2026-02-20T09:00:00", "do": "pay", "tenant": "acme"},
    {"at": "2026-02-21T09:00:00", "do": "auto_renew", "tenant": "acme", "on": False},
]


def tables() -> dict[str, int]:
    """Return how many rows each table of the database has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        counts = {}
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            counts[name] = cursor.fetchone()[0]
    return counts


def files() -> list[str]:
    return sorted(str(path) for path in Path(settings.VAR_DIR).rglob("*"))


def real_shop() -> None:
    """Have a customer and a seller of the very codes that stories use, with a bill."""
    qingyu = shop.seller("qingyu", number_prefix="R")
    shop.defining.define_meters(qingyu, OTHERS, at=shop.OPENED)
    version = shop.plan(qingyu, [BASE, MESSAGES])
    shop.subscribe(shop.tenant("acme"), version, "2026-01-31")
    shop.bill("2026-02-01 10:00")


@pytest.fixture
def tasks(monkeypatch) -> list[str]:
    """The names of tasks that were sent."""
    sent: list[str] = []
    monkeypatch.setattr(Celery, "send_task", lambda self, name, *args, **kwargs: sent.append(name))
    return sent


@pytest.mark.django_db(transaction=True)
def test_nothing_survives(tasks):
    real_shop()
    before, numbers, kept = tables(), list(NumberSeries.objects.values_list("pk", "last_number")), files()
    told = played(*STEPS, until="2026-06-01T00:00:00")
    assert len(told["invoices"]) == 2
    assert len(told["payments"]) == 1
    assert tables() == before
    assert list(NumberSeries.objects.values_list("pk", "last_number")) == numbers
    assert (mail.outbox, tasks, files()) == ([], [], kept)


@pytest.mark.django_db
def test_nothing_survives_within_a_transaction(django_capture_on_commit_callbacks, tasks):
    real_shop()
    before = tables()
    with django_capture_on_commit_callbacks() as waiting:
        played(*STEPS)
    assert tables() == before
    assert (waiting, tasks, mail.outbox) == ([], [], [])
    # The caller's transaction goes on.
    shop.tenant("later")


@pytest.mark.django_db
def test_nothing_survives_a_story_that_cannot_be_played():
    before = tables()
    said = story(*STEPS)
    said["catalogue"]["plans"][0]["term"] = "day"
    (told,) = rehearsal.rehearse_all([said])
    assert told["error"]["path"] == "catalogue.plans[0].term"
    assert tables() == before


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_nobody():
    """Another connection holds every customer, series and seller, and the lock under which customers are opened."""
    real_shop()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for table in ("tenants_tenant", "tenants_seller", "invoices_numberseries", "billing_subscription"):
                cursor.execute(f"SELECT id FROM {table} FOR UPDATE")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tenants.companies.open'))")
            held.set()
            let_go.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert len(played(*STEPS)["invoices"]) == 2
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
        let_go.set()
        holder.join()


@pytest.mark.django_db
def test_a_broken_constraint_is_said_aloud(monkeypatch):
    """A row that points nowhere is found at the end of the story, where a commit would have found it."""

    def broken(world):
        AuditEntry.objects.create(tenant_id=2**62, verb="test", at=world.now)
        return honest(world)

    honest = rehearsal.playing.telling.tell
    monkeypatch.setattr(rehearsal.playing.telling, "tell", broken)
    told = played(BUY)
    assert told["ledger_balanced"] is False
    assert "message" in told


@pytest.mark.django_db
def test_a_fault_of_ours_in_one_story_harms_no_other(monkeypatch):
    def break_down(world, *kinds):
        if world.story.name == "bad":
            raise ZeroDivisionError
        return honest(world, *kinds)

    honest = rehearsal.playing.due.do
    monkeypatch.setattr(rehearsal.playing.due, "do", break_down)
    told = list(rehearsal.rehearse_all([story(BUY, name=name) for name in ("good", "bad", "fine")]))
    assert [one.get("error", {}).get("code") for one in told] == [None, "failed", None]


@pytest.mark.django_db
def test_many_stories_are_told_apart():
    told = list(rehearsal.rehearse_all([story(BUY, name=f"{n}", until="2026-02-01T00:00:00") for n in range(12)]))
    assert [one["name"] for one in told] == [f"{n}" for n in range(12)]
    assert {len(one["invoices"]) for one in told} == {1}
