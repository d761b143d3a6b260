"""Let resource packs cover what usage prices measured: between measuring a period and pricing it (rule 21)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import packs
from billing.charging import Measure, included_in
from billing.measures import Question
from billing.packs import Ask, Cover, Place
from billing.terms import Clause, Part, Stretch, part_of
from usage.measuring import Want

# A fixed price is owed whatever was used, and a price per transaction has no units.
UNCOVERED = ("flat", "percentage")
PeriodOf = Callable[[Question], int | None]


def cover(
    questions: Sequence[Question], found: Mapping[Any, Measure], *, period_of: PeriodOf, at: datetime
) -> dict[Any, Measure]:
    """Return what was measured with what packs cover of it, and write down what they gave; in the transaction of a close."""
    if asks := _asks(questions, found, period_of):
        covers = packs.draw(asks)
        packs.record(covers.values(), at=at)
        return {**found, **_covered(found, covers)}
    return dict(found)


def expect(
    questions: Sequence[Question],
    found: Mapping[Any, Measure],
    *,
    at: datetime,
    more: Mapping[Any, Decimal] | None = None,
) -> dict[Any, Measure]:
    """Return the same without writing; `more` is what each question still expects after `at`, by its key."""
    if asks := _asks(questions, found, stored):
        return {**found, **_covered(found, packs.expected(asks, at=at, more=more))}
    return dict(found)


def again(questions: Sequence[Question], found: Mapping[Any, Measure]) -> dict[Any, Measure]:
    """Return what was measured with what packs have given by now, as it is written down: for computing a charge again."""
    asks = _asks(questions, found, stored)
    given = packs.used([place for ask in asks for place in (ask.place, *ask.earlier)]) if asks else {}
    covers = {
        ask.key: Cover(
            ask,
            found[ask.key].quantity,
            found[ask.key].events,
            given.get(ask.place, {}),
            sum((part for place in ask.earlier for part in given.get(place, {}).values()), Decimal(0)),
            {},
        )
        for ask in asks
    }
    return {**found, **_covered(found, covers)}


def stored(question: Question) -> int | None:
    """Return the id of a question's period, where it has one by now."""
    return question.stretch.id


def is_covered(clause: Clause) -> bool:
    """Return whether packs count for a usage price: one of units that add up and cost something."""
    meter, price = clause.meter, clause.price
    return bool(meter and meter.aggregation in packs.ADDING and price.model not in UNCOVERED and not price.is_free)


def _asks(questions: Sequence[Question], found: Mapping[Any, Measure], period_of: PeriodOf) -> list[Ask]:
    fitting = [q for q in questions if is_covered(q.clause)]
    holders = packs.holders({q.subscription.tenant_id for q in fitting}) if fitting else set()
    beside: dict[Any, list[tuple[Part, Place]]] = defaultdict(list)
    placed = []
    for q in fitting:
        part = part_of(q.clause, q.stretch)
        if q.subscription.tenant_id in holders and part is not None and q.clause.price_id is not None:
            place = Place(period_of(q), q.clause.price_id, _part_name(part, q.stretch))
            beside[_usage(q)].append((part, place))
            placed.append((q, part, place))
    return [_ask(q, part, place, found[q.key], beside[_usage(q)]) for q, part, place in placed]


def _part_name(part: Part, stretch: Stretch) -> str:
    """Return what tells the parts of one period apart: the cause of their charges."""
    return "" if part.start == stretch.start else f"from:{part.start:%Y-%m-%dT%H:%M:%SZ}"


def _usage(q: Question) -> tuple[Any, ...]:
    """Return what the parts of one period share when they count the same usage."""
    meter = q.clause.meter
    assert meter is not None
    return q.subscription.pk, q.stretch.interval, q.stretch.start, meter.meter_id, tuple(sorted(meter.match.items()))


def _ask(q: Question, part: Part, place: Place, found: Measure, beside: Sequence[tuple[Part, Place]]) -> Ask:
    meter = q.clause.meter
    assert meter is not None
    want = Want(
        key=q.key,
        tenant_id=q.subscription.tenant_id,
        meter_id=meter.meter_id,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        start=part.start,
        end=part.end,
        match=dict(meter.match),
        others=[dict(match) for match in meter.others],
    )
    return Ask(
        key=q.key,
        want=want,
        included=included_in(q.clause, q.stretch),
        seller_id=q.subscription.seller_id,
        price_id=place.price,
        period_id=place.period,
        part=place.part,
        before=found.before or Decimal(0),
        earlier=tuple(other for one, other in beside if one.end <= part.start),
    )


def _covered(found: Mapping[Any, Measure], covers: Mapping[Any, Cover]) -> dict[Any, Measure]:
    """Return the measures that packs have to do with: what came before counts without what they covered of it."""
    return {
        key: replace(
            found[key],
            quantity=cover.measured,
            events=cover.events,
            before=None if (before := found[key].before) is None else before - cover.earlier,
            covered=cover.quantity,
            packs=tuple(sorted(cover.packs.items())),
        )
        for key, cover in covers.items()
    }
