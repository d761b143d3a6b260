"""Alipay's gateway: /gateway.do. Verifies our signature, finds the method, signs the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from invoices.providers.sandbox import (
    alipay_agreements,
    alipay_bills,
    alipay_debits,
    alipay_refunds,
    alipay_trades,
    signing,
)
from invoices.providers.sandbox.clock import BEIJING
from invoices.providers.sandbox.gate import Answer, Refusal, Request, Sandbox

Told = dict[str, Any]
Method = Callable[[Sandbox, dict[str, str], Told], Told]

METHODS: dict[str, Method] = {
    "alipay.trade.precreate": alipay_trades.precreate,
    "alipay.trade.query": alipay_trades.query,
    "alipay.trade.close": alipay_trades.close,
    "alipay.trade.pay": alipay_debits.pay,
    "alipay.trade.refund": alipay_refunds.refund,
    "alipay.trade.fastpay.refund.query": alipay_refunds.query,
    "alipay.user.agreement.query": alipay_agreements.query,
    "alipay.user.agreement.unsign": alipay_agreements.unsign,
    "alipay.user.agreement.executionplan.modify": alipay_agreements.modify,
    "alipay.data.dataservice.bill.downloadurl.query": alipay_bills.address,
}
# Methods that a browser opens: they lead to the page.
PAGES: dict[str, Callable[[Sandbox, dict[str, str], Told], str]] = {
    "alipay.trade.page.pay": alipay_trades.page_pay,
    "alipay.user.agreement.page.sign": alipay_agreements.page_sign,
}
NEEDED = ("app_id", "method", "charset", "sign_type", "timestamp", "version", "biz_content")
# What stands in `msg` for each code of a whole answer.
MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
}


@dataclass(frozen=True, slots=True)
class Malformed(Exception):
    """A request that is turned away before any business: the whole answer's code and the sub_code."""

    code: str
    sub_code: str


def parameters(request: Request) -> dict[str, str]:
    """Return what was sent, in the address and as a form."""
    found = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.method == "POST":
        found |= dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return found


def operation(request: Request) -> str:
    return parameters(request).get("method", "")


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Carry out a request."""
    told = parameters(request)
    name = told.get("method", "")
    try:
        content = _checked(sandbox, told)
        if name in PAGES:
            return Answer(302, headers={"Location": PAGES[name](sandbox, told, content)})
        if sandbox.faults.take("busy", name):
            raise Malformed("20000", "aop.unknow-error")
        return _signed(sandbox, name, {"code": "10000", "msg": "Success"} | METHODS[name](sandbox, told, content))
    except Malformed as wrong:
        return _failed(sandbox, name, wrong.code, wrong.sub_code, wrong.sub_code)
    except Refusal as no:
        return _failed(sandbox, name, "40004", no.code, no.message)


def _checked(sandbox: Sandbox, told: dict[str, str]) -> Told:
    """Return the business content of a request that is ours and whole; raise Malformed."""
    missing = [name for name in NEEDED if not told.get(name)]
    if missing:
        raise Malformed("40001", f"isv.missing-{missing[0].replace('_', '-')}")
    if told["app_id"] != sandbox.keys.alipay_app:
        raise Malformed("40002", "isv.invalid-app-id")
    if told["sign_type"] != "RSA2" or told["charset"].lower() != "utf-8":
        raise Malformed("40002", "isv.invalid-signature-type")
    if not signing.verifies(sandbox.keys.alipay_public_ours, signing.alipay_text(told), told.get("sign", "")):
        raise Malformed("40002", "isv.invalid-signature")
    if told["method"] not in METHODS and told["method"] not in PAGES:
        raise Malformed("40002", "isv.invalid-method")
    _refuse_untimely(sandbox, told)
    try:
        content = json.loads(told["biz_content"])
    except ValueError:
        raise Malformed("40002", "isv.invalid-biz-content") from None
    if not isinstance(content, dict):
        raise Malformed("40002", "isv.invalid-biz-content")
    return content


def _refuse_untimely(sandbox: Sandbox, told: dict[str, str]) -> None:
    """Raise Malformed unless the timestamp is of Beijing and now. How old Alipay takes it is not published; five minutes are
    assumed, so that a request in another zone shows. A page may be opened later than it was signed."""
    try:
        at = datetime.strptime(told["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise Malformed("40002", "isv.invalid-timestamp") from None
    if told["method"] not in PAGES and not sandbox.clock.fresh(at):
        raise Malformed("40002", "isv.invalid-timestamp")


def _failed(sandbox: Sandbox, name: str, code: str, sub_code: str, text: str) -> Answer:
    if name in PAGES:
        return Answer(400, f"{sub_code}: {text}".encode())
    body = {"code": code, "msg": MESSAGES[code], "sub_code": sub_code, "sub_msg": text}
    return _signed(sandbox, name, body)


def _signed(sandbox: Sandbox, name: str, told: Told) -> Answer:
    """Sign the text of the answer's inner object as it is sent."""
    inner = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    private = sandbox.keys.alipay_private_theirs
    if sandbox.faults.take("answer_forged", name):
        private = signing.new_pair()[0]
    outer = f'{{"{name.replace(".", "_")}_response":{inner},"sign":"{signing.sign(private, inner)}"}}'
    return Answer(200, outer.encode(), "application/json;charset=utf-8")
