"""Split how a line differs from the same line of the bill before into its causes, to the fen. No Django in here.

The order is fixed, because what a higher price costs depends on how much was used: first the price, at the old quantity and
the old days; then the quantity (or what was used, less what packs covered); then the days; then what coupons took off;
then tax where it comes on top. Each part is the difference of two settled amounts, so the parts always add up to the
difference; what no cause explains (a line that was corrected, say) is `other`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from billing.money import round_half_up
from billing.rating import Price, rate

ZERO = Decimal(0)
NEW, GONE, PRICE, QUANTITY, USAGE = "new", "gone", "price", "quantity", "usage"
DAYS, DISCOUNT, TAX, OTHER = "days", "discount", "tax", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One line as it was reckoned: at a price, for a quantity, for a share of its period; in minor units.

    `amount_minor` is before discount; `tax_minor` is what tax adds on top (0 where prices include it). Of a line that no
    price makes, `price` is None.
    """

    price: Price | None
    quantity: Decimal
    amount_minor: int
    share: Fraction = Fraction(1)
    covered: Decimal = ZERO
    before: Decimal | None = None
    transactions: tuple[Decimal, ...] | None = None
    discount_minor: int = 0
    tax_minor: int = 0
    metered: bool = False

    @property
    def gross_minor(self) -> int:
        """What it adds to its bill."""
        return self.amount_minor - self.discount_minor + self.tax_minor

    def worth(self, currency: str) -> int:
        """Return what it comes to by its own price, before discount, in minor units."""
        assert self.price is not None
        single = self.transactions if self.price.model == "percentage" else None
        quantity = max(ZERO, self.quantity - self.covered)
        rated = rate(self.price, quantity, currency, before=self.before, transactions=single)
        if self.share == 1:
            return rated.amount_minor if self.before is None else max(0, rated.amount_minor)
        return round_half_up(Fraction(rated.exact) * self.share, currency)


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause makes of a difference, in minor units, with its sign."""

    cause: str
    amount_minor: int


def split(old: Side | None, new: Side | None, currency: str) -> tuple[Part, ...]:
    """Return the causes of a difference, in the order in which they are taken; causes without effect are left out."""
    if old is None or new is None:
        cause = GONE if new is None else NEW
        amount = (new.gross_minor if new else 0) - (old.gross_minor if old else 0)
        return (Part(cause, amount),) if amount else ()
    parts = _rated(old, new, currency) if old.price and new.price else []
    explained = sum(part.amount_minor for part in parts)
    parts.append(Part(OTHER, new.amount_minor - old.amount_minor - explained))
    parts.append(Part(DISCOUNT, old.discount_minor - new.discount_minor))
    parts.append(Part(TAX, new.tax_minor - old.tax_minor))
    return tuple(part for part in parts if part.amount_minor)


def _rated(old: Side, new: Side, currency: str) -> list[Part]:
    priced = replace(old, price=new.price)
    filled = replace(new, share=old.share)
    lasting = replace(filled, share=new.share)
    stations = [one.worth(currency) for one in (old, priced, filled, lasting)]
    causes = (PRICE, USAGE if new.metered else QUANTITY, DAYS)
    return [Part(cause, after - before) for cause, before, after in zip(causes, stations, stations[1:], strict=False)]
