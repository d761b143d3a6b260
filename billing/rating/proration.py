"""Parts of a period and what is given back of them (CONTRACTS rules 4 and 5). Pure whole-number arithmetic."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from billing.money import EXACT, divide_half_up, minor_digits, round_half_up
from billing.rating import explanation
from billing.rating.pricing import Rated
from billing.rating.steps import step


def prorate(exact: Decimal | Fraction, used: int, whole: int, currency: str) -> int:
    """Return an exact amount × used ÷ whole in minor units, rounded once (rule 4).

    `used` and `whole` are days, or seconds where the plan splits by the second; the whole is the anchor-to-anchor
    period, never a nominal month.
    """
    return round_half_up(Fraction(exact) * _share(used, whole), currency)


def prorate_minor(amount_minor: int, used: int, whole: int) -> int:
    """Return settled minor units × used ÷ whole, rounded once."""
    share = _share(used, whole)
    return divide_half_up(amount_minor * share.numerator, share.denominator)


def prorated(rated: Rated, used: int, whole: int, *, by_second: bool = False) -> Rated:
    """Return the price of a part of a period, with one more step that says the part.

    The part is rounded once and is exact from then on: the steps add up to it. The whole period comes back unchanged.
    """
    if used == whole:
        return rated
    minor = prorate(rated.exact, used, whole, rated.currency)
    units = ("秒", "second") if by_second else ("天", "day")
    with localcontext(EXACT):
        exact = Decimal(minor).scaleb(-minor_digits(rated.currency))
        cut = step(explanation.proration(used, whole, *units), "proration", exact - rated.exact)
    return replace(rated, amount_minor=minor, exact=exact, steps=(*rated.steps, cut))


def credit(
    charged_after_discount_minor: int,
    unused: int,
    covered: int,
    left_minor: int,
    *,
    removed: Decimal = Decimal(1),
    held: Decimal = Decimal(1),
) -> int:
    """Return what a charged line gives back, in minor units not below zero (rule 5).

    The charged amount after discount × unused ÷ covered days, rounded once, and at most what is left of that line.
    Fewer seats give back their share: × removed ÷ held before; earlier credits of the same days count as negative
    charges, so the caller takes them off both amounts first. Today's price plays no part.
    """
    if not 0 <= removed <= held or not held:
        raise ValueError("What is removed is a part of what was held.")
    share = _share(unused, covered) * Fraction(removed) / Fraction(held)
    asked = divide_half_up(charged_after_discount_minor * share.numerator, share.denominator)
    return max(0, min(asked, left_minor))


def _share(part: int, whole: int) -> Fraction:
    if whole <= 0 or not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole} is no part of a period.")
    return Fraction(part, whole)
