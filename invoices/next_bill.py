"""The next bill of one contract: drafted by the very functions that will draft it, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing import closing
from billing.models import Charge, Subscription
from invoices import drafting
from invoices.models import CreditNote, Invoice, InvoiceLine
from usage.periods import local_day


@dataclass(frozen=True, slots=True)
class NextBill:
    """What one contract's part of the next bill comes to, with discounts and tax and with what was used until now."""

    on: date
    total_minor: int
    lines: tuple[InvoiceLine, ...]


def next_bill(subscription: Subscription, *, at: datetime) -> NextBill | None:
    """Return the next bill of a contract as it stands now, or None when nothing follows."""
    with transaction.atomic():
        found = _drafted(Subscription.objects.get(pk=subscription.pk), at)
        transaction.set_rollback(True)
    return found


def _drafted(subscription: Subscription, at: datetime) -> NextBill | None:
    waiting = Charge.objects.waiting().filter(subscription=subscription.pk).order_by("pk")
    due = at
    if not waiting.exclude(amount_minor=0).exists():
        if subscription.next_at is None:
            return None
        due = max(subscription.next_at, at)
        closing.close([subscription.pk], at=due)
    drafted = drafting.draft_alone(waiting.values_list("pk", flat=True), origin=f"next:{subscription.pk}", at=due)
    lines = InvoiceLine.objects.filter(invoice__in=drafted.invoices).select_related("charge")
    asked = sum(Invoice.objects.filter(pk__in=drafted.invoices).values_list("total_minor", flat=True))
    back = sum(CreditNote.objects.filter(pk__in=drafted.credit_notes).values_list("total_minor", flat=True))
    if not drafted.invoices and not drafted.credit_notes:
        return None
    return NextBill(local_day(due, subscription.zone), asked - back, tuple(lines.order_by("invoice_id", "position")))
