"""What one clause of a contract costs in one period: a rated amount with its explanation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from billing.money import plain
from billing.planning import Clause, Stretch
from billing.rating import Price as Rating
from billing.rating import Rated, Step, prorated, rate

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured quantity, and the single transactions of a price that asks for them."""

    quantity: Decimal
    transactions: tuple[Decimal, ...] | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class Worth:
    """The worth of a clause in a period: what a charge row stores."""

    clause: Clause
    stretch: Stretch
    start: date
    end: date
    quantity: Decimal
    exact: Decimal
    amount_minor: int
    details: Mapping[str, Any]
    # Of a credit: what it undoes before discount; None is the amount.
    undiscounted_minor: int | None = None


def in_advance(clause: Clause, stretch: Stretch, *, currency: str, proration: str, first: date) -> Worth | None:
    """Return what a clause charges at a period's start, or None when it charges nothing then.

    A clause that is charged once is charged in the period that begins on `first`.
    """
    if not clause.advance or not _charged_in(clause, stretch, first):
        return None
    return _of_quantity(clause, stretch, currency, proration)


def in_arrears(
    clause: Clause, stretch: Stretch, *, currency: str, proration: str, first: date, measured: Measure | None
) -> Worth | None:
    """Return what a clause charges at a period's end, or None when it charges nothing then."""
    if clause.advance or not _charged_in(clause, stretch, first):
        return None
    if clause.meter is None:
        return _of_quantity(clause, stretch, currency, proration)
    if not is_metered(clause, stretch, first=first):
        return None
    return of_usage(clause, stretch, measured or Measure(Decimal(0)), currency=currency)


def of_usage(clause: Clause, stretch: Stretch, measured: Measure, *, currency: str) -> Worth:
    """Return the worth of what was measured; what is included, tiers and bounds count for a part period in full (rule 8)."""
    by_one = measured.transactions if clause.price.model == "percentage" else None
    rated = _rate(clause.price, measured.quantity, currency, by_one, clause.unit, clause.unit_en)
    return _worth(clause, stretch, rated, {"measured": plain(rated.quantity), "included": plain(rated.included_used)})


def is_metered(clause: Clause, stretch: Stretch, *, first: date) -> bool:
    """Return whether a clause charges what is measured in a period; an optional one only where it is taken."""
    if clause.meter is None or not _charged_in(clause, stretch, first):
        return False
    return not clause.optional or clause.quantity_at(stretch.start) is not None


def _charged_in(clause: Clause, stretch: Stretch, first: date) -> bool:
    if stretch.trial or clause.interval != stretch.interval:
        return False
    return not clause.one_off or stretch.span.start == first


def _of_quantity(clause: Clause, stretch: Stretch, currency: str, proration: str) -> Worth | None:
    quantity = clause.quantity_at(stretch.start)
    if quantity is None:
        return None
    rated = _rate(clause.price, quantity, currency, None, clause.unit, clause.unit_en)
    used, whole = stretch.span.days, stretch.span.whole_days
    if used == whole or clause.one_off or proration == "none":
        return _worth(clause, stretch, rated, {})
    return _worth(clause, stretch, prorated(rated, used, whole), {"days": [used, whole]})


# Most customers of a plan have the same seats and modules; equal questions are answered once.
@lru_cache(maxsize=50_000)
def _rate(
    price: Rating, quantity: Decimal, currency: str, transactions: tuple[Decimal, ...] | None, unit: str, unit_en: str
) -> Rated:
    return rate(price, quantity, currency, transactions=transactions, unit=unit, unit_en=unit_en)


def _worth(clause: Clause, stretch: Stretch, rated: Rated, more: Mapping[str, Any]) -> Worth:
    return Worth(
        clause=clause,
        stretch=stretch,
        start=stretch.span.start,
        end=stretch.span.end,
        quantity=rated.paid_quantity,
        exact=rated.exact,
        amount_minor=rated.amount_minor,
        details={**more, "steps": [step_json(one, rated.currency) for one in rated.steps]},
    )


def step_json(step: Step, currency: str) -> dict[str, str]:
    """Return a step as charges store it: as it is published, in both languages, with its kind."""
    published = step.to_json(currency, "zh")
    return {"zh": published.pop("text"), "en": step.text_en, "code": step.code, **published}
