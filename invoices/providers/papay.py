"""WeChat's contracts of deduction (委托代扣), which are APIv2: XML signed with HMAC-SHA256 (research/china.md §1.3).

Sorted `k=v` of everything that is not empty, then `&key=`, the hash in capitals; the same for answers and callbacks. Texts
are UTF-8 of at most three bytes. A debit that WeChat accepted is not made yet: its outcome comes by callback or by asking.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5, sha256
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml.ElementTree import fromstring

from invoices.providers import wechat_codes as codes
from invoices.providers import wire
from invoices.providers.notation import beijing, narrow, shortened
from invoices.providers.port import (
    Contract,
    Debit,
    Failure,
    Forged,
    Kind,
    Message,
    NoAnswer,
    Refused,
    Report,
    Returned,
    Signed,
    State,
)

CODE = re.compile(r"[A-Z0-9_]{2,60}")
ALGORITHM = "HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Papay:
    """A merchant's APIv2: its ids, the template of its contracts (`plan`), and a key of 32 characters. It has no repr."""

    app_id: str
    merchant: str
    plan: str
    gateway: str
    callback: str
    key: str

    def sign_address(self, contract: Contract) -> str:
        """Return the page on which a payer signs, in WeChat; no call is made."""
        if not self.plan or not self.key:
            raise Refused(Failure.MISCONFIGURED, "plan_id or key")
        wanted = {
            "appid": self.app_id,
            "mch_id": self.merchant,
            "plan_id": self.plan,
            "contract_code": contract.reference,
            # A number of WeChat's own wish; ours is contract_code, so it is drawn from that.
            "request_serial": str(int(sha256(contract.reference.encode()).hexdigest()[:12], 16)),
            "contract_display_account": narrow(contract.name, 32),
            "notify_url": self.callback,
            "version": "1.0",
            "sign_type": ALGORITHM,
            "timestamp": str(int(datetime.now(UTC).timestamp())),
        }
        return f"{self.gateway}/papay/entrustweb?{urlencode(wanted | {'sign': self.signature(wanted)})}"

    def ask_contract(self, reference: str, provider_number: str) -> Signed:
        """Say whether a contract is in force."""
        try:
            answer = self.call("/papay/querycontract", self._which(reference, provider_number))
        except Refused as refused:
            if refused.detail in codes.CONTRACT_OVER:
                return Signed(State.CLOSED if provider_number else State.MISSING, reference, provider_number)
            raise NoAnswer(refused.detail) from None
        if answer.get("contract_code", reference) != reference:
            raise NoAnswer("of another contract")
        state, at = _contract_state(answer)
        number = answer.get("contract_id", provider_number)
        return Signed(state, reference, number, shortened(answer.get("openid", "")), at)

    def end_contract(self, reference: str, provider_number: str) -> Signed:
        """End a contract; one that is not there any more has ended."""
        wanted = self._which(reference, provider_number) | {"contract_termination_remark": "ended by the seller"}
        try:
            self.call("/papay/deletecontract", wanted)
        except Refused as refused:
            if refused.detail not in codes.CONTRACT_OVER:
                raise
        return Signed(State.CLOSED, reference, provider_number)

    def debit(self, debit: Debit) -> Report:
        """Ask for a debit. WAITING: accepted. INVALID_REQUEST: no notice was sent before it."""
        wanted = {
            "contract_id": debit.contract,
            "out_trade_no": debit.reference,
            "total_fee": str(debit.amount_minor),
            "fee_type": "CNY",
            "body": narrow(debit.subject, 128) or "-",
            "notify_url": self.callback,
            "trade_type": "PAP",
            "spbill_create_ip": "127.0.0.1",
        }
        self.call("/pay/pappayapply", wanted, meaning=codes.OF_DEBITS)
        return Report(State.WAITING, debit.reference)

    def ask(self, reference: str) -> Report:
        """Say where a debit is."""
        try:
            answer = self.call("/pay/paporderquery", {"out_trade_no": reference})
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            raise NoAnswer(refused.detail) from None
        if answer.get("out_trade_no") != reference:
            raise NoAnswer("of another order")
        return _debited(answer)

    def close(self, reference: str) -> Report:
        """Make a debit that was not made impossible; the next try needs a number of its own."""
        try:
            self.call("/pay/closeorder", {"out_trade_no": reference})
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            if refused.detail not in codes.CLOSED:
                raise
        except NoAnswer:
            return self.ask(reference)
        return Report(State.CLOSED, reference, failure=Failure.CLOSED)

    def read(self, body: bytes) -> Message:
        """Return what a callback of APIv2 says. It has no time of sending, so its freshness cannot be judged: what it does
        must be the same however often it comes."""
        said = _fields(body)
        if said is None:
            raise Forged("malformed")
        if said.get("req_info"):
            return self._refund(said)
        if not self.key or not self.is_signed(said):
            raise Forged("signature")
        self._refuse_others(said)
        if said.get("change_type") in {"ADD", "DELETE"}:
            return _contract(said)
        if not said.get("out_trade_no"):
            raise Forged("kind")
        try:
            about = _debited({"trade_state": "SUCCESS" if said.get("result_code") == "SUCCESS" else "PAYERROR"} | said)
        except NoAnswer:
            raise Forged("malformed") from None
        return Message(Kind.PAYMENT, _message_id("debit", about.reference, about.state, about.provider_number), about)

    def call(self, path: str, values: Mapping[str, str], meaning: Mapping[str, Failure] = {}) -> dict[str, str]:
        """Return a signed answer; raise Refused for a signed no, NoAnswer for everything that leaves it open."""
        if not self.key:
            raise Refused(Failure.MISCONFIGURED, "key")
        wanted = {**values, "appid": self.app_id, "mch_id": self.merchant, "nonce_str": token_hex(16)}
        wanted |= {"sign_type": ALGORITHM}
        body = _xml(wanted | {"sign": self.signature(wanted)})
        answer = wire.post(self.gateway + path, body, kind="text/xml; charset=utf-8")
        said = _fields(answer.body) if answer.status == 200 else None
        # What has return_code FAIL is not signed.
        if said is None or said.get("return_code") != "SUCCESS" or not self.is_signed(said):
            raise NoAnswer("not signed")
        if said.get("mch_id") != self.merchant:
            raise NoAnswer("of another merchant")
        if said.get("result_code") == "SUCCESS":
            return said
        code = said.get("err_code", "")
        if not CODE.fullmatch(code) or code in codes.UNKNOWN:
            raise NoAnswer(code if CODE.fullmatch(code) else "no code")
        raise Refused(meaning.get(code) or codes.FAILURES.get(code, Failure.OTHER), code)

    def signature(self, values: Mapping[str, str]) -> str:
        """Return the signature of APIv2 over everything that is not empty."""
        told = "&".join(f"{name}={text}" for name, text in sorted(values.items()) if text and name != "sign")
        return hmac.new(self.key.encode(), f"{told}&key={self.key}".encode(), sha256).hexdigest().upper()

    def is_signed(self, values: Mapping[str, str]) -> bool:
        """Whether WeChat signed this with HMAC-SHA256; MD5, which it also knows, is not believed."""
        return hmac.compare_digest(self.signature(values).encode(), values.get("sign", "").encode())

    def _which(self, reference: str, provider_number: str) -> dict[str, str]:
        ours = {"plan_id": self.plan, "contract_code": reference}
        return ({"contract_id": provider_number} if provider_number else ours) | {"version": "1.0"}

    def _refuse_others(self, said: Mapping[str, str]) -> None:
        if said.get("mch_id") != self.merchant or said.get("appid", self.app_id) != self.app_id:
            raise Forged("merchant")

    def _refund(self, said: Mapping[str, str]) -> Message:
        """Read a refund's callback: not signed, but encrypted with AES-256-ECB under the MD5 of our key."""
        self._refuse_others(said)
        secret = md5(self.key.encode()).hexdigest().encode()  # WeChat's choice
        try:
            opened = Cipher(algorithms.AES(secret), modes.ECB()).decryptor()
            plain = opened.update(base64.b64decode(said["req_info"], validate=True)) + opened.finalize()
            unpadded = padding.PKCS7(128).unpadder()
            told = _fields(unpadded.update(plain) + unpadded.finalize())
        except ValueError:
            told = None
        if not self.key or told is None or not told.get("out_refund_no"):
            raise Forged("signature")
        return _refunded(told)


