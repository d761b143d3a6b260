"""`per_unit`: paid quantity × unit_amount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.money import plain
from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage, step


@dataclass(frozen=True, slots=True)
class PerUnit:
    """The same price for every unit."""

    model: ClassVar[str] = "per_unit"
    keys: ClassVar[frozenset[str]] = frozenset({"unit_amount"})

    unit_amount: Decimal

    @classmethod
    def read(cls, fields: Fields) -> PerUnit:
        """Read the parameters."""
        return cls(fields.decimal("unit_amount"))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"unit_amount": plain(self.unit_amount)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return one step, which also says what was measured and included."""
        text = explanation.per_unit(usage.words, usage.quantity, usage.included, usage.paid, self.unit_amount)
        return [step(text, "unit", self.unit_amount, usage.paid)]
