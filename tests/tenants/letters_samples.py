"""Payloads of every kind of letter in both languages, with one set of figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Brand:
    brand: str = "青屿客户云"
    brand_en: str = "Qingyu CRM"
    mark: str = "屿"
    colour: str = "#1f4e8c"
    legal_name: str = "杭州青屿软件有限公司"
    phone: str = "400-000-0000"


def chinese() -> dict[str, dict[str, Any]]:
    lines = [
        {"name": "专业版", "quantity": "1", "unit": "个月", "unit_price": "1299", "amount_minor": 129900},
        {"name": "席位", "quantity": "18", "unit": "个", "unit_price": "58", "amount_minor": 104400},
        {"name": "数据分析", "quantity": "1", "unit": "个月", "unit_price": "300", "amount_minor": 30000},
        {"name": "优惠：数据分析首年 8 折", "amount_minor": -6000},
        {"name": "消息超量", "quantity": "2480", "unit": "条", "unit_price": "0.05", "amount_minor": 12400},
    ]
    return payloads(
        tenant="苏州沐禾",
        person="陈静",
        lines=lines,
        reason="11月18日停用数据分析",
        method="对公转账",
        plan="专业版",
        role="财务",
        pack="消息",
        effect="2026年11月25日（周三）起，套餐由「专业版」换成「旗舰版」",
    )


def english() -> dict[str, dict[str, Any]]:
    lines = [
        {"name": "Professional", "quantity": "1", "unit": "month", "unit_price": "1299", "amount_minor": 129900},
        {"name": "Seats", "quantity": "18", "unit": "seats", "unit_price": "58", "amount_minor": 104400},
        {"name": "Analytics", "quantity": "1", "unit": "month", "unit_price": "300", "amount_minor": 30000},
        {"name": "Discount: first year 20% off", "amount_minor": -6000},
        {"name": "Messages", "quantity": "2480", "unit": "messages", "unit_price": "0.05", "amount_minor": 12400},
    ]
    written = payloads(
        tenant="Suzhou Muhe",
        person="Chen Jing",
        lines=lines,
        reason="Analytics turned off on 18 Nov",
        method="bank transfer",
        plan="Professional",
        role="finance",
        pack="Messages",
        effect="From Wed 25 Nov 2026 on the plan is “Flagship” in place of “Professional”",
    )
    written["invoice_issued"].pop("capitals")
    written["credit_note_issued"].pop("capitals")
    return written


def payloads(*, tenant, person, lines, reason, method, plan, role, pack, effect) -> dict[str, dict[str, Any]]:
    always = {"tenant": tenant, "recipient": person}
    return {
        **papers(always, lines, reason),
        **money(always, method, plan),
        "renewal_stopped": {
            **always,
            "path": "/subscription/",
            "plan": plan,
            "last_day": "2026-11-30",
            "next_day": "2026-12-01",
            "by_name": person,
        },
        "subscription_changed": {
            **always,
            "path": "/subscription/",
            "effect": effect,
            "currency": "CNY",
            "total_minor": 16800,
            "credited_minor": 0,
            "lines": [{"name": plan, "amount_minor": 16800, "first": "2026-11-25", "last": "2026-11-30"}],
            "by_name": person,
        },
        "price_change_announced": price_change(always, plan, reason),
        "price_change_withdrawn": {
            **always,
            "path": "/subscription/",
            "plan": plan,
            "first_day": "2026-12-01",
        },
        "pack_lapsing": {
            **always,
            "path": "/subscription/packs/",
            "meter": pack,
            "unit": lines[4]["unit"],
            "left": "1200.5",
            "quantity": "5000",
            "last_day": "2026-11-30",
        },
        **quotes(always, person, plan, lines),
        "member_invited": {
            "tenant": tenant,
            "path": "/invitations/abc/",
            "inviter": person,
            "role": role,
            "last_day": "2026-11-27",
        },
    }


def price_change(always: dict[str, str], plan: str, reason: str) -> dict[str, Any]:
    """A new price that the seller announces."""
    return {
        **always,
        "path": "/subscription/",
        "plan": plan,
        "first_day": "2026-12-01",
        "last_day": "2026-11-30",
        "reason": reason,
        "currency": "CNY",
        "before_minor": 19900,
        "after_minor": 21900,
        "difference_minor": 2000,
        "usage_difference_minor": 310,
        "prices": [{"name": plan, "before": "¥199.00", "after": "¥219.00"}],
    }


def money(always: dict[str, str], method: str, plan: str) -> dict[str, dict[str, Any]]:
    """What came in, what will be deducted, and what could not be."""
    return {
        "payment_received": {
            **always,
            "path": "/bills/",
            "currency": "CNY",
            "amount_minor": 300000,
            "received_on": "2026-11-20",
            "method": method,
            "bills": [
                {"number": "QY-2026-001187", "amount_minor": 270700, "due_minor": 0},
                {"number": "QY-2026-001203", "amount_minor": 20000, "due_minor": 4000},
            ],
            "unused_minor": 9300,
        },
        "charge_announced": {
            **always,
            "path": "/deductions/12/",
            "currency": "CNY",
            "pays": "wallet",
            "charge_on": "2026-12-01",
            "renewal_minor": 258300,
            "ceiling_minor": 20000,
            "total_minor": 278300,
            "lines": [{"name": plan, "amount_minor": 258300, "first": "2026-12-01", "last": "2026-12-31"}],
        },
        "payment_failed": {
            **always,
            "path": "/bills/1187/",
            "number": "QY-2026-001187",
            "currency": "CNY",
            "amount_minor": 270700,
            "balance_minor": 212000,
        },
    }


def quotes(always: dict[str, str], person: str, plan: str, lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    offered = {
        **always,
        "path": "/quotes/12/",
        "number": "QYQ-2026-000012",
        "plan": plan,
        "first_day": "2026-12-01",
        "currency": "CNY",
        "total_minor": 3280000,
    }
    more = {"last_day": "2027-11-30", "valid_until": "2026-11-30", "to_its_end": True, "lines": lines}
    return {"quote_sent": offered | more, "quote_accepted": offered | {"by_name": person}}


def papers(always: dict[str, str], lines: list[dict[str, Any]], reason: str) -> dict[str, dict[str, Any]]:
    return {
        "invoice_issued": {
            **always,
            "path": "/bills/1187/",
            "number": "QY-2026-001187",
            "currency": "CNY",
            "total_minor": 270700,
            "due_minor": 270700,
            "due_date": "2026-11-30",
            "capitals": "人民币贰仟柒佰零柒元整",
            "lines": lines,
        },
        "credit_note_issued": {
            **always,
            "path": "/bills/1187/",
            "number": "QY-C-2026-000031",
            "refers_to": "QY-2026-001187",
            "currency": "CNY",
            "total_minor": 3600,
            "returned_minor": 3600,
            "capitals": "人民币叁拾陆元整",
            "reason": reason,
            "lines": [{"name": lines[2]["name"], "first": "2026-11-19", "last": "2026-11-30", "amount_minor": 3600}],
        },
    }
