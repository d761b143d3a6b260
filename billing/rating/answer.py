"""Answer one question about a price: the JSON of `manage.py rate` and POST /api/v1/rate (CONTRACTS §1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from billing.money import UnknownCurrency, minor_digits
from billing.rating.errors import InputError
from billing.rating.price import parse_price
from billing.rating.pricing import rate
from billing.rating.reading import Fields, read_decimal

_KEYS: Final = frozenset({"price", "quantity", "currency", "before", "transactions"})


def answer(line: str | Mapping[str, object], language: str = "zh") -> dict[str, object]:
    """Return {"amount", "exact", "steps"} of one question, or {"error": {"code", "path", "message"}}.

    The question is a line of JSON or the object itself. Nothing is raised for bad input.
    """
    try:
        return _answer(_parse(line) if isinstance(line, str) else line, language)
    except InputError as error:
        return {"error": {"code": error.code, "path": error.path, "message": error.text(language)}}


def _answer(data: object, language: str) -> dict[str, object]:
    fields = Fields(data, "", InputError)
    fields.only(_KEYS)
    price = parse_price(fields.value("price"))
    currency = _currency(fields)
    before = fields.optional("before")
    transactions = _transactions(fields)
    quantity = _quantity(fields, transactions)
    return rate(price, quantity, currency, before=before, transactions=transactions).to_json(language)


def _quantity(fields: Fields, transactions: list[Decimal] | None) -> Decimal:
    """Read the quantity, which transactions may stand in for."""
    if transactions is None:
        return fields.decimal("quantity")
    return fields.optional("quantity") or Decimal(0)


def _transactions(fields: Fields) -> list[Decimal] | None:
    if (values := fields.data.get("transactions")) is None:
        return None
    if not isinstance(values, list | tuple):
        raise InputError("not_a_list", "transactions", "Write a list of amounts.", "这里要写成交额的列表。")
    return [read_decimal(value, f"transactions[{number}]", InputError) for number, value in enumerate(values)]


def _currency(fields: Fields) -> str:
    currency = fields.value("currency")
    try:
        minor_digits(currency if isinstance(currency, str) else "")
    except UnknownCurrency:
        raise InputError(
            "unknown_currency",
            "currency",
            f"Unknown currency {currency!r}: write an ISO 4217 code such as CNY.",
            f"不认识的货币「{currency}」：请写 ISO 4217 代码，例如 CNY。",
        ) from None
    return str(currency)


def _parse(line: str) -> object:
    try:
        return json.loads(line.strip(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "malformed_json", "", f"This line is no JSON object: {error}.", f"这一行不是 JSON 对象：{error}。"
        ) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that says one key twice, where the last would win in silence."""
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError("duplicate_key", twice, f"{twice!r} is written twice.", f"「{twice}」写了两次。")
    return read
