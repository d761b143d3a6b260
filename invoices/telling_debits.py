"""Tell customers what became of a debit under their agreement, and of the agreement: nothing taken, and what to do."""

from __future__ import annotations

from datetime import datetime

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from invoices.models import Invoice, Mandate, Payment, PaymentPart
from invoices.providers import reasons
from tenants import notices
from usage.periods import local_day

# Why an agreement cannot serve a bill that was announced for it, and what its payer can do.
CANNOT: dict[str, str | Promise] = {
    "no_mandate": _("No deduction agreement is in force. Sign one, or pay the bill on the page below."),
    "above_single_limit": _(
        "The bill is above the most that your agreement lets be deducted at once."
        " Sign a new one with a higher limit, or pay the bill on the page below."
    ),
    "once_a_period": _(
        "The provider deducts once in each period, and has done so in this one."
        " Pay the bill on the page below, or it is deducted in the next period."
    ),
    "provider_not_told": _(
        "WeChat Pay has to announce a deduction to you two days before. It is announced now and deducted after that;"
        " or pay the bill on the page below."
    ),
    "outside_window": _(
        "The provider deducts on other days only. Pay the bill on the page below, or it is deducted when they come."
    ),
}


def failed(payment: Payment, *, at: datetime) -> None:
    """Announce that a debit took nothing, of each bill."""
    for part in PaymentPart.objects.filter(payment=payment).select_related("invoice__tenant", "invoice__seller"):
        bill = part.invoice
        with translation.override(bill.tenant.language):
            why = reasons.sentence(payment.failure)
        _announce(bill, f"debit-failed:{payment.pk}:{bill.pk}", part.amount_minor, payment.method, why, at)


def cannot(bill: Invoice, reason: str, *, mandate: Mandate | None, at: datetime) -> None:
    """Announce once that a bill is not debited under the agreement that there is, and what to do."""
    with translation.override(bill.tenant.language):
        why = str(CANNOT[reason])
    key = f"debit-held:{bill.pk}:{mandate.pk if mandate else 0}:{reason}"
    _announce(bill, key, bill.due_minor, mandate.provider if mandate else "", why, at)


def ended(mandate: Mandate, *, at: datetime) -> None:
    """Announce that an agreement has ended, and which bills it leaves open."""
    tenant = mandate.tenant
    bills = Invoice.objects.open().filter(
        tenant=tenant, seller=mandate.seller_id, currency=mandate.currency, pays="mandate"
    )
    notices.announce(
        tenant,
        kind="mandate_ended",
        key=f"mandate-ended:{mandate.pk}",
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/controls/agreements/",
            "method": _named(mandate.provider, tenant.language),
            "ended_on": str(local_day(at, tenant.timezone)),
            "currency": mandate.currency,
            "bills": [{"number": bill.number, "due_minor": bill.due_minor} for bill in bills.order_by("due_on", "pk")],
        },
        at=at,
        seller=mandate.seller,
    )


def _announce(bill: Invoice, key: str, amount_minor: int, provider: str, why: str, at: datetime) -> None:
    tenant = bill.tenant
    notices.announce(
        tenant,
        kind="debit_failed",
        key=key,
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/bills/{bill.pk}/",
            "number": bill.number,
            "currency": bill.currency,
            "amount_minor": amount_minor,
            "method": _named(provider, tenant.language),
            "why": why,
        },
        at=at,
        seller=bill.seller,
    )


def _named(provider: str, language: str) -> str:
    with translation.override(language):
        return str(Mandate.Provider(provider).label) if provider else ""
