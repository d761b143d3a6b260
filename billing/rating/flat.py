"""`flat`: the amount, whatever the quantity."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.money import plain
from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage, step


@dataclass(frozen=True, slots=True)
class Flat:
    """One amount for the period."""

    model: ClassVar[str] = "flat"
    keys: ClassVar[frozenset[str]] = frozenset({"amount"})

    amount: Decimal

    @classmethod
    def read(cls, fields: Fields) -> Flat:
        """Read the parameters."""
        return cls(fields.decimal("amount"))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"amount": plain(self.amount)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return the amount as one step."""
        return [step(explanation.flat(usage.words, self.amount), "flat", self.amount)]
