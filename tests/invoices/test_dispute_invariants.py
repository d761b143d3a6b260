"""Each invariant of disputes notices what breaks it, and nothing else."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from invoices.models import DunningAct
from invoices.rehearsal import dispute_invariants, playing, simulating
from invoices.rehearsal import seen as seeing
from invoices.rehearsal.seen import Seen

STORY = {
    "name": "a part in dispute",
    "timezone": "Asia/Shanghai",
    "currency": "CNY",
    "until": "2026-03-06T00:00:00",
    "catalogue": {
        "plans": [
            {
                "code": "standard",
                "interval": "month",
                "prices": [{"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}],
            }
        ]
    },
    "tenants": [{"code": "acme", "pays": "wallet"}],
    "steps": [
        {"at": "2026-03-01T09:00:00", "do": "subscribe", "tenant": "acme", "plan": "standard"},
        {"at": "2026-03-01T12:00:00", "do": "dispute", "tenant": "acme", "amount": "99.00"},
        {"at": "2026-03-02T10:00:00", "do": "top_up", "tenant": "acme", "amount": "100.00"},
    ],
}


def changed(row, **fields):
    other = copy.copy(row)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def bill(seen: Seen, **fields) -> Seen:
    first, *rest = seen.invoices
    return replace(seen, invoices=[changed(first, **fields), *rest])


def dispute(seen: Seen, **fields) -> Seen:
    return replace(seen, disputes=[changed(one, **fields) for one in seen.disputes])


def taken(seen: Seen, **fields) -> Seen:
    return replace(seen, payments=[changed(one, **fields) for one in seen.payments])


def dunned(seen: Seen) -> Seen:
    """A reminder when the 99.00 in dispute are all that is due."""
    first = seen.invoices[0]
    act = DunningAct(
        invoice=first,
        tenant_id=first.tenant_id,
        day=3,
        verb="remind",
        outcome="done",
        at=seen.world.now + timedelta(hours=1),
    )
    return replace(seen, acts=[act])


def past_due(seen: Seen) -> Seen:
    lives = [replace(life, subscription=changed(life.subscription, status="past_due")) for life in seen.lives]
    return replace(seen, lives=lives)


BREAKS = [
    (dispute_invariants.what_is_frozen_is_in_dispute, lambda seen: bill(seen, frozen_minor=0)),
    (dispute_invariants.what_is_frozen_is_in_dispute, lambda seen: bill(seen, frozen_minor=100_00)),
    (dispute_invariants.what_is_frozen_is_in_dispute, lambda seen: dispute(seen, state="withdrawn")),
    (
        dispute_invariants.nothing_frozen_is_deducted,
        lambda seen: taken(seen, status="succeeded", recorded_at=seen.world.now - timedelta(hours=1)),
    ),
    (dispute_invariants.nothing_frozen_is_deducted, lambda seen: taken(seen, amount_minor=100_01)),
    (dispute_invariants.nothing_frozen_is_deducted, lambda seen: dispute(seen, amount_minor=99_01)),
    (dispute_invariants.nothing_frozen_is_dunned, dunned),
    (dispute_invariants.nothing_frozen_is_dunned, past_due),
]


@pytest.mark.django_db
def test_each_invariant_of_disputes_notices_what_breaks_it_and_nothing_else() -> None:
    noticed = []

    def watch(world, step=None, *, over=False) -> None:
        if not over:
            return
        seen = seeing.see(world)
        assert [(p.status, p.amount_minor) for p in seen.payments] == [("failed", 199_00), ("succeeded", 100_00)]
        for check in (check for room in simulating.ROOMS for check in room.ALWAYS):
            assert list(check(seen)) == [], check.__name__
        noticed.extend((check.__name__, bool(list(check(breaks(seen))))) for check, breaks in BREAKS)

    playing.rehearse(STORY, watch=watch)
    assert noticed == [(check.__name__, True) for check, _breaks in BREAKS]
