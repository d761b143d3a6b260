"""Rows of a dispute, for `tests.rows.furnish`."""

from __future__ import annotations

from datetime import datetime

from invoices import models as invoices
from tenants.models import User


def disputed(invoice: invoices.Invoice, at: datetime) -> None:
    """A day of a line in dispute, with what both sides say, and the seller's terms."""
    line = invoice.lines.earliest("pk")
    invoices.DisputeTerms.objects.create(seller=invoice.seller)
    dispute = invoices.Dispute.objects.create(
        tenant=invoice.tenant,
        seller=invoice.seller,
        invoice=invoice,
        line=line,
        starts_on=line.service_start_on,
        ends_on=line.service_end_on,
        # All of it is given back, so that nothing is frozen and other rows may be taken for the bill.
        amount_minor=9,
        given_minor=9,
        reason="r",
        opened_at=at,
        answer_due_on=line.service_end_on,
    )
    of = {"tenant": invoice.tenant, "dispute": dispute, "text": "t", "at": at, "by": User.objects.earliest("pk")}
    invoices.DisputeEvidence.objects.create(**of, side="seller")
    invoices.DisputeAnswer.objects.create(**of, number=1, outcome="credit", amount_minor=5)
