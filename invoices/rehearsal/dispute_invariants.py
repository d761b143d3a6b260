"""What must be true of disputes in every story at every instant. Each function says one sentence.

Each yields what breaks it, in words; nothing when it holds. At one instant what is due goes before a step, so a dispute counts
from the instant after it was opened until it was answered, and again from its appeal on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from billing.models import Subscription
from invoices.models import Dispute, DunningAct, Invoice, Payment
from invoices.rehearsal.invariants import Invariant
from invoices.rehearsal.seen import Seen

BY_ITSELF = (Payment.Basis.AUTOMATIC, Payment.Basis.CONFIRMED)
LEFT_OUT = (DunningAct.Outcome.OVERTAKEN, DunningAct.Outcome.NOTHING)


def what_is_frozen_is_in_dispute(seen: Seen) -> Iterator[str]:
    """What is frozen of a bill is what its live disputes are about, and never more than is due."""
    for bill in seen.invoices:
        live = sum(one.contested_minor for one in seen.disputes if one.invoice_id == bill.pk and one.is_live)
        due = max(0, bill.total_minor - bill.paid_minor - bill.credited_minor)
        if bill.frozen_minor != min(due, live):
            yield f"invoice {bill.number}: {bill.frozen_minor} is frozen, {live} is in dispute of {due} that is due"


def nothing_frozen_is_deducted(seen: Seen) -> Iterator[str]:
    """Nothing is deducted of what is in dispute, not by itself and not again after it could not be taken."""
    bills = {bill.pk: bill for bill in seen.invoices}
    for payment in seen.payments:
        bill = bills.get(payment.invoice_id) if payment.invoice_id else None
        if bill is None or payment.basis not in BY_ITSELF or payment.status == Payment.Status.FAILED:
            continue
        frozen = _frozen(seen, bill, payment.recorded_at)
        claimable = _due(seen, bill, payment.recorded_at, before=payment.pk) - frozen
        if frozen and payment.amount_minor > max(0, claimable):
            yield f"payment {payment.reference} of {payment.amount_minor}, {frozen} of invoice {bill.number} was frozen"


def nothing_frozen_is_dunned(seen: Seen) -> Iterator[str]:
    """Nobody is dunned, nor past due, for a bill of which all that is due is in dispute."""
    bills = {bill.pk: bill for bill in seen.invoices}
    for act in seen.acts:
        bill = bills[act.invoice_id]
        due, frozen = _due(seen, bill, act.at), _frozen(seen, bill, act.at)
        if act.outcome not in LEFT_OUT and 0 < due <= frozen:
            yield f"invoice {bill.number}: {act.verb} at {act.at} while all of it was in dispute"
    owners = {charge.pk: charge.subscription_id for charge in seen.charges}
    for life in seen.lives:
        if life.subscription.status != Subscription.Status.PAST_DUE:
            continue
        mine = [bill for bill in seen.invoices if life.subscription.pk in _billed(seen, bill, owners)]
        owed = [bill for bill in mine if bill.status == Invoice.Status.OPEN]
        if any(bill.frozen_minor for bill in owed) and not any(bill.claimable_minor for bill in owed):
            yield f"subscription {life.subscription.pk} is past due, all that it owes is in dispute"


def _billed(seen: Seen, bill: Invoice, owners: dict[int, int]) -> set[int | None]:
    return {owners.get(line.charge_id) for line in seen.lines.get(bill.pk, ())}


def _frozen(seen: Seen, bill: Invoice, at: datetime) -> int:
    return sum(_live(one, at) for one in seen.disputes if one.invoice_id == bill.pk)


def _live(one: Dispute, at: datetime) -> int:
    """Return what a dispute froze just before and just after an instant."""
    first = one.opened_at < at < (one.answered_at or one.closed_at or at.max.replace(tzinfo=at.tzinfo))
    again = one.appealed_at is not None and one.appealed_at < at < (one.closed_at or at.max.replace(tzinfo=at.tzinfo))
    if again:
        return one.contested_minor
    return one.amount_minor if first else 0


def _due(seen: Seen, bill: Invoice, at: datetime, *, before: int | None = None) -> int:
    """Return what was due of a bill at an instant, before a payment that was made then."""
    credited = sum(
        note.total_minor - note.returned_minor
        for note in seen.notes
        if note.invoice_id == bill.pk and note.issued_at < at
    )
    paid = sum(
        part.amount_minor
        for part in seen.allocations
        if part.invoice_id == bill.pk and part.at <= at and (before is None or part.payment_id < before)
    )
    return max(0, bill.total_minor - credited - paid)


ALWAYS: tuple[Invariant, ...] = (what_is_frozen_is_in_dispute, nothing_frozen_is_deducted, nothing_frozen_is_dunned)
