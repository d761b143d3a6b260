"""What a price shape is given and what it answers: steps that add up to the exact price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.money import minor_digits, plain
from billing.rating.explanation import Text, Words

ONE = Decimal(1)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One printed step of a price: quantity × unit_amount is amount, exactly, in whole units of the currency.

    `code` says what kind it is (unit, package, tier, tier_flat, flat, rate, fixed, free, lowest, highest, minimum,
    maximum, before, proration, pack); with `rate` the unit amount is a share of one and the quantity an amount.
    """

    text_zh: str
    text_en: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    code: str

    def text(self, language: str) -> str:
        """Return the sentence in Chinese for zh and its kin, in English otherwise."""
        return self.text_zh if language.lower().startswith("zh") else self.text_en

    def to_json(self, currency: str, language: str) -> dict[str, str]:
        """Return the published form: text, quantity, unit_amount, amount (CONTRACTS §1)."""
        digits = minor_digits(currency)
        return {
            "text": self.text(language),
            "quantity": plain(self.quantity),
            "unit_amount": plain(self.unit_amount, 0 if self.code == "rate" else digits),
            "amount": plain(self.amount, digits),
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """What is to be priced: the measured quantity (or each transaction), what is free of it, and the words for it."""

    quantity: Decimal
    included: Decimal
    words: Words
    transactions: tuple[Decimal, ...] | None = None

    @property
    def paid(self) -> Decimal:
        """What is left to pay for after the included units."""
        return max(ZERO, self.quantity - self.included)

    @property
    def used_of_included(self) -> Decimal:
        """How much of the included units was used up."""
        return min(self.quantity, self.included)


def step(text: Text, code: str, unit_amount: Decimal, quantity: Decimal = ONE) -> Step:
    """Return a step whose amount is quantity × unit_amount."""
    return Step(text[0], text[1], quantity, unit_amount, quantity * unit_amount, code)
