"""Alipay's deduction agreements: page.sign, query, unsign, executionplan.modify."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from invoices.providers.sandbox import alipay_cycles, alipay_trades, contracting, messages
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, token, yuan
from invoices.providers.sandbox.records import Contract

Told = dict[str, Any]
PRODUCTS = {"CYCLE_PAY_AUTH_P": "CYCLE_PAY_AUTH", "GENERAL_WITHHOLDING_P": "GENERAL_WITHHOLDING"}
CHANNELS = ("ALIPAYAPP", "QRCODE", "QRCODEORSMS")
NUMBER = re.compile(r"[0-9A-Za-z_\-]{1,32}")
COUNT = re.compile(r"[1-9][0-9]{0,5}")
VALIDITY = re.compile(r"([1-9][0-9]{0,3})([dm])")
FEWEST_DAYS, LAST_DAY = 7, 28
NEVER = "2115-02-01 00:00:00"


def page_sign(sandbox: Sandbox, told: dict[str, str], content: Told) -> str:
    """Return where the browser goes on to: the page on which this contract is signed."""
    try:
        made = contracting.begin(sandbox, _wanted(sandbox, told, content))
    except contracting.Signed:
        raise Refusal("USER_AGREEMENT_HAS_EXIST", "协议号已被使用") from None
    return sandbox.page(made.token)


def _wanted(sandbox: Sandbox, told: dict[str, str], content: Told) -> Contract:
    now, product = sandbox.clock.now(), content.get("personal_product_code", "")
    if product not in PRODUCTS:
        raise _wrong("personal_product_code")
    if _part(content, "access_params").get("channel") not in CHANNELS:
        raise _wrong("access_params.channel")
    if not content.get("sign_scene"):
        raise _wrong("sign_scene")
    number = str(content.get("external_agreement_no") or "")
    if not NUMBER.fullmatch(number):
        raise _wrong("external_agreement_no")
    made = Contract(
        provider="alipay",
        number=number,
        state="open",
        token=token(),
        name=str(content.get("agreement_desc") or content["sign_scene"]),
        notify_url=alipay_trades.address_of(told.get("notify_url", "")),
        return_url=told.get("return_url", ""),
        opened_at=now,
        product=product,
        plan=content["sign_scene"],
        logon=str(content.get("external_logon_id") or ""),
        expires_at=_end(content.get("sign_validity_period"), now),
    )
    if product == "CYCLE_PAY_AUTH_P":
        _set_rhythm(sandbox, made, _part(content, "period_rule_params"))
    return made


def _part(content: Told, name: str) -> Told:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _wrong(name: str) -> Refusal:
    return Refusal("INVALID_PARAMETER", name)


def _end(told: object, now: datetime) -> datetime | None:
    if told is None:
        return None
    found = VALIDITY.fullmatch(str(told))
    if not found:
        raise _wrong("sign_validity_period")
    days = int(found[1]) if found[2] == "d" else 0
    return alipay_cycles.months_on(now, 0 if days else int(found[1])) + timedelta(days=days)


def _set_rhythm(sandbox: Sandbox, made: Contract, rule: Told) -> None:
    """Take over when a cycle agreement may be debited, and how much at most. MONTH: days 1 to 28; DAY: 7 days at least."""
    made.period_type = str(rule.get("period_type", ""))
    period = str(rule.get("period", ""))
    if made.period_type not in ("DAY", "MONTH") or not COUNT.fullmatch(period):
        raise _wrong("period_rule_params.period")
    made.period = int(period)
    if made.period_type == "DAY" and made.period < FEWEST_DAYS:
        raise _wrong("period_rule_params.period")
    made.execute_on = _day(made, rule.get("execute_time"), contracting.today(sandbox)).isoformat()
    made.single_minor = alipay_trades.amount_of(rule, "single_amount")
    made.total_minor = alipay_trades.amount_of(rule, "total_amount") if rule.get("total_amount") else 0
    payments = str(rule.get("total_payments") or "")
    if payments and not COUNT.fullmatch(payments):
        raise _wrong("period_rule_params.total_payments")
    made.total_payments = int(payments or 0)


def _day(made: Contract, told: object, earliest: date) -> date:
    try:
        day = date.fromisoformat(str(told))
    except ValueError:
        raise _wrong("execute_time") from None
    if day < earliest or (made.period_type == "MONTH" and day.day > LAST_DAY):
        raise _wrong("execute_time")
    return day


def find(sandbox: Sandbox, content: Told) -> Contract:
    """Return the agreement in force that a request names: by Alipay's number, or by ours with product and scene."""
    made = contracting.by_number(sandbox, "alipay", str(content.get("agreement_no") or ""))
    if made is None and not content.get("agreement_no"):
        made = sandbox.store.contracts.get(f"alipay:{content.get('external_agreement_no')}")
        named = (content.get("personal_product_code"), content.get("sign_scene"))
        if made and named != (made.product, made.plan):
            made = None
    if made is None or not contracting.in_force(sandbox, made):
        raise Refusal("USER_AGREEMENT_NOT_EXIST", "用户协议不存在")
    return made


def query(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Say that an agreement is in force. Of one that was never signed, has ended or is over Alipay knows nothing."""
    made = find(sandbox, content)
    found = {
        "agreement_no": made.contract_no,
        "external_agreement_no": made.number,
        "status": "NORMAL",
        "personal_product_code": made.product,
        "sign_scene": made.plan,
        "principal_type": "CARD",
        "principal_id": made.payer,
        "alipay_logon_id": messages.PAYER,
        "external_logon_id": made.logon,
        "sign_time": beijing(made.signed_at or made.opened_at),
        "valid_time": beijing(made.signed_at or made.opened_at),
        "invalid_time": beijing(made.expires_at) if made.expires_at else NEVER,
    }
    if made.period:
        found["next_deduct_time"] = alipay_cycles.due(made, contracting.today(sandbox)).isoformat()
        found["single_quota"] = yuan(made.single_minor)
    return found


def unsign(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    contracting.end(sandbox, find(sandbox, content), contracting.BY_MERCHANT)
    return {}


def modify(sandbox: Sandbox, told: dict[str, str], content: Told) -> Told:
    """Put the next deduction off, never forward; the days after it follow."""
    made = find(sandbox, content)
    if not made.period:
        raise _wrong("agreement_no")
    day = _day(made, content.get("deduct_time"), alipay_cycles.due(made, contracting.today(sandbox)))
    made.execute_on = day.isoformat()
    sandbox.store.keep(made)
    return {"agreement_no": made.contract_no, "deduct_time": made.execute_on}