def _contract(said: Mapping[str, str]) -> Message:
    ended = said["change_type"] == "DELETE"
    reference, number = said.get("contract_code", ""), said.get("contract_id", "")
    if not reference or not number:
        raise Forged("malformed")
    state = State.CLOSED if ended else State.SUCCEEDED
    payer = shortened(said.get("openid", "") or said.get("open_id", ""))
    about = Signed(state, reference, number, payer, _moment(said.get("operate_time", "")))
    kind = Kind.ENDED if ended else Kind.SIGNED
    return Message(kind, _message_id("contract", number, said["change_type"], said.get("operate_time", "")), about)


def _refunded(told: Mapping[str, str]) -> Message:
    state, failure = codes.REFUNDS.get(told.get("refund_status", ""), (None, ""))
    if state is None or not told.get("refund_fee", "").isdigit():
        raise Forged("malformed")
    reference, number, amount = told["out_refund_no"], told.get("refund_id", ""), int(told["refund_fee"])
    about = Returned(state, reference, number, amount, _moment(told.get("success_time", "")), failure)
    return Message(Kind.REFUND, _message_id("refund", reference, state, number), about)


def _debited(answer: Mapping[str, str]) -> Report:
    state = codes.STATES.get(answer.get("trade_state", ""))
    if state is None:
        raise NoAnswer("unknown state of a debit")
    fee = answer.get("total_fee", "")
    if state is State.SUCCEEDED and not fee.isdigit():
        raise NoAnswer("no amount")
    return Report(
        state,
        answer["out_trade_no"],
        answer.get("transaction_id", ""),
        int(fee) if state is State.SUCCEEDED else None,
        _moment(answer.get("time_end", "")),
        _why(answer, state),
        shortened(answer.get("openid", "")),
    )


