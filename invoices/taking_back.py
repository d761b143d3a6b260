"""Undo: a customer takes his last purchase back within the plan's hours, while it is unused, with all of its money.

Nothing is edited: billing writes counter-entries, this room answers the documents. The contract, the balance, the coupons
and what the next close charges are as they were before (docs/rules.md, Undo).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.utils.translation import gettext as _

from billing import taking_back
from billing.models import Change, Subscription
from billing.taking_back import NothingToUndo, Purchase
from invoices import all_back, announcing, collection, telling_undone
from invoices.checkout import Confirmed
from invoices.models import Dispute, Invoice, Payment, Refund
from tenants.bulk import among
from tenants.errors import DomainError
from tenants.models import Member, Tenant, User

Undoes = Change.Undoes


@transaction.atomic
def undo(subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """Take the last purchase of a contract back entirely; return the change that says so, with its documents.

    What was paid goes the way it came; what a change had given back is charged back, and taken from the balance into which it
    had come. Raises NothingToUndo, Used or MovedOn (billing.taking_back), WrongState for a bill that somebody touched,
    UnderWay while a payment of it is under way, and NotEnough where what had come back is spent: nothing is done then.
    """
    # One order of locks everywhere: the payer, then the contract.
    Tenant.objects.select_for_update(no_key=True).get(pk=subscription.payer_id)
    Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    current = _read(subscription)
    purchase = taking_back.last(current)
    if purchase is not None and purchase.what == Undoes.RENEWAL:
        _refuse_after_hours(purchase, at)
    _refuse_under_way(purchase)
    all_back.leave_drafts(taking_back.check(current, at=at).charges, at=at)
    undone = taking_back.take_back(current, at=at, by=by)
    papers = all_back.write(undone, at=at, by=by)
    after = _read(subscription)
    if papers.charged_back and _pays(after, by):
        announcing.confirmed(after, at=at)
        _take_again(papers.charged_back, at=at, by=by)
    telling_undone.tell(undone, papers, by=by)
    change = Change.objects.get(pk=undone.change.pk)
    return Confirmed(after, change, list(papers.charged_back), [note.pk for note in papers.notes])


def until(subscription: Subscription, at: datetime) -> datetime | None:
    """Return until when the last purchase can be taken back, or None where it cannot be (any more). Reads only."""
    try:
        purchase = taking_back.check(_read(subscription), at=at)
    except DomainError:
        return None
    over = _over(purchase)
    bills = Invoice.objects.issued().filter(among("lines__charge", purchase.charges))
    disputed = Dispute.objects.filter(invoice=OuterRef("pk")).live()
    touched = bills.filter(Q(credited_minor__gt=0) | Exists(disputed)).exists()
    if touched or (over is not None and at >= over):
        return None
    return over or at + timedelta(hours=purchase.version.undo_hours)


def covers(invoice: Invoice, at: datetime) -> Subscription | None:
    """Return the contract whose last purchase is all of a bill and can be taken back now: then a refund of it is an undo."""
    charges = set(invoice.lines.values_list("charge", flat=True))
    found = Subscription.objects.filter(charges__in=charges).distinct()
    subscription = found.first() if found.count() == 1 else None
    if subscription is None or subscription.tenant_id != invoice.tenant_id or until(subscription, at) is None:
        return None
    purchase = taking_back.last(_read(subscription))
    return subscription if purchase is not None and charges <= set(purchase.charges) else None


def refunds_of(done: Confirmed) -> list[Refund]:
    """Return the refunds of what was taken back."""
    return list(Refund.objects.filter(credit_note__in=done.credit_notes).order_by("pk"))


def _over(purchase: Purchase) -> datetime | None:
    """Return when the time of a purchase is over; of a renewal so many hours after its bill and its deduction, if billed."""
    if purchase.what != Undoes.RENEWAL:
        return purchase.until
    bills = Invoice.objects.issued().filter(among("lines__charge", purchase.charges))
    issued_at = bills.aggregate(last=Max("issued_at"))["last"]
    paid = Payment.objects.filter(invoice__in=bills, basis="automatic", status=Payment.Status.SUCCEEDED)
    paid_at = paid.aggregate(last=Max("received_at"))["last"]
    counted = max((moment for moment in (issued_at, paid_at) if moment), default=None)
    return counted + timedelta(hours=purchase.version.undo_hours) if counted else None


def _refuse_after_hours(purchase: Purchase, at: datetime) -> None:
    over = _over(purchase)
    if over is not None and at >= over:
        raise NothingToUndo(_("The time in which this could be taken back is over. You can ask for a refund."))


def _refuse_under_way(purchase: Purchase | None) -> None:
    if purchase is not None:
        bills = Invoice.objects.issued().filter(among("lines__charge", purchase.charges))
        collection.refuse_under_way(bills.values_list("pk", flat=True))


def _take_again(bills: dict[int, int], *, at: datetime, by: User | None) -> None:
    """Take from the balance what had come back into it, and pay the rest as any confirmed purchase."""
    for bill in Invoice.objects.filter(pk__in=bills).order_by("pk"):
        if bills[bill.pk]:
            collection.pay_now(bill, at=at, by=by, amount=bills[bill.pk])
    collection.pay_confirmed(_owing(list(bills)), at=at, by=by)


def _owing(bills: Sequence[int]) -> list[int]:
    return list(Invoice.objects.open().filter(pk__in=bills, due_minor__gt=0).values_list("pk", flat=True))


def _pays(subscription: Subscription, by: User | None) -> bool:
    """Return whether the payer takes it back: a member of it who may pay, or a program (rule 16)."""
    if by is None:
        return True
    return Member.objects.filter(tenant=subscription.payer_id, user=by, role__in=Member.MAY_PAY).exists()


def _read(subscription: Subscription) -> Subscription:
    known = Subscription.objects.select_related("version", "seller", "acceptance", "tenant", "plan")
    return known.get(pk=subscription.pk)
