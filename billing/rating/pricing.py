"""Price one quantity: the exact amount, the rounded one, and steps that add up (CONTRACTS §1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from billing.money import EXACT, minor_digits, plain, round_half_up
from billing.rating import explanation
from billing.rating.errors import InputError
from billing.rating.explanation import Words
from billing.rating.flat import Flat
from billing.rating.percentage import Percentage
from billing.rating.price import Price
from billing.rating.steps import ONE, ZERO, Step, Usage, step


@dataclass(frozen=True, slots=True)
class Rated:
    """The price of a quantity.

    `exact` is in whole units, unrounded, and the sum of the steps; `amount_minor` is settled. `paid_quantity` is what
    is paid for after `included_used` came off `quantity`; a flat price has the paid quantity 1. With `before` all are
    what the quantity adds to what was measured before, and may be below zero where a larger volume is cheaper.
    """

    amount_minor: int
    exact: Decimal
    steps: tuple[Step, ...]
    paid_quantity: Decimal
    quantity: Decimal
    included_used: Decimal
    currency: str

    def to_json(self, language: str) -> dict[str, object]:
        """Return the published form; `exact` has at least two digits more than the currency."""
        digits = minor_digits(self.currency)
        return {
            "amount": plain(Decimal(self.amount_minor).scaleb(-digits, EXACT), digits),
            "exact": plain(self.exact, digits + 2),
            "steps": [one.to_json(self.currency, language) for one in self.steps],
        }


def rate(
    price: Price,
    quantity: Decimal,
    currency: str,
    *,
    before: Decimal | None = None,
    transactions: Sequence[Decimal] | None = None,
    unit: str = "",
    unit_en: str = "",
) -> Rated:
    """Return the price of a quantity in a currency.

    `before` is what the period had measured already: the answer is then the price of the whole less the price of
    `before`, each rounded for itself, so that the parts of a period add up to the period. None means that nothing
    was billed yet; 0 takes off the price of zero. `transactions` are for `percentage` alone and stand in place of the
    quantity; what came before counts as one transaction ahead of them. Raises InputError, UnknownCurrency.
    """
    for path, value in (("quantity", quantity), ("before", before)):
        _refuse_below_zero(path, value)
    if transactions is not None:
        _refuse_transactions(price, transactions)
    words = Words(currency, unit, unit_en)
    with localcontext(EXACT):
        if before is None:
            return _rated(price, _usage(price, quantity, transactions, words), currency)
        earlier = _rated(price, _usage(price, before, None, words), currency)
        if transactions is None:
            whole = _usage(price, before + quantity, None, words)
        else:
            whole = _usage(price, ZERO, (before, *transactions), words)
        return _less(_rated(price, whole, currency), earlier, words)


def _usage(price: Price, quantity: Decimal, transactions: Sequence[Decimal] | None, words: Words) -> Usage:
    if transactions is None:
        return Usage(quantity, price.included, words)
    return Usage(sum(transactions, ZERO), price.included, words, tuple(transactions))


def _rated(price: Price, usage: Usage, currency: str) -> Rated:
    steps = price.shape.steps(usage)
    exact = sum((one.amount for one in steps), ZERO)
    if price.minimum is not None and exact < price.minimum:
        steps.append(step(explanation.minimum(usage.words, price.minimum), "minimum", price.minimum - exact))
        exact = price.minimum
    if price.maximum is not None and exact > price.maximum:
        steps.append(step(explanation.maximum(usage.words, price.maximum), "maximum", price.maximum - exact))
        exact = price.maximum
    paid = ONE if isinstance(price.shape, Flat) else usage.paid
    amount = round_half_up(exact, currency)
    return Rated(amount, exact, tuple(steps), paid, usage.quantity, usage.used_of_included, currency)


def _less(whole: Rated, earlier: Rated, words: Words) -> Rated:
    """Take the price of what came before off the price of the whole, as one more step."""
    off = step(explanation.before(words, earlier.quantity, earlier.exact), "before", -earlier.exact)
    return Rated(
        amount_minor=whole.amount_minor - earlier.amount_minor,
        exact=whole.exact - earlier.exact,
        steps=(*whole.steps, off),
        paid_quantity=whole.paid_quantity - earlier.paid_quantity,
        quantity=whole.quantity - earlier.quantity,
        included_used=whole.included_used - earlier.included_used,
        currency=whole.currency,
    )


def _refuse_below_zero(path: str, value: Decimal | None) -> None:
    if value is not None and not (value.is_finite() and value >= 0):
        raise InputError("negative", path, f"{value} is below zero.", f"{value} 小于零。")


def _refuse_transactions(price: Price, transactions: Sequence[Decimal]) -> None:
    if not isinstance(price.shape, Percentage):
        raise InputError(
            "not_applicable",
            "transactions",
            f"Transactions belong to the model percentage, not to {price.model}.",
            f"transactions 只用于 percentage，不用于 {price.model}。",
        )
    for number, value in enumerate(transactions):
        _refuse_below_zero(f"transactions[{number}]", value)
