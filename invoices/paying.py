"""Take money at a provider exactly once: write the intent, commit, call with a stable number, write the result.

`intend` and `settle` are verbs; `begin` and `abandon` call the provider between two of them, outside of any transaction.
What a provider says arrives by answer, by callback and by asking, in any order and any number of times: all of it ends in
`settle`, which has one effect. While a payment is under way, nothing else is taken for its bills (`payment_part_one_live`).
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from invoices.intending import Withdrawn, intend, share
from invoices.models import Mandate, Payment
from invoices.payments import UnderWay
from invoices.providers import gateways
from invoices.providers.port import Debit, Failure, Gateway, NoAnswer, Order, Refused, Report, State
from invoices.settling import LIVE, locked, next_ask, settle, unknown
from tenants import audit
from tenants.errors import WrongState
from tenants.models import User

__all__ = ["InsideTransaction", "UnderWay", "Withdrawn", "abandon", "begin", "intend", "settle"]
Product, Status = Payment.Product, Payment.Status
# Both providers print so much of what a payment is for.
LONGEST_SUBJECT = 120


class InsideTransaction(RuntimeError):
    """A provider was called inside a transaction: a mistake of the program. What it did could be forgotten by a rollback."""


def begin(payment: Payment, *, at: datetime) -> Payment:
    """Ask the provider for an intended payment, and return it with what came of it.

    An order then has its `pay_address`; a debit has succeeded, failed, or is under way. No answer leaves it unknown: it is
    asked for (`asking`). A debit is called for once, an order that got no address as often as wanted, under its one number.
    A deduction whose authorisation or agreement has ended meanwhile is not called for, and fails.
    """
    outside_of_transactions()
    gateway = gateways.gateway_for(payment.seller, payment.provider)
    payment, first = _called(payment, at=at)
    if first is None:
        return payment
    try:
        return _call(payment, gateway, at)
    except NoAnswer:
        return unknown(payment, at=at)
    except Refused as refusal:
        # Of a second call it says nothing about what the first one did.
        if not first:
            return unknown(payment, at=at)
        return settle(payment.pk, Report(State.FAILED, payment.reference, failure=refusal.code), at=at)


def abandon(payment: Payment, *, at: datetime, by: User | None) -> Payment:
    """Close a payment at the provider, so that its bills can be paid in another way; return what became of it.

    One that was paid in the same moment has succeeded; one that the provider does not say is closed stays under way.
    Raises WrongState when it is not under way.
    """
    outside_of_transactions()
    payment, called = _to_abandon(payment, at=at, by=by)
    if not called:
        return payment
    gateway = gateways.gateway_of(payment.seller, payment.provider)
    try:
        return closed(payment, gateway.close(payment.reference, debit=payment.product == Product.DEBIT), at=at)
    except (NoAnswer, Refused):
        return unknown(payment, at=at)


def closed(payment: Payment, report: Report, *, at: datetime) -> Payment:
    """Write down what a provider answered when it was told to close an order: one it does not know cannot be paid."""
    if report.state is State.MISSING:
        report = Report(State.CLOSED, payment.reference)
    return settle(payment.pk, report, at=at)


def outside_of_transactions() -> None:
    """Raise InsideTransaction inside a transaction, unless what is called is simulated and as undone as the rest."""
    if connection.in_atomic_block and gateways.instead.get() is None:
        raise InsideTransaction


@transaction.atomic
def _called(payment: Payment, *, at: datetime) -> tuple[Payment, bool | None]:
    """Write down that the provider is called now; return whether for the first time, or None: it is not to be called."""
    payment = locked(payment)
    first = payment.called_at is None
    if payment.status not in LIVE or payment.pay_address or (not first and payment.product == Product.DEBIT):
        return payment, None
    if not _may_still(payment, at):
        return settle(payment.pk, Report(State.FAILED, payment.reference, failure=Failure.NO_CONTRACT), at=at), None
    if payment.expires_at is not None and payment.expires_at <= at:
        return payment, None
    payment.status, payment.called_at, payment.ask_at = Status.INTENDED, at, next_ask(payment, at)
    payment.save(update_fields=["status", "called_at", "ask_at"])
    return payment, first


def _may_still(payment: Payment, at: datetime) -> bool:
    """Return whether what lets a deduction be made is still in force, just before it is made."""
    if payment.mandate is not None and payment.mandate.status != Mandate.Status.ACTIVE:
        return False
    if payment.mandate is not None and payment.mandate.authorisation.withdrawn_at is not None:
        return False
    if payment.authorisation is None:
        return True
    try:
        share(payment.authorisation, at=at)
    except Withdrawn:
        return False
    return True


def _call(payment: Payment, gateway: Gateway, at: datetime) -> Payment:
    if payment.mandate is not None:
        debit = Debit(
            reference=payment.reference,
            contract=payment.mandate.provider_number,
            amount_minor=payment.amount_minor,
            subject=subject(payment),
        )
        return settle(payment.pk, gateway.debit(debit), at=at)
    assert payment.expires_at is not None
    order = Order(
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        subject=subject(payment),
        expires_at=payment.expires_at,
        page=payment.product == Product.PAGE,
        return_to=f"{settings.SITE_URL}/c/{payment.tenant.code}/payments/",
    )
    return _opened(payment, gateway.begin(order))


@transaction.atomic
def _opened(payment: Payment, address: str) -> Payment:
    payment = locked(payment)
    if payment.status in LIVE:
        payment.status, payment.pay_address = Status.INTENDED, address
        payment.save(update_fields=["status", "pay_address"])
    return payment


def subject(payment: Payment) -> str:
    """Return what the payer reads at the provider: whose, and which bills or a top-up."""
    numbers = list(payment.parts.order_by("invoice").values_list("invoice__number", flat=True))
    with translation.override(payment.tenant.language):
        what = _("top-up") if not numbers else ", ".join(str(number) for number in numbers)
        return f"{payment.seller.brand} {what}"[:LONGEST_SUBJECT]


@transaction.atomic
def _to_abandon(payment: Payment, *, at: datetime, by: User | None) -> tuple[Payment, bool]:
    """Write down that a member gives a payment up; one that no provider was asked for has failed by that alone."""
    payment = locked(payment)
    if payment.status not in LIVE:
        raise WrongState(_("This payment is not under way any more; nothing has to be cancelled."))
    audit.record("payment.abandoned", tenant=payment.tenant_id, target=f"payment:{payment.pk}", at=at, by=by)
    if payment.called_at is not None:
        return payment, True
    return settle(payment.pk, Report(State.FAILED, payment.reference, failure=Failure.CLOSED), at=at), False
