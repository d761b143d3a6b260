"""Payments: what was received and which bills it settled, and how to pay by transfer (nothing else takes money by now)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing import wallets
from billing.money import Money
from invoices import states
from invoices.models import Invoice, Payment, RemittanceCode
from invoices.pages import frame
from invoices.pages.visit import Visit
from invoices.providers import reasons
from tenants.models import Notice, Seller


@dataclass(frozen=True)
class Settled:
    """A part of a payment and the bill that it settled."""

    number: str
    address: str
    amount: Money


@dataclass(frozen=True)
class PaymentRow:
    """One payment."""

    at: datetime
    way: str
    reference: str
    address: str
    payer: str
    amount: Money
    settled: tuple[Settled, ...]
    left: Money
    state: states.State
    why: str


@dataclass(frozen=True)
class Transfer:
    """Where to transfer to, and the remark by which we know whose it is."""

    account_name: str
    bank: str
    account: str
    remark: str


@dataclass(frozen=True)
class NoticeRow:
    """One message that was owed to the customer, and whether it arrived."""

    at: datetime
    what: str
    to: str
    state: states.State


@dataclass(frozen=True)
class PaymentsPage:
    """The page /payments/."""

    to_pay: Money
    open_bills: int
    payments: tuple[PaymentRow, ...]
    transfer: Transfer | None
    notices: tuple[NoticeRow, ...]


def page(visit: Visit) -> PaymentsPage:
    """Return received payments, newest first, and how to pay what is open."""
    open_bills = Invoice.objects.filter(tenant=visit.tenant, currency=visit.tenant.currency).open()
    found = (
        Payment.objects.filter(tenant=visit.tenant)
        .prefetch_related("allocations__invoice")
        .order_by("-received_at", "-id")
    )
    seller = frame.seller_of(visit)
    return PaymentsPage(
        to_pay=Money(sum(row.due_minor for row in open_bills), visit.tenant.currency),
        open_bills=len(open_bills),
        payments=tuple(payment(visit, row) for row in found[:100]),
        transfer=transfer(seller, code_of(visit, seller)) if seller else None,
        notices=tuple(
            notice(row) for row in Notice.objects.filter(tenant=visit.tenant).order_by("-created_at", "-id")[:20]
        ),
    )


def code_of(visit: Visit, seller: Seller) -> str:
    """Return the code that the customer writes into the remark; empty until the page of transfers was opened once."""
    found = RemittanceCode.objects.filter(tenant=visit.tenant, seller=seller).first()
    return found.code if found else ""


def transfer(seller: Seller, remark: str) -> Transfer | None:
    """Return the seller's bank account, or nothing when he has named none."""
    if not seller.bank_account:
        return None
    return Transfer(seller.legal_name, seller.bank_name, grouped(seller.bank_account), remark)


def grouped(account: str) -> str:
    """Return an account number in groups of four, as banks print it."""
    digits = account.replace(" ", "")
    return " ".join(digits[n : n + 4] for n in range(0, len(digits), 4))


def payment(visit: Visit, row: Payment) -> PaymentRow:
    parts = list(row.allocations.all())
    left = row.amount_minor - sum(part.amount_minor for part in parts) if row.status == Payment.Status.SUCCEEDED else 0
    return PaymentRow(
        at=row.received_at,
        way=str(Payment.Method(row.method).label),
        reference=row.reference,
        address=visit.to("payment", row.pk) if row.product else "",
        payer=row.payer_name,
        amount=Money(row.amount_minor, row.currency),
        settled=tuple(
            Settled(
                part.invoice.number or "", visit.to("bill", part.invoice_id), Money(part.amount_minor, row.currency)
            )
            for part in parts
        ),
        left=Money(left, row.currency),
        state=states.PAYMENT[row.status],
        why=why(row),
    )


def why(row: Payment) -> str:
    """Return why nothing was taken and what to do, empty for what is no failure."""
    if row.status != Payment.Status.FAILED:
        return ""
    if row.failure == wallets.NotEnough.code:
        return _("The balance was too low. Top it up, or pay in another way.")
    return reasons.sentence(row.failure)


KINDS = {
    "invoice_issued": lambda: _("Bill"),
    "credit_note_issued": lambda: _("Credit note"),
    "payment_received": lambda: _("Payment received"),
    "charge_announced": lambda: _("Deduction announced"),
    "charge_reminder": lambda: _("Reminder of a deduction"),
    "payment_failed": lambda: _("Deduction not possible"),
    "refund_sent": lambda: _("Refund on its way"),
    "refund_arrived": lambda: _("Refund arrived"),
    "refund_failed": lambda: _("Refund put into the balance"),
    "payment_reminder": lambda: _("Reminder of an unpaid bill"),
}


def notice(row: Notice) -> NoticeRow:
    what = KINDS[row.kind]() if row.kind in KINDS else row.kind
    number = row.payload.get("number", "") if isinstance(row.payload, dict) else ""
    return NoticeRow(
        row.created_at, f"{what} {number}".strip(), ", ".join(map(str, row.recipients)), states.NOTICE[row.status]
    )
