"""Value-added tax of one line (CONTRACTS rule 12). Amounts are minor units, rates are shares of one ("0.06" is 6 %)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.money import divide_half_up, minor_digits


@dataclass(frozen=True, slots=True)
class LineTax:
    """One line in minor units: net + tax is gross, always."""

    net: int
    tax: int
    gross: int

    def __post_init__(self) -> None:
        if self.net + self.tax != self.gross:
            raise ValueError("Net and tax are not the gross amount.")


def line_tax(amount_minor: int, rate: Decimal, inclusive: bool, currency: str) -> LineTax:
    """Return net, tax and gross of a line's amount after discount.

    Inclusive: the amount is gross, tax = round(gross × r ÷ (1 + r)) and net = gross − tax. Exclusive: the amount is
    net and tax = round(net × r). A negative amount is the mirror of the positive one.
    """
    if not rate.is_finite() or rate < 0:
        raise ValueError(f"{rate} is no tax rate.")
    minor_digits(currency)
    numerator, denominator = rate.as_integer_ratio()
    if inclusive:
        tax = divide_half_up(amount_minor * numerator, denominator + numerator)
        return LineTax(amount_minor - tax, tax, amount_minor)
    tax = divide_half_up(amount_minor * numerator, denominator)
    return LineTax(amount_minor, tax, amount_minor + tax)


def credit_tax(credited_minor: int, amount_minor: int, rate: Decimal, inclusive: bool, currency: str) -> LineTax:
    """Return net, tax and gross of a credit of a line of which some was credited before.

    The tax is tax(credited so far + this) − tax(credited so far), so that credits of the whole line, in however many
    parts, return exactly its tax. Both amounts are on the line's own side: gross if inclusive, else net.
    """
    before = line_tax(credited_minor, rate, inclusive, currency)
    after = line_tax(credited_minor + amount_minor, rate, inclusive, currency)
    return LineTax(after.net - before.net, after.tax - before.tax, after.gross - before.gross)
