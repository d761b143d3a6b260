"""Each invariant of caps notices what breaks it, and nothing else."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import pytest

from invoices.rehearsal import cap_invariants, invariants, playing, tiling
from invoices.rehearsal import seen as seeing
from invoices.rehearsal.seen import Seen

CALLS = {"code": "calls", "kind": "usage", "meter": "calls", "model": "per_unit", "unit_amount": "0.10"}
STORY = {
    "name": "a cap that is reached",
    "until": "2026-05-02T00:00:00",
    "catalogue": {
        "meters": [{"code": "calls", "aggregation": "sum"}],
        "plans": [{"code": "metered", "prices": [CALLS]}],
    },
    "tenants": [{"code": "acme", "pays": "manual"}],
    "steps": [
        {"at": "2026-03-01T09:00:00", "do": "subscribe", "tenant": "acme", "plan": "metered"},
        {"at": "2026-03-02T09:00:00", "do": "set_budget", "tenant": "acme", "amount": "40.00", "hard": True},
        {"at": "2026-03-03T09:00:00", "do": "use", "tenant": "acme", "meter": "calls", "quantity": "1000"},
        {"at": "2026-04-03T09:00:00", "do": "use", "tenant": "acme", "meter": "calls", "quantity": "100"},
    ],
}


def _charges(seen: Seen, wanted, **fields) -> Seen:
    found = []
    for row in seen.charges:
        other = copy(row)
        for name, value in (fields if wanted(row) else {}).items():
            setattr(other, name, value)
        found.append(other)
    return replace(seen, charges=found)


def _is_cap(row) -> bool:
    return row.reason == "cap"


def _of_april(row) -> bool:
    return str(row.service_start_on) == "2026-04-01"


BREAKS = [
    (cap_invariants.no_cap_is_passed, lambda seen: replace(seen, charges=[c for c in seen.charges if not _is_cap(c)])),
    (cap_invariants.no_cap_is_passed, lambda seen: _charges(seen, _is_cap, undiscounted_minor=-59_99)),
    (cap_invariants.caps_take_no_more, lambda seen: _charges(seen, _is_cap, undiscounted_minor=-60_01)),
    (cap_invariants.caps_take_no_more, lambda seen: _charges(seen, _is_cap, undiscounted_minor=1)),
    (cap_invariants.caps_take_no_more, lambda seen: _charges(seen, _of_april, reason="cap", undiscounted_minor=-1)),
    (invariants.credits_are_of_what_was_charged, lambda seen: replace(seen, credits=[])),
]


@pytest.mark.django_db
def test_each_invariant_of_caps_notices_what_breaks_it_and_nothing_else() -> None:
    noticed = []

    def watch(world, step=None, *, over=False) -> None:
        if not over:
            return
        seen = seeing.see(world)
        assert sum(row.amount_minor for row in seen.charges if _is_cap(row)) == -60_00
        for invariant in (*invariants.ALWAYS, *cap_invariants.ALWAYS, *tiling.ALWAYS):
            assert list(invariant(seen)) == []
        noticed.extend([bool(list(invariant(breaks(seen)))) for invariant, breaks in BREAKS])

    playing.rehearse(STORY, watch=watch)
    assert noticed == [True] * len(BREAKS)
