"""One-off payments: opened by the merchant, scanned, approved or declined by a person, closed. Rules of both providers."""

from __future__ import annotations

from datetime import datetime, timedelta

from invoices.providers.sandbox import messages
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, digits, token
from invoices.providers.sandbox.records import Order

# How long a code can be scanned.
CODE = timedelta(hours=2)
# How long an order of WeChat can be paid when it does not say.
WECHAT_ORDER = timedelta(days=7)


class Different(Exception):
    """Our number was used before, for another amount or subject."""


class Settled(Exception):
    """The order is paid or closed."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def begin(sandbox: Sandbox, wanted: Order) -> Order:
    """Open an order, or give the same one a fresh code. Raise Different, or Settled when it is over."""
    known = sandbox.store.orders.get(wanted.key)
    if known is None:
        sandbox.store.keep(wanted)
        return wanted
    if known.state in ("paid", "closed"):
        raise Settled(known.state)
    if (known.minor, known.subject, known.kind) != (wanted.minor, wanted.subject, wanted.kind):
        raise Different
    if sandbox.clock.now() >= known.code_at + CODE:
        known.token = token()
    known.code_at = sandbox.clock.now()
    known.notify_url = wanted.notify_url
    sandbox.store.keep(known)
    return known


def ends_at(order: Order) -> datetime:
    """Return until when an order can be paid: its own end, the code's two hours until it is scanned, WeChat's seven days."""
    ends = [order.expires_at] if order.expires_at else []
    if order.state == "unborn" or (order.provider == "wechat" and order.kind == "code"):
        ends.append(order.code_at + CODE)
    if order.provider == "wechat":
        ends.append(order.opened_at + WECHAT_ORDER)
    return min(ends, default=order.opened_at + timedelta(days=15))


def payable(sandbox: Sandbox, order: Order) -> bool:
    return order.state in ("unborn", "open") and sandbox.clock.now() < ends_at(order)


def scan(sandbox: Sandbox, order: Order) -> None:
    """A person opens the code: from now on Alipay knows of the trade."""
    if order.state == "unborn" and payable(sandbox, order):
        order.state, order.payer = "open", f"2088{digits(12)}"
        order.trade_no = trade_no(sandbox, order.provider)
        sandbox.store.keep(order)


def trade_no(sandbox: Sandbox, provider: str) -> str:
    """Return a new number as the provider's look."""
    day = beijing(sandbox.clock.now())[:10].replace("-", "")
    return f"{day}22001{digits(15)}" if provider == "alipay" else f"42000{digits(5)}{day}{digits(10)}"


def approve(sandbox: Sandbox, order: Order) -> None:
    """A person pays; the merchant is told. Raise Refusal when it cannot be paid, or the fault `decline` says so."""
    scan(sandbox, order)
    if not payable(sandbox, order):
        raise Refusal("NOT_PAYABLE")
    if sandbox.faults.take("decline", order.provider, "pay"):
        raise Refusal("DECLINED")
    pay(sandbox, order)


def pay(sandbox: Sandbox, order: Order) -> None:
    """The money moves, whoever asked for it."""
    order.state, order.paid_at = "paid", sandbox.clock.now()
    order.trade_no = order.trade_no or trade_no(sandbox, order.provider)
    order.payer = order.payer or f"o{token()}"
    sandbox.store.keep(order)
    messages.paid(sandbox, order)


def close(sandbox: Sandbox, order: Order) -> None:
    """Make an unpaid order unpayable. Raise Settled when it is paid."""
    if order.state == "paid":
        raise Settled("paid")
    order.state, order.closed_at = "closed", sandbox.clock.now()
    sandbox.store.keep(order)


def expire(sandbox: Sandbox) -> None:
    """Close what Alipay closes by itself: trades that were scanned and not paid in time. WeChat leaves that to us."""
    for order in list(sandbox.store.orders.values()):
        overdue = order.provider == "alipay" and order.state == "open" and not payable(sandbox, order)
        if overdue:
            close(sandbox, order)
