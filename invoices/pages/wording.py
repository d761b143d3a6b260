"""Small words that several pages share: months, parts of a sentence, a list of names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from django.utils.translation import gettext as _

from billing import formatting
from billing.money import Money


@dataclass(frozen=True)
class Part:
    """A stretch of a sentence; bold is kept for totals and “at most” with its amount."""

    text: str
    bold: bool = False


def parts(sentence: str) -> tuple[Part, ...]:
    """Split a sentence in which `**` opens and shuts bold."""
    return tuple(Part(text, bool(n % 2)) for n, text in enumerate(sentence.split("**")) if text)


def month(day: date, language: str) -> str:
    """Return the month's name as bills carry it: `11月`, `November 2026`."""
    return f"{day.month}月" if formatting.is_chinese(language) else format_date(day, "MMMM", locale="en")


def units(unit: str, language: str) -> str:
    """Return a unit for several: Chinese knows no plural, English adds its letter unless the unit is a sign (GB)."""
    plural = not formatting.is_chinese(language) and unit.islower() and not unit.endswith("s")
    return f"{unit}s" if plural else unit


def count(value: Decimal, unit: str, language: str) -> str:
    """Write a quantity with its unit: `2,480 条`, `1 seat`, `18 seats`."""
    return formatting.quantity(value, unit if value == 1 else units(unit, language))


def amount(value: Money) -> str:
    return formatting.money(value.minor, value.currency)


def change(value: Money) -> str:
    return formatting.signed_money(value.minor, value.currency)


def joined(names: list[str]) -> str:
    """Join names as the language does: `甲、乙`, `a, b`."""
    return _(", ").join(names)


def share(part: Decimal, whole: Decimal) -> str:
    """Return part ÷ whole as a width in percent with two decimals, between 0% and 100%."""
    if whole <= 0:
        return "0%"
    percent = min(max(part / whole * 100, Decimal(0)), Decimal(100))
    return f"{percent.quantize(Decimal('0.01')).normalize():f}%"
