"""Tell customers of their disputes: opened and by when it is answered, answered, and when the answer is late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from invoices.models import Dispute, DisputeAnswer, Invoice
from tenants import notices


def opened(row: Dispute, *, at: datetime) -> None:
    """Announce that a dispute, or its appeal, was received: what is frozen, and by when it is answered."""
    appealed = row.appealed_at is not None
    told = {"due_on": str(row.answer_due_on), "said": row.appeal if appealed else row.reason, "appealed": appealed}
    key = f"dispute-appealed:{row.pk}" if appealed else f"dispute-opened:{row.pk}"
    _announce(row, "dispute_opened", key, told, at)


def answered(row: Dispute, answer: DisputeAnswer, bill: Invoice, *, at: datetime) -> None:
    """Announce an answer: what is given back, what is to be paid by when, and until when it may be appealed."""
    may = row.state == Dispute.State.ANSWERED and row.contested_minor > 0
    told = {
        "outcome": answer.outcome,
        "answer": answer.text,
        "given_minor": answer.amount_minor,
        "due_minor": bill.claimable_minor if bill.status == Invoice.Status.OPEN else 0,
        "pay_by": str(bill.payable_on) if bill.status == Invoice.Status.OPEN and bill.claimable_minor else "",
        "appeal_until": str(row.appeal_until) if may and row.appealed_at is None else "",
        "phone": row.seller.phone,
    }
    _announce(row, "dispute_answered", f"dispute-answered:{row.pk}:{answer.number}", told, at)


def late(row: Dispute, *, at: datetime) -> None:
    """Announce that the answer is late; what is in dispute stays frozen."""
    told = {"due_on": str(row.answer_due_on), "phone": row.seller.phone}
    _announce(row, "dispute_late", f"dispute-late:{row.pk}:{row.answer_due_on}", told, at)


def what(row: Dispute, language: str) -> str:
    """Return in words what a dispute is about: the line, or the whole bill."""
    with translation.override(language):
        return row.line.name_in(language) if row.line is not None else _("the whole bill")


def _announce(row: Dispute, kind: str, key: str, told: Mapping[str, object], at: datetime) -> None:
    tenant, bill = row.tenant, row.invoice
    payload = {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/disputes/{row.pk}/",
        "number": bill.number,
        "what": what(row, tenant.language),
        "currency": bill.currency,
        "amount_minor": row.contested_minor,
        "frozen_minor": Invoice.objects.values_list("frozen_minor", flat=True).get(pk=bill.pk),
    }
    notices.announce(tenant, kind=kind, key=key, payload={**payload, **told}, at=at, seller=row.seller)
