"""`package`: whole packages; one is due from its first unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.money import plain
from billing.rating import explanation
from billing.rating.reading import Fields
from billing.rating.steps import ONE, ZERO, Step, Usage, step


@dataclass(frozen=True, slots=True)
class Package:
    """A price for every begun package of so many units."""

    model: ClassVar[str] = "package"
    keys: ClassVar[frozenset[str]] = frozenset({"package_size", "package_amount"})

    package_size: Decimal
    package_amount: Decimal

    @classmethod
    def read(cls, fields: Fields) -> Package:
        """Read the parameters; a package of nothing is refused."""
        size = fields.decimal("package_size")
        if not size:
            raise fields.error("zero", fields.at("package_size"), "A package holds something.", "每包不能是零。")
        return cls(size, fields.decimal("package_amount"))

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        return {"package_size": plain(self.package_size), "package_amount": plain(self.package_amount)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return the begun packages as one step."""
        full, rest = divmod(usage.paid, self.package_size)
        packages = full + (ONE if rest else ZERO)
        head = explanation.measured(usage.words, usage.quantity, usage.included, usage.paid)
        text = explanation.package(usage.words, usage.paid, self.package_size, packages, self.package_amount)
        return [step((head[0] + text[0], head[1] + text[1]), "package", self.package_amount, packages)]
