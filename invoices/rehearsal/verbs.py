"""What each verb of a story may say (CONTRACTS §2): its keys, how each is read, and which must be there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from billing.rating import parse_price
from billing.rating.errors import InputError
from billing.rating.reading import Fields
from invoices.rehearsal import words
from invoices.rehearsal.words import Reader, flag, instant, maybe, number, one_of, text


def _codes(fields: Fields, key: str, _zone: str) -> list[str]:
    rows = Fields(dict(enumerate(words.listed(fields, key))), fields.at(key), InputError)
    return [_item(rows, place, f"{rows.path}[{place}]") for place in rows.data]


def _item(rows: Fields, place: Any, path: str) -> str:
    value = rows.data[place]
    if not isinstance(value, str) or not value:
        raise InputError("not_a_string", path, "Write a text.", "这里要写文字。")
    return value


def _quantities(fields: Fields, key: str, _zone: str) -> dict[str, Any]:
    held = words.table(fields, key)
    return {str(code): words.count(value, held.at(str(code))) for code, value in held.data.items()}


def _prices(fields: Fields, key: str, _zone: str) -> dict[str, Any]:
    held = words.table(fields, key)
    for code, price in held.data.items():
        parse_price(price, held.at(str(code)))
    return {str(code): dict(price) for code, price in held.data.items()}


def _properties(fields: Fields, key: str, _zone: str) -> dict[str, Any]:
    held = words.table(fields, key)
    return {str(name): v.isoformat() if isinstance(v, date) else v for name, v in held.data.items()}


def _authorise(fields: Fields, key: str, zone: str) -> dict[str, Any] | None:
    """Read what a purchase authorises: null for nothing, else scope and ceilings."""
    if fields.data.get(key) is None:
        return None
    given = words.table(fields, key)
    given.only(AUTHORISATION)
    return read_keys(given, AUTHORISATION, frozenset(), zone)


def _invoice(fields: Fields, key: str, _zone: str) -> int | str:
    value = fields.value(key)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and value:
        return int(value) if value.isascii() and value.isdecimal() else value
    raise InputError(
        "not_an_invoice",
        fields.at(key),
        "Write the invoice's number, or its place counted from 1.",
        "请写账单编号，或从 1 数起的序号。",
    )


def _decimal(fields: Fields, key: str, _zone: str) -> Any:
    return fields.decimal(key)


def _positive(fields: Fields, key: str, _zone: str) -> Any:
    found = fields.decimal(key)
    if not found:
        raise InputError("not_positive", fields.at(key), "Write more than zero.", "请写大于零的数。")
    return found


AUTHORISATION: Mapping[str, Reader] = {"scope": text, "ceiling": maybe(_positive), "per_month": maybe(_positive)}
WHEN = one_of("now", "period_end")
INVOICE, AMOUNT = maybe(_invoice), maybe(_positive)

VERBS: Mapping[str, Mapping[str, Reader]] = {
    "subscribe": {
        "plan": text,
        "as": maybe(text),
        "quantities": _quantities,
        "modules": _codes,
        "coupons": _codes,
        "prices": _prices,
        "start": maybe(words.day),
        "end": maybe(words.day),
        "auto_renew": flag,
        "authorise": _authorise,
    },
    "use": {
        "meter": text,
        "quantity": number,
        "key": maybe(text),
        "occurred_at": maybe(instant),
        "properties": _properties,
    },
    "void_use": {"key": text},
    "set_quantity": {"price": text, "quantity": words.quantity},
    "add_module": {"price": text},
    "remove_module": {"price": text},
    "change_plan": {"plan": text, "when": maybe(WHEN)},
    "cancel": {"when": WHEN},
    "keep": {},
    "pause": {},
    "resume": {},
    "auto_renew": {"on": flag},
    "authorise": AUTHORISATION,
    "revoke": {"scope": text},
    "top_up": {"amount": _positive, "gift": flag},
    "grant": {"meter": text, "quantity": _positive, "expires": maybe(instant)},
    "redeem": {"coupon": text},
    "provider": {"behaviour": one_of("approve", "decline", "timeout", "timeout_then_approve")},
    "pay": {"invoice": INVOICE, "amount": AMOUNT, "method": maybe(text)},
    "refund": {"invoice": INVOICE, "amount": AMOUNT, "method": maybe(text), "to": one_of("origin", "wallet")},
    "dispute": {"invoice": INVOICE, "price": text, "amount": AMOUNT},
    "settle_dispute": {"invoice": INVOICE, "outcome": one_of("credit", "refund", "explain"), "amount": AMOUNT},
    "set_budget": {"amount": maybe(_decimal), "meter": maybe(text), "hard": flag},
    "undo": {},
}
NEEDED: Mapping[str, frozenset[str]] = {
    "subscribe": frozenset({"plan"}),
    "use": frozenset({"meter"}),
    "void_use": frozenset({"key"}),
    "set_quantity": frozenset({"price", "quantity"}),
    "add_module": frozenset({"price"}),
    "remove_module": frozenset({"price"}),
    "change_plan": frozenset({"plan"}),
    "auto_renew": frozenset({"on"}),
    "top_up": frozenset({"amount"}),
    "grant": frozenset({"meter", "quantity"}),
    "redeem": frozenset({"coupon"}),
    "provider": frozenset({"behaviour"}),
}


def read_keys(fields: Fields, readers: Mapping[str, Reader], needed: frozenset[str], zone: str) -> dict[str, Any]:
    """Return the values of the keys that are there, in the order of the table; refuse what is missing."""
    for key in readers:
        if key in needed:
            fields.value(key)
    return {key: read(fields, key, zone) for key, read in readers.items() if key in fields.data}
