"""Hear what providers tell us: a callback is believed or refused, kept as a message, and has the effect of an answer.

The gateway checks signature, freshness and merchant (`Gateway.read`); here the order and the amount are checked. A message
that is not believed changes nothing, and its reason is kept. A repeated one has no second effect and is answered as the
first, so that the provider stops.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog
from django.db import transaction
from django.db.models import Q

from invoices import mandates, returning
from invoices.models import Payment, ProviderAccount, ProviderMessage, Refund
from invoices.providers import gateways
from invoices.providers.port import Callback, Forged, Kind, Message, Report, Returned, Signed, State
from invoices.settling import distrust, doubted, settle

log = structlog.get_logger(__name__)
Verdict = ProviderMessage.Verdict
# Who sends us nonsense does not fill the table: of so many in an hour each further one is only logged.
FORGED_PER_HOUR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is answered, as it wants it: https://opendocs.alipay.com, https://pay.weixin.qq.com."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class Unheard(Exception):
    """A message that is genuine and that nothing here can be done with; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# Raises Unheard, or returns the payment it is about, if any. In the transaction that keeps the message.
Hearer = Callable[[ProviderAccount, Message, Callback], "Payment | None"]


def hear(account_id: int, provider: str, callback: Callback) -> Answer:
    """Hear a callback for a seller's account and return what to answer."""
    account = ProviderAccount.objects.select_related("seller").filter(pk=account_id, provider=provider).first()
    if account is None:
        return answer(provider, callback, "unknown_account")
    message = None
    try:
        message = gateways.of_account(account).read(callback)
        with transaction.atomic():
            _keep(account, message, callback, _hearer(message.kind)(account, message, callback))
    except (Forged, Unheard) as refusal:
        return _refused(account, callback, refusal.code, message)
    return answer(provider, callback)


def payment_told(account: ProviderAccount, message: Message, callback: Callback) -> Payment:
    """Let a payment be what the provider says it is, when the order and the amount are ours."""
    assert isinstance(message.about, Report)
    found = Payment.objects.filter(
        provider=account.provider, seller=account.seller, reference=message.about.reference
    ).exclude(product="")
    payment = found.first()
    if payment is None:
        raise Unheard("unknown_order")
    if message.about.state is State.SUCCEEDED and (reason := doubted(payment, message.about)):
        raise Unheard(reason)
    return settle(payment.pk, message.about, at=callback.at)


def refund_told(account: ProviderAccount, message: Message, callback: Callback) -> Payment | None:
    """Let a refund be what the provider says it is, when it is this seller's and the amount is ours."""
    assert isinstance(message.about, Returned)
    mine = Refund.objects.filter(reference=message.about.reference, seller=account.seller)
    if not mine.filter(payment__provider=account.provider).exists():
        raise Unheard("unknown_refund")
    try:
        return returning.settle(message.about.reference, account.provider, message.about, at=callback.at).payment
    except returning.OtherAmount as refusal:
        raise Unheard("other_amount") from refusal


def contract_told(account: ProviderAccount, message: Message, callback: Callback) -> None:
    """Let a deduction agreement be what the provider says it is, when it is this seller's."""
    assert isinstance(message.about, Signed)
    mandate = mandates.named(account.provider, message.about, seller=account.seller)
    if mandate is None:
        raise Unheard("unknown_contract")
    mandates.settle_contract(mandate.pk, message.about, at=callback.at)


HEARERS: dict[Kind, Hearer] = {
    Kind.PAYMENT: payment_told,
    Kind.REFUND: refund_told,
    Kind.SIGNED: contract_told,
    Kind.ENDED: contract_told,
}


def _hearer(kind: Kind) -> Hearer:
    if kind not in HEARERS:
        raise Unheard("not_supported")
    return HEARERS[kind]


def answer(provider: str, callback: Callback, refused: str = "") -> Answer:
    """Return an answer in the provider's own form; WeChat's deductions still speak XML."""
    if provider == ProviderAccount.Provider.ALIPAY:
        return Answer(200, "failure" if refused else "success")
    if callback.body.lstrip().startswith(b"<"):
        code = "FAIL" if refused else "SUCCESS"
        return Answer(200, f"<xml><return_code><![CDATA[{code}]]></return_code></xml>", "text/xml; charset=utf-8")
    if refused:
        return Answer(400, json.dumps({"code": "FAIL", "message": refused}), "application/json")
    return Answer(204)


def _keep(account: ProviderAccount, message: Message, callback: Callback, payment: Payment | None) -> None:
    """Keep a message that was believed: as a repetition, when it was before."""
    digest = sha256(callback.body).hexdigest()
    same = Q(message_id=message.message_id) if message.message_id else Q(message_id="", body_sha256=digest)
    before = ProviderMessage.objects.filter(same, provider=account.provider).exclude(verdict=Verdict.REFUSED)
    ProviderMessage.objects.create(
        provider=account.provider,
        kind=message.kind,
        message_id=message.message_id,
        reference=message.about.reference,
        payment=payment,
        verdict=Verdict.REPEATED if before.exists() else Verdict.ACCEPTED,
        body_sha256=digest,
        at=callback.at,
    )


def _refused(account: ProviderAccount, callback: Callback, reason: str, message: Message | None = None) -> Answer:
    """Keep why a callback is not believed; one about a payment of ours that is not as asked for raises the alarm."""
    payment = _about(account, message)
    log.warning("a callback was refused", provider=account.provider, account=account.pk, reason=reason)
    if payment is not None and message is not None:
        distrust(payment, reason, callback.body, kind=message.kind, at=callback.at, message_id=message.message_id)
    elif message is not None or _forged_lately(account, callback) < FORGED_PER_HOUR:
        ProviderMessage.objects.create(
            provider=account.provider,
            kind=message.kind if message else "",
            message_id=message.message_id if message else "",
            reference=message.about.reference if message else "",
            verdict=Verdict.REFUSED,
            reason=reason,
            body_sha256=sha256(callback.body).hexdigest(),
            at=callback.at,
        )
    return answer(account.provider, callback, reason)


def _about(account: ProviderAccount, message: Message | None) -> Payment | None:
    if message is None or message.kind is not Kind.PAYMENT:
        return None
    return Payment.objects.filter(
        provider=account.provider, seller=account.seller, reference=message.about.reference
    ).first()


def _forged_lately(account: ProviderAccount, callback: Callback) -> int:
    """Return how many messages without a number that can be believed were refused within the hour."""
    forged = ProviderMessage.objects.filter(provider=account.provider, message_id="", verdict=Verdict.REFUSED)
    return forged.filter(at__gt=callback.at - timedelta(hours=1)).count()
