"""WeChat's refunds: accepted at once, carried out later; each number once, 50 parts, a minute apart, within 365 days."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from invoices.providers.sandbox import messages, wechat_trades
from invoices.providers.sandbox.gate import Refusal, Sandbox, digits, rfc3339
from invoices.providers.sandbox.records import Order, Refund

Told = dict[str, Any]
NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
WINDOW, APART, PARTS = timedelta(days=365), timedelta(minutes=1), 50
STATES = {"processing": "PROCESSING", "done": "SUCCESS", "abnormal": "ABNORMAL"}


def refund(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    """Accept a refund. The same number again gets the same answer and pays nothing."""
    order = _order(sandbox, content)
    number = content.get("out_refund_no")
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        raise Refusal("PARAM_ERROR", "out_refund_no")
    minor = _amount(order, content)
    known = sandbox.store.refunds.get(f"wechat:{number}")
    if known and (known.order_key, known.minor) != (order.key, minor):
        raise Refusal("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    if not known:
        _refuse_untimely(sandbox, order, minor)
        known = _accepted(sandbox, order, number, minor, content)
    return _told(order, known)


def _order(sandbox: Sandbox, content: Told) -> Order:
    trade_no, number = content.get("transaction_id"), content.get("out_trade_no")
    if not trade_no and not number:
        raise Refusal("PARAM_ERROR", "transaction_id")
    for order in sandbox.store.orders.values():
        named = order.trade_no == trade_no if trade_no else order.number == number
        if order.provider == "wechat" and named:
            return order
    raise Refusal("RESOURCE_NOT_EXISTS", "订单不存在", 404)


def _amount(order: Order, content: Told) -> int:
    amount = content.get("amount")
    if not isinstance(amount, dict) or amount.get("currency") != "CNY":
        raise Refusal("PARAM_ERROR", "amount.currency")
    if wechat_trades.amount_of(amount, "total") != order.minor:
        raise Refusal("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    return wechat_trades.amount_of(amount, "refund")


def _refuse_untimely(sandbox: Sandbox, order: Order, minor: int) -> None:
    now = sandbox.clock.now()
    parts = [part for part in sandbox.store.refunds.values() if part.order_key == order.key]
    if order.state != "paid" or order.paid_at is None:
        raise Refusal("INVALID_REQUEST", "订单未支付")
    if now > order.paid_at + WINDOW:
        raise Refusal("INVALID_REQUEST", "订单已经超过可退款的最大期限")
    if len(parts) >= PARTS:
        raise Refusal("INVALID_REQUEST", "已超过最大退款次数")
    if any(now < part.asked_at + APART for part in parts):
        raise Refusal("FREQUENCY_LIMITED", "频率限制，同一笔订单两次退款须间隔一分钟", 429)
    if minor + messages.refunded(sandbox, order) > order.minor:
        raise Refusal("INVALID_REQUEST", "退款金额大于可退金额")
    if no := sandbox.faults.take("decline", "wechat", "refund"):
        raise Refusal(no.value or "NOT_ENOUGH", "基本账户余额不足", 403)


def _accepted(sandbox: Sandbox, order: Order, number: str, minor: int, content: Told) -> Refund:
    made = Refund(
        provider="wechat",
        number=number,
        order_key=order.key,
        minor=minor,
        reason=wechat_trades.text_of(content, "reason", 80),
        notify_url=wechat_trades.address_of(content.get("notify_url")),
        refund_no=f"5030{digits(24)}",
        asked_at=sandbox.clock.now(),
        state="processing",
        settle_at=sandbox.clock.after(sandbox.terms.refund_seconds),
    )
    sandbox.store.keep(made)
    return made


def settle(sandbox: Sandbox) -> None:
    """Carry out the refunds whose time has come."""
    now = sandbox.clock.now()
    for made in list(sandbox.store.refunds.values()):
        if made.state == "processing" and made.settle_at and made.settle_at <= now:
            gone = sandbox.faults.take("refund_abnormal", "wechat")
            made.state = "abnormal" if gone else "done"
            made.done_at = None if gone else made.settle_at
            sandbox.store.keep(made)
            messages.refund_result(sandbox, sandbox.store.orders[made.order_key], made)


def query(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    made = sandbox.store.refunds.get(f"wechat:{part}")
    if made is None:
        raise Refusal("RESOURCE_NOT_EXISTS", "退款单不存在", 404)
    return _told(sandbox.store.orders[made.order_key], made)


def _told(order: Order, made: Refund) -> Told:
    told = {
        "refund_id": made.refund_no,
        "out_refund_no": made.number,
        "transaction_id": order.trade_no,
        "out_trade_no": order.number,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(made.asked_at),
        "status": STATES[made.state],
        "funds_account": "AVAILABLE",
        "amount": {
            "total": order.minor,
            "refund": made.minor,
            "payer_total": order.minor,
            "payer_refund": made.minor,
            "settlement_total": order.minor,
            "settlement_refund": made.minor,
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    return told | ({"success_time": rfc3339(made.done_at)} if made.done_at else {})
