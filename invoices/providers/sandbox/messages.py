"""What callbacks say, by the protocol each belongs to. Signing and sending are `calling`'s."""

from __future__ import annotations

from datetime import datetime

from invoices.providers.sandbox import calling
from invoices.providers.sandbox.gate import Sandbox, beijing, rfc3339, yuan
from invoices.providers.sandbox.records import Contract, Order, Refund

PAYER = "138****0001"


def paid(sandbox: Sandbox, order: Order) -> None:
    """Tell the merchant of a payment or a debit that succeeded."""
    if order.provider == "alipay":
        calling.announce(sandbox, "payment", "alipay", order.notify_url, alipay_trade(sandbox, order), "alipay")
    elif order.kind == "debit":
        _debit(sandbox, order)
    else:
        event = {
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "original_type": "transaction",
            "resource": transaction(sandbox, order, "SUCCESS"),
        }
        calling.announce(sandbox, "payment", "v3", order.notify_url, event, "wechat")


def failed(sandbox: Sandbox, order: Order) -> None:
    """Tell the merchant of a debit of WeChat that failed; Alipay says so in its answer."""
    _debit(sandbox, order)


def _debit(sandbox: Sandbox, order: Order) -> None:
    content = debited(sandbox, order) | {"digest": order.digest}
    calling.announce(sandbox, "payment", "v2", order.notify_url, content, "debit")


def alipay_status(sandbox: Sandbox, order: Order, refunded: int, *, finished: bool = False) -> str:
    """Return Alipay's word for where a trade is; one that went back whole is closed."""
    if order.state == "paid":
        if refunded == order.minor:
            return "TRADE_CLOSED"
        return "TRADE_FINISHED" if finished else "TRADE_SUCCESS"
    return "TRADE_CLOSED" if order.state == "closed" else "WAIT_BUYER_PAY"


def refunded(sandbox: Sandbox, order: Order) -> int:
    """Return how many fen of a payment have gone back or are on their way."""
    parts = [part for part in sandbox.store.refunds.values() if part.order_key == order.key]
    return sum(part.minor for part in parts if part.state != "abnormal")


def alipay_trade(sandbox: Sandbox, order: Order) -> dict[str, str]:
    back = refunded(sandbox, order)
    amount = yuan(order.minor)
    return {
        "notify_type": "trade_status_sync",
        "app_id": sandbox.keys.alipay_app,
        "auth_app_id": sandbox.keys.alipay_app,
        "seller_id": sandbox.keys.alipay_seller,
        "trade_no": order.trade_no,
        "out_trade_no": order.number,
        "trade_status": alipay_status(sandbox, order, back),
        "total_amount": amount,
        "receipt_amount": amount,
        "invoice_amount": amount,
        "buyer_pay_amount": amount,
        "point_amount": "0.00",
        "subject": order.subject,
        "buyer_id": order.payer,
        "buyer_logon_id": PAYER,
        "gmt_create": beijing(order.opened_at),
        "gmt_payment": beijing(order.paid_at) if order.paid_at else "",
        "fund_bill_list": f'[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]',
    }


def alipay_refund(sandbox: Sandbox, order: Order, refund: Refund) -> None:
    """Tell of a refund as Alipay does: a notice of the trade, on which the refund is only two more fields."""
    content = alipay_trade(sandbox, order) | {
        "refund_fee": yuan(refunded(sandbox, order)),
        "out_biz_no": refund.number,
        "gmt_refund": _moment(refund.done_at),
    }
    calling.announce(sandbox, "refund", "alipay", order.notify_url, content, "alipay")


def _moment(at: datetime | None) -> str:
    return beijing(at) if at else ""


