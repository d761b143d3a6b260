"""`graduated`: each unit at its own tier's price; a tier's flat amount once it is entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage, step
from billing.rating.tiers import Tier, entered, read_tiers, write_tiers


@dataclass(frozen=True, slots=True)
class Graduated:
    """Tiers that are filled one after the other. Zero paid units are in the first and owe its flat amount."""

    model: ClassVar[str] = "graduated"
    keys: ClassVar[frozenset[str]] = frozenset({"tiers"})

    tiers: tuple[Tier, ...]

    @classmethod
    def read(cls, fields: Fields) -> Graduated:
        """Read the parameters."""
        return cls(read_tiers(fields, "unit_amount", with_flat=True))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"tiers": write_tiers(self.tiers, "unit_amount", with_flat=True)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return one step for each entered tier and one for each flat amount."""
        return graduated_steps(self.tiers, usage, as_share=False)


def graduated_steps(tiers: Sequence[Tier], usage: Usage, *, as_share: bool) -> list[Step]:
    """Fill the tiers with what is paid for: units at a price, or an amount at a rate."""
    head = explanation.measured(usage.words, usage.quantity, usage.included, usage.paid, as_share)
    say = explanation.graduated_share if as_share else explanation.graduated
    steps = []
    for tier in entered(tiers, usage.paid):
        name, part = tier.named(usage.words, as_share), tier.part(usage.paid)
        text = say(usage.words, name, part, tier.price)
        steps.append(step((head[0] + text[0], head[1] + text[1]), "rate" if as_share else "tier", tier.price, part))
        head = "", ""
        if tier.flat_amount:
            steps.append(
                step(explanation.tier_flat(usage.words, name, tier.flat_amount), "tier_flat", tier.flat_amount)
            )
    return steps
