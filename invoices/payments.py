"""Receive money: it settles bills, what is over goes into the wallet, and it is booked where it came in.

A bank transfer settles the oldest open bills first; a payment at a provider those that it was begun for (`paying`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import translation
from django.utils.translation import gettext as _

from billing import ledger, subscriptions, wallets
from billing.models import Account, Subscription
from billing.money import Money
from invoices import freezing, recovering, withholding
from invoices.models import Allocation, BankCredit, Invoice, Payment, PaymentPart
from tenants import audit, notices
from tenants.bulk import among
from tenants.errors import Conflict, Invalid
from tenants.models import Seller, Tenant, User
from usage.periods import local_day

Kind = Account.Kind


class AlreadyRecorded(Conflict):
    """This payment is in the books already."""

    code = "payment_already_recorded"


@transaction.atomic
def receive_transfer(
    tenant: Tenant,
    *,
    seller: Seller,
    amount: Money,
    reference: str,
    received_at: datetime,
    at: datetime,
    by: User | None,
    payer_name: str = "",
    allocate: Mapping[int, int] | None = None,
    out_of: str = Kind.CASH,
) -> Payment:
    """Record a received transfer under the bank's own `reference`, and settle bills with it.

    `allocate` says how many minor units settle which invoice (by id); without it the oldest open bills of the same seller
    and currency are settled first. `out_of` is the page of the book on which the money stands: cash, or what came in before
    its payer was known. What is over goes into the customer's wallet, never lost. Recording a reference twice
    raises AlreadyRecorded; a part above what an invoice still owes raises Invalid.
    """
    reference = reference.strip()
    if amount.minor <= 0:
        raise Invalid(_("The amount must be above zero."), field="amount")
    if out_of == Kind.CASH and BankCredit.objects.filter(seller=seller, reference=reference).exists():
        told = _("The transfer “%(reference)s” came with a bank statement. Match it there; nothing was booked again.")
        raise AlreadyRecorded(told % {"reference": reference}, field="reference")
    lock_overdue([tenant.pk])
    wallets.lock(tenant.pk, seller.pk, amount.currency)
    open_bills = _open_bills(tenant, seller, amount.currency, named=allocate or ())
    parts = _parts(open_bills, amount, allocate)
    payment = _record(tenant, seller, amount, reference, received_at, at, by, payer_name)
    arrived(payment, parts, verb="payment.recorded", at=at, by=by, out_of=out_of)
    return payment


def arrived(
    payment: Payment,
    parts: Sequence[tuple[Invoice, int]],
    *,
    verb: str,
    at: datetime,
    by: User | None,
    out_of: str = "",
) -> None:
    """Settle bills with a payment that came in, put what is over into the wallet, book it, and tell the customer.

    `parts` are bills, locked by the caller, and how many minor units settle each; the caller has locked the wallet too.
    """
    for invoice, part in parts:
        settle(payment, invoice, part, at)
    restore_service(payment.tenant, at=at)
    over = payment.amount_minor - sum(part for _invoice, part in parts)
    ledger.post([_entry(payment, payment.amount_minor - over, over, at, out_of)])
    audit.record(
        verb,
        tenant=payment.tenant,
        target=f"payment:{payment.pk}",
        at=at,
        by=by,
        reference=payment.reference,
        amount=str(Money(payment.amount_minor, payment.currency).amount),
    )
    notices.announce(
        payment.tenant,
        kind="payment_received",
        key=f"payment-received:{payment.pk}",
        payload=_payload(payment, parts, over),
        at=at,
        seller=payment.seller,
    )


class UnderWay(Conflict):
    """A payment at a provider is under way for this bill: nothing else may be taken for it meanwhile."""

    code = "payment_under_way"


def refuse_under_way(invoice_ids: Iterable[int]) -> None:
    """Raise UnderWay, which names the payment, when one at a provider is under way for any of these bills, locked before."""
    live = PaymentPart.objects.filter(among("invoice", list(invoice_ids)), live=True).order_by("pk").first()
    if live is not None:
        raise UnderWay(
            _("A payment of this bill is under way. Finish it or cancel it first; nothing is taken twice."),
            payment=live.payment_id,
        )


def lock_overdue(payers: Iterable[int]) -> None:
    """Lock what `restore_service` may change, before any wallet and bill: customers and subscriptions come first."""
    payers = list(payers)
    list(withholding.losers(payers).select_for_update(no_key=True).values_list("pk", flat=True))
    late = Subscription.objects.filter(among("payer", payers), status=Subscription.Status.PAST_DUE)
    list(late.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def restore_service(tenant: Tenant, *, at: datetime) -> int:
    """Make a payer's subscriptions active again of which nothing is overdue any more, and return how many; give back the
    service that dunning took."""
    withholding.give_back(tenant, at=at)
    overdue = Invoice.objects.overdue(local_day(at, tenant.timezone)).filter(lines__charge__subscription=OuterRef("pk"))
    late = Subscription.objects.filter(~Exists(overdue), payer=tenant, status=Subscription.Status.PAST_DUE)
    ids = list(late.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    return subscriptions.change_state(ids, frm=Subscription.Status.PAST_DUE, to=Subscription.Status.ACTIVE)


def _open_bills(tenant: Tenant, seller: Seller, currency: str, *, named: Iterable[int]) -> list[Invoice]:
    """Return the open bills, and of those that were written off the ones that are named: nobody else asks for them."""
    bills = Invoice.objects.owed().filter(tenant=tenant, seller=seller, currency=currency)
    bills = bills.filter(Q(status=Invoice.Status.OPEN) | Q(pk__in=list(named)))
    # Locked by ascending id, as everywhere; settled by age.
    return sorted(bills.select_for_update(no_key=True).order_by("pk"), key=lambda bill: (bill.due_on, bill.pk))


def _parts(bills: Sequence[Invoice], amount: Money, allocate: Mapping[int, int] | None) -> list[tuple[Invoice, int]]:
    if allocate is None:
        return _oldest_first(bills, amount.minor)
    known = {bill.pk: bill for bill in bills}
    parts = []
    for pk, part in allocate.items():
        bill = known.get(pk)
        if bill is None:
            raise Invalid(
                _("This bill is not open, or not of this customer, seller and currency."), field=f"allocate.{pk}"
            )
        if not 0 < part <= bill.due_minor:
            raise Invalid(
                _("Bill %(number)s does not owe that much.") % {"number": bill.number}, field=f"allocate.{pk}"
            )
        parts.append((bill, part))
    if sum(part for _bill, part in parts) > amount.minor:
        raise Invalid(_("The parts come to more than the payment."), field="allocate")
    return parts


def _oldest_first(bills: Sequence[Invoice], left: int) -> list[tuple[Invoice, int]]:
    parts = []
    for bill in bills:
        part = min(left, bill.due_minor)
        if part > 0:
            parts.append((bill, part))
            left -= part
    return parts


def _record(
    tenant: Tenant,
    seller: Seller,
    amount: Money,
    reference: str,
    received_at: datetime,
    at: datetime,
    by: User | None,
    payer_name: str,
) -> Payment:
    try:
        with transaction.atomic():
            return Payment.objects.create(
                tenant=tenant,
                seller=seller,
                currency=amount.currency,
                amount_minor=amount.minor,
                method=Payment.Method.TRANSFER,
                provider="bank",
                reference=reference,
                status=Payment.Status.SUCCEEDED,
                payer_name=payer_name,
                received_at=received_at,
                recorded_at=at,
                recorded_by=by,
            )
    except IntegrityError:
        raise AlreadyRecorded(
            _("The transfer “%(reference)s” was recorded before; nothing was booked again.") % {"reference": reference},
            field="reference",
        ) from None


def settle(payment: Payment, invoice: Invoice, part: int, at: datetime) -> None:
    """Settle a part of an invoice, which the caller has locked, with a payment; what was written off is owed again first."""
    made = Allocation.objects.create(
        tenant_id=payment.tenant_id, payment=payment, invoice=invoice, amount_minor=part, at=at
    )
    recovering.recover(invoice, part, source="allocation", source_id=made.pk, at=at)
    invoice.paid_minor += part
    if invoice.paid_minor + invoice.credited_minor == invoice.total_minor:
        invoice.status, invoice.paid_at = Invoice.Status.PAID, at
    freezing.clip(invoice)
    invoice.save(update_fields=["paid_minor", "status", "paid_at", "frozen_minor"])


def _entry(payment: Payment, settled: int, over: int, at: datetime, out_of: str) -> ledger.Entry:
    cash = out_of or ledger.CASH_OF.get(payment.provider, Kind.CASH)
    return ledger.Entry(
        seller_id=payment.seller_id,
        currency=payment.currency,
        tenant_id=payment.tenant_id,
        source="payment",
        source_id=payment.pk,
        kind="received",
        at=at,
        sides=((cash, settled + over), (Kind.RECEIVABLE, -settled), (Kind.WALLET, -over)),
    )


def _payload(payment: Payment, parts: Sequence[tuple[Invoice, int]], over: int) -> dict[str, object]:
    tenant = payment.tenant
    with translation.override(tenant.language):
        method = str(Payment.Method(payment.method).label)
    return {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/payments/",
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "received_on": str(local_day(payment.received_at, tenant.timezone)),
        "method": method,
        "unused_minor": over,
        "bills": [
            {
                "number": bill.number,
                "amount_minor": part,
                "due_minor": bill.total_minor - bill.paid_minor - bill.credited_minor,
            }
            for bill, part in parts
        ],
    }