def transaction(sandbox: Sandbox, order: Order, state: str) -> dict[str, object]:
    """Return an order in WeChat v3's words."""
    told: dict[str, object] = {
        "appid": sandbox.keys.wechat_app,
        "mchid": sandbox.keys.wechat_merchant,
        "out_trade_no": order.number,
        "trade_type": "PAP" if order.kind == "debit" else "NATIVE",
        "trade_state": state,
        "trade_state_desc": {"SUCCESS": "支付成功", "REFUND": "转入退款", "CLOSED": "订单已关闭"}.get(
            state, "订单未支付"
        ),
        "attach": order.attach,
        "amount": {"total": order.minor, "currency": "CNY"},
    }
    if order.paid_at:
        told |= {
            "transaction_id": order.trade_no,
            "bank_type": "OTHERS",
            "success_time": rfc3339(order.paid_at),
            "payer": {"openid": order.payer},
            "amount": {
                "total": order.minor,
                "payer_total": order.minor,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }
    return told


def debited(sandbox: Sandbox, order: Order) -> dict[str, str]:
    """Return a debit in WeChat v2's words; one that failed has an error code and no number of WeChat's."""
    told = {
        "return_code": "SUCCESS",
        "appid": sandbox.keys.wechat_app,
        "mch_id": sandbox.keys.wechat_merchant,
        "out_trade_no": order.number,
        "contract_id": order.contract_no,
        "openid": order.payer,
        "trade_type": "PAP",
        "total_fee": str(order.minor),
        "fee_type": "CNY",
        "attach": order.attach,
    }
    if order.state != "paid":
        return told | {"result_code": "FAIL", "err_code": order.failure, "err_code_des": order.failure}
    return told | {
        "result_code": "SUCCESS",
        "is_subscribe": "N",
        "bank_type": "OTHERS",
        "cash_fee": str(order.minor),
        "transaction_id": order.trade_no,
        "time_end": compact(order.paid_at),
    }


def compact(at: datetime | None) -> str:
    """Return `yyyyMMddHHmmss` of Beijing."""
    return "".join(c for c in _moment(at) if c.isdigit())


def refund_result(sandbox: Sandbox, order: Order, refund: Refund) -> None:
    """Tell of the end of a refund of WeChat; without an address of its own nothing is told."""
    state = "SUCCESS" if refund.state == "done" else "ABNORMAL"
    resource = {
        "mchid": sandbox.keys.wechat_merchant,
        "transaction_id": order.trade_no,
        "out_trade_no": order.number,
        "refund_id": refund.refund_no,
        "out_refund_no": refund.number,
        "refund_status": state,
        "user_received_account": "支付用户零钱",
        "amount": {
            "total": order.minor,
            "refund": refund.minor,
            "payer_total": order.minor,
            "payer_refund": refund.minor,
        },
    }
    if refund.done_at:
        resource["success_time"] = rfc3339(refund.done_at)
    event = {
        "event_type": f"REFUND.{state}",
        "summary": "退款成功" if state == "SUCCESS" else "退款异常",
        "original_type": "refund",
        "resource": resource,
    }
    if refund.notify_url:
        calling.announce(sandbox, "refund", "v3", refund.notify_url, event, "wechat")


def alipay_contract(sandbox: Sandbox, contract: Contract, url: str) -> None:
    """Tell that a contract of Alipay was signed or ended."""
    ended = contract.state == "ended"
    content = {
        "notify_type": "dut_user_unsign" if ended else "dut_user_sign",
        "status": "UNSIGN" if ended else "NORMAL",
        "app_id": sandbox.keys.alipay_app,
        "auth_app_id": sandbox.keys.alipay_app,
        "agreement_no": contract.contract_no,
        "external_agreement_no": contract.number,
        "external_logon_id": contract.logon,
        "personal_product_code": contract.product,
        "sign_scene": contract.plan,
        "alipay_user_id": contract.payer,
        "alipay_logon_id": PAYER,
        "sign_time": _moment(contract.signed_at),
        "valid_time": _moment(contract.signed_at),
        "invalid_time": _moment(contract.expires_at) or "2115-02-01 00:00:00",
    }
    if ended:
        content["unsign_time"] = _moment(contract.ended_at)
    calling.announce(sandbox, "ended" if ended else "signed", "alipay", url, content, "alipay")


def wechat_contract(sandbox: Sandbox, contract: Contract, url: str) -> None:
    """Tell that a contract of WeChat was signed or ended."""
    ended = contract.state == "ended"
    content = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "mch_id": sandbox.keys.wechat_merchant,
        "contract_code": contract.number,
        "plan_id": contract.plan,
        "openid": contract.payer,
        "contract_id": contract.contract_no,
        "change_type": "DELETE" if ended else "ADD",
        "operate_time": _moment(contract.ended_at if ended else contract.signed_at),
        "request_serial": contract.serial,
        "digest": contract.digest,
    }
    if ended:
        content["contract_termination_mode"] = str(contract.end_mode)
    else:
        content["contract_expired_time"] = "2115-02-01 00:00:00"
    calling.announce(sandbox, "ended" if ended else "signed", "v2", url, content, "contract")
