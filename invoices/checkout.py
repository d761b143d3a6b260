"""What a customer confirms with money attached: billing's verb, its documents, and the payment, in one transaction.

The lines of a confirmed purchase or change are invoiced at once and alone (CONTRACTS rule 9). What a member confirms with the
price shown is no automatic deduction (rule 16). `preview` does the very same and keeps nothing of it, so preview equals bill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from billing import changing, closing, discounts, quantities, subscriptions
from billing.changing import Changed
from billing.models import Change, Charge, PlanVersion, Subscription
from billing.orders import Order
from invoices import announcing, changed, collection, drafting, issuing
from invoices.models import CreditNote, Invoice, InvoiceLine, Refund
from tenants.models import Member, Tenant, User


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of a confirmation: the subscription, the change, and the ids of the documents made of it."""

    subscription: Subscription
    change: Change | None = None
    invoices: list[int] = field(default_factory=list)
    credit_notes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a confirmation would do: the change, and its documents with their lines; none of them exists."""

    change: Change | None
    invoices: list[Invoice]
    lines: list[InvoiceLine]
    credit_notes: list[CreditNote]
    charges: list[Charge] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def total_minor(self) -> int:
        """What would be asked for, less what would be given back, in minor units with tax."""
        return sum(invoice.total_minor for invoice in self.invoices) - self.credited_minor

    @property
    def credited_minor(self) -> int:
        """What would be given back by credit notes."""
        return sum(note.total_minor for note in self.credit_notes)


@transaction.atomic
def subscribe(order: Order, *, at: datetime, by: User | None) -> Confirmed:
    """Start a subscription that a member confirmed, and bill what it costs now; raise the refusal of an order."""
    subscription = subscriptions.start_one(order, at=at, by=by)
    closing.close([subscription.pk], at=at, alone=True)
    waiting = Charge.objects.waiting().filter(subscription=subscription).order_by("pk")
    return _bill(subscription, None, list(waiting.values_list("pk", flat=True)), at=at, by=by)


@transaction.atomic
def change_plan(
    subscription: Subscription, version: PlanVersion, *, when: str | None = None, at: datetime, by: User | None
) -> Confirmed:
    """Change the plan, now or at the period's end (rule 6 where not said)."""
    _up_to_date(subscription, at=at)
    return _of(subscription, changing.change_plan(subscription, version, when=when, at=at, by=by), at=at, by=by)


@transaction.atomic
def set_quantity(
    subscription: Subscription, code: str, quantity: Decimal, *, at: datetime, by: User | None
) -> Confirmed:
    """Set how many seats, or of another price, are held."""
    _up_to_date(subscription, at=at)
    return _of(subscription, quantities.set_quantity(subscription, code, quantity, at=at, by=by), at=at, by=by)


@transaction.atomic
def add_module(subscription: Subscription, code: str, *, at: datetime, by: User | None) -> Confirmed:
    """Take an optional price from now on."""
    _up_to_date(subscription, at=at)
    return _of(subscription, quantities.add_module(subscription, code, at=at, by=by), at=at, by=by)


@transaction.atomic
def remove_module(subscription: Subscription, code: str, *, at: datetime, by: User | None) -> Confirmed:
    """Give an optional price up."""
    _up_to_date(subscription, at=at)
    return _of(subscription, quantities.remove_module(subscription, code, at=at, by=by), at=at, by=by)


@transaction.atomic
def cancel(subscription: Subscription, *, when: str = "period_end", at: datetime, by: User | None) -> Confirmed:
    """Cancel now, or with the term."""
    _up_to_date(subscription, at=at)
    return _of(subscription, changing.cancel(subscription, when=when, at=at, by=by), at=at, by=by)


@transaction.atomic
def end(subscription: Subscription, *, at: datetime) -> Confirmed:
    """End a subscription at once because its bills are not paid. No member confirms it, so nothing is deducted for it."""
    _up_to_date(subscription, at=at)
    changed = changing.cancel(subscription, when="now", at=at, by=None)
    return _bill(subscription, changed.change, changed.charges, at=at, by=None, pays=False)


