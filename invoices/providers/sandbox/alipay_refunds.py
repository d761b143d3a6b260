"""Alipay's refunds: at once, each number once, no more than was paid, within 365 days."""

from __future__ import annotations

import re
from typing import Any

from invoices.providers.sandbox import alipay_trades, messages
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, digits, yuan
from invoices.providers.sandbox.records import Order, Refund

Told = dict[str, Any]
NUMBER = re.compile(r"[\x21-\x7e]{1,64}")


def refund(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Pay back. `fund_change` is N when nothing moved, `refund_fee` is all that went back so far."""
    order = alipay_trades.find(sandbox, content)
    minor = alipay_trades.amount_of(content, "refund_amount")
    _refuse_untimely(sandbox, order)
    number = _number(content, order, minor)
    known = sandbox.store.refunds.get(f"{order.key}/{number}")
    if known and known.minor != minor:
        raise Refusal("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
    if not known:
        _refuse_too_much(sandbox, order, minor)
        known = _moved(sandbox, order, number, minor, str(content.get("refund_reason", ""))[:256])
        return _answer(sandbox, order, known, "Y")
    return _answer(sandbox, order, known, "N")


def _refuse_untimely(sandbox: Sandbox, order: Order) -> None:
    if order.state != "paid":
        raise Refusal("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    if alipay_trades.finished(sandbox, order):
        raise Refusal("ACQ.TRADE_HAS_FINISHED", "交易已完结")


def _number(content: Told, order: Order, minor: int) -> str:
    """Return the refund's number; without one only the whole can go back, and the trade's own number stands for it."""
    number = str(content.get("out_request_no") or "")
    if not number and minor != order.minor:
        raise Refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额与订单总金额不一致")
    if number and not NUMBER.fullmatch(number):
        raise Refusal("ACQ.INVALID_PARAMETER", "out_request_no")
    return number or order.number


def _refuse_too_much(sandbox: Sandbox, order: Order, minor: int) -> None:
    if minor + messages.refunded(sandbox, order) > order.minor:
        raise Refusal("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
    if no := sandbox.faults.take("decline", "alipay", "refund"):
        raise Refusal(no.value or "ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户余额不足")
    if gone := sandbox.faults.take("refund_abnormal", "alipay"):
        raise Refusal(gone.value or "ACQ.BUYER_ERROR", "买家账号异常")


def _moved(sandbox: Sandbox, order: Order, number: str, minor: int, reason: str) -> Refund:
    now = sandbox.clock.now()
    made = Refund(
        provider="alipay",
        number=number,
        order_key=order.key,
        minor=minor,
        reason=reason,
        refund_no=digits(28),
        asked_at=now,
        state="done",
        done_at=now,
    )
    sandbox.store.keep(made)
    messages.alipay_refund(sandbox, order, made)
    return made


def _answer(sandbox: Sandbox, order: Order, made: Refund, changed: str) -> Told:
    return {
        "trade_no": order.trade_no,
        "out_trade_no": order.number,
        "buyer_logon_id": messages.PAYER,
        "buyer_user_id": order.payer,
        "fund_change": changed,
        "refund_fee": yuan(messages.refunded(sandbox, order)),
        "gmt_refund_pay": beijing(made.asked_at),
    }


def query(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Say whether a refund moved money. One that is unknown is no error: the answer has no refund_status then."""
    order = alipay_trades.find(sandbox, content)
    number = str(content.get("out_request_no") or "")
    if not number:
        raise Refusal("ACQ.INVALID_PARAMETER", "out_request_no")
    made = sandbox.store.refunds.get(f"{order.key}/{number}")
    if made is None:
        return {}
    return {
        "trade_no": order.trade_no,
        "out_trade_no": order.number,
        "out_request_no": number,
        "total_amount": yuan(order.minor),
        "refund_amount": yuan(made.minor),
        "refund_status": "REFUND_SUCCESS",
        "gmt_refund_pay": beijing(made.asked_at),
    }
