"""A price: one of eight shapes, with what is included, its bounds and the operator's own cost (CONTRACTS §1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final, Protocol, Self

from billing.money import plain
from billing.rating.errors import PriceError
from billing.rating.flat import Flat
from billing.rating.graduated import Graduated
from billing.rating.graduated_percentage import GraduatedPercentage
from billing.rating.package import Package
from billing.rating.per_unit import PerUnit
from billing.rating.percentage import Percentage
from billing.rating.reading import Fields, ordered
from billing.rating.stairstep import Stairstep
from billing.rating.steps import ZERO, Step, Usage
from billing.rating.volume import Volume


class Shape(Protocol):
    """What every price shape can do."""

    model: ClassVar[str]
    keys: ClassVar[frozenset[str]]

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the parameters of the shape."""

    def to_json(self) -> dict[str, object]:
        """Return the parameters as they are read."""

    def steps(self, usage: Usage) -> list[Step]:
        """Return the steps of the price of a quantity, before minimum and maximum."""


SHAPES: Final[dict[str, type[Shape]]] = {
    shape.model: shape
    for shape in (Flat, PerUnit, Package, Graduated, Volume, Stairstep, Percentage, GraduatedPercentage)
}
_COSTS: Final = frozenset(
    {"amount", "unit_amount", "package_amount", "rate", "fixed_amount", "flat_amount", "min_amount"}
)
_COMMON: Final = frozenset({"model", "included", "minimum", "maximum", "unit_cost"})


@dataclass(frozen=True, slots=True)
class Price:
    """A readable, unchangeable price. `unit_cost` is for margin only and never part of a result."""

    shape: Shape
    included: Decimal = ZERO
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unit_cost: Decimal | None = None

    @property
    def model(self) -> str:
        """The name of the shape, such as `per_unit`."""
        return self.shape.model

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever owed, whatever the quantity."""
        return not self.minimum and not any(_amounts(self.shape.to_json()))

    def to_json(self) -> dict[str, object]:
        """Return what parse_price reads back as an equal price, with canonical decimals."""
        written = {"model": self.model, **self.shape.to_json()}
        if self.included:
            written["included"] = plain(self.included)
        for key in ("minimum", "maximum", "unit_cost"):
            if (value := getattr(self, key)) is not None:
                written[key] = plain(value)
        return written


def _amounts(written: dict[str, object]) -> Iterator[Decimal]:
    """Yield every amount and rate of a shape as written, those of tiers too."""
    for key, value in written.items():
        if isinstance(value, list):
            for tier in value:
                yield from _amounts(tier)
        elif key in _COSTS and value is not None:
            yield Decimal(str(value))


def parse_price(data: object, path: str = "price") -> Price:
    """Read a price from JSON; refuse it with PriceError(code, path, message) that names the exact key."""
    fields = Fields(data, path)
    shape = _shape(fields)
    fields.only(_COMMON | shape.keys)
    low, high = fields.optional("minimum"), fields.optional("maximum")
    read = shape.read(fields)
    ordered(fields, "minimum", low, "maximum", high)
    return Price(read, fields.optional("included") or ZERO, low, high, fields.optional("unit_cost"))


def _shape(fields: Fields) -> type[Shape]:
    name = fields.value("model")
    if isinstance(name, str) and name in SHAPES:
        return SHAPES[name]
    raise PriceError(
        "unknown_model",
        fields.at("model"),
        f"Unknown model {name!r}; write one of {', '.join(SHAPES)}.",
        f"不认识的计价方式「{name}」；可以写：{'、'.join(SHAPES)}。",
    )
