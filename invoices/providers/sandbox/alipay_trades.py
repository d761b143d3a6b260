"""Alipay's one-off payments: precreate, page.pay, query, close."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from invoices.providers.sandbox import messages, ordering
from invoices.providers.sandbox.clock import BEIJING
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, fen, on_loopback, token, yuan
from invoices.providers.sandbox.records import Order

Told = dict[str, Any]
NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}")
RELATIVE = re.compile(r"([0-9]{1,5})([mhd])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
# After that a trade is finished: nothing can be refunded any more.
REFUNDABLE = timedelta(days=365)


def precreate(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Return a code. The trade itself comes to be when somebody scans it."""
    if content.get("product_code", "FACE_TO_FACE_PAYMENT") not in ("FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"):
        raise Refusal("ACQ.INVALID_PARAMETER", "product_code")
    order = _begun(sandbox, told, content, "code")
    return {"out_trade_no": order.number, "qr_code": sandbox.page(order.token)}


def page_pay(sandbox: Sandbox, told: dict[str, str], content: Told) -> str:
    """Return where the browser goes on to: the page of this payment."""
    if content.get("product_code") != "FAST_INSTANT_TRADE_PAY":
        raise Refusal("ACQ.INVALID_PARAMETER", "product_code")
    return sandbox.page(_begun(sandbox, told, content, "page").token)


def _begun(sandbox: Sandbox, told: dict[str, str], content: Told, kind: str) -> Order:
    try:
        return ordering.begin(sandbox, _wanted(sandbox, told, content, kind))
    except ordering.Different:
        raise Refusal("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改") from None
    except ordering.Settled as over:
        code = "ACQ.TRADE_HAS_SUCCESS" if over.state == "paid" else "ACQ.TRADE_HAS_CLOSE"
        raise Refusal(code, "交易已被支付" if over.state == "paid" else "交易已经关闭") from None


def _wanted(sandbox: Sandbox, told: dict[str, str], content: Told, kind: str) -> Order:
    now = sandbox.clock.now()
    return Order(
        provider="alipay",
        number=number_of(content),
        kind=kind,
        state="unborn",
        minor=amount_of(content, "total_amount"),
        subject=subject_of(content),
        token=token(),
        notify_url=address_of(told.get("notify_url", "")),
        return_url=told.get("return_url", ""),
        opened_at=now,
        code_at=now,
        expires_at=_end(content, now),
    )


def number_of(content: Told) -> str:
    number = content.get("out_trade_no", "")
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        raise Refusal("ACQ.INVALID_PARAMETER", "out_trade_no")
    return number


def amount_of(content: Told, name: str) -> int:
    """Return an amount of a request in fen; it must be a text (or a number) of yuan."""
    try:
        return fen(str(content.get(name, "")))
    except ValueError:
        raise Refusal("ACQ.INVALID_PARAMETER", name) from None


def subject_of(content: Told) -> str:
    subject = content.get("subject", "")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 256:
        raise Refusal("ACQ.INVALID_PARAMETER", "subject")
    return subject


def address_of(url: str) -> str:
    """Return a notify_url; over plain HTTP only to this machine."""
    if url and not url.startswith("https://") and not on_loopback(url):
        raise Refusal("ACQ.INVALID_PARAMETER", "notify_url")
    return url


def _end(content: Told, now: datetime) -> datetime | None:
    """Return the payment's own end: time_expire, of Beijing, or timeout_express such as 30m."""
    if told := content.get("time_expire"):
        try:
            return datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        except ValueError:
            raise Refusal("ACQ.INVALID_PARAMETER", "time_expire") from None
    told = content.get("timeout_express") or content.get("qr_code_timeout_express")
    if not told:
        return None
    found = RELATIVE.fullmatch(told)
    if not found:
        raise Refusal("ACQ.INVALID_PARAMETER", "timeout_express")
    return now + int(found[1]) * UNITS[found[2]]


def find(sandbox: Sandbox, content: Told) -> Order:
    """Return the trade that a request names; one that was never scanned does not exist."""
    number, trade_no = content.get("out_trade_no"), content.get("trade_no")
    if not number and not trade_no:
        raise Refusal("ACQ.INVALID_PARAMETER", "out_trade_no")
    for order in sandbox.store.orders.values():
        named = order.trade_no == trade_no if trade_no else order.number == number
        if order.provider == "alipay" and named and order.state != "unborn":
            return order
    raise Refusal("ACQ.TRADE_NOT_EXIST", "交易不存在")


def finished(sandbox: Sandbox, order: Order) -> bool:
    return order.paid_at is not None and sandbox.clock.now() > order.paid_at + REFUNDABLE


def query(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Say where a trade is; of one that went back whole Alipay says TRADE_CLOSED."""
    order = find(sandbox, content)
    back = messages.refunded(sandbox, order)
    found = {
        "trade_no": order.trade_no,
        "out_trade_no": order.number,
        "buyer_user_id": order.payer,
        "buyer_logon_id": messages.PAYER,
        "trade_status": messages.alipay_status(sandbox, order, back, finished=finished(sandbox, order)),
        "total_amount": yuan(order.minor),
        "receipt_amount": yuan(order.minor if order.paid_at else 0),
        "point_amount": "0.00",
        "invoice_amount": yuan(order.minor if order.paid_at else 0),
    }
    return found | ({"send_pay_date": beijing(order.paid_at)} if order.paid_at else {})


def close(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Close an unpaid trade. A code that nobody scanned is no trade: it cannot be closed, and can still be scanned."""
    order = find(sandbox, content)
    if order.state == "closed":
        raise Refusal("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常")
    try:
        ordering.close(sandbox, order)
    except ordering.Settled:
        raise Refusal("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常") from None
    return {"trade_no": order.trade_no, "out_trade_no": order.number}
