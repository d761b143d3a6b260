"""Give up a debt: one person asks for it with a reason, another one decides. The bill is uncollectible, not forgiven.

What comes in for it later is booked against the loss (`recovering`), and a bill that is settled whole after all is paid.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing import ledger
from billing.formatting import money
from billing.models import Account
from invoices.models import Invoice, WriteOff
from invoices.payments import refuse_under_way
from tenants import audit
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import User

Kind, Status = Account.Kind, WriteOff.Status


class AlreadyAsked(Conflict):
    """This bill waits for a decision already."""

    code = "write_off_already_asked"


class SamePerson(NotAllowed):
    """Who asks does not decide."""

    code = "second_person_needed"


@transaction.atomic
def request(invoice: Invoice, *, reason: str, at: datetime, by: User) -> WriteOff:
    """Ask that what an open bill still owes be given up.

    Raises WrongState for a bill that is not open, Invalid without a reason, UnderWay while a payment of it is under way and
    AlreadyAsked while an earlier request waits.
    """
    if not reason.strip():
        raise Invalid(_("Say why the debt is given up; the second person and the auditor read it."), field="reason")
    bill = _locked(invoice)
    try:
        with transaction.atomic():
            asked = WriteOff.objects.create(
                tenant_id=bill.tenant_id,
                invoice=bill,
                amount_minor=bill.due_minor,
                reason=reason.strip(),
                requested_at=at,
                requested_by=by,
            )
    except IntegrityError:
        raise AlreadyAsked(_("This bill waits for a second person already.")) from None
    _record("write_off.requested", asked, at, by)
    return asked


@transaction.atomic
def approve(asked: WriteOff, *, at: datetime, by: User) -> WriteOff:
    """Write a bill off: it is uncollectible, and what it owes is a loss. Raises SamePerson for who asked for it.

    Raises WrongState when it was decided before, or when the bill owes something else by now than was asked for.
    """
    if asked.requested_by_id == by.pk:
        raise SamePerson(_("Somebody else than who asked for it has to approve it."))
    bill = _locked(asked.invoice)
    row = _waiting(asked)
    if bill.due_minor != row.amount_minor:
        raise WrongState(
            _("By now %(due)s is due. Decline this request and ask again.")
            % {"due": money(bill.due_minor, bill.currency)}
        )
    bill.status = Invoice.Status.UNCOLLECTIBLE
    bill.save(update_fields=["status"])
    ledger.post([_entry(row, bill, at)])
    return _decide(row, Status.APPROVED, at, by)


@transaction.atomic
def decline(asked: WriteOff, *, at: datetime, by: User) -> WriteOff:
    """Leave a bill as it is; who asked for it may take it back so. Raises WrongState when it was decided before."""
    return _decide(_waiting(asked), Status.DECLINED, at, by)


def _locked(invoice: Invoice) -> Invoice:
    bill = Invoice.objects.select_for_update(no_key=True).get(pk=invoice.pk)
    if bill.status != Invoice.Status.OPEN or not bill.due_minor:
        raise WrongState(_("Only a bill that is still to be paid can be written off."))
    refuse_under_way([bill.pk])
    return bill


def _waiting(asked: WriteOff) -> WriteOff:
    row = WriteOff.objects.select_for_update(no_key=True).get(pk=asked.pk)
    if row.status != Status.REQUESTED:
        raise WrongState(_("This was decided before."))
    return row


def _decide(row: WriteOff, status: str, at: datetime, by: User) -> WriteOff:
    row.status, row.approved_at, row.approved_by = status, at, by
    row.save(update_fields=["status", "approved_at", "approved_by"])
    _record(f"write_off.{status}", row, at, by)
    return row


def _entry(row: WriteOff, bill: Invoice, at: datetime) -> ledger.Entry:
    return ledger.Entry(
        seller_id=bill.seller_id,
        currency=bill.currency,
        tenant_id=bill.tenant_id,
        source="write_off",
        source_id=row.pk,
        kind="written_off",
        at=at,
        sides=((Kind.WRITE_OFF, row.amount_minor), (Kind.RECEIVABLE, -row.amount_minor)),
    )


def _record(verb: str, row: WriteOff, at: datetime, by: User) -> None:
    target = f"invoice:{row.invoice_id}"
    audit.record(
        verb, tenant=row.tenant_id, target=target, at=at, by=by, amount_minor=row.amount_minor, reason=row.reason
    )
