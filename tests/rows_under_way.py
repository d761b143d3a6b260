"""Rows of money under way for `tests.rows.furnish`: a contract, a payment's part, an account and its message, a refund."""

from __future__ import annotations

from datetime import datetime

from invoices import models as invoices
from tenants.models import Authorisation, User


def under_way(
    payment: invoices.Payment,
    invoice: invoices.Invoice,
    notice: invoices.ChargeNotice,
    at: datetime,
    *,
    live: bool = True,
) -> None:
    """Write one row of each table of money at providers; of what is over, if it is not live."""
    ended = {} if live else {"ended_at": at, "ended_by": "customer"}
    whose = {"tenant": invoice.tenant, "seller": invoice.seller, "currency": "CNY"}
    mandate = invoices.Mandate.objects.create(
        **whose,
        provider="alipay",
        authorisation=Authorisation.objects.earliest("pk"),
        number="M1",
        provider_number="C1",
        status="active" if live else "ended",
        **ended,
        single_minor=500,
        created_at=at,
        signed_at=at,
    )
    told = {"tenant": invoice.tenant, "amount_minor": 1}
    invoices.MandateNotice.objects.create(**told, mandate=mandate, tried_at=at, notice=notice)
    invoices.MandateNotice.objects.create(**told, mandate=mandate, tried_at=at, invoice=invoice)
    invoices.PaymentPart.objects.create(**told, payment=payment, invoice=invoice, live=live)
    invoices.ProviderAccount.objects.create(
        seller=invoice.seller,
        provider="alipay",
        app_id="a",
        merchant="m",
        secrets="-",
        fingerprint="-",
        changed_at=at,
    )
    invoices.ProviderMessage.objects.create(provider="alipay", verdict="accepted", body_sha256="-", at=at)
    invoices.Refund.objects.create(
        **whose,
        amount_minor=1,
        payment=payment,
        invoice=invoice,
        to="origin",
        reason="r",
        reference="R1",
        status="requested" if live else "declined",
        requested_at=at,
        requested_by=User.objects.earliest("pk"),
    )
