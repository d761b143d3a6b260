"""The protocol of Alipay: the SDK with what is wrong in it put right.

python-alipay-sdk 3.4 writes the machine's own time (Alipay reads it as Beijing's), cuts what is signed out of an answer by
counting braces (so a brace in a subject breaks it), sends everything in the address, and puts whole answers into its exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from alipay import AliPay

from invoices.providers import wire
from invoices.providers.notation import in_beijing
from invoices.providers.port import NoAnswer

FORM = "application/x-www-form-urlencoded;charset=utf-8"


class Client(AliPay):
    """Signed calls and believed answers; everything that is not believed is NoAnswer, without a word of what it said."""

    def __init__(
        self, app_id: str, private_key: str, public_key: str, *, gateway: str, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(app_id, app_private_key_string=private_key, alipay_public_key_string=public_key)
        self._gateway, self._clock = gateway, clock

    def build_body(self, method: str, biz_content: Any = None, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("timestamp", in_beijing(self._clock()))
        body: dict[str, Any] = super().build_body(method, biz_content, **kwargs)
        return body

    def verified_sync_response(self, data: dict[str, Any], response_type: str) -> dict[str, Any]:
        """Post a call and return what was signed of its answer."""
        answer = wire.post(f"{self._gateway}?charset=utf-8", self.sign_data(data).encode(), kind=FORM)
        if answer.status != 200:
            raise NoAnswer(f"status {answer.status}")
        return self._verify_and_return_sync_response(answer.text, response_type)

    def _verify_and_return_sync_response(self, raw_string: str, response_type: str) -> dict[str, Any]:
        try:
            members = raw_members(raw_string)
            told = members.get(response_type) or members["error_response"]
            if not self._verify(told, json.loads(members["sign"])):
                raise NoAnswer("signature")
            said = json.loads(told)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise NoAnswer("not signed") from None
        if not isinstance(said, dict):
            raise NoAnswer("no object")
        return said

    def is_signed(self, notice: Mapping[str, str]) -> bool:
        """Whether Alipay signed the fields of a notice with RSA2."""
        fields = dict(notice)  # the SDK takes its signature type out of what it is given
        signature = fields.pop("sign", "")
        try:
            return notice.get("sign_type") == "RSA2" and bool(self.verify(fields, signature))
        except Exception:  # whatever goes wrong on verifying, it is not verified
            return False


def raw_members(text: str) -> dict[str, str]:
    """Return the members of a JSON object with their values as they were written: a signature is over that.

    Of two members with one name the first counts. Raises ValueError.
    """
    found: dict[str, str] = {}
    decoder = json.JSONDecoder()
    place = _skip(text, 0, "{")
    while True:
        name, place = decoder.raw_decode(text, _skip(text, place))
        begin = _skip(text, _skip(text, place, ":"))
        _value, place = decoder.raw_decode(text, begin)
        found.setdefault(str(name), text[begin:place])
        place = _skip(text, place)
        if text[place : place + 1] != ",":
            _skip(text, place, "}")
            return found
        place += 1


def _skip(text: str, place: int, sign: str = "") -> int:
    """Return the place behind white space, and behind `sign`, which must be there."""
    while text[place : place + 1] in {" ", "\t", "\r", "\n"}:
        place += 1
    if not text.startswith(sign, place):
        raise ValueError("no JSON object")
    return place + len(sign)
