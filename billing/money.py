"""Settled money: whole minor units of one currency, and the one way to round to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import Final

# Sums and products of prices and quantities are exact; if a digit would ever be lost, it is an error and no silence.
MOST_DIGITS: Final = 30
EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

# ISO 4217: the currencies with two digits after the point, then the exceptions.
_TWO_DIGITS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"
_DIGITS: Final = {
    code: digits
    for digits, codes in ((0, _NO_DIGITS), (2, _TWO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for code in codes.split()
}


class UnknownCurrency(ValueError):
    """The code is no ISO 4217 currency that money can be settled in."""

    def __init__(self, currency: object) -> None:
        super().__init__(f"Unknown currency {currency!r}: write an ISO 4217 code such as CNY.")
        self.currency = currency


class CurrencyMismatch(ValueError):
    """Amounts of two currencies met in one sum or comparison."""


def minor_digits(currency: str) -> int:
    """Return how many digits a currency has after the point: 2 for CNY, 0 for JPY, 3 for KWD.

    Raises UnknownCurrency. Source: ISO 4217, list one.
    """
    try:
        return _DIGITS[currency]
    except (KeyError, TypeError):
        raise UnknownCurrency(currency) from None


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return numerator ÷ denominator as the nearest whole number, ties away from zero (CONTRACTS rule 11).

    Every rounding of money in the product ends here. The denominator must be positive.
    """
    if denominator <= 0:
        raise ValueError("The denominator must be above zero.")
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return nearest if numerator >= 0 else -nearest


def round_half_up(exact: Decimal | Fraction, currency: str) -> int:
    """Return an exact amount in whole units (yuan) as minor units (fen), ties away from zero."""
    numerator, denominator = exact.as_integer_ratio()
    return divide_half_up(numerator * 10 ** minor_digits(currency), denominator)


def plain(value: Decimal, least_digits: int = 0) -> str:
    """Return a decimal without exponent and without idle zeros, with at least so many digits after the point."""
    whole, _, fraction = format(value, "f").partition(".")
    fraction = fraction.rstrip("0").ljust(least_digits, "0")
    text = f"{whole}.{fraction}" if fraction else whole
    return text.lstrip("-") if not value else text


def allocate(total_minor: int, weights: Sequence[int | Decimal]) -> list[int]:
    """Split a total over weights by largest remainder, equal remainders to the earlier (CONTRACTS rule 10).

    The parts always add up to the total; a negative total is split as its mirror. Weights are not negative and,
    unless the total is zero, one of them is above zero.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("A weight is below zero.")
    shares = [Fraction(weight) for weight in weights]
    whole = sum(shares, Fraction(0))
    if not whole:
        if total_minor:
            raise ValueError("There is nothing to spread the total over.")
        return [0] * len(shares)
    exact = [abs(total_minor) * share / whole for share in shares]
    parts = [part.numerator // part.denominator for part in exact]
    left = abs(total_minor) - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in by_remainder[:left]:
        parts[at] += 1
    return parts if total_minor >= 0 else [-part for part in parts]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount that is settled: minor units (fen, cents) of one currency. Two currencies never mix."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise TypeError("Money counts whole minor units.")
        minor_digits(self.currency)

    @classmethod
    def of(cls, amount: str | Decimal, currency: str) -> Money:
        """Read "12.30"; refuse (ValueError) what is no decimal or has more digits than the currency."""
        digits = minor_digits(currency)
        try:
            value = Decimal(amount)
        except (InvalidOperation, TypeError):
            raise ValueError(f"{amount!r} is no decimal amount.") from None
        # An exponent of nine digits would be a number of a gigabyte.
        if isinstance(amount, float) or not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:
            raise ValueError(f"{amount!r} is no decimal amount.")
        numerator, denominator = value.as_integer_ratio()
        minor, lost = divmod(numerator * 10**digits, denominator)
        if lost:
            raise ValueError(f"{amount} has more than the {digits} decimals of {currency}.")
        return cls(minor, currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing, in a currency."""
        return cls(0, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units with the currency's digits: Decimal("12.30")."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency), EXACT)

    def __str__(self) -> str:
        return plain(self.amount, minor_digits(self.currency))

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix.")
        return other.minor
