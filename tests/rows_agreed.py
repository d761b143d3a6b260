"""A deduction that was agreed and announced, for `tests.rows.furnish`: a payment by itself and its use of a notice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from invoices import models as invoices
from invoices.models.notices import WAIT
from tenants.models import Authorisation


def deducted(invoice: invoices.Invoice, at: datetime, **otherwise: Any) -> None:
    """Write one deduction of the smallest amount under an authorisation of its own; the bill goes on owing it."""
    whose = {"tenant": invoice.tenant, "seller": invoice.seller, "currency": "CNY"}
    text = {"text": "yes", "text_version": "1", "text_sha256": "-", "given_by_name": "Alice"}
    yes = Authorisation.objects.create(**whose, **text, given_at=at - WAIT)
    notice = invoices.ChargeNotice.objects.create(
        **whose,
        pays="wallet",
        due_on=at.date() + timedelta(days=1),
        due_at=at,
        version=1,
        of="renewal",
        via="notice",
        announced_at=at - WAIT,
        delivered_at=at - WAIT,
        charge_at=at,
        renewal_minor=1,
        ceiling_minor=0,
        total_minor=1,
    )
    payment = invoices.Payment.objects.create(
        **whose,
        amount_minor=1,
        method="wallet",
        provider="wallet",
        reference="d",
        basis="automatic",
        invoice=invoice,
        authorisation=yes,
        notice=notice,
        received_at=at,
        recorded_at=at,
        **{"status": "succeeded"} | otherwise,
    )
    invoices.NoticeUse.objects.create(tenant=invoice.tenant, payment=payment, notice=notice, amount_minor=1)