@transaction.atomic
def keep(subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """Withdraw a cancellation and what else waits."""
    _up_to_date(subscription, at=at)
    return _of(subscription, changing.keep(subscription, at=at, by=by), at=at, by=by)


@transaction.atomic
def pause(subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """Pause from the period's end on."""
    _up_to_date(subscription, at=at)
    return _of(subscription, changing.pause(subscription, at=at, by=by), at=at, by=by)


@transaction.atomic
def resume(subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """End a pause; the rest of the running period is charged."""
    _up_to_date(subscription, at=at)
    return _of(subscription, changing.resume(subscription, at=at, by=by), at=at, by=by)


@transaction.atomic
def redeem(subscription: Subscription, code: str, *, at: datetime, by: User | None) -> Confirmed:
    """Redeem a coupon for a subscription; it gives from the next bill on."""
    discounts.redeem(subscription, code, at=at, by=by)
    return Confirmed(subscription)


def preview(confirm: Callable[[], Confirmed]) -> Preview:
    """Return what a confirmation would do, and take all of it back: `preview(lambda: checkout.add_module(...))`."""
    with transaction.atomic():
        told = papers(confirm())
        transaction.set_rollback(True)
    return told


def papers(confirmed: Confirmed) -> Preview:
    """Return what a confirmation wrote: its change with its charges, and its documents with their lines."""
    lines = InvoiceLine.objects.filter(invoice__in=confirmed.invoices).select_related("invoice", "charge__price")
    cause = confirmed.change.cause if confirmed.change else ""
    charges = Charge.objects.filter(subscription=confirmed.subscription.pk, reason="change", cause=cause)
    return Preview(
        confirmed.change,
        list(Invoice.objects.filter(pk__in=confirmed.invoices).order_by("pk")),
        list(lines.order_by("invoice", "position")),
        list(CreditNote.objects.filter(pk__in=confirmed.credit_notes).select_related("invoice").order_by("pk")),
        list(charges.select_related("price").order_by("pk")) if cause else [],
        list(Refund.objects.filter(credit_note__in=confirmed.credit_notes).select_related("payment").order_by("pk")),
    )


def _up_to_date(subscription: Subscription, *, at: datetime) -> None:
    """Close and draft what the payer's contracts owe by now, so that what is given back of it is known after discount."""
    whose = Subscription.objects.select_related("tenant").get(pk=subscription.pk)
    payer = whose.tenant.payer_id
    Tenant.objects.select_for_update(no_key=True).get(pk=payer)
    due = Subscription.objects.due(at).filter(payer=payer).order_by("pk").values_list("pk", flat=True)
    closing.close(list(due), at=at)
    drafting.draft([payer], at=at)


def _of(subscription: Subscription, changed: Changed, *, at: datetime, by: User | None) -> Confirmed:
    return _bill(subscription, changed.change, changed.charges, at=at, by=by)


def _bill(
    subscription: Subscription,
    change: Change | None,
    charges: Sequence[int],
    *,
    at: datetime,
    by: User | None,
    pays: bool = True,
) -> Confirmed:
    """Make the documents of a confirmation at once and alone, and pay them where the way of payment allows it."""
    current = Subscription.objects.select_related("version", "seller").get(pk=subscription.pk)
    origin = change.cause if change else f"start:{subscription.pk}"
    drafted = drafting.draft_alone(charges, origin=origin, at=at) if charges else drafting.Drafted([], [])
    issued = issuing.issue(drafted.invoices, at=at, by=by)
    if pays and _pays(current, by):
        announcing.confirmed(current, at=at)
        collection.pay_confirmed(issued, at=at, by=by)
    if change:
        changed.tell(Change.objects.get(pk=change.pk), drafted.invoices, drafted.credit_notes, by=by)
    return Confirmed(current, change, drafted.invoices, drafted.credit_notes)


def _pays(subscription: Subscription, by: User | None) -> bool:
    """Return whether the payer confirms: a member of it who may pay, or a program (rule 16).

    What our own staff changes, or a subsidiary whose parent pays, is billed and deducted from nobody's balance.
    """
    if by is None:
        return True
    return Member.objects.filter(tenant=subscription.payer_id, user=by, role__in=Member.MAY_PAY).exists()
