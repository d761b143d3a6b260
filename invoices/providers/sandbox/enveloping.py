"""How a callback looks when it is sent: signed anew at every attempt, with the same number of the message."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from invoices.providers.sandbox import signing
from invoices.providers.sandbox.gate import Sandbox, beijing, rfc3339
from invoices.providers.sandbox.records import Call

STALE = timedelta(minutes=10)
Envelope = tuple[dict[str, str], bytes]


def compose(sandbox: Sandbox, call: Call) -> Envelope:
    """Return headers and body of the next attempt; the faults of a first attempt are gone at the second."""
    first = call.tries == 0
    at = sandbox.clock.stamp() - (STALE if first and "stale" in call.marks else timedelta(0))
    forged = first and "forged" in call.marks
    if call.style == "alipay":
        return _form(sandbox, call, at, forged)
    if call.style == "v3":
        return _event(sandbox, call, at, forged)
    return _xml(sandbox, call, forged)


def _form(sandbox: Sandbox, call: Call, at: datetime, forged: bool) -> Envelope:
    told = {k: str(v) for k, v in call.content.items() if v != ""}
    told |= {"notify_time": beijing(at), "notify_id": call.event, "charset": "utf-8", "version": "1.0"}
    text = signing.alipay_text(told, without=("sign", "sign_type"))
    told |= {"sign_type": "RSA2", "sign": signing.sign(_key(sandbox, call, forged), text)}
    return {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, urlencode(told).encode()


def _event(sandbox: Sandbox, call: Call, at: datetime, forged: bool) -> Envelope:
    told = {k: v for k, v in call.content.items() if k in ("event_type", "summary")}
    sealed = signing.seal(sandbox.keys.wechat_v3, call.content["resource"], call.content["original_type"])
    told |= {
        "id": call.event,
        "create_time": rfc3339(call.made_at),
        "resource_type": "encrypt-resource",
        "resource": {"original_type": call.content["original_type"], **sealed},
    }
    body = json.dumps(told, ensure_ascii=False)
    return stamped(sandbox, body, at, _key(sandbox, call, forged)), body.encode()


def stamped(sandbox: Sandbox, body: str, at: datetime, private: str) -> dict[str, str]:
    """Return WeChat v3's headers of a body: time, nonce, which key, signature."""
    moment, nonce = str(int(at.timestamp())), secrets.token_hex(16)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Wechatpay-Timestamp": moment,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": sandbox.keys.wechat_key_id,
        "Wechatpay-Signature": signing.sign(private, signing.wechat_text(moment, nonce, body)),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


def _xml(sandbox: Sandbox, call: Call, forged: bool) -> Envelope:
    key = secrets.token_hex(16) if forged else sandbox.keys.wechat_v2
    told = {k: str(v) for k, v in call.content.items() if k != "digest"} | {"nonce_str": secrets.token_hex(16)}
    told["sign"] = signing.keyed(told, key, call.content.get("digest", "MD5"))
    return {"Content-Type": "text/xml; charset=utf-8"}, xml(told)


def xml(fields: Mapping[str, str]) -> bytes:
    """Return fields as WeChat v2 writes them."""
    inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items() if v != "")
    return f"<xml>{inner}</xml>".encode()


def _key(sandbox: Sandbox, call: Call, forged: bool) -> str:
    """Return the provider's private key, or a key that is nobody's."""
    if forged:
        return signing.new_pair()[0]
    keys = sandbox.keys
    return keys.alipay_private_theirs if call.provider == "alipay" else keys.wechat_private_theirs
