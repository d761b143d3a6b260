"""Collect what bills owe from wallets: what members pay or confirm, and what is deducted by itself (CONTRACTS rules 16–20).

Nothing is deducted by itself without an authorisation in force and a notice that arrived five days before, and never more
than it said. A bill that may not be deducted stays open, for the customer to pay by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from billing import subscriptions, wallets
from billing.formatting import money
from billing.models import Subscription, Wallet
from invoices import allowing, debiting, taking, telling
from invoices.allowing import Held
from invoices.models import Invoice, InvoiceLine, Payment
from invoices.models.documents import InvoiceQuerySet
from invoices.payments import lock_overdue, refuse_under_way, restore_service
from invoices.taking import Basis, Right
from tenants.bulk import among
from tenants.errors import Invalid, WrongState
from tenants.models import Tenant, User
from usage.periods import local_day

Pays = Subscription.Pays


@dataclass(slots=True)
class Collected:
    """What came of a pass: bills paid, tried in vain, and held because something that they need is missing."""

    paid: int = 0
    failed: int = 0
    held: int = 0


@transaction.atomic
def pay_now(
    invoice: Invoice, *, at: datetime, by: User | None, method: str = Payment.Method.WALLET, amount: int | None = None
) -> Payment:
    """Pay a bill, or `amount` minor units of it, from the balance, because a member says so: no notice is needed (rule 16).

    Raises WrongState for a bill that is not open, UnderWay while a payment at a provider is under way for it (abandon that
    first), Invalid for an amount above what is due, and NotEnough, having taken nothing, when the balance is too low.
    """
    if method != Payment.Method.WALLET:
        raise Invalid(
            _("Bills can be paid from the balance here; a bank transfer is recorded when it came in."), field="method"
        )
    wallet, bills = _locked([invoice.pk], at)
    if not bills or wallet is None:
        raise WrongState(_("Only an issued bill that is not settled can be paid."))
    (bill,) = bills
    refuse_under_way([bill.pk])
    wanted = bill.due_minor if amount is None else amount
    if not 0 < wanted <= bill.due_minor:
        raise Invalid(
            _("Of this bill %(due)s can be paid.") % {"due": money(bill.due_minor, bill.currency)}, field="amount"
        )
    if wallet.total_minor < wanted:
        raise wallets.NotEnough(
            _("The balance is %(balance)s; %(amount)s is needed. Top it up, or pay by bank transfer.")
            % {"balance": money(wallet.total_minor, bill.currency), "amount": money(wanted, bill.currency)}
        )
    payment = taking.take(bill, wallet, wanted, Right(basis=Basis.BY_HAND), at=at, by=by)
    restore_service(bill.tenant, at=at)
    return payment


@transaction.atomic
def pay_together(wanted: Mapping[int, int], *, at: datetime, by: User | None) -> list[int]:
    """Pay minor units of several bills (by id) from the balance, all or none, as `pay_now` does; return what was paid."""
    bills = Invoice.objects.select_related("tenant", "seller").in_bulk(list(wanted))
    return [pay_now(bills[pk], at=at, by=by, amount=wanted[pk]).amount_minor for pk in sorted(wanted)]


@transaction.atomic
def pay_confirmed(invoice_ids: Iterable[int], *, at: datetime, by: User | None) -> list[int]:
    """Pay bills of a confirmed purchase at once where they are paid by themselves; return those that were paid.

    Each is paid whole; one for which the balance is too low stays open and is tried again when it is topped up. Under a
    deduction agreement the debit is intended here, and called for after the commit (`debiting.finish`, or the next tick).
    """
    paid = []
    for pk in sorted(invoice_ids):
        wallet, bills = _locked([pk], at)
        for bill in bills:
            if not bill.due_minor or taking.under_way([pk]):
                continue
            if bill.pays == Pays.MANDATE:
                debiting.confirm(bill, at=at, by=by)
            if wallet is None or bill.pays != Pays.WALLET:
                continue
            payment = taking.take(bill, wallet, bill.due_minor, Right(basis=Basis.CONFIRMED), at=at, by=by)
            if payment.status == Payment.Status.SUCCEEDED:
                restore_service(bill.tenant, at=at)
                paid.append(pk)
    return paid


def _locked(invoice_ids: Sequence[int], at: datetime) -> tuple[Wallet | None, list[Invoice]]:
    """Lock the wallet of these bills of one payer, then the bills that are open, by ascending id."""
    named = Invoice.objects.filter(among("pk", invoice_ids)).order_by("pk").first()
    if named is None:
        return None, []
    lock_overdue([named.tenant_id])
    wallet = wallets.lock(named.tenant_id, named.seller_id, named.currency, at=at)
    bills = Invoice.objects.owed().filter(
        among("pk", invoice_ids), tenant=named.tenant_id, seller=named.seller_id, currency=named.currency
    )
    locked = bills.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller").order_by("pk")
    return wallet, list(locked)


@transaction.atomic
def collect(*, at: datetime, tenants: Sequence[int] | None = None) -> Collected:
    """Deduct what has come to be deducted at `at` (of these payers only, if named): each bill whole or not at all.

    A bill for which the balance is too low is kept as failed, the customer is told, and it is tried again once the
    balance has changed. Running it twice changes nothing.
    """
    done = Collected()
    bills = to_collect(at)
    if tenants is not None:
        bills = bills.filter(among("tenant", tenants))
    sides = sorted(set(bills.values_list("tenant_id", "seller_id", "currency")))
    if not sides:
        return done
    lock_overdue(side[0] for side in sides)
    held = {side: wallets.lock(*side, at=at) for side in sides}
    locked = bills.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller").order_by("pk")
    ripe = sorted(locked, key=lambda bill: (bill.due_on, bill.pk))
    busy = taking.under_way(bill.pk for bill in ripe)
    done.held += len(busy)
    hopeless = _hopeless(ripe, at)
    for bill in ripe:
        wallet = held.get((bill.tenant_id, bill.seller_id, bill.currency))
        if wallet is None or bill.pk in busy:
            continue
        if bill.pk in hopeless:
            done.held += 1
        else:
            _deduct(bill, wallet, done, at)
    return done


def _hopeless(bills: Sequence[Invoice], at: datetime) -> set[int]:
    """Return those of the bills that no authorisation covers, asked once per payer, seller and currency."""
    sides = groupby(sorted(bills, key=_side), key=_side)
    return set().union(*(allowing.beyond_agreement(list(mine), None, at=at) for _side_of_it, mine in sides))


def _side(bill: Invoice) -> tuple[int, int, str]:
    return bill.tenant_id, bill.seller_id, bill.currency


def to_collect(at: datetime) -> InvoiceQuerySet:
    """Return the open bills whose day of deduction from the balance has come, and those that were confirmed and could not
    be paid."""
    vain = Payment.objects.filter(invoice=OuterRef("pk"), basis=Basis.CONFIRMED, status=Payment.Status.FAILED)
    automatic = Invoice.objects.open().filter(pays=Pays.WALLET, due_minor__gt=0)
    return automatic.filter(Q(charge_at__lte=at) | Exists(vain))


def payers_to_collect(at: datetime) -> QuerySet[Tenant]:
    """Return the payers of whom something may be deducted at `at`."""
    return Tenant.objects.filter(Exists(to_collect(at).filter(tenant=OuterRef("pk"))))


def _deduct(bill: Invoice, wallet: Wallet, done: Collected, at: datetime) -> None:
    if taking.was_tried(bill, wallet):
        return
    right = allowing.right(bill, at=at, hold=True)
    if isinstance(right, Held):
        done.held += 1
        return
    payment = taking.take(bill, wallet, bill.claimable_minor, right, at=at, by=None)
    if payment.status == Payment.Status.SUCCEEDED:
        done.paid += 1
        restore_service(bill.tenant, at=at)
        telling.deducted(payment, bill, at=at)
    else:
        done.failed += 1
        telling.failed(payment, bill, wallet, at=at)


@transaction.atomic
def mark_overdue(*, at: datetime, tenants: Sequence[int] | None = None) -> int:
    """Make active subscriptions `past_due` whose bill was not paid by its due date; return how many.

    `tenants` are the payers to look at (default: all).
    """
    bills = Invoice.objects.all() if tenants is None else Invoice.objects.filter(among("tenant", tenants))
    late: set[int] = set()
    for zone in bills.open().values_list("zone", flat=True).distinct():
        overdue = list(bills.overdue(local_day(at, zone)).filter(zone=zone).values_list("pk", flat=True))
        if overdue:
            billed = InvoiceLine.objects.filter(among("invoice", overdue))
            late |= set(billed.values_list("charge__subscription", flat=True).distinct())
    if not late:
        return 0
    active = Subscription.objects.filter(among("pk", late), status=Subscription.Status.ACTIVE)
    locked = active.select_for_update(no_key=True).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    return subscriptions.change_state(ids, frm=Subscription.Status.ACTIVE, to=Subscription.Status.PAST_DUE)
