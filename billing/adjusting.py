"""The lines of a change within a period: what of it is given back, and what the rest of it costs now (rules 4, 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing import settled
from billing.charges import Line
from billing.charging import ONE, Worth, of_rest, of_share, step_json
from billing.models import Change, Charge, Subscription
from billing.money import minor_digits
from billing.rating import explanation
from billing.rating.steps import step
from billing.terms import Clause, Part, Stretch
from billing.undoing import give_back
from usage.periods import Interval

CHANGE = Charge.Reason.CHANGE
Current = Mapping[Interval, Stretch]


def charge(
    s: Subscription, clause: Clause, stretch: Stretch, since: datetime, *, change: Change, on: date
) -> Line | None:
    """Return what a clause of a new plan costs for the rest of a running period; None where it charges nothing in advance."""
    quantity = clause.quantity_at(since)
    if not clause.advance or clause.one_off or quantity is None or stretch.trial:
        return None
    worth = of_share(clause, stretch, quantity, since, of_rest(clause, stretch, since), currency=s.currency)
    return _line(s, worth, change, on, stretch)


def raised(
    s: Subscription,
    clause: Clause,
    stretch: Stretch,
    since: datetime,
    quantities: tuple[Decimal | None, Decimal],
    *,
    change: Change,
    on: date,
) -> Line:
    """Return the one line of a raised quantity: the new one's amount less the old one's, each rounded, never below zero."""
    before, after = quantities
    share = of_rest(clause, stretch, since)
    new = of_share(clause, stretch, after, since, share, currency=s.currency)
    if before is None:
        return _line(s, new, change, on, stretch)
    old = of_share(clause, stretch, before, since, share, currency=s.currency)
    words = explanation.Words(s.currency, clause.unit, clause.unit_en)
    off = step_json(step(explanation.before(words, before, old.exact), "before", -old.exact), s.currency)
    amount = max(0, new.amount_minor - old.amount_minor)
    worth = replace(
        new,
        quantity=ONE if clause.price.model == "flat" else after - before,
        amount_minor=amount,
        exact=new.exact - old.exact if amount else Decimal(0),
        details={**new.details, "steps": [*new.details["steps"], off]},
    )
    return _line(s, worth, change, on, stretch)


def credits(
    s: Subscription,
    clauses: Iterable[Clause],
    current: Current,
    since: datetime,
    *,
    change: Change,
    on: date,
    lowered: tuple[Decimal, Decimal] | None = None,
    once_moves: bool = False,
) -> list[Line]:
    """Return what of the charged lines is given back for the time from an instant on, one line for each price.

    `lowered` are the quantity removed and the one held before, where only a share goes. Nothing is given back without
    proration, of usage, or of what is charged once. `once_moves`: see `settled.still_to_come`.
    """
    found = []
    for clause in clauses:
        stretch = current.get(clause.interval)
        given = clause.meter is None and clause.advance and not clause.one_off and clause.proration != "none"
        if not given or stretch is None or stretch.id is None or stretch.trial or clause.price_id is None:
            continue
        by_second = clause.proration == "second"
        lines = settled.still_to_come(
            stretch,
            [clause.price_id],
            since,
            by_second=by_second,
            in_force_since=clause.since,
            once_moves=once_moves,
        )[clause.price_id]
        share = Fraction(lowered[0]) / Fraction(lowered[1]) if lowered else Fraction(1)
        backs = give_back(lines, share)
        if backs:
            seen_at = stretch.start if since < stretch.start else max(since, change.at)
            quantity = -lowered[0] if lowered else clause.quantity_at(seen_at)
            worth = _credit(s, clause, stretch, since, backs, quantity or ONE)
            found.append(replace(_line(s, worth, change, on, stretch), corrects=backs[0].charge_id, gives_back=backs))
    return found


def _credit(
    s: Subscription, clause: Clause, stretch: Stretch, since: datetime, backs: Sequence[Any], quantity: Decimal
) -> Worth:
    amount = sum(back.amount_minor for back in backs)
    exact = Decimal(-amount).scaleb(-minor_digits(s.currency))
    part = Part(max(since, stretch.start), stretch.end, stretch.span.zone)
    share = of_rest(clause, stretch, part.start)
    words = explanation.given_back(share.used, share.whole, *(("秒", "second") if share.by_second else ("天", "day")))
    details: dict[str, Any] = {
        "seconds" if share.by_second else "days": [share.used, share.whole],
        "gives_back": [{"charge": back.charge_id, "amount_minor": back.amount_minor} for back in backs],
        "steps": [step_json(step(words, "credit", exact), s.currency)],
    }
    return Worth(
        clause=clause,
        stretch=stretch,
        start=part.start_on,
        end=part.end_on,
        quantity=ONE if clause.price.model == "flat" else quantity,
        exact=exact,
        amount_minor=-amount,
        details=details,
        undiscounted_minor=-sum(back.undiscounted_minor for back in backs),
    )


def _line(s: Subscription, worth: Worth, change: Change, on: date, stretch: Stretch) -> Line:
    assert stretch.id is not None
    return Line(s, worth, on, stretch.id, CHANGE, change.cause)
