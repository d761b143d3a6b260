"""What is usual for a customer, and what is far from it: robust median and spread over the own history (REQUIREMENTS C8).

A line is compared with the earlier periods of the same price: each is stretched to the days and the units of contract of
now, so that a longer month, and seats that a member confirmed, are no anomaly. Median and MAD are robust: one odd month
in the past moves neither. Everything is exact; figures are minor units before discount and tax.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median

# Fewer earlier periods say nothing about what is usual.
LEAST_PERIODS = 3
# The last year counts.
MOST_PERIODS = 12
# The MAD of a normal distribution is its standard deviation divided by this.
OF_MAD = Fraction(14826, 10000)
# Of a history that never moved, a fifth of the usual is its spread; and a fifth above the highest so far is no news.
FLOOR = Fraction(1, 5)
ABOVE, ZERO, NEW = "above", "zero", "new"


@dataclass(frozen=True, slots=True)
class Limits:
    """A seller's thresholds: how many spreads above the usual are far, and how much money that must be at least."""

    factor: Decimal
    least_minor: int


@dataclass(frozen=True, slots=True)
class Past:
    """What one price came to in an earlier period of so many days, with so many units of contract (seats)."""

    amount_minor: int
    days: int
    units: Decimal = Decimal(1)
    bill: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A price on the bill in question; `past` are its earlier periods, newest first.

    `bills` are how many earlier bills of the contract there are, also without this price. `explained`: a member confirmed
    it, so it is not judged.
    """

    key: str
    amount_minor: int
    days: int
    units: Decimal = Decimal(1)
    past: Sequence[Past] = ()
    bills: int = 0
    explained: bool = False


@dataclass(frozen=True, slots=True)
class Far:
    """Why a line (`key` empty: the bill) is far: `spreads` is how many spreads it lies above the usual, one decimal."""

    key: str
    why: str
    amount_minor: int
    usual_minor: int
    spread_minor: int
    highest_minor: int
    spreads: Decimal
    periods: int


def judge(lines: Iterable[Line], limits: Limits) -> list[Far]:
    """Return what of a bill is far above its own history, the bill as a whole last; nothing without at least three bills.

    Only what is above is held: what is below costs the customer nothing.
    """
    judged = [(line, history) for line in lines if is_judged_line(line) and (history := _history(line)) is not None]
    found = [far for line, history in judged if (far := _far(line.key, line.amount_minor, history, limits)) is not None]
    whole = _whole(judged)
    total = sum(line.amount_minor for line, _history in judged)
    if len(judged) > 1 and whole and (far := _far("", total, whole, limits)) is not None:
        found.append(far)
    return found


def is_judged_line(line: Line) -> bool:
    """Return whether a line is judged at all: nobody confirmed it, and its history is long enough."""
    return not line.explained and _history(line) is not None


def spread_of(history: Sequence[Fraction], limits: Limits) -> Fraction:
    """Return the spread of a history: 1.4826 × MAD, at least a fifth of the usual, and at least what is worth a question."""
    usual = median(history)
    mad = median([abs(one - usual) for one in history])
    return max(OF_MAD * mad, FLOOR * abs(usual), Fraction(limits.least_minor) / Fraction(limits.factor))


def _history(line: Line) -> list[Fraction] | None:
    """Return what earlier periods would come to on the days and units of now; None where too few say anything.

    A price that no earlier bill of the contract had, and that nobody confirmed, has a history of zeros.
    """
    past = list(line.past[:MOST_PERIODS])
    if len(past) >= LEAST_PERIODS:
        return [_stretched(one, line) for one in past]
    if not past and line.bills >= LEAST_PERIODS:
        return []
    return None


def _stretched(one: Past, line: Line) -> Fraction:
    then, now = Fraction(one.days) * _units(one.units), Fraction(line.days) * _units(line.units)
    return Fraction(one.amount_minor) * now / then


def _units(units: Decimal) -> Fraction:
    return Fraction(units) if units > 0 else Fraction(1)


def _far(key: str, amount_minor: int, history: Sequence[Fraction], limits: Limits) -> Far | None:
    known = list(history) or [Fraction(0)]
    usual, spread, highest = median(known), spread_of(known, limits), max(known)
    above = amount_minor - usual
    # What was billed before, and stood, is not asked about again.
    if above <= 0 or amount_minor <= highest * (1 + FLOOR) or above <= Fraction(limits.factor) * spread:
        return None
    why = NEW if not history else ZERO if not highest else ABOVE
    spreads = Decimal(round(above * 10 / spread)) / 10 if spread else Decimal(0)
    return Far(key, why, amount_minor, round(usual), round(spread), round(highest), spreads, len(history))


def _whole(judged: Sequence[tuple[Line, Sequence[Fraction]]]) -> list[Fraction]:
    """Return what earlier bills would come to, of the prices that are judged now; where one has none, its usual stands in."""
    by_bill: dict[int, dict[str, Fraction]] = {}
    usuals = {}
    for line, history in judged:
        usuals[line.key] = median(history) if history else Fraction(0)
        for one, amount in zip(line.past, history, strict=False):
            sums = by_bill.setdefault(one.bill, {})
            sums[line.key] = sums.get(line.key, Fraction(0)) + amount
    if len(by_bill) < LEAST_PERIODS:
        return []
    newest = sorted(by_bill, reverse=True)[:MOST_PERIODS]
    return [sum((by_bill[bill].get(key, usual) for key, usual in usuals.items()), Fraction(0)) for bill in newest]
