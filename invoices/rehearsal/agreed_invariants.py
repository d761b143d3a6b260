"""What must be true of every deduction of every story at every instant: agreed and announced. Each function says one sentence.

Each yields what breaks it, in words; nothing when it holds. What a failed attempt named took nothing, and is not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from invoices.allowing import items_for
from invoices.models import ChargeNotice, Payment
from invoices.rehearsal.invariants import Invariant
from invoices.rehearsal.seen import Seen
from tenants.models import Authorisation
from tenants.models.agreements import RENEWS
from usage.periods import local_day

NOTICE = timedelta(hours=120)
# A notice, or all versions of the notice of one day's renewals.
Told = tuple[object, ...]


def deductions_have_a_right(seen: Seen) -> Iterator[str]:
    """Nothing is deducted by itself but under an authorisation of that payer, seller and way, given, valid and not withdrawn
    then, whose ceiling holds and whose items cover every line."""
    subscriptions = {charge.pk: charge.subscription_id for charge in seen.charges}
    for payment in _taken(seen):
        right, at = payment.authorisation, _asked_at(payment)
        if right is None or payment.notice is None:
            yield f"payment {payment.reference} was deducted without authorisation or notice"
            continue
        if not _in_force(right, at):
            yield f"payment {payment.reference} was deducted while its authorisation was not in force"
        if _side(right) != _side(payment) or right.way not in ("any", payment.method):
            yield f"payment {payment.reference} was deducted by the right of another, or by another way"
        if right.scope == RENEWS or (right.ceiling_minor is not None and payment.amount_minor > right.ceiling_minor):
            yield f"payment {payment.reference} of {payment.amount_minor} is above its authorisation"
        for line in seen.lines.get(payment.invoice_id or 0, ()):
            items = items_for(subscriptions.get(line.charge_id, 0), line.kind, line.reason, line.code)
            if line.amount_minor > 0 and right.items.isdisjoint(items):
                yield f"payment {payment.reference}: {right.scope} does not cover {line.code} ({line.reason})"


def months_keep_their_ceiling(seen: Seen) -> Iterator[str]:
    """What is asked for under an authorisation in a month of the customer's zone is at most what was agreed for a month."""
    zones = {invoice.pk: invoice.zone for invoice in seen.invoices}
    sums: dict[tuple[int, date], int] = defaultdict(int)
    for payment in seen.payments:
        right = payment.authorisation
        if right is None or right.per_month_minor is None or payment.status in ("failed", "refunded"):
            continue
        month = local_day(payment.recorded_at, zones[payment.invoice_id or 0]).replace(day=1)
        sums[right.pk, month] += payment.amount_minor
        if sums[right.pk, month] > right.per_month_minor:
            yield f"payment {payment.reference}: {sums[right.pk, month]} in a month of {right.per_month_minor}"


def deductions_were_announced(seen: Seen) -> Iterator[str]:
    """Each deduction takes up announcements that had arrived five days before and whose day had come, whole, and all of them
    together never more of one than it said."""
    parts: dict[int, int] = defaultdict(int)
    sums: dict[Told, int] = defaultdict(int)
    taken = {payment.pk: payment for payment in _taken(seen)}
    for use in seen.uses:
        payment = taken.get(use.payment_id)
        if payment is None:
            continue
        notice, at = use.notice, _asked_at(payment)
        parts[payment.pk] += use.amount_minor
        sums[_told(notice)] += use.amount_minor
        arrived = notice.delivered_at is not None and notice.delivered_at + NOTICE <= at
        if not arrived or notice.charge_at is None or notice.charge_at > at:
            yield f"payment {payment.reference} was deducted too early: {notice.delivered_at} + 120 hours, {notice.charge_at}"
        if _side(notice) != _side(payment) or (notice.pays == "wallet") != (payment.method == "wallet"):
            yield f"payment {payment.reference} was deducted by the notice of another, or of another way"
        if sums[_told(notice)] > notice.total_minor:
            yield f"{sums[_told(notice)]} deducted under a notice of {notice.total_minor}: {payment.reference}"
    for payment in taken.values():
        if parts[payment.pk] != payment.amount_minor:
            yield f"payment {payment.reference} of {payment.amount_minor} was announced of {parts[payment.pk]}"


def _taken(seen: Seen) -> list[Payment]:
    automatic = Payment.Basis.AUTOMATIC
    return [p for p in seen.payments if p.basis == automatic and p.status not in (Payment.Status.FAILED, "refunded")]


def _asked_at(payment: Payment) -> datetime:
    # Of a debit without an answer that is when it was asked for; what came after a withdrawal is returned.
    return min(payment.received_at, payment.recorded_at)


def _in_force(right: Authorisation, at: datetime) -> bool:
    begun = right.given_at <= at and (right.valid_from is None or right.valid_from <= at)
    over = (right.withdrawn_at, right.valid_until)
    return begun and all(end is None or end > at for end in over)


def _side(row: Authorisation | ChargeNotice | Payment) -> tuple[int, int, str]:
    return row.tenant_id, row.seller_id, row.currency


def _told(notice: ChargeNotice) -> Told:
    return (*_side(notice), notice.pays, notice.due_on) if notice.of == ChargeNotice.Of.RENEWAL else (notice.pk,)


ALWAYS: tuple[Invariant, ...] = (deductions_have_a_right, months_keep_their_ceiling, deductions_were_announced)
