"""What is invented uses what customers can agree to and limit, and often enough to matter; the watcher asks all there is."""

from collections import Counter
from importlib import import_module
from pkgutil import iter_modules

import pytest
from django.db import IntegrityError, connection

from invoices import rehearsal
from invoices.rehearsal import simulating
from invoices.rehearsal.inventing import invent

STORIES = [invent(seed, steps=3) for seed in range(200)]
STEPS = [step for story in STORIES for step in story["steps"]]


def _agreed():
    """All that the stories of the test run authorise, at a purchase and later."""
    bought = [step["authorise"] for step in STEPS if step["do"] == "subscribe" and step.get("authorise")]
    return [*bought, *(step for step in STEPS if step["do"] == "authorise")]


def test_stories_authorise_parts_of_bills_below_ceilings_and_withdraw_them():
    scopes = Counter(item for agreed in _agreed() for item in agreed.get("scope", "all").split(","))
    assert {"all", "renewal", "overage", "subscription"} < set(scopes)
    assert any(item.startswith("module:") for item in scopes)
    assert min(scopes.values()) >= 20
    assert sum("ceiling" in agreed for agreed in _agreed()) >= 50
    assert sum("per_month" in agreed for agreed in _agreed()) >= 50
    assert sum(step["do"] == "revoke" and step.get("scope", "all") != "all" for step in STEPS) >= 10


@pytest.mark.parametrize(
    ("verb", "least"), [("set_budget", 100), ("dispute", 50), ("settle_dispute", 50), ("undo", 30), ("revoke", 30)]
)
def test_stories_keep_each_promise_busy(verb, least):
    assert sum(step["do"] == verb for step in STEPS) >= least


def test_budgets_are_mostly_hard_and_sometimes_of_one_meter():
    budgets = [step for step in STEPS if step["do"] == "set_budget"]
    assert sum(step.get("hard", False) for step in budgets) > len(budgets) / 2
    assert {bool(step.get("meter")) for step in budgets} == {True, False}


def test_every_room_of_invariants_is_asked_after_every_step():
    names = [found.name for found in iter_modules(rehearsal.__path__)]
    rooms = [room for name in names if hasattr(room := import_module(f"{rehearsal.__name__}.{name}"), "ALWAYS")]
    assert set(simulating.ROOMS) == set(rooms)
    assert all(check.__doc__ for room in rooms for check in room.ALWAYS)


@pytest.mark.django_db
def test_what_the_database_asks_at_a_commit_is_asked_after_each_step(monkeypatch):
    collect = simulating.due.do

    def freezes(world, kinds=simulating.due.BY_A_STEP):
        collect(world, kinds)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE invoices_invoice SET frozen_minor = 1 WHERE tenant_id = ANY(%s) AND due_minor > 1", [world.ids]
            )

    monkeypatch.setattr(simulating.due, "do", freezes)
    failure = next(failure for _seed, failure in simulating.simulate(range(20), steps=3) if failure)
    assert failure.what.startswith(IntegrityError.__name__)
