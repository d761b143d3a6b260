"""WeChat's one-off payments: native, query, close."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from invoices.providers.sandbox import messages, ordering
from invoices.providers.sandbox.gate import Refusal, Sandbox, on_loopback, token
from invoices.providers.sandbox.records import Order

Told = dict[str, Any]
NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=90)
STATES = {"open": "NOTPAY", "closed": "CLOSED", "accepted": "NOTPAY"}


def native(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    """Return a code. The order exists at once; the same request again gets a fresh code."""
    try:
        order = ordering.begin(sandbox, _wanted(sandbox, content))
    except ordering.Different:
        raise Refusal("OUT_TRADE_NO_USED", "商户订单号重复", 403) from None
    except ordering.Settled as over:
        code = "ORDERPAID" if over.state == "paid" else "ORDER_CLOSED"
        raise Refusal(code, "该订单已支付" if over.state == "paid" else "该订单已关闭") from None
    return {"code_url": sandbox.page(order.token)}


def _wanted(sandbox: Sandbox, content: Told) -> Order:
    ours(sandbox, content)
    now = sandbox.clock.now()
    return Order(
        provider="wechat",
        number=number_of(content.get("out_trade_no")),
        kind="code",
        state="open",
        minor=amount_of(content.get("amount"), "total"),
        subject=text_of(content, "description", 127, needed=True),
        attach=text_of(content, "attach", 128),
        token=token(),
        notify_url=address_of(content.get("notify_url"), needed=True),
        opened_at=now,
        code_at=now,
        expires_at=_end(content.get("time_expire"), now),
    )


def ours(sandbox: Sandbox, content: Told) -> None:
    """Raise Refusal unless app and merchant are ours."""
    if content.get("mchid") != sandbox.keys.wechat_merchant:
        raise Refusal("MCH_NOT_EXISTS", "商户号不存在")
    if content.get("appid") != sandbox.keys.wechat_app:
        raise Refusal("APPID_MCHID_NOT_MATCH", "appid 和 mchid 不匹配")


def number_of(number: object) -> str:
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        raise Refusal("PARAM_ERROR", "out_trade_no")
    return number


def amount_of(amount: object, name: str) -> int:
    """Return an amount of a request: fen, whole, CNY."""
    found = amount.get(name) if isinstance(amount, dict) and amount.get("currency", "CNY") == "CNY" else None
    if type(found) is not int or found < 1:
        raise Refusal("PARAM_ERROR", f"amount.{name}")
    return found


def text_of(content: Told, name: str, most: int, *, needed: bool = False) -> str:
    text = content.get(name, "")
    if not isinstance(text, str) or len(text) > most or (needed and not text):
        raise Refusal("PARAM_ERROR", name)
    return text


def address_of(url: object, *, needed: bool = False) -> str:
    """Return a notify_url: https (or this machine), no query, at most 255 characters."""
    if not url and not needed:
        return ""
    if not isinstance(url, str) or len(url) > 255 or urlsplit(url).query:
        raise Refusal("PARAM_ERROR", "notify_url")
    if not url.startswith("https://") and not on_loopback(url):
        raise Refusal("PARAM_ERROR", "notify_url")
    return url


def _end(told: object, now: datetime) -> datetime | None:
    if told is None:
        return None
    try:
        end = datetime.fromisoformat(str(told))
    except ValueError:
        raise Refusal("PARAM_ERROR", "time_expire") from None
    if end.tzinfo is None or not now + SHORTEST <= end <= now + LONGEST:
        raise Refusal("PARAM_ERROR", "time_expire")
    return end


def find(sandbox: Sandbox, number: str) -> Order:
    order = sandbox.store.orders.get(f"wechat:{number}")
    if order is None:
        raise Refusal("ORDER_NOT_EXIST", "订单不存在", 404)
    return order


def state_of(sandbox: Sandbox, order: Order) -> str:
    """Return WeChat's word; of a payment of which anything went back it is REFUND."""
    if order.state == "paid":
        return "REFUND" if messages.refunded(sandbox, order) else "SUCCESS"
    return STATES[order.state]


def query(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    if query.get("mchid") != sandbox.keys.wechat_merchant:
        raise Refusal("PARAM_ERROR", "mchid")
    order = find(sandbox, part)
    return messages.transaction(sandbox, order, state_of(sandbox, order))


def close(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> None:
    """Close an unpaid order; an order whose time is over is not closed by that, only by this."""
    if content.get("mchid") != sandbox.keys.wechat_merchant:
        raise Refusal("PARAM_ERROR", "mchid")
    try:
        ordering.close(sandbox, find(sandbox, part))
    except ordering.Settled:
        raise Refusal("ORDERPAID", "该订单已支付") from None
