"""Alipay: precreate and page pay, cycle agreements and their debits, refunds, notices, bills (research/china.md §1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.utils import timezone

from invoices.providers import alipay_codes as codes
from invoices.providers import bills, wire
from invoices.providers.alipay_client import Client
from invoices.providers.freshness import refuse_stale
from invoices.providers.notation import beijing, fen, in_beijing, narrow, shortened, yuan
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

SAFE_CODE = re.compile(r"[A-Za-z0-9._-]{1,60}")
# Alipay refuses these in a subject.
UNWELCOME = str.maketrans("/=&", "  +")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlipayAccount:
    """What Alipay knows a seller by; RSA keys as PEM. It has no repr, for it holds a private key."""

    app_id: str
    seller_id: str
    scene: str
    gateway: str
    callback: str
    private_key: str
    public_key: str


class Alipay:
    """A seller's account at Alipay.

    Alipay's agreements let it be debited once in each period, from five days before its day on; it asks for no notice of
    its own. A code to scan is no trade until it is scanned: till then Alipay says that there is none (MISSING).
    """

    name = "alipay"

    def __init__(self, account: AlipayAccount, *, clock: Callable[[], datetime] = timezone.now) -> None:
        self.account = account
        self.client = Client(
            account.app_id, account.private_key, account.public_key, gateway=account.gateway, clock=clock
        )

    def begin(self, order: Order) -> str:
        """Return the content of a code to scan, or the address of Alipay's page, which needs no call."""
        wanted = {
            "out_trade_no": order.reference,
            "total_amount": yuan(order.amount_minor),
            "subject": said(order.subject),
            "time_expire": in_beijing(order.expires_at),
            "product_code": "FAST_INSTANT_TRADE_PAY" if order.page else "FACE_TO_FACE_PAYMENT",
        }
        told = {"notify_url": self.account.callback}
        if order.page:
            return self._address("alipay.trade.page.pay", wanted, **told, return_url=order.return_to)
        answer = self._call("alipay.trade.precreate", wanted, **told)
        return self._same(answer, order.reference, "qr_code")

    def ask(self, reference: str, *, debit: bool = False) -> Report:
        """Say where an order or a debit is; of a code that was not scanned yet Alipay knows nothing."""
        try:
            answer = self._call("alipay.trade.query", {"out_trade_no": reference})
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            raise NoAnswer(refused.detail) from None
        self._same(answer, reference, "trade_no")
        return report(answer)

    def close(self, reference: str, *, debit: bool = False) -> Report:
        """Close an unpaid trade. MISSING: a code that was not scanned, which stays good until it lapses by itself."""
        try:
            self._call("alipay.trade.close", {"out_trade_no": reference})
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Report(State.MISSING, reference)
            if refused.detail in codes.NOT_CLOSABLE:
                return self.ask(reference)
            raise
        return Report(State.CLOSED, reference, failure=Failure.CLOSED)

    def give_back(self, refund: Return) -> Returned:
        """Pay a part back. The same number again moves nothing (`fund_change` is N), so what became of it is asked."""
        wanted = {
            "out_trade_no": refund.payment_reference,
            "refund_amount": yuan(refund.amount_minor),
            "out_request_no": refund.reference,
            "refund_reason": narrow(refund.reason, 256),
        }
        answer = self._call("alipay.trade.refund", wanted)
        number = self._same(answer, refund.payment_reference, "trade_no")
        if answer.get("fund_change") != "Y":
            return self.ask_refund(refund)
        # `refund_fee` of the answer is the sum of all refunds of the trade, not this one.
        at = moment(answer.get("gmt_refund_pay"))
        return Returned(State.SUCCEEDED, refund.reference, number, refund.amount_minor, at)

    def ask_refund(self, refund: Return) -> Returned:
        """Say where a refund is. MISSING: none that succeeded; the same number may be sent again."""
        wanted = {
            "out_trade_no": refund.payment_reference,
            "out_request_no": refund.reference,
            "query_options": ["gmt_refund_pay"],
        }
        try:
            answer = self._call("alipay.trade.fastpay.refund.query", wanted)
        except Refused as refused:
            if refused.detail in codes.NOT_THERE:
                return Returned(State.MISSING, refund.reference)
            raise NoAnswer(refused.detail) from None
        if answer.get("refund_status") != "REFUND_SUCCESS":
            return Returned(State.MISSING, refund.reference)
        if answer.get("out_request_no") != refund.reference:
            raise NoAnswer("of another refund")
        number, at = str(answer.get("trade_no", "")), moment(answer.get("gmt_refund_pay"))
        return Returned(State.SUCCEEDED, refund.reference, number, money(answer.get("refund_amount")), at)

    def sign(self, contract: Contract) -> str:
        """Return the address of the page that shows a code to sign with Alipay's app. No call is made."""
        if not self.account.scene or contract.execute_on is None or contract.execute_on.day > 28:
            raise Refused(Failure.MISCONFIGURED, "sign_scene or execute_time")
        wanted = self._ours(contract.reference) | {
            "product_code": "CYCLE_PAY_AUTH",
            "access_params": {"channel": "QRCODE"},
            "period_rule_params": {
                "period_type": "MONTH",
                "period": contract.every_months,
                "execute_time": contract.execute_on.isoformat(),
                "single_amount": yuan(contract.single_minor),
            },
        }
        return self._address(
            "alipay.user.agreement.page.sign", wanted, notify_url=self.account.callback, return_url=contract.return_to
        )

    def ask_contract(self, reference: str, provider_number: str = "") -> Signed:
        """Say whether an agreement is in force. An end by the payer or by time is told to nobody: ask before each debit."""
        wanted = {"agreement_no": provider_number} if provider_number else self._ours(reference)
        try:
            answer = self._call("alipay.user.agreement.query", wanted)
        except Refused as refused:
            if refused.detail in codes.NO_AGREEMENT:
                return Signed(State.CLOSED if provider_number else State.MISSING, reference, provider_number)
            raise NoAnswer(refused.detail) from None
        if answer.get("external_agreement_no", reference) != reference:
            raise NoAnswer("of another agreement")
        return signed(answer, reference)

    def end_contract(self, reference: str, provider_number: str) -> Signed:
        """End an agreement; one that is not there any more has ended."""
        wanted = {"agreement_no": provider_number} if provider_number else self._ours(reference)
        try:
            self._call("alipay.user.agreement.unsign", wanted)
        except Refused as refused:
            if refused.detail not in codes.NO_AGREEMENT:
                raise
        return Signed(State.CLOSED, reference, provider_number)

    def tell_of_debit(self, debit: Debit) -> tuple[datetime, datetime] | None:
        """Alipay asks for no notice of its own."""
        return None

    def debit(self, debit: Debit) -> Report:
        """Deduct under an agreement: Alipay answers at once, or not at all (10003 and 20000 are NoAnswer)."""
        wanted = {
            "out_trade_no": debit.reference,
            "total_amount": yuan(debit.amount_minor),
            "subject": said(debit.subject),
            "product_code": "CYCLE_PAY_AUTH",
            "agreement_params": {"agreement_no": debit.contract},
        }
        answer = self._call("alipay.trade.pay", wanted, notify_url=self.account.callback)
        self._same(answer, debit.reference, "trade_no")
        return report({"trade_status": "TRADE_SUCCESS"} | answer)

    def read(self, callback: Callback) -> Message:
        """Return what a notice says; see `port.Gateway.read`. A refund and an agreement's end come the same way."""
        said = self._believed(callback)
        match said.get("notify_type"):
            case "trade_status_sync":
                if said.get("seller_id") != self.account.seller_id:
                    raise Forged("merchant")
                return Message(*traded(said))
            case "dut_user_sign" | "dut_user_unsign" as kind:
                about = Kind.ENDED if kind == "dut_user_unsign" else Kind.SIGNED
                reference = needed(said, "external_agreement_no")
                return Message(about, said["notify_id"], signed(said, reference))
        raise Forged("kind")

    def statement(self, day: date) -> Sequence[StatementLine]:
        """Return a day's trades; none where Alipay made no bill because there were none. The address of a bill is good for
        30 seconds."""
        wanted = {"bill_type": "trade", "bill_date": day.isoformat()}
        try:
            answer = self._call("alipay.data.dataservice.bill.downloadurl.query", wanted)
        except Refused as refused:
            if refused.detail.upper() in codes.NO_BILL:
                return ()
            raise
        url = str(answer.get("bill_download_url", ""))
        self._refuse_elsewhere(url)
        found = wire.call("GET", url, headers={}, most=wire.MOST_OF_BILL)
        if found.status != 200:
            raise NoAnswer(f"status {found.status}")
        return bills.alipay(found.body)

    def _ours(self, reference: str) -> dict[str, Any]:
        return {
            "personal_product_code": "CYCLE_PAY_AUTH_P",
            "sign_scene": self.account.scene,
            "external_agreement_no": reference,
        }

    def _address(self, method: str, wanted: dict[str, Any], **told: str) -> str:
        return f"{self.account.gateway}?{self.client.client_api(method, wanted, **told)}"

    def _call(self, method: str, wanted: dict[str, Any], **told: str) -> dict[str, Any]:
        """Return the answer to a call; raise Refused for a signed no, NoAnswer for everything that leaves it open."""
        answer: dict[str, Any] = self.client.server_api(method, wanted, **told)
        code, detail = (_safe(answer.get(key)) for key in ("code", "sub_code"))
        if code == codes.DONE:
            return answer
        if code in codes.UNKNOWN_CODES or not code or detail.upper() in codes.UNKNOWN:
            raise NoAnswer(detail or code)
        other = Failure.OTHER if code == codes.BUSINESS else Failure.MISCONFIGURED
        raise Refused(codes.FAILURES.get(detail, other), detail or code)

    def _same(self, answer: Mapping[str, Any], reference: str, wanted: str) -> str:
        """Return what is wanted of an answer, which must be about this order and no other."""
        if answer.get("out_trade_no") != reference or not answer.get(wanted):
            raise NoAnswer("of another order")
        return str(answer[wanted])

    def _believed(self, callback: Callback) -> dict[str, str]:
        """Return the fields of a notice that Alipay signed for this app within the last minutes."""
        try:
            pairs = parse_qsl(callback.body.decode(), keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise Forged("malformed") from None
        said = dict(pairs)
        if len(said) != len(pairs):
            raise Forged("malformed")
        if not self.client.is_signed(said):
            raise Forged("signature")
        if said.get("app_id") != self.account.app_id:
            raise Forged("merchant")
        refuse_stale(told_at(said, "notify_time"), callback.at)
        needed(said, "notify_id")
        return said

    def _refuse_elsewhere(self, url: str) -> None:
        """Fetch bills from Alipay, or from the host of the gateway that the account is allowed to name."""
        host, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
        if urlsplit(url).netloc == urlsplit(self.account.gateway).netloc:
            return
        if scheme != "https" or not host.endswith((".alipay.com", ".alipayobjects.com")):
            raise NoAnswer("bill at an unknown address")


def report(answer: Mapping[str, Any]) -> Report:
    """Return what a trade says. A trade that was paid and wholly returned is closed too: it was paid all the same."""
    state = codes.STATES.get(str(answer.get("trade_status", "")))
    if state is None:
        raise NoAnswer("unknown state of a trade")
    paid = answer.get("send_pay_date") or answer.get("gmt_payment")
    if state is State.CLOSED and paid:
        state = State.SUCCEEDED
    return Report(
        state,
        str(answer["out_trade_no"]),
        str(answer.get("trade_no", "")),
        money(answer.get("total_amount")) if state is State.SUCCEEDED else None,
        moment(paid),
        Failure.CLOSED if state is State.CLOSED else "",
        shortened(str(answer.get("buyer_logon_id", ""))),
    )


def signed(answer: Mapping[str, Any], reference: str) -> Signed:
    """Return what an agreement says."""
    state = codes.AGREEMENTS.get(str(answer.get("status", "")))
    if state is None:
        raise NoAnswer("unknown state of an agreement")
    at = moment(answer.get("unsign_time") if state is State.CLOSED else answer.get("sign_time"))
    payer = shortened(str(answer.get("alipay_logon_id", "")))
    return Signed(state, reference, str(answer.get("agreement_no", "")), payer, at)


def traded(notice: Mapping[str, str]) -> tuple[Kind, str, Report | Returned]:
    """Return what a notice of a trade is about: a refund where it has one, whose `refund_fee` is the sum of all so far."""
    reference, message_id = needed(notice, "out_trade_no"), notice["notify_id"]
    if notice.get("out_biz_no") and notice.get("refund_fee"):
        at = moment(notice.get("gmt_refund", "").partition(".")[0])
        back = Returned(State.SUCCEEDED, notice["out_biz_no"], notice.get("trade_no", ""), None, at)
        return Kind.REFUND, message_id, back
    try:
        return Kind.PAYMENT, message_id, report({**notice, "out_trade_no": reference})
    except NoAnswer:
        raise Forged("malformed") from None


def said(subject: str) -> str:
    """Return a subject as Alipay takes it: without its separators, at most 256 characters."""
    return subject.translate(UNWELCOME).strip()[:256] or "-"


def needed(notice: Mapping[str, str], name: str) -> str:
    """Return a field that a notice must have."""
    if not notice.get(name):
        raise Forged("malformed")
    return notice[name]


def told_at(notice: Mapping[str, str], name: str) -> datetime:
    """Return an instant that a notice must have."""
    try:
        return beijing(notice.get(name, ""))
    except ValueError:
        raise Forged("malformed") from None


def moment(text: Any) -> datetime | None:
    """Return an instant where one is told and can be read."""
    try:
        return beijing(str(text)) if text else None
    except ValueError:
        return None


def money(text: Any) -> int:
    """Return an amount of an answer in fen; raise NoAnswer for nonsense."""
    try:
        return fen(text)
    except ValueError:
        raise NoAnswer("no amount") from None


def _safe(text: Any) -> str:
    """Return a code of Alipay, and nothing that is none: codes go into logs."""
    code = str(text or "")
    return code if SAFE_CODE.fullmatch(code) else ""
