"""`stairstep`: the amount of the tier reached, nothing per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage, step
from billing.rating.tiers import Tier, reached, read_tiers, write_tiers


@dataclass(frozen=True, slots=True)
class Stairstep:
    """One amount for each tier; a fractional quantity is placed as it is."""

    model: ClassVar[str] = "stairstep"
    keys: ClassVar[frozenset[str]] = frozenset({"tiers"})

    tiers: tuple[Tier, ...]

    @classmethod
    def read(cls, fields: Fields) -> Stairstep:
        """Read the parameters."""
        return cls(read_tiers(fields, "amount", with_flat=False))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"tiers": write_tiers(self.tiers, "amount", with_flat=False)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return the amount of the tier reached as one step."""
        words, paid = usage.words, usage.paid
        tier = reached(self.tiers, paid)
        head = explanation.measured(words, usage.quantity, usage.included, paid)
        text = explanation.stairstep(words, tier.named(words), paid, tier.price)
        return [step((head[0] + text[0], head[1] + text[1]), "tier_flat", tier.price)]
