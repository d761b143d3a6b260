"""Ask usage what the usage prices of contracts need to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing.charging import Measure
from billing.models import Subscription
from billing.terms import Clause, Stretch, part_of
from usage import measuring


@dataclass(frozen=True, slots=True)
class Question:
    """What a usage price asks about a period; the answer comes back under `key`."""

    key: Any
    subscription: Subscription
    stretch: Stretch
    clause: Clause


def measure(questions: Sequence[Question]) -> dict[Any, Measure]:
    """Return what was measured for each question, by its key, in a constant number of queries; {} for none.

    Where a clause begins inside the period (rule 8) it is the measure from the period's start to the clause's end, less that
    of the time before it; an average is over the whole period, so that the parts add up to it.
    """
    wants = {(q.key, side): want for q in questions for side, want in _wants(q)}
    found = measuring.measure([replace(want, key=key) for key, want in wants.items() if key[1] != "single"])
    return {
        q.key: _answer(q, found[q.key, "until"], found.get((q.key, "before")), wants.get((q.key, "single")))
        for q in questions
    }


def asks_for_transactions(clause: Clause) -> bool:
    """Return whether a usage price is reckoned per transaction."""
    return clause.price.model == "percentage"


def _wants(question: Question) -> Iterator[tuple[str, measuring.Want]]:
    """Yield what is to be measured: until the part's end, before it where there is a before, and each transaction of it."""
    stretch, clause = question.stretch, question.clause
    meter, part = clause.meter, part_of(clause, stretch)
    assert meter is not None
    assert part is not None
    is_whole = part.start == stretch.start and part.end == stretch.end
    until = measuring.Want(
        key=None,
        tenant_id=question.subscription.tenant_id,
        meter_id=meter.meter_id,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        start=stretch.start,
        end=part.end,
        match=dict(meter.match),
        others=[dict(match) for match in meter.others],
        over=None if is_whole else stretch.end - stretch.start,
    )
    yield "until", until
    if part.start > stretch.start:
        yield "before", replace(until, end=part.start)
    if asks_for_transactions(clause):
        yield "single", replace(until, start=part.start)


def _answer(
    question: Question,
    until: measuring.Measured,
    before: measuring.Measured | None,
    single: measuring.Want | None,
) -> Measure:
    each = tuple(measuring.transactions(single)) if single else None
    if before is None:
        return Measure(until.quantity, each, until.events)
    rest = max(Decimal(0), until.quantity - before.quantity)
    return Measure(rest, each, until.events - before.events, before.quantity)
