"""What bills are made of: the payments and refunds of one day in Beijing, their fees, and the faults set for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from invoices.providers.sandbox.clock import BEIJING
from invoices.providers.sandbox.gate import Refusal, Sandbox, digits, token
from invoices.providers.sandbox.records import Order, Refund

# Bills are made in the morning of the next day, and an address is good for half a minute.
READY, GOOD = time(10), timedelta(seconds=30)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """A payment or a refund. Amount and fee are fen, both without a sign; a refund's fee is what came back of it."""

    order: Order
    refund: Refund | None
    at: datetime
    minor: int
    fee: int


class NotReady(Exception):
    """There is no bill of that day yet, or never."""


def day_of(text: object) -> date:
    if not isinstance(text, str) or not DAY.fullmatch(text):
        raise Refusal("PARAM_ERROR", "bill_date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal("PARAM_ERROR", "bill_date") from None


def rows(sandbox: Sandbox, provider: str, day: date) -> list[Row]:
    """Return a day's rows by time; raise NotReady before ten o'clock of the next day."""
    if sandbox.clock.now() < datetime.combine(day + timedelta(days=1), READY, BEIJING):
        raise NotReady
    orders = [order for order in sandbox.store.orders.values() if order.provider == provider]
    found = [
        Row(o, None, o.paid_at, o.minor, fee(sandbox, o.minor)) for o in orders if o.paid_at and _on(o.paid_at, day)
    ]
    for refund in sandbox.store.refunds.values():
        if refund.provider == provider and refund.done_at and _on(refund.done_at, day):
            order = sandbox.store.orders[refund.order_key]
            found.append(Row(order, refund, refund.done_at, refund.minor, _fee_back(sandbox, refund)))
    return _spoiled(sandbox, provider, day, sorted(found, key=lambda row: row.at))


def _on(at: datetime, day: date) -> bool:
    return at.astimezone(BEIJING).date() == day


def fee(sandbox: Sandbox, minor: int) -> int:
    """Return the provider's fee on a payment, half a fen rounded up."""
    return (minor * sandbox.terms.fee_basis_points + 5_000) // 10_000


def _fee_back(sandbox: Sandbox, refund: Refund) -> int:
    """WeChat gives its fee back in proportion; of Alipay nothing is published, and the sandbox keeps it."""
    return fee(sandbox, refund.minor) if refund.provider == "wechat" else 0


def _spoiled(sandbox: Sandbox, provider: str, day: date, found: list[Row]) -> list[Row]:
    if found and sandbox.faults.take("statement_missing", provider):
        found = found[1:]
    if found and sandbox.faults.take("statement_amount", provider):
        found = [replace(found[0], minor=found[0].minor + 100), *found[1:]]
    if sandbox.faults.take("statement_extra", provider):
        found = [*found, _invented(sandbox, provider, day)]
    return found


def _invented(sandbox: Sandbox, provider: str, day: date) -> Row:
    at = datetime.combine(day, time(12), BEIJING)
    order = Order(
        provider=provider,
        number=f"UNKNOWN{digits(12)}",
        kind="code",
        state="paid",
        minor=8_800,
        subject="?",
        token="",
        notify_url="",
        opened_at=at,
        code_at=at,
        trade_no=digits(28),
        paid_at=at,
        payer=digits(16),
    )
    return Row(order, None, at, order.minor, fee(sandbox, order.minor))


def put_up(sandbox: Sandbox, content: bytes) -> str:
    """Keep a file for half a minute and return the token of its address."""
    name = token()
    sandbox.downloads[name] = (sandbox.clock.now() + GOOD, content)
    return name


def taken(sandbox: Sandbox, name: str) -> bytes | None:
    """Return a file that was put up, unless its time is over."""
    until, content = sandbox.downloads.get(name, (None, b""))
    return content if until and sandbox.clock.now() <= until else None
