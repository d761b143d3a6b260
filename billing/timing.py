"""Now or later: when a change of plan comes into force where nobody says (CONTRACTS rule 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from billing import contracts
from billing.models import PlanVersion, Price, PriceList, Subscription
from billing.rating import rate
from billing.terms import Clause, Contract, Stretch
from usage.periods import Interval

A_YEAR = {
    Interval.DAY: 365,
    Interval.WEEK: 52,
    Interval.MONTH: 12,
    Interval.QUARTER: 4,
    Interval.HALF_YEAR: 2,
    Interval.YEAR: 1,
}
FIXED = ("base", "seat", "module")


def prospect(s: Subscription, version: PlanVersion, price_list: PriceList | None) -> Contract:
    """Return the contract that a subscription would have under another plan; its clauses hold no quantities yet."""
    would_be = copy.copy(s)
    would_be.version, would_be.plan, would_be.price_list = version, version.plan, price_list
    return contracts.load([would_be])[s.pk]


def waits_until(contract: Contract, new: Contract, current: Mapping[Interval, Stretch], *, at: datetime) -> date | None:
    """Return the day for which a change waits, or None when it is now.

    A longer term is now, a shorter one waits for the term's end; on the same term dearer or equal by the year is now and
    cheaper waits for the period's end. In a trial and before the start nothing is paid yet, so it is now.
    """
    running = current.get(contract.interval)
    if running is None or running.trial or new.term.rank > contract.term.rank:
        return None
    if new.term.rank < contract.term.rank:
        return contract.term_end_on
    held = {clause.code: quantity for clause in contract.clauses if (quantity := clause.quantity_at(at)) is not None}
    before, after = a_year(contract, held), a_year(new, held)
    return running.span.end if after < before else None


def a_year(contract: Contract, held: Mapping[str, Decimal]) -> Decimal:
    """Return the yearly price of base, seats and modules with these quantities, unrounded (rule 6)."""
    taken = taken_with(contract.clauses, held)
    return sum((_yearly(clause, quantity, contract) for clause, quantity in taken), Decimal(0))


def taken_with(clauses: Iterable[Clause], held: Mapping[str, Decimal]) -> Iterable[tuple[Clause, Decimal]]:
    """Yield what a new plan would be taken with, as a switch does it."""
    for clause in clauses:
        if clause.code in held:
            yield clause, held[clause.code]
        elif not clause.optional and clause.meter is None:
            yield clause, Decimal(clause.kind != Price.Kind.SEAT)


def _yearly(clause: Clause, quantity: Decimal, contract: Contract) -> Decimal:
    if clause.kind not in FIXED or clause.one_off:
        return Decimal(0)
    return rate(clause.price, quantity, contract.currency).exact * A_YEAR[clause.interval]