def _why(answer: Mapping[str, str], state: State) -> str:
    """Return why a debit was not made: a callback has a code, an answer to a query only a description."""
    if state not in (State.FAILED, State.CLOSED):
        return ""
    for code in (answer.get("err_code", ""), answer.get("trade_state_desc", "")):
        if known := codes.OF_DEBITS.get(code) or codes.FAILURES.get(code):
            return known
    described = answer.get("trade_state_desc", "")
    words = (failure for word, failure in codes.WORDS if word in described)
    return next(words, Failure.CLOSED if state is State.CLOSED else Failure.OTHER)


def _contract_state(answer: Mapping[str, str]) -> tuple[State, datetime | None]:
    """0: in force; 9: being signed; 1: ended, or never signed, which has no time of signing."""
    signed_at, ended_at = (_moment(answer.get(f"contract_{what}_time", "")) for what in ("signed", "terminated"))
    match answer.get("contract_state"):
        case "0":
            return State.SUCCEEDED, signed_at
        case "9":
            return State.WAITING, None
        case "1":
            return (State.CLOSED, ended_at) if signed_at or ended_at else (State.MISSING, None)
    raise NoAnswer("unknown state of a contract")


def _moment(text: str) -> datetime | None:
    """Read seconds since 1970 as well as Beijing's time; WeChat writes both."""
    try:
        return datetime.fromtimestamp(int(text), UTC) if re.fullmatch(r"\d{9,11}", text) else beijing(text)
    except ValueError:
        return None


def _message_id(*parts: Any) -> str:
    """Return what a repeated callback has in common with the first: APIv2 gives its callbacks no number."""
    told = ":".join(str(part) for part in parts)
    return f"v2:{parts[0]}:{sha256(told.encode()).hexdigest()[:32]}"


def _xml(values: Mapping[str, str]) -> bytes:
    fields = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in values.items() if text)
    return f"<xml>{fields}</xml>".encode()


def _fields(body: bytes) -> dict[str, str] | None:
    """Return the fields of a flat XML; None for what is none, has a document type, or a field twice."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except Exception:  # the parser's, and defusedxml's own for what it forbids
        return None
    fields = {field.tag: (field.text or "").strip() for field in root}
    return fields if len(fields) == len(root) and not any(len(field) for field in root) else None
