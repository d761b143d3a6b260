"""End a hold: a person says yes to the bill as it is, or it is corrected and examined again (REQUIREMENTS C8).

A member who may pay says yes for the customer: he saw the bill with what is usual, so it is issued and deducted at once
where it is due (CONTRACTS rule 16). An operator says yes with a reason; the deduction then goes by its notice as ever.
Nothing stays held for ever: after three days the operators are alarmed and the customer is told once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from billing import remeasuring, wallets
from billing.formatting import money
from billing.models import Charge, Subscription
from invoices import collection, examining, issuing, setting_off, writing
from invoices.examining import GROUP, examine
from invoices.grouping import Waiting
from invoices.models import BillHold, Invoice, InvoiceLine, NumberSeries
from invoices.payments import lock_overdue
from tenants import audit
from tenants.bulk import among
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import Member, User
from usage.periods import local_day

__all__ = ["alarm", "correct", "examine", "release", "tidy"]
# So long a bill may wait for somebody.
PATIENCE = timedelta(days=3)
Outcome = BillHold.Outcome

log = structlog.get_logger(__name__)


class SecondPerson(NotAllowed):
    """Above the seller's limit one operator asks and another one agrees."""

    code = "second_person_needed"


class Changed(Conflict):
    """The bill is not what was agreed to any more."""

    code = "amount_changed"


@transaction.atomic
def release(hold: BillHold, *, at: datetime, by: User | None, reason: str, total_minor: int | None = None) -> BillHold:
    """End a hold with a yes to what the bill comes to; issue it at once where its day has come.

    `total_minor` is what was shown to a customer who agrees: Changed when it is something else by now. A member must be one
    who may pay (NotAllowed); an operator says why (Invalid), and above the seller's limit for acts (`act_limit_minor`)
    asks only: another one has to agree (SecondPerson for the same). Raises WrongState when it was ended before.
    """
    # A yes of the customer: a person of his, or his own program, which says the amount it agrees to.
    customers = by is None or not by.is_staff
    if customers:
        _check_member(hold, by)
        lock_overdue([hold.tenant_id])
        if hold.pays == Subscription.Pays.WALLET:
            wallets.lock(hold.tenant_id, hold.seller_id, hold.currency, at=at)
    row, draft = _locked(hold, at)
    reason = reason.strip()
    if not reason:
        raise Invalid(_("Say why the bill is right; the customer and the auditor read it."), field="reason")
    if draft.subtotal_minor != row.subtotal_minor or total_minor not in (None, row.total_minor):
        raise Changed(_("Meanwhile the bill comes to %(total)s. Please look at it again.") % {"total": _total(draft)})
    if not customers and not _may_end_alone(row):
        assert by is not None
        if row.asked_by_id is None:
            return _asked(row, at, by, reason)
        if row.asked_by_id == by.pk:
            raise SecondPerson(_("Above the limit somebody else than who asked for it has to agree."))
    _end(row, Outcome.RELEASED, at, by, reason)
    issued = issuing.issue([draft.pk], at=at, by=None if customers else by)
    if customers and issued:
        collection.pay_confirmed(issued, at=at, by=by)
    return row


@transaction.atomic
def correct(hold: BillHold, *, at: datetime, by: User | None, reason: str) -> BillHold:
    """Measure the usage of a held bill again, put what was taken back on it, and examine it anew.

    When it is usual again the hold ends as corrected; else it stays, with the new figures. Raises Invalid without a reason,
    and WrongState when it was ended before.
    """
    if not reason.strip():
        raise Invalid(_("Say what was put right; the customer and the auditor read it."), field="reason")
    billed = InvoiceLine.objects.filter(invoice=hold.invoice_id)
    remeasuring.remeasure(set(billed.values_list("charge__subscription", flat=True)), at=at)
    row, draft = _locked(hold, at)
    _join(draft, list(draft.lines.values_list("charge_id", flat=True)), at)
    BillHold.objects.filter(pk=row.pk).update(reason=reason.strip())
    audit.record(
        "bill.hold_recomputed",
        tenant=row.tenant_id,
        target=f"bill_hold:{row.pk}",
        at=at,
        by=by,
        reason=reason.strip(),
        before_minor=row.total_minor,
    )
    examine([draft.pk], at=at)
    row.refresh_from_db()
    if row.released_at is not None:
        issuing.issue([draft.pk], at=at, by=by)
    return row


