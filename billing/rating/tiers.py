"""Tiers with absolute, inclusive bounds; the last one is open. Shared by every shape that has tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.money import plain
from billing.rating.explanation import Range, Words, tier_range
from billing.rating.reading import Fields, read_decimal
from billing.rating.steps import ZERO


@dataclass(frozen=True, slots=True)
class Tier:
    """The units above one bound, up to and with the next: their price and the flat amount of the tier."""

    above: Decimal
    up_to: Decimal | None
    price: Decimal
    flat_amount: Decimal = ZERO

    def holds(self, quantity: Decimal) -> bool:
        """Whether a quantity is not beyond this tier."""
        return self.up_to is None or quantity <= self.up_to

    def part(self, quantity: Decimal) -> Decimal:
        """Return how much of a quantity lies in this tier."""
        reached = quantity if self.up_to is None else min(quantity, self.up_to)
        return max(ZERO, reached - self.above)

    def named(self, words: Words, in_money: bool = False) -> Range:
        """Return the tier's name."""
        return tier_range(self.above, self.up_to, words, in_money)


def reached(tiers: Sequence[Tier], quantity: Decimal) -> Tier:
    """Return the tier that a quantity reaches; zero reaches the first."""
    return next(tier for tier in tiers if tier.holds(quantity))


def entered(tiers: Sequence[Tier], quantity: Decimal) -> list[Tier]:
    """Return the tiers that hold some of a quantity; of zero, the first."""
    return [tier for tier in tiers if quantity > tier.above or not tier.above]


def read_tiers(fields: Fields, price_key: str, with_flat: bool) -> tuple[Tier, ...]:
    """Read `tiers`: ascending bounds, the last null. Every refusal names the tier's own path."""
    rows = fields.items("tiers")
    tiers: list[Tier] = []
    above = ZERO
    for number, row in enumerate(rows):
        tier = _read_tier(Fields(row, f"{fields.at('tiers')}[{number}]"), price_key, with_flat, above)
        _refuse_gap(fields, number, tier, last=number == len(rows) - 1)
        tiers.append(tier)
        above = tier.up_to or above
    return tuple(tiers)


def write_tiers(tiers: Sequence[Tier], price_key: str, with_flat: bool) -> list[dict[str, str | None]]:
    """Return the JSON that read_tiers reads."""
    written: list[dict[str, str | None]] = []
    for tier in tiers:
        row = {"up_to": None if tier.up_to is None else plain(tier.up_to), price_key: plain(tier.price)}
        written.append({**row, "flat_amount": plain(tier.flat_amount)} if with_flat else row)
    return written


def _read_tier(fields: Fields, price_key: str, with_flat: bool, above: Decimal) -> Tier:
    fields.only({"up_to", price_key, "flat_amount"} if with_flat else {"up_to", price_key})
    if "up_to" not in fields.data:
        raise fields.error("missing", fields.at("up_to"), "up_to is missing.", "缺少 up_to。")
    up_to = fields.data["up_to"]
    bound = None if up_to is None else read_decimal(up_to, fields.at("up_to"))
    flat_amount = fields.optional("flat_amount") if with_flat else None
    price = fields.optional(price_key)
    if price is None and flat_amount is None:
        price = fields.decimal(price_key)
    return Tier(above, bound, price or ZERO, flat_amount or ZERO)


def _refuse_gap(fields: Fields, number: int, tier: Tier, last: bool) -> None:
    path = f"{fields.at('tiers')}[{number}].up_to"
    if tier.up_to is None and not last:
        raise fields.error(
            "tiers_after_last",
            path,
            "Only the last tier has no upper bound; write where this one ends.",
            "只有最后一档可以没有上限；请写明这一档到哪里为止。",
        )
    if tier.up_to is not None and tier.up_to <= tier.above:
        raise fields.error(
            "tiers_not_ascending",
            path,
            f"up_to {tier.up_to} is not above {tier.above}, where the tier begins.",
            f"上限 {tier.up_to} 没有大于这一档的起点 {tier.above}。",
        )
    if last and tier.up_to is not None:
        raise fields.error(
            "tiers_gap",
            path,
            f"Quantities above {tier.up_to} have no price: write null as the bound of the last tier.",
            f"超过 {tier.up_to} 的部分没有价格：最后一档的上限请写 null。",
        )
