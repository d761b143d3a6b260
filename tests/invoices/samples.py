"""Documents for tests, pictures and benchmarks: one invented seller, one set of figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from invoices.document import (
    BankTransfer,
    Discount,
    DocumentLine,
    InvoiceDocument,
    Party,
    Period,
    Step,
    Tax,
    Usage,
)

SIX_PERCENT = Decimal("0.06")
NOVEMBER = Period(first=date(2026, 11, 1), last=date(2026, 11, 30))
OCTOBER = Period(first=date(2026, 10, 1), last=date(2026, 10, 31))

SELLER = Party(
    legal_name="杭州青屿软件有限公司",
    tax_number="91330106MA2KJ0N04K",
    address="杭州市西湖区文三路 100 号 8 楼",
    phone="400-000-0000",
    bank_name="招商银行杭州文三支行",
    bank_account="571900000010101",
    brand="青屿客户云",
    mark="屿",
)
BUYER = Party(
    legal_name="苏州沐禾家居有限公司",
    tax_number="91320508MA1X5T3L3L",
    address="苏州市姑苏区人民路 66 号",
    phone="0512-00000000",
)


def inclusive(gross_minor: int, rate: Decimal = SIX_PERCENT) -> int:
    """Tax inside a gross amount, half up: 129900 at 6 % holds 7353."""
    exact = Decimal(gross_minor) * rate / (1 + rate)
    return int(exact.quantize(Decimal(1), rounding="ROUND_HALF_UP"))


def line(
    name: str, quantity: str, price: str, amount_minor: int, *, unit: str = "", off: int = 0, **more
) -> DocumentLine:
    discounts = (Discount(cause=more.pop("cause", "首年 8 折"), amount_minor=off),) if off else ()
    price_value = Decimal(price)
    steps = more.pop("explanation", None) or (
        Step(text=name, quantity=Decimal(quantity), unit_amount=price_value, amount=price_value * Decimal(quantity)),
    )
    return DocumentLine(
        name=name,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=price_value,
        amount_minor=amount_minor,
        discounts=discounts,
        tax_rate=SIX_PERCENT,
        tax_minor=inclusive(amount_minor - off),
        explanation=steps,
        **{"period": NOVEMBER, **more},
    )


def messages() -> DocumentLine:
    daily = tuple((date(2026, 10, 1) + timedelta(days=n), Decimal(380 + n * 7 % 50)) for n in range(31))
    step = Step(text="每条 ¥0.05", quantity=Decimal(2480), unit_amount=Decimal("0.05"), amount=Decimal("124.00"))
    usage = Usage(measured=Decimal(12480), included=Decimal(10000), paid=Decimal(2480), daily=daily)
    return line("消息超量", "2480", "0.05", 12400, unit="条", period=OCTOBER, usage=usage, explanation=(step,))


def bill_lines() -> tuple[DocumentLine, ...]:
    return (
        line("专业版", "1", "1299", 129900, unit="个月"),
        line("席位", "18", "58", 104400, unit="个"),
        line("数据分析", "1", "300", 30000, unit="个月", off=6000, cause="数据分析首年 8 折"),
        messages(),
    )


def document(lines: tuple[DocumentLine, ...] | None = None, **changes) -> InvoiceDocument:
    """A bill of ¥2,707.00 that is still to be paid; with other lines, their sums."""
    lines = bill_lines() if lines is None else lines
    subtotal = sum(item.amount_minor for item in lines)
    discount = sum(item.discount_minor for item in lines)
    tax = sum(item.tax_minor for item in lines)
    total = subtotal - discount
    fields = {
        "kind": "invoice",
        "language": "zh-Hans",
        "number": "QY-2026-001187",
        "status": "待付",
        "issue_date": date(2026, 11, 1),
        "due_date": date(2026, 11, 30),
        "period": NOVEMBER,
        "seller": SELLER,
        "buyer": BUYER,
        "currency": "CNY",
        "lines": lines,
        "subtotal_minor": subtotal,
        "discount_minor": discount,
        "net_minor": total - tax,
        "taxes": (Tax(rate=SIX_PERCENT, net_minor=total - tax, tax_minor=tax),),
        "total_minor": total,
        "due_minor": total,
        "capitals": "人民币贰仟柒佰零柒元整" if total == 270700 else "",
        "purchase_order": "MH-PO-26031",
        "cost_centre": "客户服务部",
        "transfer": BankTransfer(
            account_name=SELLER.legal_name,
            bank_name=SELLER.bank_name,
            bank_account=SELLER.bank_account,
            remark="QY001187",
        ),
        "verification_code": "7F3A-91C2-D0E8",
    }
    return InvoiceDocument(**{**fields, **changes})


def unexplained(lines: tuple[DocumentLine, ...]) -> tuple[DocumentLine, ...]:
    """The same lines without their explanation: the bill alone."""
    return tuple(replace(item, explanation=(), usage=None) for item in lines)


def one_page() -> InvoiceDocument:
    return document(unexplained(bill_lines()))


def many_lines(count: int) -> InvoiceDocument:
    """A bill with `count` lines of ¥58.00 a seat."""
    lines = tuple(line(f"席位（第 {n} 部门）", str(n), "58", n * 5800, unit="个") for n in range(1, count + 1))
    return document(lines)


def credit_note() -> InvoiceDocument:
    lines = (line("数据分析", "1", "36", 3600, note="退回未用的 12 天，共 30 天"),)
    return document(
        lines,
        kind="credit_note",
        number="QY-C-2026-000031",
        status="已退回余额",
        issue_date=date(2026, 11, 18),
        due_date=None,
        due_minor=0,
        capitals="人民币叁拾陆元整",
        refers_to="QY-2026-001187",
        reason="11月18日停用数据分析",
        transfer=None,
        notes=("¥36.00 已退回余额，11月18日到账。",),
    )


def english() -> InvoiceDocument:
    lines = (
        line("Professional", "1", "1299", 129900, unit="month"),
        line("Seats", "18", "58", 104400, unit="seats"),
        line("Analytics", "1", "300", 30000, unit="month", off=6000, cause="first year 20% off"),
    )
    seller = replace(
        SELLER,
        legal_name="Hangzhou Qingyu Software Co., Ltd.",
        brand="Qingyu CRM",
        mark="Q",
        address="8F, 100 Wensan Road, Hangzhou",
    )
    buyer = replace(BUYER, legal_name="Suzhou Muhe Home Furnishing Co., Ltd.", address="66 Renmin Road, Suzhou")
    return document(
        lines,
        language="en",
        seller=seller,
        buyer=buyer,
        status="To be paid",
        capitals="",
        cost_centre="Customer service",
    )
