"""The sums of a document: always sums of its rounded lines (CONTRACTS rules 10–12). Amounts are minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from billing.money import allocate, minor_digits, round_half_up
from invoices.tax import LineTax, line_tax


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its amount before discount, what was taken off it, and its tax rate."""

    amount_minor: int
    discounts: tuple[int, ...] = field(default=())
    rate: Decimal = Decimal(0)
    inclusive: bool = True

    @property
    def discount_minor(self) -> int:
        """Everything that was taken off, not below zero."""
        return sum(self.discounts)

    @property
    def discounted_minor(self) -> int:
        """The amount after discount, on which tax is computed."""
        return self.amount_minor - self.discount_minor

    def tax(self, currency: str) -> LineTax:
        """Return net, tax and gross of the discounted amount."""
        return line_tax(self.discounted_minor, self.rate, self.inclusive, currency)


@dataclass(frozen=True, slots=True)
class Totals:
    """What stands at the foot: subtotal before discount, discount, net, tax, and the total that is asked for.

    net + tax is total. With tax inside the prices, subtotal − discount is total too; with tax on top, it is net.
    """

    subtotal: int
    discount: int
    net: int
    tax: int
    total: int


def totals(lines: Iterable[Line], currency: str) -> Totals:
    """Return the sums of lines. Tax is never computed on a sum."""
    rows = [(line, line.tax(currency)) for line in lines]
    return Totals(
        subtotal=sum(line.amount_minor for line, _ in rows),
        discount=sum(line.discount_minor for line, _ in rows),
        net=sum(tax.net for _, tax in rows),
        tax=sum(tax.tax for _, tax in rows),
        total=sum(tax.gross for _, tax in rows),
    )


def spread_percent(amounts: Sequence[int], percent: Decimal, currency: str) -> list[int]:
    """Return what an invoice-wide percentage takes off each line (rule 10).

    It is rounded once on the sum of the positive lines and spread over them by largest remainder, equal remainders
    to the earlier line; negative and zero lines take none. Percentages that follow each other are given what is left:
    10 % then 10 % is 19 %.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} % is no discount.")
    weights = [max(0, amount) for amount in amounts]
    exact = Fraction(percent) / 100 * sum(weights) / 10 ** minor_digits(currency)
    return allocate(round_half_up(exact, currency), weights)


def spread_amount(amounts: Sequence[int], off_minor: int) -> list[int]:
    """Return what a fixed amount takes off each line: spread as a percentage is, and at most the positive lines."""
    if off_minor < 0:
        raise ValueError("A discount is not below zero.")
    weights = [max(0, amount) for amount in amounts]
    return allocate(min(off_minor, sum(weights)), weights)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a coupon gives on some lines: `parts` names each line's share of it (None: it gives nothing there).

    A percentage is taken of each line where `by_line`, else of all its lines together. An amount is spread over the
    lines of each part, at most what `rest` says for it. `most` is what may be given in all.
    """

    parts: tuple[object, ...]
    percent: Decimal | None = None
    rest: Mapping[object, int] = field(default_factory=dict)
    by_line: bool = False
    most: int | None = None


def take_off(left: Sequence[int], offer: Offer, currency: str) -> list[int]:
    """Return what an offer takes off each line of which so much is left (rule 10); credit lines take none."""
    mine = [max(0, amount) if part is not None else 0 for amount, part in zip(left, offer.parts, strict=True)]
    if offer.percent is None:
        taken = _amounts(mine, offer)
    elif offer.by_line:
        taken = [spread_percent([amount], offer.percent, currency)[0] for amount in mine]
    else:
        taken = spread_percent(mine, offer.percent, currency)
    return taken if offer.most is None else spread_amount(taken, offer.most)


def _amounts(mine: Sequence[int], offer: Offer) -> list[int]:
    taken = [0] * len(mine)
    for part, rest in offer.rest.items():
        lines = [amount if of == part else 0 for amount, of in zip(mine, offer.parts, strict=True)]
        taken = [before + more for before, more in zip(taken, spread_amount(lines, rest), strict=True)]
    return taken
