"""What customers of a story dispute, and how it is answered: by the product's own verbs."""

from __future__ import annotations

from django.utils.translation import gettext as _

from invoices import answering_disputes, disputing, returning
from invoices.models import Dispute, DisputeAnswer, Invoice, InvoiceLine, Refund
from invoices.rehearsal.settling import named, payer_of
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from tenants.errors import NotFound
from tenants.models import Tenant

Outcome = DisputeAnswer.Outcome


def dispute(world: World, tenant: Tenant, step: Step) -> None:
    """Dispute the bill that is named, else the oldest open one, else the newest: its line of a price, or all of it; all that
    may be disputed, or an amount."""
    bill = _bill(world, payer_of(tenant), step)
    line = _line(bill, step["price"]) if step.get("price") is not None else None
    amount = world.money(step["amount"]).minor if step.get("amount") is not None else None
    disputing.open(bill, line=line, amount_minor=amount, reason="rehearsal", at=step.at, by=None)


def settle(world: World, tenant: Tenant, step: Step) -> None:
    """Answer the oldest dispute that waits, of the bill that is named or of any: by default with all of it. A refund is sent
    at once."""
    payer = payer_of(tenant)
    waiting = Dispute.objects.live().filter(tenant=payer).select_related("invoice__seller", "invoice__tenant")
    if step.get("invoice") is not None:
        waiting = waiting.filter(invoice=named(world, payer, step))
    found = waiting.order_by("opened_at", "pk").first()
    if found is None:
        raise NotFound(_("Nothing is in dispute that could be answered."), field="invoice")
    amount = world.money(step["amount"]).minor if step.get("amount") is not None else None
    outcome = step.get("outcome", Outcome.CREDIT)
    answered = answering_disputes.settle(
        found, outcome=outcome, amount_minor=amount, text="rehearsal", at=step.at, by=None
    )
    for answer in answered.answers.filter(refund__isnull=False).order_by("-number")[:1]:
        if answer.refund_id is not None:
            _send(world, answer.refund_id, step)


def _send(world: World, first: int, step: Step) -> None:
    """Let what an answer returns go its ways; what goes by bank is transferred at once."""
    mine = Refund.objects.filter(pk=first) | Refund.objects.filter(first=first)
    ids = list(mine.values_list("pk", flat=True))
    returning.send(at=step.at, refunds=ids)
    for row in returning.to_transfer().filter(pk__in=ids).order_by("pk"):
        returning.confirm_sent(row, bank_reference=f"{world.token}-{row.pk}", at=step.at, by=None)


def _bill(world: World, payer: Tenant, step: Step) -> Invoice:
    if step.get("invoice") is not None:
        return named(world, payer, step)
    mine = Invoice.objects.issued().filter(tenant=payer)
    found = mine.open().order_by("due_on", "pk").first() or mine.order_by("-sequence").first()
    if found is None:
        raise NotFound(_("There is no bill to dispute."), field="invoice")
    return found


def _line(bill: Invoice, price: str) -> InvoiceLine:
    """Return the bill's line of a price, of several the dearest."""
    found = bill.lines.filter(code=price).order_by("-gross_minor", "position").first()
    if found is None:
        raise NotFound(_("The bill has no line of the price “%(price)s”.") % {"price": price}, field="price")
    return found