@transaction.atomic
def alarm(*, at: datetime) -> int:
    """Shout about bills that wait for longer than three days, and tell their customers once more; return how many."""
    late = BillHold.objects.live().filter(alarmed_at=None, held_at__lte=at - PATIENCE, invoice__isnull=False)
    rows = list(late.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk"))
    for row in rows:
        draft = Invoice.objects.select_related("tenant", "seller").get(holds=row)
        examining.tell(row, draft, key=f"bill-still-held:{row.pk}", at=at)
        log.error("a bill is held for too long", hold=row.pk, tenant=row.tenant_id, since=row.held_at.isoformat())
    BillHold.objects.filter(among("pk", [row.pk for row in rows])).update(alarmed_at=at)
    return len(rows)


@transaction.atomic
def tidy(*, at: datetime) -> int:
    """End the holds of which no draft is left, because nothing is left to bill; return how many."""
    same = Invoice.objects.filter(status=Invoice.Status.DRAFT, **{name: OuterRef(name) for name in GROUP})
    waits = Charge.objects.waiting().filter(payer=OuterRef("tenant"), seller=OuterRef("seller")).exclude(amount_minor=0)
    gone = BillHold.objects.live().filter(~Exists(same), ~Exists(waits), invoice=None)
    return gone.update(released_at=at, outcome=Outcome.CORRECTED, reason=_("Nothing of it is left to bill."))


def _locked(hold: BillHold, at: datetime) -> tuple[BillHold, Invoice]:
    """Return the hold and its draft, locked in the one order: the series that may number it, the draft, its hold."""
    issuing.series_of(hold.seller, NumberSeries.Kind.INVOICE, local_day(at, hold.seller.timezone).year)
    draft = Invoice.objects.filter(holds=hold, status=Invoice.Status.DRAFT)
    found = draft.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller").first()
    row = BillHold.objects.select_for_update(no_key=True).get(pk=hold.pk)
    if row.released_at is not None:
        raise WrongState(_("This bill is not held any more."))
    if found is None or row.invoice_id != found.pk:
        raise WrongState(_("This bill is being written anew. Please look again in a few minutes."))
    return row, found


def _check_member(row: BillHold, by: User | None) -> None:
    if by is None:
        return
    mine = Member.objects.filter(tenant=row.tenant_id, user=by, role__in=Member.MAY_PAY)
    if not mine.exists():
        raise NotAllowed(_("Only somebody who may pay for this company can agree to its bill."))


def _may_end_alone(row: BillHold) -> bool:
    limit = row.seller.act_limit_minor
    return limit is None or row.total_minor <= limit


def _asked(row: BillHold, at: datetime, by: User, reason: str) -> BillHold:
    row.asked_at, row.asked_by, row.reason = at, by, reason
    row.save(update_fields=["asked_at", "asked_by", "reason"])
    _record("bill.hold_asked", row, at, by)
    return row


def _end(row: BillHold, outcome: str, at: datetime, by: User | None, reason: str) -> None:
    row.released_at, row.released_by, row.outcome, row.reason = at, by, outcome, reason
    row.save(update_fields=["released_at", "released_by", "outcome", "reason"])
    _record("bill.hold_released", row, at, by)


def _record(verb: str, row: BillHold, at: datetime, by: User | None) -> None:
    target = f"bill_hold:{row.pk}"
    audit.record(
        verb, tenant=row.tenant_id, target=target, at=at, by=by, amount_minor=row.total_minor, reason=row.reason
    )


def _total(draft: Invoice) -> str:
    return money(draft.total_minor, draft.currency)


def _join(draft: Invoice, charges: Sequence[int], at: datetime) -> None:
    """Put on the draft what was measured less of its own lines, as far as it does not come to less than nothing."""
    back = Charge.objects.waiting().filter(among("corrects", charges), amount_minor__lt=0).order_by("pk")
    credits = [Waiting._make(row) for row in back.values_list(*Waiting._fields)]
    if not credits:
        return
    group = writing.read([draft.pk])[draft.pk]
    group.charges = credits
    setting_off.join(group, draft.pk, at)
