"""What a provider says of a payment becomes what stands in the books: once, whoever says it first and however often."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from django.db import transaction

from billing import wallets
from invoices import debit_outcomes, payments
from invoices.models import Invoice, Payment, PaymentPart, ProviderMessage
from invoices.pauses import pause
from invoices.providers.port import Failure, Report, State
from tenants import audit

log = structlog.get_logger(__name__)
Status = Payment.Status
LIVE = (Status.INTENDED, Status.UNKNOWN)
OWED = (Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE)
COURSE = ("status", "failure", "finished_at", "ask_at")
# What we closed may have been paid in the same moment: it is asked for once more.
ONCE_MORE = timedelta(hours=1)


def next_ask(payment: Payment, at: datetime) -> datetime:
    """Return when to ask next: ever more seldom, but also when the order has expired."""
    usual = at + pause(payment.asks)
    return min(usual, payment.expires_at) if payment.expires_at and payment.expires_at > at else usual


@transaction.atomic
def settle(payment_id: int, report: Report, *, at: datetime) -> Payment:
    """Let a payment be what its provider reports; return it as it is then. A second report of the same changes nothing.

    A success settles its bills as far as they still owe, the rest goes into the wallet, also when the payment had been
    closed here. What was deducted after its authorisation was withdrawn settles nothing and goes into the wallet, from where
    it goes back. A success that is not to be believed (another amount, another order) changes nothing: it is kept as a
    message, the payment stays unknown, and an error is logged for an operator.
    """
    payment = Payment.objects.select_related("tenant", "seller").get(pk=payment_id)
    if report.state is State.SUCCEEDED:
        if reason := doubted(payment, report):
            said = f"{report.reference} {report.provider_number} {report.amount_minor}"
            return distrust(payment, reason, said.encode(), kind="query", at=at)
        return _succeed(payment, report, at)
    if report.state in (State.FAILED, State.CLOSED):
        return _fail(payment, report, at)
    return _wait(payment, at) if report.state is State.WAITING else payment


def doubted(payment: Payment, report: Report) -> str:
    """Return why a report of success is not to be believed, empty if it is."""
    if report.reference != payment.reference:
        return "other_order"
    if report.amount_minor != payment.amount_minor:
        return "other_amount"
    others = Payment.objects.filter(provider=payment.provider, provider_number=report.provider_number)
    if report.provider_number and others.exclude(pk=payment.pk).exists():
        return "number_of_another"
    return ""


def locked(payment: Payment) -> Payment:
    """Lock the payment's row and return it as it is now."""
    rows = Payment.objects.select_related("tenant", "seller").select_for_update(of=("self",), no_key=True)
    return rows.get(pk=payment.pk)


def _succeed(payment: Payment, report: Report, at: datetime) -> Payment:
    payments.lock_overdue([payment.tenant_id])
    wallets.lock(payment.tenant_id, payment.seller_id, payment.currency)
    mine = Invoice.objects.filter(parts__payment=payment).order_by("pk")
    bills = {bill.pk: bill for bill in mine.select_for_update(of=("self",), no_key=True)}
    payment = locked(payment)
    if payment.status not in (*LIVE, Status.FAILED):
        return payment
    late = payment.status == Status.FAILED
    payment.status, payment.failure = Status.SUCCEEDED, ""
    payment.provider_number = report.provider_number or payment.provider_number
    payment.payer_name = report.payer
    payment.received_at, payment.finished_at, payment.ask_at = report.at or at, at, None
    payment.save(update_fields=[*COURSE, "provider_number", "payer_name", "received_at"])
    wanted = PaymentPart.objects.filter(payment=payment).order_by("invoice")
    settled = [(bills[part.invoice_id], _takes(bills[part.invoice_id], part)) for part in wanted]
    if debit_outcomes.came_after_withdrawal(payment):
        settled = []
    wanted.filter(live=True).update(live=False)
    verb = "payment.received_late" if late else "payment.received"
    payments.arrived(
        payment, [(bill, part) for bill, part in settled if part], verb=verb, at=at, by=payment.recorded_by
    )
    return payment


def _takes(bill: Invoice, part: PaymentPart) -> int:
    """Return what a bill still takes of what was meant for it."""
    return min(part.amount_minor, bill.due_minor) if bill.status in OWED else 0


def _fail(payment: Payment, report: Report, at: datetime) -> Payment:
    payment = locked(payment)
    if payment.status not in LIVE:
        return payment
    payment.status, payment.finished_at, payment.ask_at = Status.FAILED, at, None
    if report.state is State.CLOSED:
        expired = payment.expires_at is not None and payment.expires_at <= at
        payment.failure = report.failure or (Failure.EXPIRED if expired else Failure.CLOSED)
        payment.ask_at = max(at, payment.expires_at or at) + ONCE_MORE
    else:
        payment.failure = report.failure or Failure.OTHER
    payment.save(update_fields=COURSE)
    PaymentPart.objects.filter(payment=payment, live=True).update(live=False)
    audit.record(
        "payment.failed",
        tenant=payment.tenant_id,
        target=f"payment:{payment.pk}",
        at=at,
        by=None,
        reference=payment.reference,
        failure=str(payment.failure),
    )
    debit_outcomes.failed(payment, at=at)
    return payment


def _wait(payment: Payment, at: datetime) -> Payment:
    """The provider knows it and has no outcome yet: it is under way, and no longer unknown."""
    payment = locked(payment)
    if payment.status == Status.UNKNOWN:
        payment.status = Status.INTENDED
        payment.ask_at = payment.ask_at or next_ask(payment, at)
        payment.save(update_fields=["status", "ask_at"])
    return payment


def unknown(payment: Payment, *, at: datetime) -> Payment:
    """Write down that the provider did not answer: asked for from now on, and nothing else is taken meanwhile."""
    with transaction.atomic():
        payment = locked(payment)
        if payment.status in LIVE:
            payment.status, payment.ask_at = Status.UNKNOWN, next_ask(payment, at)
            payment.save(update_fields=["status", "ask_at"])
    return payment


def distrust(payment: Payment, reason: str, said: bytes, *, kind: str, at: datetime, message_id: str = "") -> Payment:
    """Keep what was said of a payment and is not believed, leave it unknown, and shout: a person has to look."""
    log.error("a payment is not as it was asked for", payment=payment.reference, reason=reason)
    told = {"payment": payment, "reason": reason, "body_sha256": sha256(said).hexdigest()}
    if not ProviderMessage.objects.filter(**told, kind=kind).exists():
        ProviderMessage.objects.create(
            **told,
            provider=payment.provider,
            kind=kind,
            message_id=message_id,
            reference=payment.reference,
            verdict=ProviderMessage.Verdict.REFUSED,
            at=at,
        )
    return unknown(payment, at=at)
