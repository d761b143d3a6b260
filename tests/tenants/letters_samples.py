"""Payloads of every kind of letter in both languages, with one set of figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.tenants.letters_announced import announced


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
        **money(always, method, plan, reason),
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
        **put_right(always, person, method, effect),
        "price_change_announced": price_change(always, plan, reason),
        "price_change_withdrawn": {
            **always,
            "path": "/subscription/",
            "plan": plan,
            "first_day": "2026-12-01",
        },
        **running_out(always, pack, lines[4]["unit"]),
        **quotes(always, person, plan, lines),
        **approvals(always, person, effect, reason),
        "member_invited": {
            "tenant": tenant,
            "path": "/invitations/abc/",
            "inviter": person,
            "role": role,
            "last_day": "2026-11-27",
        },
    }


def put_right(always: dict[str, str], person: str, method: str, effect: str) -> dict[str, dict[str, Any]]:
    """What was taken back, and what was found twice."""
    return {
        "purchase_undone": {
            **always,
            "path": "/subscription/",
            "effect": effect,
            "currency": "CNY",
            "credited_minor": 16800,
            "total_minor": 0,
            "ways": [{"way": method, "amount_minor": 16800}],
            "by_name": person,
        },
        "duplicate_found": {
            **always,
            "path": "/doubles/",
            "kind": "product",
            "what": effect,
            "currency": "CNY",
            "amount_minor": 16800,
        },
    }


def running_out(always: dict[str, str], pack: str, unit: str) -> dict[str, dict[str, Any]]:
    """What lapses, and a balance that will not be enough."""
    return {
        "gift_lapsing": {
            **always,
            "path": "/wallet/",
            "currency": "CNY",
            "amount_minor": 20000,
            "last_day": "2026-11-30",
        },
        "bill_held": held(always, pack),
        "balance_low": {
            **always,
            "path": "/wallet/",
            "currency": "CNY",
            "balance_minor": 212000,
            "missing_minor": 66300,
            "announced_minor": 278300,
            "until": "2026-11-30",
        },
        "allowance_used": {
            **always,
            "path": "/usage/",
            "name": pack,
            "unit": unit,
            "level": 80,
            "used": "8000",
            "included": "10000",
            "until": "2026-12-01",
        },
        "budget_used": {**budget(always), "level": 80},
        "budget_forecast": budget(always),
        "cap_reached": {**budget(always), "used_minor": 50000},
        "pack_lapsing": {
            **always,
            "path": "/subscription/packs/",
            "meter": pack,
            "unit": unit,
            "left": "1200.5",
            "quantity": "5000",
            "last_day": "2026-11-30",
        },
    }


def held(always: dict[str, str], name: str) -> dict[str, Any]:
    """A bill that waits for a yes."""
    far = {"why": "above", "amount_minor": 172700, "usual_minor": 12400, "highest_minor": 20000}
    whole = {"why": "above", "amount_minor": 431000, "usual_minor": 270700, "highest_minor": 278300}
    return {
        **always,
        "path": "/held/7/",
        "currency": "CNY",
        "total_minor": 431000,
        "charge_on": "2026-12-01",
        "pays": "wallet",
        "lines": [{"name": name, **far}, {"name": "", **whole}],
    }


def budget(always: dict[str, str]) -> dict[str, Any]:
    """A hard cap on all usage, as it stands."""
    return {
        **always,
        "path": "/budgets/",
        "currency": "CNY",
        "what": "",
        "used_minor": 41000,
        "expected_minor": 61500,
        "cap_minor": 50000,
        "hard": True,
        "on_reach": "stop",
        "until": "2026-12-01",
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


def money(always: dict[str, str], method: str, plan: str, why: str) -> dict[str, dict[str, Any]]:
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
        **refunds(always, method, why),
        **disputes(always, plan, why, why),
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
        **in_vain(always, method, why),
        **announced(always, plan),
    }


def in_vain(always: dict[str, str], method: str, why: str) -> dict[str, dict[str, Any]]:
    """What was not paid."""
    return {
        "debit_failed": {
            **always,
            "path": "/bills/1187/",
            "number": "QY-2026-001187",
            "currency": "CNY",
            "amount_minor": 270700,
            "method": method,
            "why": why,
        },
        "mandate_ended": {
            **always,
            "path": "/controls/",
            "method": method,
            "ended_on": "2026-11-20",
            "currency": "CNY",
            "bills": [{"number": "QY-2026-001187", "due_minor": 270700}],
        },
        "payment_reminder": {
            **always,
            "path": "/bills/1187/",
            "number": "QY-2026-001187",
            "currency": "CNY",
            "due_minor": 270700,
            "due_on": "2026-11-30",
            "reason": why,
            "advice": method,
            "taken": "",
            "warning": "",
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


def refunds(always: dict[str, str], method: str, why: str) -> dict[str, dict[str, Any]]:
    """Where the money of a refund is."""
    known = {**always, "path": "/refunds/12/", "currency": "CNY", "amount_minor": 3600, "method": method}
    known["number"] = "QY-2026-001187"
    return {
        "refund_sent": known | {"by_day": "2026-11-27", "bank_reference": "8812345"},
        "refund_arrived": known,
        "refund_failed": known | {"why": why},
    }


def disputes(always: dict[str, str], what: str, said: str, answer: str) -> dict[str, dict[str, Any]]:
    """What became of a dispute."""
    known = {**always, "path": "/disputes/12/", "currency": "CNY", "number": "QY-2026-001187", "what": what}
    frozen = {"amount_minor": 12400, "frozen_minor": 12400, "due_on": "2026-12-01"}
    return {
        "dispute_opened": known | frozen | {"said": said, "appealed": False},
        "dispute_answered": known
        | {"outcome": "explain", "answer": answer, "given_minor": 0, "due_minor": 12400}
        | {"pay_by": "2026-12-06", "appeal_until": "2026-12-15", "phone": "400-800-1234"},
        "dispute_late": known | frozen | {"phone": "400-800-1234"},
    }


def approvals(always: dict[str, str], person: str, effect: str, why: str) -> dict[str, dict[str, Any]]:
    """A purchase above the company's limit, and its answer."""
    known = {**always, "path": "/approvals/12/", "do": "add_module", "asked_by": person, "currency": "CNY"}
    known |= {"total_minor": 30000, "effect": effect, "after_minor": None}
    return {
        "approval_asked": known | {"yearly_minor": 360000, "until": "2026-12-02"},
        "approval_answered": known | {"state": "declined", "by_name": person, "reason": why},
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
