"""The documents of what is taken back: none is edited, each is answered by its counter-entry.

What waits on the shelf or on a draft is withdrawn with its counter-entry. What was billed is credited on that very bill, and
what was paid of it goes the way it came. What had been credited is charged back, on a bill of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from billing import countering
from billing.models import Charge, Coupon, Redemption
from billing.taking_back import Undone
from invoices import issuing, refunding, writing
from invoices.grouping import Group, Waiting
from invoices.models import CreditedCharge, CreditNote, Invoice, InvoiceLine, Refund, WithdrawnCharge
from invoices.sources import notes_of
from invoices.tax import LineTax
from tenants.bulk import among, mark
from tenants.errors import WrongState
from tenants.models import Tenant, User
from usage.periods import local_day

DRAFT = Invoice.Status.DRAFT


@dataclass(slots=True)
class Papers:
    """What was written: bills that charge back and how much of each had come back before, credit notes, and refunds."""

    charged_back: dict[int, int] = field(default_factory=dict)
    notes: list[CreditNote] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)


def write(undone: Undone, *, at: datetime, by: User | None) -> Papers:
    """Answer the documents of what was taken back; the caller has locked the payer and the contract."""
    papers, counters = Papers(), undone.counters
    amounts = dict(Charge.objects.filter(among("pk", counters.values())).values_list("pk", "amount_minor"))
    by_bill = _lines(counters)
    inside = list(CreditedCharge.objects.filter(among("charge", counters)).order_by("credit_note", "position"))
    answered: set[int] = set()
    for mine in by_bill.values():
        total = sum(line.gross_minor for line in mine)
        if total:
            note, refunds = _credit(mine, undone, amounts, at=at, by=by)
            papers.notes.append(note)
            papers.refunds += refunds
            answered |= {line.charge_id for line in mine}
    for note_id in dict.fromkeys(one.credit_note_id for one in inside):
        mine_inside = [one for one in inside if one.credit_note_id == note_id]
        bill, came_back = _charge_back(note_id, mine_inside, undone, at=at, by=by)
        papers.charged_back[bill] = came_back
        answered |= {one.charge_id for one in mine_inside}
    _withdraw(undone, answered, amounts, at)
    _free_coupons(undone, [*by_bill], inside, at)
    return papers


def leave_drafts(charge_ids: Iterable[int], *, at: datetime) -> None:
    """Take charges off the drafts on which they stand; a draft without a line that is not zero goes.

    Comes before their counter-entries: what a coupon was to give on a draft is not given, so it is not given back either.
    Raises WrongState where less than nothing would be left of a draft.
    """
    drafts = {pk: mine for pk, mine in _lines(charge_ids).items() if mine[0].invoice.status == DRAFT}
    for pk, mine in drafts.items():
        gone = {line.charge_id for line in mine}
        Invoice.objects.select_for_update(no_key=True).get(pk=pk)
        group = writing.read([pk])[pk]
        group.charges = [charge for charge in group.charges if charge.pk not in gone]
        if not any(charge.amount_minor for charge in group.charges):
            writing.undo([pk])
        else:
            writing.rewrite({pk: group}, at=at)
            if group.total_minor < 0:
                raise WrongState(
                    _("What would be left of the next bill comes to less than nothing. Ask for a refund instead.")
                )


def _lines(charge_ids: Iterable[int]) -> dict[int, list[InvoiceLine]]:
    """Return the lines of charges, by their bill."""
    lines = InvoiceLine.objects.filter(among("charge", charge_ids)).select_related("invoice", "invoice__seller")
    by_bill: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in lines.order_by("invoice", "position"):
        by_bill[line.invoice_id].append(line)
    return by_bill


def _credit(
    mine: Sequence[InvoiceLine], undone: Undone, amounts: dict[int, int], *, at: datetime, by: User | None
) -> tuple[CreditNote, list[Refund]]:
    bill = mine[0].invoice
    if sum(line.gross_minor for line in mine) < 0:
        raise WrongState(
            _("This change was credited on bill %(number)s together with others.") % {"number": bill.number}
        )
    with translation.override(bill.language):
        reason = _("Taken back within its hours")
    note, refunds = refunding.take_back(bill, [line.pk for line in mine], reason=reason, at=at, by=by)
    kept = [line for line in mine if amounts[undone.counters[line.charge_id]]]
    CreditedCharge.objects.bulk_create(
        CreditedCharge(
            tenant_id=bill.tenant_id,
            credit_note=note,
            charge_id=undone.counters[line.charge_id],
            position=position,
            amount_minor=amounts[undone.counters[line.charge_id]],
            tax_minor=-line.tax_minor,
            gross_minor=-line.gross_minor,
        )
        for position, line in enumerate(kept, start=1)
    )
    mark(Charge, "taken_at", at, [undone.counters[line.charge_id] for line in kept])
    return note, refunds


def _charge_back(
    note_id: int, mine: Sequence[CreditedCharge], undone: Undone, *, at: datetime, by: User | None
) -> tuple[int, int]:
    """Bill again what credit notes gave back; return the bill, and how much of it had gone into the balance."""
    notes = list(notes_of(note_id))
    counters = [undone.counters[one.charge_id] for one in mine]
    rows = Charge.objects.filter(among("pk", counters)).values_list(*Waiting._fields)
    by_id = {charge.pk: charge for charge in map(Waiting._make, rows)}
    payer = Tenant.objects.get(pk=notes[0].tenant_id)
    first = by_id[counters[0]]
    side = (payer.pk, notes[0].seller_id, notes[0].currency, first.subscription__pays)
    group = Group(side, local_day(at, payer.timezone), [by_id[pk] for pk in counters], undone.change.cause)
    # Exactly the tax that was given back, whatever was given back since.
    group.taxes = [LineTax(one.tax_minor - one.gross_minor, -one.tax_minor, -one.gross_minor) for one in mine]
    if group.total_minor <= 0:
        raise WrongState(_("This change cannot be taken back by itself. Change back instead."))
    (bill,) = issuing.issue(writing.write([group], {payer.pk: payer}, at=at), at=at, by=by)
    return bill, min(group.total_minor, sum(note.returned_minor for note in notes))


def _withdraw(undone: Undone, answered: set[int], amounts: dict[int, int], at: datetime) -> None:
    """Let what stands on no document, and what comes to nothing, never be asked for."""
    placed = set(InvoiceLine.objects.filter(among("charge", undone.counters)).values_list("charge", flat=True))
    placed |= answered
    gone = [pk for pk in undone.counters if pk not in placed]
    gone += [back for pk, back in undone.counters.items() if pk not in answered or not amounts[back]]
    on_line = set(InvoiceLine.objects.filter(among("charge", gone)).values_list("charge", flat=True))
    in_note = set(CreditedCharge.objects.filter(among("charge", gone)).values_list("charge", flat=True))
    tenants = dict(Charge.objects.filter(among("pk", gone)).values_list("pk", "tenant_id"))
    left = [pk for pk in gone if pk not in on_line | in_note]
    WithdrawnCharge.objects.bulk_create(
        WithdrawnCharge(tenant_id=tenants[pk], change=undone.change, charge_id=pk) for pk in left
    )
    mark(Charge, "taken_at", at, left)


def _free_coupons(undone: Undone, bills: Iterable[int], inside: Sequence[CreditedCharge], at: datetime) -> None:
    """Let coupons that gave only there give again: what they gave counts no more, and one that gives once is not used up."""
    gave = countering.free_discounts(list(undone.counters), at=at)
    used_up: set[datetime] = set()
    for bill in Invoice.objects.issued().filter(among("pk", bills)):
        others = bill.lines.filter(charge__subscription=undone.change.subscription_id).exclude(amount_minor=0)
        if bill.issued_at and not others.exclude(among("charge", undone.counters)).exists():
            used_up.add(bill.issued_at)
    used = Redemption.objects.filter(
        subscription=undone.change.subscription_id, coupon__duration=Coupon.Duration.ONCE, undone_at=None
    )
    noted = set(CreditNote.objects.filter(charges__in=list(inside)).values_list("issued_at", flat=True))
    for one in used.exclude(used_up_at=None):
        again = used.filter(coupon=one.coupon_id, used_up_at=None).exists()
        if not again and (one.used_up_at in used_up or (one.used_up_at in noted and one.pk in gave)):
            Redemption.objects.filter(pk=one.pk).update(used_up_at=None)
