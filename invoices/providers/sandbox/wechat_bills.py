"""WeChat's bills: an address, a SHA1 of the unpacked file, and CSV with a backquote before every value, in yuan."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

from invoices.providers.sandbox import billing
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, yuan

Told = dict[str, Any]
PATH = "/v3/billdownload/file"
TRADES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOWS = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号"
FLOW_SUMS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


def trades(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    """Return the address of a day's trades: ALL, SUCCESS or REFUND."""
    wanted = query.get("bill_type", "ALL")
    if wanted not in ("ALL", "SUCCESS", "REFUND"):
        raise Refusal("PARAM_ERROR", "bill_type")
    found = [row for row in _rows(sandbox, query) if wanted == "ALL" or (wanted == "REFUND") == bool(row.refund)]
    return _put_up(sandbox, query, [TRADES, *(_trade(sandbox, row) for row in found), TRADE_SUMS, _trade_sums(found)])


def flows(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> Told:
    """Return the address of a day's movements of the basic account; the others have none."""
    if query.get("account_type", "BASIC") not in ("BASIC", "OPERATION", "FEES"):
        raise Refusal("PARAM_ERROR", "account_type")
    if query.get("account_type", "BASIC") != "BASIC":
        raise Refusal("NO_STATEMENT_EXIST", "账单文件不存在")
    steps = [step for row in _rows(sandbox, query) for step in _steps(row)]
    lines, balance = [FLOWS], 0
    for row, minor, what in steps:
        balance += minor
        lines.append(_flow(row, minor, what, balance))
    came, went = [m for _, m, _ in steps if m > 0], [-m for _, m, _ in steps if m < 0]
    sums = _values(str(len(steps)), str(len(came)), yuan(sum(came)), str(len(went)), yuan(sum(went)))
    return _put_up(sandbox, query, [*lines, FLOW_SUMS, sums])


def _rows(sandbox: Sandbox, query: dict[str, str]) -> list[billing.Row]:
    try:
        found = billing.rows(sandbox, "wechat", billing.day_of(query.get("bill_date")))
    except billing.NotReady:
        raise Refusal("STATEMENT_CREATING", "账单生成中") from None
    if not found:
        raise Refusal("NO_STATEMENT_EXIST", "账单文件不存在")
    return found


def _put_up(sandbox: Sandbox, query: dict[str, str], lines: list[str]) -> Told:
    text = ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()
    packed = gzip.compress(text, mtime=0) if query.get("tar_type") == "GZIP" else text
    return {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(text).hexdigest(),
        "download_url": f"{sandbox.base}{PATH}?token={billing.put_up(sandbox, packed)}",
    }


def _values(*cells: str) -> str:
    return ",".join(f"`{cell}" for cell in cells)


def _trade(sandbox: Sandbox, row: billing.Row) -> str:
    order, refund = row.order, row.refund
    amount = yuan(row.minor)
    back = (refund.refund_no, refund.number, amount) if refund else ("0", "0", "0.00")
    return _values(
        *(
            beijing(row.at),
            sandbox.keys.wechat_app,
            sandbox.keys.wechat_merchant,
            "0",
            "",
            order.trade_no,
            order.number,
        ),
        *(
            order.payer,
            "PAP" if order.kind == "debit" else "NATIVE",
            "REFUND" if refund else "SUCCESS",
            "OTHERS",
            "CNY",
        ),
        *("0.00" if refund else amount, "0.00", *back, "0.00"),
        *("ORIGINAL" if refund else "", "SUCCESS" if refund else "", order.subject, order.attach),
        # Five decimals, though the fee is whole fen.
        *(f"{yuan(-row.fee if refund else row.fee)}000", "0.60%"),
        *("0.00" if refund else amount, amount if refund else "0.00", ""),
    )


def _trade_sums(found: list[billing.Row]) -> str:
    paid, back = sum(row.minor for row in found if not row.refund), sum(row.minor for row in found if row.refund)
    fees = sum(-row.fee if row.refund else row.fee for row in found)
    return _values(str(len(found)), yuan(paid), yuan(back), "0.00", f"{yuan(fees)}000", yuan(paid), yuan(back))


def _steps(row: billing.Row) -> list[tuple[billing.Row, int, str]]:
    """Return how a row moves the balance: a payment and its fee; a refund, less the fee that comes back."""
    if row.refund:
        return [(row, row.fee - row.minor, "退款")]
    return [(row, row.minor, "交易"), *([(row, -row.fee, "扣除交易手续费")] if row.fee else [])]


def _flow(row: billing.Row, minor: int, what: str, balance: int) -> str:
    number = row.refund.refund_no if row.refund else row.order.trade_no
    voucher = row.refund.number if row.refund else row.order.number
    way = "收入" if minor > 0 else "支出"
    return _values(
        beijing(row.at), number, number, what, what, way, yuan(abs(minor)), yuan(balance), "system", "", voucher
    )
