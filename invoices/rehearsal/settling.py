"""What customers of a story pay, and what they get back: by the product's own verbs, through a simulated provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from billing import wallets
from billing.money import Money
from invoices import asking, collection, paying, payments, refunding, returning
from invoices.models import Invoice, Payment, Refund
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from invoices.rehearsal.telling import number_of
from tenants.errors import Invalid, NotFound, WrongState
from tenants.models import Tenant

Method, Product, To = Payment.Method, Payment.Product, Refund.To
AT_PROVIDER = (Method.ALIPAY, Method.WECHAT)


def behave(world: World, tenant: Tenant, step: Step) -> None:
    """Let the providers behave so to this customer, and to who pays for him, from now on."""
    for one in {tenant, payer_of(tenant)}:
        world.simulation.behave(one.code, step["behaviour"])


def pay(world: World, tenant: Tenant, step: Step) -> None:
    """Pay from the balance where it holds enough, else by a transfer, unless the step says how."""
    payer = payer_of(tenant)
    invoice = _invoice(world, payer, step)
    amount = world.money(step["amount"]).minor if step.get("amount") is not None else None
    if invoice is None and amount is None:
        raise NotFound(_("There is no open bill to pay."), field="invoice")
    wanted = amount if amount is not None else invoice.due_minor if invoice else 0
    method = step.get("method") or _fitting(world, payer, wanted)
    if method == Method.TRANSFER:
        _transfer(world, payer, step, invoice, amount)
    elif method in AT_PROVIDER:
        _at_provider(world, payer, step, _parts(world, payer, step, invoice, wanted), wanted)
    elif method != Method.WALLET:
        raise Invalid(_("Write wallet, transfer, alipay or wechat."), field="method")
    elif invoice is None:
        raise NotFound(_("There is no open bill to pay."), field="invoice")
    else:
        collection.pay_now(invoice, at=step.at, by=None, amount=amount)


def refund(world: World, tenant: Tenant, step: Step) -> None:
    """Refund the bill that is named, else the oldest paid one: all that is left of it, or an amount; as it was paid, or into
    the balance. What goes by bank is transferred at once."""
    payer = payer_of(tenant)
    invoice = named(world, payer, step) if step.get("invoice") is not None else _oldest_paid(payer)
    amount = world.money(step["amount"]).minor if step.get("amount") is not None else None
    rows = refunding.request(
        invoice, amount_minor=amount, to=step.get("to", To.ORIGIN), reason="rehearsal", at=step.at, by=None
    )
    returning.send(at=step.at, refunds=[row.pk for row in rows])
    for row in returning.to_transfer().filter(pk__in=[row.pk for row in rows]).order_by("pk"):
        returning.confirm_sent(row, bank_reference=f"{world.token}-{row.pk}", at=step.at, by=None)


def payer_of(tenant: Tenant) -> Tenant:
    """Return who pays for a customer: itself, or its parent."""
    return Tenant.objects.get(pk=tenant.payer_id)


def _fitting(world: World, payer: Tenant, wanted: int) -> str:
    held = wallets.balance(payer, world.seller, world.story.currency).total
    return Method.WALLET if 0 < wanted <= held else Method.TRANSFER


def _transfer(world: World, payer: Tenant, step: Step, invoice: Invoice | None, amount: int | None) -> None:
    """Let a transfer come in: for the bill that is named, else for the oldest ones; what is over stays unused."""
    owed = invoice.due_minor if invoice else 0
    paid = owed if amount is None else amount
    named = invoice is not None and (step.get("invoice") is not None or amount is None)
    payments.receive_transfer(
        payer,
        seller=world.seller,
        amount=Money(paid, world.story.currency),
        reference=f"{world.token}-{step.number}",
        received_at=step.at,
        at=step.at,
        by=None,
        allocate={invoice.pk: min(owed, paid)} if named and invoice else None,
    )


def _at_provider(world: World, payer: Tenant, step: Step, parts: Sequence[tuple[Invoice, int]], wanted: int) -> None:
    """Scan a code for these parts of bills; what is over tops the balance up. Who approves has paid at once."""
    over = wanted - sum(part for _bill, part in parts)
    payment = paying.intend(
        payer,
        seller=world.seller,
        currency=world.story.currency,
        method=step["method"],
        product=Product.QR,
        at=step.at,
        by=None,
        bills={bill.pk: part for bill, part in parts},
        top_up_minor=over or None,
    )
    payment = paying.begin(payment, at=step.at)
    if payment.status == Payment.Status.INTENDED:
        asking.ask(at=step.at, payments=[payment])


def _parts(world: World, payer: Tenant, step: Step, invoice: Invoice | None, wanted: int) -> list[tuple[Invoice, int]]:
    """Return how much settles which bill: the named one, else the oldest first as far as the amount goes."""
    if invoice is None:
        return []
    if step.get("invoice") is not None or step.get("amount") is None:
        if invoice.status != Invoice.Status.OPEN:
            raise WrongState(_("Only an issued bill that is not settled can be paid."))
        return [(invoice, min(wanted, invoice.due_minor))]
    return list(_oldest_first(payer, wanted))


def _oldest_first(payer: Tenant, left: int) -> Iterator[tuple[Invoice, int]]:
    for bill in Invoice.objects.open().filter(tenant=payer, due_minor__gt=0).order_by("due_on", "pk"):
        part = min(left, bill.due_minor)
        if part > 0:
            left -= part
            yield bill, part


def _invoice(world: World, payer: Tenant, step: Step) -> Invoice | None:
    """Return the bill that a step names by its number or its place, else the oldest open one, if there is one."""
    if step.get("invoice") is not None:
        return named(world, payer, step)
    return Invoice.objects.open().filter(tenant=payer).order_by("due_on", "pk").first()


def _oldest_paid(payer: Tenant) -> Invoice:
    """Return the oldest settled bill of which something is left to be returned."""
    paid = Invoice.objects.filter(tenant=payer, status=Invoice.Status.PAID, paid_minor__gt=0).order_by("sequence")
    found = paid.first()
    if found is None:
        raise NotFound(_("There is no paid bill to refund."), field="invoice")
    return found


def named(world: World, payer: Tenant, step: Step) -> Invoice:
    """Return the payer's issued bill that a step names, by its number or its place counted from 1; raise NotFound."""
    bills = Invoice.objects.issued().filter(tenant=payer).order_by("sequence")
    named = step["invoice"]
    found = [b for place, b in enumerate(bills, 1) if named in (place, number_of(world, b.number))]
    if not found:
        raise NotFound(_("There is no bill “%(number)s”.") % {"number": named}, field="invoice")
    return found[0]
