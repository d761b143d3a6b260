"""Compute a line once more: usage from the events themselves, everything else from its parameters; and say whether it agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing import previewing
from billing.models import Charge
from billing.money import round_half_up
from billing.rating import Price, prorate_minor, rate
from billing.undoing import Charged, Given, give_back, undo
from invoices.deriving import usage
from invoices.deriving.lines import Derivation
from usage import measuring, recounting


@dataclass(frozen=True, slots=True)
class Count:
    """A stretch counted twice: event by event, and by the counters that bills are made of."""

    events: int
    quantity: Decimal
    counters: Decimal
    counter_events: int

    @property
    def agrees(self) -> bool:
        """Whether every event is in the counters and nothing else."""
        return (self.events, self.quantity) == (self.counter_events, self.counters)


@dataclass(frozen=True, slots=True)
class Again:
    """A line computed again, in minor units: what came out beside what was charged; of usage also what was counted.

    `kind` is usage, days, credit, minimum or steps: by which way. Usage is compared with all that was charged for its period.
    """

    kind: str
    amount_minor: int
    charged_minor: int
    count: Count | None = None

    @property
    def agrees(self) -> bool:
        """Whether the books, the counters and the events say the same."""
        return self.amount_minor == self.charged_minor and (self.count is None or self.count.agrees)


def again(one: Derivation) -> Again:
    """Compute the line of a derivation again."""
    charge, how = one.of.charge, one.data["how"]
    if how["type"] == "usage":
        return _usage(one)
    if how["type"] in ("share", "raised") and one.of.clause:
        return Again("days", _shared(one.of.clause.price, charge.currency, how), charge.amount_minor)
    if how["type"] == "credit":
        return Again("credit", -_given_back(how), charge.amount_minor)
    if how["type"] == "minimum":
        return Again("minimum", _missing(how), charge.amount_minor)
    return Again("steps", _steps(charge), charge.amount_minor)


def _usage(one: Derivation) -> Again:
    found = previewing.recompute(one.of.charge)
    count = _count(one)
    if found is None:
        return Again("steps", _steps(one.of.charge), one.of.charge.amount_minor, count)
    return Again("usage", found.amount_minor, found.charged_minor, count)


def _count(one: Derivation) -> Count:
    """Count the line's own stretch from its events, and read it from the counters."""
    own = usage.wants(one.of)["own"]
    events, counters = recounting.count(own), measuring.measure([own])["own"]
    return Count(events.events, events.quantity, counters.quantity, counters.events)


def _shared(price: Price, currency: str, how: dict[str, Any]) -> int:
    after = _part(price, currency, how.get("after", how["quantity"]), how["share"])
    if how["type"] == "share":
        return after
    return max(0, after - _part(price, currency, how["before"], how["share"]))


def _part(price: Price, currency: str, quantity: str, share: dict[str, Any]) -> int:
    rated = rate(price, Decimal(quantity), currency)
    if share["unit"] == "whole":
        return rated.amount_minor
    return round_half_up(Fraction(rated.exact) * Fraction(share["used"], share["whole"]), currency)


def _given_back(how: dict[str, Any]) -> int:
    removed, held = (Fraction(Decimal(part)) for part in how["share"])
    lines = [
        Charged(
            line["charge"],
            line["undiscounted_minor"],
            line["net_minor"],
            line["covered"],
            min(how["unused"], line["covered"]),
            tuple(Given(*given) for given in line["earlier"]),
        )
        for line in how["gives_back"]
    ]
    return sum(back.amount_minor for back in give_back(lines, removed / held))


def _missing(how: dict[str, Any]) -> int:
    least = sum(prorate_minor(one["minimum_minor"], one["used"], one["whole"]) for one in how["commitments"])
    missing = max(0, least - sum(amount for _pk, _code, amount in how["charged"])) - how["billed_minor"]
    return missing if missing >= 0 else -sum(b.amount_minor for b in undo(_charged(how.get("chain", [])), -missing))


def _charged(chain: Sequence[dict[str, Any]]) -> list[Charged]:
    return [
        Charged(
            line["charge"],
            line["undiscounted_minor"],
            line["net_minor"],
            given=tuple(Given(amount, undiscounted, 1) for amount, undiscounted in line["earlier"]),
        )
        for line in chain
    ]


def _steps(charge: Charge) -> int:
    """Return the stored steps added up and rounded, in minor units."""
    exact = sum((Fraction(Decimal(step["amount"])) for step in charge.details.get("steps", [])), Fraction(0))
    return round_half_up(exact, charge.currency)
