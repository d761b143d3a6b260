"""Alipay's bills: an address that is good for 30 seconds, behind it a zip of CSV files in GBK, names and all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from invoices.providers.sandbox import billing, messages
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, yuan

Told = dict[str, Any]
PATH = "/alipay/bill/"
TYPES = ("trade", "signcustomer")
RULE = "#-----------------------------------------{}----------------------------------------"
DETAILS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
SUMMARY = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,"
    "服务费（元）,分润（元）,实收净额（元）"
)
MOVES = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注"


class GbkInfo(zipfile.ZipInfo):
    """A file in a zip whose name is written as GBK without saying so, as Alipay does; unzip shows it as nonsense."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def address(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Return the address of a day's bill. Today's and one that is not made yet are refused, and so is a day without rows."""
    if content.get("bill_type") not in TYPES:
        raise Refusal("INVAILID_ARGUMENTS", "bill_type")
    day = billing.day_of(content.get("bill_date"))
    if day >= sandbox.clock.now().astimezone(billing.BEIJING).date():
        raise Refusal("INVAILID_ARGUMENTS", "bill_date")
    try:
        found = billing.rows(sandbox, "alipay", day)
    except billing.NotReady:
        found = []
    if not found:
        raise Refusal("BILL_NOT_EXIST", "账单不存在")
    made = trades(sandbox, found, day) if content["bill_type"] == "trade" else moves(sandbox, found, day)
    return {"bill_download_url": f"{sandbox.base}{PATH}{billing.put_up(sandbox, made)}"}


def trades(sandbox: Sandbox, found: list[billing.Row], day: date) -> bytes:
    """Return the zip with every trade and refund, and a summary. The fee of a payment is written below zero."""
    paid, back = [row for row in found if not row.refund], [row for row in found if row.refund]
    name = f"{sandbox.keys.alipay_seller}0156_{day:%Y%m%d}"
    lines = [
        *_head(sandbox, "业务明细", day),
        DETAILS,
        *(_detail(row) for row in found),
        RULE.format("业务明细列表结束"),
        f"#交易合计：{len(paid)}笔，商家实收共{yuan(sum(row.minor for row in paid))}元，商家优惠共0.00元",
        f"#退款合计：{len(back)}笔，商家实收退款共{yuan(-sum(row.minor for row in back))}元，商家优惠退款共0.00元",
        f"#导出时间：[{beijing(sandbox.clock.now())}]",
    ]
    total = sum(row.minor for row in paid) - sum(row.minor for row in back)
    fees = sum(row.fee for row in paid)
    sums = f"合计,,{len(paid)},{len(back)},{yuan(total)},{yuan(total)},0.00,0.00,0.00,{yuan(-fees)},0.00,{yuan(total - fees)}"
    ends = [*_head(sandbox, "业务汇总", day), SUMMARY, sums, RULE.format("业务汇总列表结束")]
    return _zip({f"{name}_业务明细.csv": lines, f"{name}_业务明细(汇总).csv": ends})


def _head(sandbox: Sandbox, what: str, day: date) -> list[str]:
    begins, ends = f"{day:%Y年%m月%d日} 00:00:00", f"{day + timedelta(days=1):%Y年%m月%d日} 00:00:00"
    return [
        f"#支付宝{what}查询",
        f"#账号：[{sandbox.keys.alipay_seller}0156]",
        f"#起始日期：[{begins}]   终止日期：[{ends}]",
        RULE.format(f"{what}列表"),
    ]


def _detail(row: billing.Row) -> str:
    """Return a row; numbers and times are followed by a tab, so that a spreadsheet does not spoil them."""
    amount = yuan(-row.minor if row.refund else row.minor)
    number = row.refund.number if row.refund else ""
    cells = [
        *(f"{row.order.trade_no}\t", f"{row.order.number}\t", "退款" if row.refund else "交易", row.order.subject),
        *(f"{beijing(row.order.opened_at)}\t", f"{beijing(row.at)}\t", "", "", "", "", f"*轻语({messages.PAYER})"),
        *(amount, amount, "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00"),
        *(f"{number}\t", yuan(-row.fee), "0.00", ""),
    ]
    return ",".join(cells)


def moves(sandbox: Sandbox, found: list[billing.Row], day: date) -> bytes:
    """Return the zip with every movement of the balance: payments, their fees, refunds."""
    lines = [*_head(sandbox, "账务明细", day), MOVES]
    balance = 0
    for row in found:
        steps = [(row.minor, "在线支付")] if not row.refund else [(-row.minor, "交易退款")]
        steps += [(-row.fee, "收费")] if row.fee else []
        for minor, what in steps:
            balance += minor
            lines.append(_move(row, minor, balance, what, len(lines)))
    lines.append(RULE.format("账务明细列表结束"))
    return _zip({f"{sandbox.keys.alipay_seller}0156_{day:%Y%m%d}_账务明细.csv": lines})


def _move(row: billing.Row, minor: int, balance: int, what: str, count: int) -> str:
    put, taken = (yuan(minor), "0.00") if minor > 0 else ("0.00", yuan(minor))
    entry = f"{beijing(row.at)[:10].replace('-', '')}{count:08}\t"
    trade = (f"{row.order.trade_no}\t", f"{row.order.number}\t", row.order.subject, f"{beijing(row.at)}\t")
    return ",".join([entry, *trade, messages.PAYER, put, taken, yuan(balance), "支付宝", what, ""])


def _zip(files: dict[str, Iterable[str]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in files.items():
            text = "\r\n".join(lines) + "\r\n"
            archive.writestr(GbkInfo(name), text.encode("gbk", "replace"))
    return made.getvalue()
