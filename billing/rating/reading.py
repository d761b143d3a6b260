"""Read decimals and objects out of JSON with exact paths. Numbers are decimal strings, never JSON numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from billing.rating.errors import InputError, PriceError

_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_INTEGER_DIGITS: Final = 30
_FRACTION_DIGITS: Final = 20


def read_decimal(value: object, path: str, error: type[InputError] = PriceError) -> Decimal:
    """Return a decimal string as a Decimal that is not below zero.

    Refused: JSON numbers, exponents, NaN and Infinity, signs other than a minus, blanks, more than 30 digits before
    or 20 after the point, and what is below zero.
    """
    if not isinstance(value, str):
        raise error(
            "not_a_string",
            path,
            'Write a decimal string such as "0.05"; JSON numbers are refused.',
            '请写成带引号的小数，例如 "0.05"；不接受 JSON 数字。',
        )
    if not _DECIMAL.fullmatch(value):
        raise error(
            "not_a_decimal",
            path,
            f'{value[:40]!r} is no decimal: write digits with at most one point, such as "0.05".',
            f'「{value[:40]}」不是小数：只写数字和最多一个小数点，例如 "0.05"。',
        )
    whole, _, fraction = value.lstrip("-").partition(".")
    if len(whole) > _INTEGER_DIGITS or len(fraction) > _FRACTION_DIGITS:
        raise error(
            "too_many_digits",
            path,
            f"At most {_INTEGER_DIGITS} digits before and {_FRACTION_DIGITS} after the point.",
            f"小数点前最多 {_INTEGER_DIGITS} 位，后面最多 {_FRACTION_DIGITS} 位。",
        )
    number = Decimal(value)
    if number < 0:
        raise error("negative", path, f"{value} is below zero.", f"{value} 小于零。")
    return number.copy_abs()


class Fields:
    """The keys of one JSON object at a path, read one by one after unknown ones are refused."""

    def __init__(self, data: object, path: str, error: type[InputError] = PriceError) -> None:
        if not isinstance(data, Mapping):
            raise error("not_an_object", path, "Write a JSON object.", "这里要写一个 JSON 对象。")
        self.data = data
        self.path = path
        self.error = error

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def only(self, allowed: Collection[str]) -> None:
        """Refuse the first key that is not allowed here, by name and path."""
        for key in self.data:
            if key not in allowed:
                raise self.error(
                    "unknown_key",
                    self.at(str(key)),
                    f"Unknown key {key!r}; here go: {', '.join(sorted(allowed))}.",
                    f"不认识的键「{key}」；这里可以写：{'、'.join(sorted(allowed))}。",
                )

    def value(self, key: str) -> object:
        """Return what a required key holds; null counts as missing."""
        if (value := self.data.get(key)) is None:
            raise self.error("missing", self.at(key), f"{key} is missing.", f"缺少 {key}。")
        return value

    def decimal(self, key: str) -> Decimal:
        """Return a required decimal."""
        return read_decimal(self.value(key), self.at(key), self.error)

    def optional(self, key: str) -> Decimal | None:
        """Return a decimal that may be left out or null."""
        if self.data.get(key) is None:
            return None
        return self.decimal(key)

    def count(self, key: str) -> int | None:
        """Return a whole number that may be left out: a JSON integer or a string of digits, for it is no amount."""
        value = self.data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None:
            return None
        number = read_decimal(value, self.at(key), self.error)
        if number != number.to_integral_value():
            raise self.error("not_whole", self.at(key), "Write a whole number.", "请写整数。")
        return int(number)

    def items(self, key: str) -> list[object]:
        """Return a required list that is not empty."""
        value = self.value(key)
        if not isinstance(value, list | tuple):
            raise self.error("not_a_list", self.at(key), "Write a list.", "这里要写一个列表。")
        if not value:
            raise self.error("empty", self.at(key), "The list is empty.", "列表是空的。")
        return list(value)


def ordered(fields: Fields, low_key: str, low: Decimal | None, high_key: str, high: Decimal | None) -> None:
    """Refuse a lower bound above the upper one; the path is that of the lower."""
    if low is not None and high is not None and low > high:
        raise fields.error(
            "above_maximum",
            fields.at(low_key),
            f"{low_key} {low} is above {high_key} {high}.",
            f"{low_key} {low} 大于 {high_key} {high}。",
        )
