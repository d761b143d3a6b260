"""WeChat's API v2 for deductions (papay): XML, signed with the APIv2 key by MD5 or HMAC-SHA256."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from invoices.providers.sandbox import enveloping, papay_contracts, papay_debits, signing
from invoices.providers.sandbox.gate import Answer, Refusal, Request, Sandbox

Fields = dict[str, str]
HANDLERS: dict[str, Callable[[Sandbox, Fields], Fields]] = {
    "/pay/pappayapply": papay_debits.apply,
    "/pay/paporderquery": papay_debits.query,
    "/pay/closeorder": papay_debits.close,
    "/papay/querycontract": papay_contracts.query,
    "/papay/deletecontract": papay_contracts.delete,
}
SIGNING = "/papay/entrustweb"
XML = "text/xml; charset=utf-8"


class Malformed(Exception):
    """A request that is turned away before any business: return_code FAIL."""


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Carry out a request; /papay/entrustweb leads a browser to the page."""
    try:
        if request.path == SIGNING and request.method == "GET":
            fields = _checked(sandbox, dict(parse_qsl(request.query, keep_blank_values=True)))
            return Answer(302, headers={"Location": papay_contracts.sign(sandbox, fields)})
        return _posted(sandbox, request)
    except Malformed as wrong:
        return Answer(200, enveloping.xml({"return_code": "FAIL", "return_msg": str(wrong)}), XML)
    except Refusal as no:
        return Answer(400, f"{no.code}: {no.message}".encode())


def _posted(sandbox: Sandbox, request: Request) -> Answer:
    handler = HANDLERS.get(request.path)
    if handler is None or request.method != "POST":
        raise Malformed("接口不存在")
    fields = _checked(sandbox, _read(request.body))
    told = {"appid": sandbox.keys.wechat_app, "mch_id": sandbox.keys.wechat_merchant}
    try:
        if sandbox.faults.take("busy", request.path):
            raise Refusal("SYSTEMERROR", "系统超时")
        told |= {"result_code": "SUCCESS"} | handler(sandbox, fields)
    except Refusal as no:
        told |= {"result_code": "FAIL", "err_code": no.code, "err_code_des": no.message}
    return _signed(sandbox, request.path, told, signing.digest_of(fields))


def _read(body: bytes) -> Fields:
    """Return the fields of an XML body; v2 knows characters of up to three bytes of UTF-8 only."""
    try:
        fields = {element.tag: element.text or "" for element in ElementTree.fromstring(body)}
    except (ElementTree.ParseError, DefusedXmlException):
        raise Malformed("XML格式错误") from None
    if any(ord(character) > 0xFFFF for text in fields.values() for character in text):
        raise Malformed("编码错误，不支持四字节字符")
    return fields


def _checked(sandbox: Sandbox, fields: Fields) -> Fields:
    if (fields.get("appid"), fields.get("mch_id")) != (sandbox.keys.wechat_app, sandbox.keys.wechat_merchant):
        raise Malformed("appid和mch_id不匹配")
    digest = signing.digest_of(fields)
    if signing.keyed(fields, sandbox.keys.wechat_v2, digest) != fields.get("sign"):
        raise Malformed("签名错误")
    return fields


def _signed(sandbox: Sandbox, path: str, told: Fields, digest: str) -> Answer:
    whole = {"return_code": "SUCCESS", "return_msg": "OK"} | told | {"nonce_str": secrets.token_hex(16)}
    key = secrets.token_hex(16) if sandbox.faults.take("answer_forged", path) else sandbox.keys.wechat_v2
    return Answer(200, enveloping.xml(whole | {"sign": signing.keyed(whole, key, digest)}), XML)
