"""Read single values of a story: texts, instants, days, choices; each refusal has its code, path and message."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.money import Money, UnknownCurrency, minor_digits
from billing.rating.errors import InputError
from billing.rating.reading import Fields, read_decimal
from usage.periods import UnknownZone, local_day

FIRST, LAST = 2000, 2199
# Reads one key of a step; the zone is the story's.
Reader = Callable[[Fields, str, str], Any]


def text(fields: Fields, key: str, _zone: str = "") -> str:
    """Return a text that is not empty."""
    value = fields.value(key)
    if not isinstance(value, str) or not value or "\x00" in value:
        raise InputError("not_a_string", fields.at(key), "Write a text.", "这里要写文字。")
    return value


def maybe(reader: Reader) -> Reader:
    """Return a reader that also takes null."""
    return lambda fields, key, zone: None if fields.data.get(key) is None else reader(fields, key, zone)


def flag(fields: Fields, key: str, _zone: str = "") -> bool:
    """Return true or false."""
    value = fields.value(key)
    if not isinstance(value, bool):
        raise InputError("not_true_or_false", fields.at(key), "Write true or false.", "请写 true 或 false。")
    return value


def one_of(*allowed: str) -> Reader:
    """Return a reader of one of a few words."""

    def read(fields: Fields, key: str, _zone: str = "") -> str:
        return choice(fields, key, allowed)

    return read


def choice(fields: Fields, key: str, allowed: Collection[str]) -> str:
    """Return one of a few words."""
    value = text(fields, key)
    if value not in allowed:
        words = ", ".join(allowed)
        raise InputError(
            "unknown_value",
            fields.at(key),
            f"{value!r} is not known here; choose one of: {words}.",
            f"这里不认识「{value}」；请从这些里选：{words}。",
        )
    return value


def number(fields: Fields, key: str, _zone: str = "") -> Decimal:
    """Return a decimal string as a number that is not below zero."""
    return fields.decimal(key)


def count(value: object, path: str) -> Decimal:
    """Return how many: a decimal string, or a whole JSON number, for it is no amount."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return read_decimal(value, path, InputError)


def quantity(fields: Fields, key: str, _zone: str = "") -> Decimal:
    """Return a quantity of seats."""
    return count(fields.value(key), fields.at(key))


def amount(fields: Fields, key: str, currency: str) -> Decimal:
    """Return an amount of money, which has no more digits than its currency."""
    found = fields.decimal(key)
    try:
        Money.of(found, currency)
    except ValueError:
        raise InputError(
            "too_many_digits",
            fields.at(key),
            f"{found} has more digits than {currency}.",
            f"{found} 的小数位多于 {currency}。",
        ) from None
    return found


def instant(fields: Fields, key: str, zone: str) -> datetime:
    """Return an instant; one without a zone is local time of the story. A day alone is its midnight."""
    value = fields.value(key)
    moment = _parsed(value) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), None)
    if not isinstance(moment, datetime) or not FIRST <= moment.year <= LAST:
        raise InputError(
            "not_an_instant",
            fields.at(key),
            "Write an instant between 2000 and 2199, as 2026-01-31T09:00:00.",
            "请写 2000 至 2199 年之间的时刻，例如 2026-01-31T09:00:00。",
        )
    # In UTC: between two instants of one zone Python reckons by the clock on the wall, an hour wrong over summer time.
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def day(fields: Fields, key: str, zone: str) -> date:
    """Return a local day; of an instant, the day that it belongs to."""
    value = fields.value(key)
    read = _parsed(value) if isinstance(value, str) else value
    if isinstance(read, datetime) and read.tzinfo is not None:
        read = local_day(read, zone)
    if isinstance(read, datetime):
        read = read.date()
    if not isinstance(read, date) or not FIRST <= read.year <= LAST:
        raise InputError(
            "not_a_day",
            fields.at(key),
            "Write a day between 2000 and 2199, as 2026-01-31.",
            "请写 2000 至 2199 年之间的日期，例如 2026-01-31。",
        )
    return read


def _parsed(value: str) -> date | None:
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value)
        except ValueError:
            continue
    return None


def zone(fields: Fields, key: str, default: str) -> str:
    """Return a time zone's name."""
    if fields.data.get(key) is None:
        return default
    name = text(fields, key)
    try:
        local_day(datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")), name)
    except UnknownZone:
        raise InputError(
            "unknown_zone",
            fields.at(key),
            f"{name!r} is no time zone; write it as Asia/Shanghai.",
            f"「{name}」不是时区；请写成 Asia/Shanghai。",
        ) from None
    return name


def currency(fields: Fields, key: str) -> str:
    """Return an ISO 4217 code; CNY where none is written."""
    if fields.data.get(key) is None:
        return "CNY"
    code = text(fields, key)
    try:
        minor_digits(code)
    except UnknownCurrency:
        raise InputError(
            "unknown_currency",
            fields.at(key),
            f"Unknown currency {code!r}: write an ISO 4217 code such as CNY.",
            f"不认识的货币「{code}」：请写 ISO 4217 代码，例如 CNY。",
        ) from None
    return code


def listed(fields: Fields, key: str) -> list[object]:
    """Return a list, which may be empty or left out."""
    value = fields.data.get(key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise InputError("not_a_list", fields.at(key), "Write a list.", "这里要写一个列表。")
    return list(value)


def table(fields: Fields, key: str) -> Fields:
    """Return an object below a key; one left out is empty."""
    value = fields.data.get(key)
    return Fields({} if value is None else value, fields.at(key), InputError)
