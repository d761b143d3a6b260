"""`graduated_percentage`: as graduated, on an amount: each part of it at its own tier's rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from billing.rating.graduated import graduated_steps
from billing.rating.reading import Fields
from billing.rating.steps import Step, Usage
from billing.rating.tiers import Tier, read_tiers, write_tiers


@dataclass(frozen=True, slots=True)
class GraduatedPercentage:
    """Rates on an amount that is cut into tiers."""

    model: ClassVar[str] = "graduated_percentage"
    keys: ClassVar[frozenset[str]] = frozenset({"tiers"})

    tiers: tuple[Tier, ...]

    @classmethod
    def read(cls, fields: Fields) -> GraduatedPercentage:
        """Read the parameters."""
        return cls(read_tiers(fields, "rate", with_flat=True))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"tiers": write_tiers(self.tiers, "rate", with_flat=True)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return one step for each entered tier and one for each flat amount."""
        return graduated_steps(self.tiers, usage, as_share=True)
