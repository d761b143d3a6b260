"""The protocol of WeChat Pay APIv3: the SDK in public-key mode, with what is missing in it added.

wechatpayv3 2.0 asks the network for certificates when a serial number is unknown, guesses the encoding of an answer, follows
redirects, does not look at the signature of a refusal, and takes callbacks of any age.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization

from invoices.providers import wechat_codes as codes
from invoices.providers import wire
from invoices.providers.port import Failure, NoAnswer, Refused

CODE = re.compile(r"[A-Z0-9_]{2,60}")
SIGNED = "wechatpay-signature"


class Wire(Core):
    """The SDK's core with our own request: one try, limits of time and size, and nothing taken that is not signed."""

    def request(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Any = None,
        skip_verify: bool = False,
        **_unused: Any,
    ) -> tuple[int, str | bytes]:
        """Return status and body; raise NoAnswer for what is not signed although it should be.

        Refusals need no signature, for WeChat does not sign all of them; one that has a signature must have a good one.
        Files of bills are unsigned (`skip_verify`): they have a hash of their own.
        """
        body = json.dumps(data) if data is not None else ""
        authorization = build_authorization(
            path, method.value, self._mchid, self._cert_serial_no, self._private_key, data=body
        )
        headers = {
            "Accept": "application/json",
            "Authorization": authorization,
            "Content-Type": "application/json",
            "User-Agent": "mingzhang",
            "Wechatpay-Serial": self._public_key_id,
        }
        most = wire.MOST_OF_BILL if skip_verify else wire.MOST_OF_ANSWER
        answer = wire.call(method.value, self._gate_way + path, headers=headers, body=body.encode() or None, most=most)
        if skip_verify and answer.status == 200:
            return answer.status, answer.body
        signed = {name.lower(): value for name, value in answer.headers.items()}
        if (answer.status < 300 or SIGNED in signed) and not self.is_signed(signed, answer.text):
            raise NoAnswer("signature")
        return answer.status, answer.text

    def is_signed(self, headers: Mapping[str, str], body: str) -> bool:
        """Whether WeChat signed this; an unknown key, another algorithm or any mishap is a no. Names in lower case."""
        if headers.get("wechatpay-serial") != self._public_key_id:
            return False
        try:
            return bool(self._verify_signature(headers, body))
        except Exception:  # whatever goes wrong on verifying, it is not verified
            return False


def connect(
    *,
    app_id: str,
    merchant: str,
    private_key: str,
    serial: str,
    public_key: str,
    public_key_id: str,
    v3_key: str,
    callback: str,
    gateway: str,
) -> WeChatPay:
    """Return the SDK on our wire. It makes no call, for it is given WeChat's public key."""
    keys = {
        "mchid": merchant,
        "cert_serial_no": serial,
        "private_key": private_key,
        "apiv3_key": v3_key,
        "public_key": public_key,
        "public_key_id": public_key_id,
    }
    sdk = WeChatPay(WeChatPayType.NATIVE, appid=app_id, notify_url=callback, **keys)
    sdk._core = Wire(**keys)
    sdk._core._gate_way = gateway
    return sdk


def answer_of(
    call: Callable[..., tuple[int, str | bytes]], *args: Any, meaning: Mapping[str, Failure] = {}, **kwargs: Any
) -> dict[str, Any]:
    """Return what WeChat answers to a call of the SDK.

    Raises Refused for a no (`meaning` goes before the general list), NoAnswer for everything that leaves it open. Nothing of
    an answer but its code is in them.
    """
    status, body = call(*args, **kwargs)
    try:
        said = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise NoAnswer(f"status {status}") from None
    if not isinstance(said, dict) or status >= 500 or status == 429 or 300 <= status < 400:
        raise NoAnswer(f"status {status}")
    if status < 300:
        return said
    code = str(said.get("code", ""))
    if not CODE.fullmatch(code) or code in codes.UNKNOWN:
        raise NoAnswer(code if CODE.fullmatch(code) else f"status {status}")
    raise Refused(meaning.get(code) or codes.FAILURES.get(code, Failure.OTHER), code)
