"""Alipay's debits under an agreement: trade.pay. Answered at once; one that fails is no trade."""

from __future__ import annotations

from typing import Any

from invoices.providers.sandbox import alipay_agreements, alipay_cycles, alipay_trades, contracting, messages, ordering
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, yuan
from invoices.providers.sandbox.records import Contract, Order

Told = dict[str, Any]


def pay(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Debit. The time of the debit counts, not the request's timestamp."""
    number, minor = alipay_trades.number_of(content), alipay_trades.amount_of(content, "total_amount")
    subject = alipay_trades.subject_of(content)
    known = sandbox.store.orders.get(f"alipay:{number}")
    if known and known.state != "unborn":
        code = {"paid": "ACQ.TRADE_HAS_SUCCESS", "closed": "ACQ.TRADE_HAS_CLOSE"}.get(known.state)
        raise Refusal(code or "ACQ.CONTEXT_INCONSISTENT", "交易已存在")
    contract = _contract(sandbox, content)
    period = _period(sandbox, contract, minor)
    if no := sandbox.faults.take("decline", "alipay", "debit"):
        raise Refusal(no.value or "ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足")
    now = sandbox.clock.now()
    order = Order(
        provider="alipay",
        number=number,
        kind="debit",
        state="open",
        minor=minor,
        subject=subject,
        token="",
        notify_url=alipay_trades.address_of(told.get("notify_url", "")),
        opened_at=now,
        code_at=now,
        payer=contract.payer,
        contract_no=contract.contract_no,
        period=period,
    )
    ordering.pay(sandbox, order)
    return _answer(order)


def _contract(sandbox: Sandbox, content: Told) -> Contract:
    params = content.get("agreement_params")
    number = str(params.get("agreement_no") or "") if isinstance(params, dict) else ""
    contract = contracting.by_number(sandbox, "alipay", number)
    if contract is None:
        raise Refusal("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在")
    if contract.state == "signed" and sandbox.faults.take("unsign", "alipay"):
        contracting.end(sandbox, contract, contracting.BY_USER)
    if not contracting.in_force(sandbox, contract):
        raise Refusal("ACQ.AGREEMENT_INVALID", "用户协议失效")
    if content.get("product_code") != alipay_agreements.PRODUCTS[contract.product]:
        raise Refusal("ACQ.AGREEMENT_ERROR", "产品码与协议不一致")
    return contract


def _period(sandbox: Sandbox, contract: Contract, minor: int) -> str:
    return alipay_cycles.period_for(sandbox, contract, minor, contracting.today(sandbox)) if contract.period else ""


def _answer(order: Order) -> Told:
    amount = yuan(order.minor)
    return {
        "trade_no": order.trade_no,
        "out_trade_no": order.number,
        "buyer_logon_id": messages.PAYER,
        "buyer_user_id": order.payer,
        "total_amount": amount,
        "receipt_amount": amount,
        "buyer_pay_amount": amount,
        "invoice_amount": amount,
        "point_amount": "0.00",
        "gmt_payment": beijing(order.paid_at or order.opened_at),
        "fund_bill_list": [{"fund_channel": "ALIPAYACCOUNT", "amount": amount}],
    }
