"""WeChat Pay's API v3: verifies our signature, finds the path, signs the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from invoices.providers.sandbox import (
    billing,
    enveloping,
    papay_notices,
    signing,
    wechat_bills,
    wechat_refunds,
    wechat_trades,
)
from invoices.providers.sandbox.gate import Answer, Refusal, Request, Sandbox

Told = dict[str, Any]
# What a path gets: its own part, if it has one, the query and the body; None is 204.
Handler = Callable[[Sandbox, str, dict[str, str], Told], Told | None]

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", r"/v3/pay/transactions/native", wechat_trades.native),
    ("GET", r"/v3/pay/transactions/out-trade-no/([^/]+)", wechat_trades.query),
    ("POST", r"/v3/pay/transactions/out-trade-no/([^/]+)/close", wechat_trades.close),
    ("POST", r"/v3/refund/domestic/refunds", wechat_refunds.refund),
    ("GET", r"/v3/refund/domestic/refunds/([^/]+)", wechat_refunds.query),
    ("GET", r"/v3/bill/tradebill", wechat_bills.trades),
    ("GET", r"/v3/bill/fundflowbill", wechat_bills.flows),
    ("POST", r"/v3/papay/contracts/([^/]+)/notify", papay_notices.notify),
)
MOMENT = re.compile(r"[0-9]{10}")
NEEDED = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Carry out a request; errors have a code, a message and an HTTP status."""
    try:
        _checked(sandbox, request)
        if sandbox.faults.take("busy", request.path):
            raise Refusal("SYSTEM_ERROR", "系统异常，请用相同参数重新调用", 500)
        if request.path == wechat_bills.PATH:
            return _file(sandbox, request)
        found = _handled(sandbox, request)
    except Refusal as no:
        return _signed(sandbox, request, no.status, {"code": no.code, "message": no.message})
    return _signed(sandbox, request, 200 if found is not None else 204, found)


def _checked(sandbox: Sandbox, request: Request) -> None:
    """Raise Refusal unless the request is the merchant's, whole, and not older than five minutes."""
    told = signing.authorisation(request.headers.get("authorization", ""))
    if any(not told.get(name) for name in NEEDED):
        raise Refusal("SIGN_ERROR", "Authorization 缺失或格式错误", 401)
    if (told["mchid"], told["serial_no"]) != (sandbox.keys.wechat_merchant, sandbox.keys.wechat_serial):
        raise Refusal("SIGN_ERROR", "商户号或证书序列号不对", 401)
    body = request.body.decode("utf-8", "replace")
    text = signing.wechat_text(request.method, request.target, told["timestamp"], told["nonce_str"], body)
    if not signing.verifies(sandbox.keys.wechat_public_ours, text, told["signature"]):
        raise Refusal("SIGN_ERROR", "签名错误", 401)
    if not MOMENT.fullmatch(told["timestamp"]) or not sandbox.clock.fresh(
        datetime.fromtimestamp(int(told["timestamp"]), UTC)
    ):
        raise Refusal("SIGN_ERROR", "时间戳已过期", 401)


def _handled(sandbox: Sandbox, request: Request) -> Told | None:
    for method, pattern, handler in ROUTES:
        if method == request.method and (found := re.fullmatch(pattern, request.path)):
            part = unquote(found[1]) if found.groups() else ""
            return handler(sandbox, part, dict(parse_qsl(request.query)), _content(request))
    raise Refusal("RESOURCE_NOT_EXISTS", "接口不存在", 404)


def _file(sandbox: Sandbox, request: Request) -> Answer:
    """Return a bill; this one answer has no signature."""
    content = billing.taken(sandbox, dict(parse_qsl(request.query)).get("token", ""))
    if content is None:
        raise Refusal("INVALID_REQUEST", "下载地址已过期")
    return Answer(200, content, "application/octet-stream")


def _content(request: Request) -> Told:
    if request.method == "GET":
        return {}
    try:
        content = json.loads(request.body)
    except ValueError:
        raise Refusal("PARAM_ERROR", "请求不是 JSON") from None
    if not isinstance(content, dict):
        raise Refusal("PARAM_ERROR", "请求不是 JSON 对象")
    return content


def _signed(sandbox: Sandbox, request: Request, status: int, told: Told | None) -> Answer:
    body = "" if told is None else json.dumps(told, ensure_ascii=False)
    private = sandbox.keys.wechat_private_theirs
    if sandbox.faults.take("answer_forged", request.path):
        private = signing.new_pair()[0]
    headers = enveloping.stamped(sandbox, body, sandbox.clock.stamp(), private)
    kind = headers.pop("Content-Type")
    return Answer(status, body.encode(), kind, headers)
