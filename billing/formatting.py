"""How amounts, quantities and days are written: the one place that page, mail, PDF and CSV share.

Nothing here rounds or converts: a value is written as exactly what it is.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from babel.dates import format_date
from babel.numbers import get_currency_precision

MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
SIGNS = {"CNY": "¥"}
WEEKDAYS = "一二三四五六日"

DayStyle = Literal["table", "long", "weekday", "sentence"]


def is_chinese(language: str) -> bool:
    """Anything that is not Chinese is written as English."""
    return language.lower().startswith("zh")


def money(minor: int, currency: str) -> str:
    """Write minor units with their currency: `¥2,783.00`, `−¥36.00`, `USD 120.00`, `JPY 120`."""
    digits = get_currency_precision(currency)
    return with_currency(Decimal(minor).scaleb(-digits), currency, digits)


def signed_money(minor: int, currency: str) -> str:
    """Write a change: a rise shows its plus (`+¥31.00`), nothing is `¥0.00`."""
    return ("+" if minor > 0 else "") + money(minor, currency)


def unit_price(amount: Decimal, currency: str) -> str:
    """Write a price of one unit with all its decimals and never fewer than the currency has: `¥0.00125`, `¥58.00`."""
    return with_currency(amount, currency, max(get_currency_precision(currency), decimals(amount)))


def with_currency(amount: Decimal, currency: str, digits: int) -> str:
    sign = SIGNS.get(currency) or currency + NO_BREAK_SPACE
    return f"{MINUS if amount < 0 else ''}{sign}{abs(amount):,.{digits}f}"


def quantity(value: Decimal | int, unit: str = "") -> str:
    """Write an exact quantity, its unit behind a no-break space: `2,480 条`, `0.5 GB`, `90 messages`."""
    value = Decimal(value)
    number = f"{MINUS if value < 0 else ''}{abs(value):,.{decimals(value)}f}"
    return f"{number}{NO_BREAK_SPACE}{_counted(unit, value)}" if unit else number


def _counted(unit: str, value: Decimal) -> str:
    """Return an English word for a unit in the plural where that is one more letter; symbols and Chinese stay."""
    is_word = unit.isascii() and unit.islower() and len(unit) > 2 and not unit.endswith("s")
    return f"{unit}s" if is_word and value != 1 else unit


def percent(share: Decimal) -> str:
    """Write a share of one: `Decimal("0.06")` is `6%`; decimals only where there are some."""
    return f"{quantity(share * 100)}%"


def decimals(value: Decimal) -> int:
    """Count the decimals that say something: 0.0500 has two, 1200 none."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def day(value: date, language: str, style: DayStyle = "table") -> str:
    """Write a day.

    | style | Chinese | English |
    |---|---|---|
    | table | 2026-12-01 | 1 Dec 2026 |
    | long | 2026年12月1日 | 1 Dec 2026 |
    | weekday | 2026年12月1日（周二） | Tue 1 Dec 2026 |
    | sentence | 12月1日（周二） | Tue 1 Dec |
    """
    if not is_chinese(language):
        pattern = {
            "table": "d MMM y",
            "long": "d MMM y",
            "weekday": "EEE d MMM y",
            "sentence": "EEE d MMM",
        }[style]
        return format_date(value, pattern, locale="en")
    if style == "table":
        return f"{value:%Y-%m-%d}"
    written = f"{value.month}月{value.day}日" if style == "sentence" else f"{value.year}年{value.month}月{value.day}日"
    return written if style == "long" else f"{written}（周{WEEKDAYS[value.weekday()]}）"


def moment(value: datetime, language: str) -> str:
    """Write an instant that is already in the reader's zone, 24 hours: `2026-11-24 09:00`, `24 Nov 2026 09:00`."""
    return f"{day(value.date(), language)} {value:%H:%M}"


def period_days(first: date, last: date, language: str) -> str:
    """Write a period with its last day included: `2026-11-01 至 11-30（30 天）`, `1 Nov – 30 Nov 2026 (30 days)`."""
    count = (last - first).days + 1
    if is_chinese(language):
        until = f"{last:%m-%d}" if last.year == first.year else f"{last:%Y-%m-%d}"
        span = f"{first:%Y-%m-%d}" if count == 1 else f"{first:%Y-%m-%d} 至 {until}"
        return f"{span}（{count}{NO_BREAK_SPACE}天）"
    since = format_date(first, "d MMM" if first.year == last.year else "d MMM y", locale="en")
    until = day(last, language)
    span = until if count == 1 else f"{since} \u2013 {until}"
    return f"{span} ({count}{NO_BREAK_SPACE}{'day' if count == 1 else 'days'})"
