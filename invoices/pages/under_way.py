"""One payment at a provider: where to pay it, until when, and what has become of it. The page turns by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from billing.money import Money
from invoices import states
from invoices.models import Payment
from invoices.pages.codes import drawn, opened_here
from invoices.pages.visit import Visit
from invoices.providers import reasons
from tenants.errors import NotFound

Status, Product = Payment.Status, Payment.Product
LIVE = (Status.INTENDED, Status.UNKNOWN)


@dataclass(frozen=True)
class Bill:
    """A bill that the payment is for, and how much of it."""

    number: str
    address: str
    amount: Money


@dataclass(frozen=True)
class UnderWay:
    """The page /payments/<id>/. `code` is drawn while it can be scanned, `link` opens it on this
    device, `address` is where the provider has a page."""

    title: str
    state: states.State
    sentence: str
    amount: Money
    way: str
    reference: str
    provider_number: str
    at: datetime
    until: datetime | None
    code: SafeString
    link: str
    address: str
    bills: tuple[Bill, ...]
    turns: str
    stop: str
    back: str
    live: bool
    paid: bool


def page(visit: Visit, pk: int) -> UnderWay:
    """Return one payment of this company; raise NotFound for any other."""
    payment = find(visit, pk)
    live = payment.status in LIVE
    open_code = live and payment.product == Product.QR and payment.pay_address
    top_up = payment.purpose == Payment.Purpose.TOP_UP
    return UnderWay(
        title=_("Top-up") if top_up else _("Payment"),
        state=states.PAYMENT[payment.status],
        sentence=_sentence(payment),
        amount=Money(payment.amount_minor, payment.currency),
        way=str(Payment.Method(payment.method).label),
        reference=payment.reference,
        provider_number=payment.provider_number,
        at=payment.finished_at or payment.recorded_at,
        until=payment.expires_at if live else None,
        code=drawn(payment.pay_address) if open_code else SafeString(""),
        link=opened_here(payment.pay_address) if open_code else "",
        address=payment.pay_address if live and payment.product == Product.PAGE else "",
        bills=tuple(_bills(visit, payment)),
        turns=visit.to("payment_state", payment.pk) if live else "",
        stop=visit.to("payment_stop", payment.pk) if live and visit.member.may_pay else "",
        back=visit.to("wallet") if top_up else visit.to("payments"),
        live=live,
        paid=payment.status == Status.SUCCEEDED,
    )


def find(visit: Visit, pk: int) -> Payment:
    """Return a payment of this company; raise NotFound for any other."""
    found = Payment.objects.filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such payment."))
    return found


def _bills(visit: Visit, payment: Payment) -> list[Bill]:
    settled = payment.allocations.select_related("invoice").order_by("pk")
    wanted = payment.parts.select_related("invoice").order_by("pk")
    rows = settled if payment.status in (Status.SUCCEEDED, Status.REFUNDED) else wanted
    return [
        Bill(row.invoice.number or "", visit.to("bill", row.invoice_id), Money(row.amount_minor, payment.currency))
        for row in rows
    ]


def _sentence(payment: Payment) -> str:
    """Return what has become of it, and first of all whether money moved."""
    provider = {"provider": Payment.Method(payment.method).label}
    match payment.status:
        case Status.SUCCEEDED:
            return _("Paid. We have it in writing from %(provider)s.") % provider
        case Status.REFUNDED:
            return _("It was returned.")
        case Status.FAILED:
            return _("Nothing was taken. %(why)s") % {"why": reasons.sentence(payment.failure)}
        case Status.UNKNOWN:
            return (
                _("%(provider)s has not answered yet. Nothing else is taken until we know, and you are told at once.")
                % provider
            )
    if payment.product == Product.DEBIT:
        return _("Handed to %(provider)s. You are told as soon as it is done.") % provider
    if not payment.pay_address:
        return _("%(provider)s is being asked for a code.") % provider
    return _("Not paid yet. This page turns by itself once it is.")
