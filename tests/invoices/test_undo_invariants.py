"""Each invariant of purchases that were taken back notices what breaks it, and nothing else."""

from copy import copy
from dataclasses import replace

import pytest

from invoices.rehearsal import playing, simulating, undo_invariants
from invoices.rehearsal import seen as seeing
from invoices.rehearsal.seen import Seen

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
STORY = {
    "name": "a purchase that never was",
    "until": "2026-03-06T00:00:00",
    "catalogue": {"plans": [{"code": "standard", "undo_hours": 24, "prices": [BASE]}]},
    "tenants": [{"code": "acme", "pays": "wallet", "wallet": "500.00"}],
    "steps": [
        {"at": "2026-03-01T09:00:00", "do": "subscribe", "tenant": "acme", "plan": "standard"},
        {"at": "2026-03-01T12:00:00", "do": "undo", "tenant": "acme"},
    ],
}


def _changed(row, **fields):
    other = copy(row)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _counter(seen: Seen, **fields) -> Seen:
    return replace(seen, charges=[_changed(c, **fields) if c.reason == "correction" else c for c in seen.charges])


def _twice(seen: Seen) -> Seen:
    return replace(seen, charges=[*seen.charges, *(c for c in seen.charges if c.reason == "correction")])


def _bill(seen: Seen, **fields) -> Seen:
    first, *rest = seen.invoices
    return replace(seen, invoices=[_changed(first, **fields), *rest])


BREAKS = [
    (undo_invariants.what_is_taken_back_is_nothing, lambda seen: _counter(seen, amount_minor=-198_99)),
    (undo_invariants.what_is_taken_back_is_nothing, lambda seen: _counter(seen, undiscounted_minor=-199_01)),
    (undo_invariants.what_is_taken_back_is_nothing, _twice),
    (undo_invariants.what_is_taken_back_is_not_owed, lambda seen: _bill(seen, paid_minor=1)),
    (undo_invariants.what_is_taken_back_is_not_owed, lambda seen: _bill(seen, due_minor=1)),
]


@pytest.mark.django_db
def test_each_invariant_of_undo_notices_what_breaks_it_and_nothing_else() -> None:
    noticed = []

    def watch(world, step=None, *, over=False) -> None:
        if not over:
            return
        seen = seeing.see(world)
        assert [(c.reason, c.amount_minor) for c in seen.charges] == [("period", 199_00), ("correction", -199_00)]
        for check in (check for room in simulating.ROOMS for check in room.ALWAYS):
            assert list(check(seen)) == [], check.__name__
        noticed.extend((check.__name__, bool(list(check(breaks(seen))))) for check, breaks in BREAKS)

    playing.rehearse(STORY, watch=watch)
    assert noticed == [(check.__name__, True) for check, _breaks in BREAKS]
