"""WeChat Pay: native codes, refunds, callbacks and bills of APIv3; contracts of deduction are APIv2 (`papay`)."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha1
from hmac import compare_digest
from typing import Any
from urllib.parse import quote

from django.utils import timezone
from wechatpayv3.type import RequestType

from invoices.providers import bills, wire
from invoices.providers import wechat_codes as codes
from invoices.providers.freshness import refuse_stale
from invoices.providers.notation import BEIJING, narrow, shortened
from invoices.providers.papay import Papay
from invoices.providers.port import (
    Callback,
    Contract,
    Debit,
    Failure,
    Forged,
    Kind,
    Message,
    NoAnswer,
    Order,
    Refused,
    Report,
    Return,
    Returned,
    Signed,
    State,
    StatementLine,
)
from invoices.providers.wechat_client import answer_of, connect

OPENS, CLOSES = time(7), time(22)
# Day 1 told, day 2 waited, days 3 to 9 debited (预扣费通知).
FIRST_DAY, DAYS = 2, 7


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WeChatAccount:
    """What WeChat knows a seller by; RSA keys as PEM. It has no repr, for it holds keys. `v2_key` and `plan` are for
    contracts of deduction only."""

    app_id: str
    merchant: str
    plan: str
    gateway: str
    callback: str
    private_key: str
    serial: str
    public_key: str
    public_key_id: str
    v3_key: str
    v2_key: str


class WeChat:
    """A seller's account at WeChat Pay, in the mode of WeChat's public key.

    Refunds go by APIv3, also of debits, which APIv2 made (WeChat's maintainers say that it takes them).
    """

    name = "wechat"

    def __init__(self, account: WeChatAccount, *, clock: Callable[[], datetime] = timezone.now) -> None:
        self.account, self.clock = account, clock
        self.sdk = connect(
            app_id=account.app_id,
            merchant=account.merchant,
            private_key=account.private_key,
            serial=account.serial,
            public_key=account.public_key,
            public_key_id=account.public_key_id,
            v3_key=account.v3_key,
            callback=account.callback,
            gateway=account.gateway,
        )
        self.papay = Papay(
            app_id=account.app_id,
            merchant=account.merchant,
            plan=account.plan,
            gateway=account.gateway,
            callback=account.callback,
            key=account.v2_key,
        )

    def begin(self, order: Order) -> str:
        """Return the content of a code to scan; it is good for two hours, and WeChat has no page for browsers."""
        answer = answer_of(
            self.sdk.pay,
            description=narrow(order.subject, 127) or "-",
            out_trade_no=order.reference,
            amount={"total": order.amount_minor, "currency": "CNY"},
            time_expire=order.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
        )
        if not answer.get("code_url"):
            raise NoAnswer("no code")
        return str(answer["code_url"])

    def ask(self, reference: str, *, debit: bool = False) -> Report:
        """Say where an order or a debit is."""
        if debit:
            return self.papay.ask(reference)
        try:
            answer = answer_of(self.sdk.query, out_trade_no=reference)
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            raise NoAnswer(refused.detail) from None
        if answer.get("out_trade_no") != reference or answer.get("mchid") != self.account.merchant:
            raise NoAnswer("of another order")
        return report(answer)

    def close(self, reference: str, *, debit: bool = False) -> Report:
        """Make an unpaid order unpayable (its expiry alone does not)."""
        if debit:
            return self.papay.close(reference)
        try:
            answer_of(self.sdk.close, reference)
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            if refused.detail not in codes.CLOSED:
                raise
        except NoAnswer:
            return self.ask(reference)  # paid already, for instance
        return Report(State.CLOSED, reference, failure=Failure.CLOSED)

    def give_back(self, refund: Return) -> Returned:
        """Ask for a refund. WAITING: accepted; the same number pays once."""
        which = {"out_trade_no": refund.payment_reference}
        if refund.payment_provider_number:
            which = {"transaction_id": refund.payment_provider_number}
        answer = answer_of(
            self.sdk.refund,
            out_refund_no=refund.reference,
            reason=narrow(refund.reason, 80) or None,
            amount={"refund": refund.amount_minor, "total": refund.payment_minor, "currency": "CNY"},
            meaning=codes.OF_REFUNDS,
            **which,
        )
        return self._refund(answer, refund)

    def ask_refund(self, refund: Return) -> Returned:
        """Say where a refund is."""
        try:
            answer = answer_of(self.sdk.query_refund, refund.reference)
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Returned(State.MISSING, refund.reference)
            raise NoAnswer(refused.detail) from None
        return self._refund(answer, refund)

    def sign(self, contract: Contract) -> str:
        """Return where a payer signs, in WeChat."""
        return self.papay.sign_address(contract)

    def ask_contract(self, reference: str, provider_number: str = "") -> Signed:
        """Say whether a contract is in force."""
        return self.papay.ask_contract(reference, provider_number)

    def end_contract(self, reference: str, provider_number: str) -> Signed:
        """End a contract."""
        return self.papay.end_contract(reference, provider_number)

    def tell_of_debit(self, debit: Debit) -> tuple[datetime, datetime]:
        """Tell WeChat of a debit to come, of at most this amount; return from when until when it may be made.

        The day of the notice and the next one are waited, then there are seven days, each from 07:00 to 22:00 in Beijing.
        """
        path = f"/v3/papay/contracts/{quote(debit.contract, safe='')}/notify"
        told = {
            "mchid": self.account.merchant,
            "appid": self.account.app_id,
            "deduct_duration": {"count": DAYS, "unit": "DAY"},
            "estimated_amount": {"amount": debit.amount_minor, "currency": "CNY"},
        }
        answer_of(self.sdk._core.request, path, method=RequestType.POST, data=told)
        return window(self.clock())

    def debit(self, debit: Debit) -> Report:
        """Deduct under a contract: accepted at best, made later."""
        return self.papay.debit(debit)

    def read(self, callback: Callback) -> Message:
        """Return what a callback says; see `port.Gateway.read`. Callbacks of APIv2 have no time: see `Papay.read`."""
        if callback.body.lstrip().startswith(b"<"):
            return self.papay.read(callback.body)
        headers = {name.lower(): value for name, value in callback.headers.items()}
        try:
            body = callback.body.decode()
            told = self.sdk.callback(headers, body) if self.sdk._core.is_signed(headers, body) else None
        except Exception:  # whatever goes wrong on verifying and opening, it is not to be believed
            told = None
        if not told or not isinstance(told.get("resource"), dict):
            raise Forged("signature")
        refuse_stale(sent_at(headers), callback.at)
        resource = told["resource"]
        if (
            resource.get("mchid") != self.account.merchant
            or resource.get("appid", self.account.app_id) != self.account.app_id
        ):
            raise Forged("merchant")
        if not told.get("id"):
            raise Forged("malformed")
        return Message(*heard(str(told.get("event_type", "")), str(told["id"]), resource))

    def statement(self, day: date) -> Sequence[StatementLine]:
        """Return a day's payments and refunds; none where there were none. The address of a bill is good for seconds."""
        try:
            answer = answer_of(self.sdk.trade_bill, bill_date=day.isoformat(), bill_type="ALL", tar_type="GZIP")
        except Refused as refused:
            if refused.detail in codes.NO_BILL:
                return ()
            raise
        url = str(answer.get("download_url", ""))
        if not url.startswith(f"{self.account.gateway}/"):
            raise NoAnswer("bill at an unknown address")
        status, packed = self.sdk.download_bill(url)
        if status != 200 or not isinstance(packed, bytes):
            raise NoAnswer(f"status {status}")
        plain = unpacked(packed)
        if answer.get("hash_type") != "SHA1" or not compare_digest(
            sha1(plain).hexdigest(), str(answer.get("hash_value", "")).lower()
        ):
            raise NoAnswer("hash of the bill")
        return bills.wechat(plain)

    def _refund(self, answer: Mapping[str, Any], refund: Return) -> Returned:
        if answer.get("out_refund_no") != refund.reference:
            raise NoAnswer("of another refund")
        return returned(answer, str(answer.get("status", "")))


def report(answer: Mapping[str, Any]) -> Report:
    """Return what an order says."""
    state = codes.STATES.get(str(answer.get("trade_state", "")))
    if state is None:
        raise NoAnswer("unknown state of an order")
    failure = {State.CLOSED: Failure.CLOSED, State.FAILED: Failure.OTHER}.get(state, "")
    return Report(
        state,
        str(answer["out_trade_no"]),
        str(answer.get("transaction_id", "")),
        whole(answer, "total") if state is State.SUCCEEDED else None,
        moment(answer.get("success_time")),
        failure,
        shortened(str((answer.get("payer") or {}).get("openid", ""))),
    )


def returned(answer: Mapping[str, Any], status: str) -> Returned:
    """Return what a refund says."""
    state, failure = codes.REFUNDS.get(status, (None, ""))
    if state is None:
        raise NoAnswer("unknown state of a refund")
    return Returned(
        state,
        str(answer["out_refund_no"]),
        str(answer.get("refund_id", "")),
        whole(answer, "refund"),
        moment(answer.get("success_time")),
        failure,
    )


def heard(event: str, message_id: str, resource: Mapping[str, Any]) -> tuple[Kind, str, Report | Returned]:
    """Return what an event is about."""
    try:
        if event == "TRANSACTION.SUCCESS":
            return Kind.PAYMENT, message_id, report(resource)
        if event in {"REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"}:
            return Kind.REFUND, message_id, returned(resource, str(resource.get("refund_status", "")))
    except (NoAnswer, KeyError):
        raise Forged("malformed") from None
    raise Forged("kind")


def window(told_at: datetime) -> tuple[datetime, datetime]:
    """Return from when until when a debit may be made that WeChat was told of at this instant."""
    first = told_at.astimezone(BEIJING).date() + timedelta(days=FIRST_DAY)
    last = first + timedelta(days=DAYS - 1)
    return datetime.combine(first, OPENS, BEIJING), datetime.combine(last, CLOSES, BEIJING)


def sent_at(headers: Mapping[str, str]) -> datetime:
    """Return when a callback was sent, as it was signed."""
    try:
        return datetime.fromtimestamp(int(headers.get("wechatpay-timestamp", "")), UTC)
    except (ValueError, OverflowError, OSError):
        raise Forged("malformed") from None


def whole(answer: Mapping[str, Any], name: str) -> int:
    """Return an amount in fen; raise NoAnswer for nonsense."""
    found = (answer.get("amount") or {}).get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise NoAnswer("no amount")
    return found


def moment(text: Any) -> datetime | None:
    """Return an instant where one is told and can be read."""
    try:
        at = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def unpacked(packed: bytes) -> bytes:
    """Return a bill as it was before it was packed, or as it is when it was not; never more than a bill may be."""
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(wire.MOST_OF_BILL + 1)
    except (OSError, EOFError, ValueError, zlib.error):
        raise NoAnswer("broken bill") from None
    if len(plain) > wire.MOST_OF_BILL:
        raise NoAnswer("too long")
    return plain
