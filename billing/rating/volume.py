"""`volume`: all units at the price of the tier that the whole quantity reaches, plus that tier's flat amount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING
from typing import ClassVar

from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage, step
from billing.rating.tiers import Tier, reached, read_tiers, write_tiers


@dataclass(frozen=True, slots=True)
class Volume:
    """One tier for everything; a fractional quantity is placed by its ceiling and paid as it is."""

    model: ClassVar[str] = "volume"
    keys: ClassVar[frozenset[str]] = frozenset({"tiers"})

    tiers: tuple[Tier, ...]

    @classmethod
    def read(cls, fields: Fields) -> Volume:
        """Read the parameters."""
        return cls(read_tiers(fields, "unit_amount", with_flat=True))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"tiers": write_tiers(self.tiers, "unit_amount", with_flat=True)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return the units and the flat amount of the tier reached."""
        words, paid = usage.words, usage.paid
        tier = reached(self.tiers, paid.to_integral_value(ROUND_CEILING))
        name = tier.named(words)
        head = explanation.measured(words, usage.quantity, usage.included, paid)
        text = explanation.volume(words, name, paid, tier.price)
        steps = [step((head[0] + text[0], head[1] + text[1]), "tier", tier.price, paid)]
        if tier.flat_amount:
            steps.append(step(explanation.tier_flat(words, name, tier.flat_amount), "tier_flat", tier.flat_amount))
        return steps
