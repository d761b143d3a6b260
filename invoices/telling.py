"""Tell customers what became of a deduction: what was taken, and what could not be."""

from __future__ import annotations

from datetime import datetime

from django.utils import translation

from billing.models import Wallet
from invoices.models import Invoice, Payment
from tenants import notices
from usage.periods import local_day


def deducted(payment: Payment, bill: Invoice, *, at: datetime) -> None:
    """Announce that a bill was paid from the balance."""
    notices.announce(
        bill.tenant,
        kind="payment_received",
        key=f"payment-received:{payment.pk}",
        payload=_told(payment, bill)
        | {
            "received_on": str(local_day(at, bill.zone)),
            "unused_minor": 0,
            "bills": [{"number": bill.number, "amount_minor": payment.amount_minor, "due_minor": _due(bill)}],
        },
        at=at,
        seller=bill.seller,
    )


def failed(payment: Payment, bill: Invoice, wallet: Wallet, *, at: datetime) -> None:
    """Announce that the balance was too low for a bill, and what is needed."""
    notices.announce(
        bill.tenant,
        kind="payment_failed",
        key=f"payment-failed:{payment.pk}",
        payload=_told(payment, bill) | {"number": bill.number, "balance_minor": wallet.total_minor},
        at=at,
        seller=bill.seller,
    )


def _told(payment: Payment, bill: Invoice) -> dict[str, object]:
    tenant = bill.tenant
    with translation.override(tenant.language):
        method = str(Payment.Method(payment.method).label)
    return {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/bills/{bill.pk}/",
        "currency": bill.currency,
        "amount_minor": payment.amount_minor,
        "method": method,
    }


def _due(bill: Invoice) -> int:
    return bill.total_minor - bill.paid_minor - bill.credited_minor
