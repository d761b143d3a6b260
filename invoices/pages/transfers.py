"""Paying by transfer: where to, the code by which we know whose it is, what happens then, and what the customer told us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billing.money import Money
from invoices import states
from invoices.models import Invoice, RemittanceCode, TransferClaim
from invoices.pages import frame, payments
from invoices.pages.visit import Visit
from tenants.models import Member

SHOWN = 50


@dataclass(frozen=True)
class Due:
    """An open bill, which the transfer may settle."""

    number: str
    address: str
    due_on: date | None
    due: Money


@dataclass(frozen=True)
class ClaimRow:
    """Something the customer told us, and our answer."""

    made_at: datetime
    paid_on: date
    payer: str
    digits: str
    remark: str
    amount: Money
    receipt: str
    reason: str
    state: states.State


@dataclass(frozen=True)
class TransferPage:
    """The page /transfer/."""

    to: payments.Transfer | None
    plain_account: str
    own_account: bool
    total: Money
    bills: tuple[Due, ...]
    claims: tuple[ClaimRow, ...]
    may_claim: bool
    claim_address: str


def page(visit: Visit) -> TransferPage:
    """Return where to transfer to and with which code, the open bills, and the customer's claims, newest first."""
    seller = frame.seller_of(visit)
    code = RemittanceCode.objects.filter(tenant=visit.tenant, seller=seller).first()
    to = payments.transfer(seller, code.code if code else "") if seller else None
    if to is not None and code is not None and code.virtual_account:
        to = payments.Transfer(to.account_name, to.bank, payments.grouped(code.virtual_account), to.remark)
    bills = Invoice.objects.filter(tenant=visit.tenant, currency=visit.tenant.currency, seller=seller).open()
    due = tuple(
        Due(bill.number or "", visit.to("bill", bill.pk), bill.due_on, Money(bill.due_minor, bill.currency))
        for bill in bills.order_by("due_on", "pk")
    )
    claims = TransferClaim.objects.filter(tenant=visit.tenant, seller=seller)
    return TransferPage(
        to=to,
        plain_account=to.account.replace(" ", "") if to else "",
        own_account=bool(code and code.virtual_account),
        total=Money(sum(bill.due.minor for bill in due), visit.tenant.currency),
        bills=due,
        claims=tuple(told(visit, claim) for claim in claims[:SHOWN]),
        may_claim=visit.member.role in Member.MAY_PAY,
        claim_address=visit.to("transfer_claim"),
    )


def told(visit: Visit, claim: TransferClaim) -> ClaimRow:
    """Return a claim as the customer sees it."""
    return ClaimRow(
        made_at=claim.made_at,
        paid_on=claim.paid_on,
        payer=claim.payer_name,
        digits=claim.last_digits,
        remark=claim.remark,
        amount=Money(claim.amount_minor, claim.currency),
        receipt=visit.to("transfer_receipt", claim.pk) if claim.receipt_sha256 else "",
        reason=claim.reason,
        state=states.CLAIM[claim.state],
    )
