"""Dispute a bill, a line or days of its usage: what it is about is frozen until it is answered, once more when it is appealed.

Frozen is: not asked for, not deducted, not dunned for (`freezing`); who wants to pay it by hand may. A dispute is answered
by another person than who opened it, with a credit, a refund or an explanation; an appeal by yet another one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from billing.formatting import money
from billing.money import Money
from invoices import dispute_rules, freezing, telling_disputes
from invoices.dispute_rules import Days, terms
from invoices.models import Dispute, Invoice, InvoiceLine
from invoices.payments import lock_overdue, restore_service
from tenants import audit
from tenants.errors import Invalid, WrongState
from tenants.models import User
from usage.periods import local_day

State = Dispute.State
log = structlog.get_logger(__name__)


@transaction.atomic
def open(
    invoice: Invoice,
    *,
    line: InvoiceLine | None = None,
    amount_minor: int | None = None,
    days: Days | None = None,
    reason: str,
    at: datetime,
    by: User | None,
) -> Dispute:
    """Open a dispute of a bill, of one of its lines, or of local days of a line's usage (half open): of all that may be
    disputed of it, or of `amount_minor` (with tax). It is frozen at once, and service lost for it is given back.

    Raises Invalid without a reason, for more than is left, or for days of what is no sum of days; WrongState for a bill that
    asks for nothing; AlreadyDisputed for what is or was in dispute.
    """
    if not reason.strip():
        raise Invalid(_("Say what is wrong; we answer it."), field="reason")
    bill = lock_bill(invoice)
    dispute_rules.refuse(bill, line, days, at=at)
    most = dispute_rules.most(bill, line, days)
    amount = most if amount_minor is None else amount_minor
    if not 0 < amount <= most:
        said = _("Of this at most %(most)s can be disputed.") if most else _("Nothing is left of this to dispute.")
        raise Invalid(said % {"most": money(most, bill.currency)} if most else said, field="amount")
    first, after = days or (None, None)
    made = Dispute.objects.create(
        tenant=bill.tenant,
        seller=bill.seller,
        invoice=bill,
        line=line,
        starts_on=first,
        ends_on=after,
        amount_minor=amount,
        reason=reason.strip()[:1000],
        opened_at=at,
        opened_by=by,
        answer_due_on=_answer_due(bill, at),
    )
    frozen = freezing.freeze(bill)
    restore_service(bill.tenant, at=at)
    record("dispute.opened", made, at=at, by=by, frozen=str(Money(frozen, bill.currency).amount), reason=made.reason)
    telling_disputes.opened(made, at=at)
    return made


@transaction.atomic
def appeal(dispute: Dispute, *, text: str, at: datetime, by: User | None) -> Dispute:
    """Appeal an answer, once and in time: what was not given back is frozen again, and somebody else answers.

    Raises Invalid without a reason and WrongState when there is nothing to appeal, or not any more.
    """
    if not text.strip():
        raise Invalid(_("Say what the answer has left out."), field="text")
    bill, row = locked(dispute)
    if not dispute_rules.may_appeal(row, at=at):
        raise WrongState(_appeal_refused(row))
    row.state, row.appeal, row.appealed_at, row.appealed_by = State.APPEALED, text.strip()[:1000], at, by
    row.answer_due_on, row.late_at = _answer_due(bill, at), None
    row.save(update_fields=["state", "appeal", "appealed_at", "appealed_by", "answer_due_on", "late_at"])
    frozen = freezing.freeze(bill)
    restore_service(bill.tenant, at=at)
    record("dispute.appealed", row, at=at, by=by, frozen=str(Money(frozen, bill.currency).amount))
    telling_disputes.opened(row, at=at)
    return row


@transaction.atomic
def withdraw(dispute: Dispute, *, at: datetime, by: User | None) -> Dispute:
    """Take a dispute back: nothing is frozen any more. An appeal that is taken back leaves the first answer as it was.

    Raises WrongState for one that does not wait for an answer.
    """
    bill, row = locked(dispute)
    if not row.is_live:
        raise WrongState(_("This dispute was answered; there is nothing to take back."))
    row.state = State.SETTLED if row.state == State.APPEALED else State.WITHDRAWN
    row.closed_at = at
    row.save(update_fields=["state", "closed_at"])
    thaw(bill, row, least=0, at=at)
    record("dispute.withdrawn", row, at=at, by=by)
    return row


def tell_late(*, at: datetime) -> int:
    """Tell customers and operators of disputes whose answer is late, once each; return of how many."""
    late = Dispute.objects.live().filter(late_at=None, answer_due_on__lt=at.date() + timedelta(days=1))
    return sum(_told_late(row, at) for row in late.select_related("tenant").order_by("answer_due_on", "pk"))


@transaction.atomic
def _told_late(found: Dispute, at: datetime) -> bool:
    rows = Dispute.objects.live().filter(pk=found.pk, late_at=None).select_related("tenant", "invoice", "seller")
    row = rows.select_for_update(of=("self",), no_key=True).first()
    if row is None or row.answer_due_on >= local_day(at, row.tenant.timezone):
        return False
    row.late_at = at
    row.save(update_fields=["late_at"])
    record("dispute.late", row, at=at, by=None)
    telling_disputes.late(row, at=at)
    log.error("a dispute is not answered in time", dispute=row.pk, bill=row.invoice.number, due=str(row.answer_due_on))
    return True


def lock_bill(invoice: Invoice) -> Invoice:
    """Lock what a dispute may change, in the one order of locks, and return the bill as it is."""
    lock_overdue([invoice.tenant_id])
    rows = Invoice.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller")
    return rows.get(pk=invoice.pk)


def locked(dispute: Dispute) -> tuple[Invoice, Dispute]:
    """Lock the bill of a dispute, then the dispute, and return both as they are."""
    bill = lock_bill(dispute.invoice)
    rows = Dispute.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller", "line")
    return bill, rows.get(pk=dispute.pk)


def thaw(bill: Invoice, row: Dispute, *, least: int, at: datetime) -> None:
    """Freeze no more what a dispute was about, and say by when it is to be paid: days that were left when it was frozen are
    left again, at least `least`.

    So the day moves where all that was due was frozen; where something else was owed meanwhile, it was due all the time.
    """
    wholly = 0 < freezing.due(bill) <= bill.frozen_minor
    freed = freezing.freeze(bill) < 0
    if not (wholly and freed and bill.status == Invoice.Status.OPEN) or bill.payable_on is None:
        return
    today, since = local_day(at, bill.zone), local_day(row.appealed_at or row.opened_at, bill.zone)
    again = max(bill.payable_on, today + timedelta(days=max(least, (bill.payable_on - since).days)))
    if again != bill.payable_on:
        bill.due_again_on = again
        bill.save(update_fields=["due_again_on"])


def record(verb: str, row: Dispute, *, at: datetime, by: User | None, **detail: str) -> None:
    """Keep what was done with a dispute in the audit log."""
    told = {"amount": str(Money(row.contested_minor, row.invoice.currency).amount), **detail}
    audit.record(verb, tenant=row.tenant, target=f"dispute:{row.pk}", at=at, by=by, **told)


def _answer_due(bill: Invoice, at: datetime) -> date:
    return local_day(at, bill.tenant.timezone) + timedelta(days=terms(bill.seller).answer_days)


def _appeal_refused(row: Dispute) -> str:
    phone = {"phone": row.seller.phone}
    if row.appealed_at is not None:
        return _("This was appealed before. Call us if you do not agree: %(phone)s.") % phone
    if row.state == State.ANSWERED and row.contested_minor > 0:
        return _("The time for an appeal is over. Call us if you do not agree: %(phone)s.") % phone
    return _("There is no answer that could be appealed.")
