"""WeChat's debits under a contract: accepted now, carried out a little later; one that failed is closed for good."""

from __future__ import annotations

import re

from invoices.providers.sandbox import contracting, messages, ordering, papay_notices, wechat_trades
from invoices.providers.sandbox.gate import Refusal, Sandbox
from invoices.providers.sandbox.records import Contract, Order
from invoices.providers.sandbox.signing import digest_of

Fields = dict[str, str]
NEEDED = ("body", "spbill_create_ip", "notify_url", "contract_id")
FEE = re.compile(r"[1-9][0-9]{0,9}")
STATES = {"paid": "SUCCESS", "accepted": "ACCEPT", "closed": "CLOSED"}


def apply(sandbox: Sandbox, fields: Fields) -> Fields:
    """Accept a debit. The same number again: accepted still, or what became of it."""
    missing = [name for name in NEEDED if not fields.get(name)]
    if missing or fields.get("trade_type") != "PAP" or not FEE.fullmatch(fields.get("total_fee", "")):
        raise Refusal("PARAM_ERROR", missing[0] if missing else "total_fee")
    known = sandbox.store.orders.get(f"wechat:{fields.get('out_trade_no')}")
    if known:
        return _again(known, fields)
    contract = _contract(sandbox, fields)
    period = papay_notices.cycle_for(sandbox, contract, int(fields["total_fee"]))
    sandbox.store.keep(_accepted(sandbox, contract, fields, period))
    return {}


def _again(known: Order, fields: Fields) -> Fields:
    if (str(known.minor), known.contract_no) != (fields["total_fee"], fields["contract_id"]):
        raise Refusal("OUT_TRADE_NO_USED", "商户订单号重复")
    if known.state == "accepted":
        return {}
    raise Refusal("ORDERPAID" if known.state == "paid" else "ORDERCLOSED", "订单已支付或已关闭")


def _contract(sandbox: Sandbox, fields: Fields) -> Contract:
    contract = contracting.by_number(sandbox, "wechat", fields["contract_id"])
    if contract and contract.state == "signed" and sandbox.faults.take("unsign", "wechat"):
        contracting.end(sandbox, contract, contracting.BY_USER)
    if contract is None or not contracting.in_force(sandbox, contract):
        raise Refusal("CONTRACT_NOT_EXIST", "协议不存在或已解约")
    return contract


def _accepted(sandbox: Sandbox, contract: Contract, fields: Fields, period: str) -> Order:
    now = sandbox.clock.now()
    return Order(
        provider="wechat",
        number=wechat_trades.number_of(fields.get("out_trade_no")),
        kind="debit",
        state="accepted",
        minor=int(fields["total_fee"]),
        subject=fields["body"],
        attach=fields.get("attach", ""),
        token="",
        notify_url=wechat_trades.address_of(fields["notify_url"], needed=True),
        opened_at=now,
        code_at=now,
        settle_at=sandbox.clock.after(sandbox.terms.debit_seconds),
        payer=contract.payer,
        contract_no=contract.contract_no,
        period=period,
        digest=digest_of(fields),
    )


def settle(sandbox: Sandbox) -> None:
    """Carry out the debits whose time has come."""
    now = sandbox.clock.now()
    for order in list(sandbox.store.orders.values()):
        if order.state != "accepted" or order.settle_at is None or order.settle_at > now:
            continue
        if no := sandbox.faults.take("decline", "wechat", "debit"):
            order.failure = no.value or "NOTENOUGH"
            ordering.close(sandbox, order)
            messages.failed(sandbox, order)
        else:
            ordering.pay(sandbox, order)


def _find(sandbox: Sandbox, fields: Fields) -> Order:
    for order in sandbox.store.orders.values():
        trade_no = fields.get("transaction_id")
        named = order.trade_no == trade_no if trade_no else order.number == fields.get("out_trade_no")
        if order.provider == "wechat" and order.kind == "debit" and named:
            return order
    raise Refusal("ORDERNOTEXIST", "此交易订单号不存在")


def query(sandbox: Sandbox, fields: Fields) -> Fields:
    """Say where a debit is: ACCEPT, SUCCESS, REFUND, CLOSED. Why one is closed stands in the description only."""
    order = _find(sandbox, fields)
    state = "REFUND" if order.state == "paid" and messages.refunded(sandbox, order) else STATES[order.state]
    told = messages.debited(sandbox, order) if order.state == "paid" else {"out_trade_no": order.number}
    about = {"total_fee": str(order.minor), "trade_type": "PAP", "contract_id": order.contract_no}
    desc = order.failure or {"ACCEPT": "已接收，等待扣款", "SUCCESS": "支付成功"}.get(state, state)
    return told | about | {"openid": order.payer, "trade_state": state, "trade_state_desc": desc}


def close(sandbox: Sandbox, fields: Fields) -> Fields:
    order = _find(sandbox, fields)
    try:
        ordering.close(sandbox, order)
    except ordering.Settled:
        raise Refusal("ORDERPAID", "订单已支付") from None
    return {}
