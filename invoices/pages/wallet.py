"""The balance: what is there, what comes off next and when, every movement, and the bills that it can pay by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from billing import formatting, wallets
from billing.models import TopUp, Wallet
from billing.money import Money
from invoices import announcing
from invoices.models import ChargeNotice, CreditNote, Invoice, Payment
from invoices.pages import frame, payments
from invoices.pages.visit import Visit
from tenants.errors import NotFound
from tenants.models import Seller
from usage.periods import local_day

SHOWN = 200


@dataclass(frozen=True)
class MovementRow:
    """One movement of the balance, and what was there after it."""

    at: datetime
    what: str
    why: str
    amount: Money
    after: Money


@dataclass(frozen=True)
class LineRow:
    """A part of what is announced."""

    name: str
    days: tuple[date, date]
    amount: Money


@dataclass(frozen=True)
class Deduction:
    """An announced deduction: at most `total`, not before `day`; without a day it has not reached the customer yet."""

    address: str
    announced_at: datetime
    day: date | None
    at: datetime | None
    total: Money
    ceiling: Money
    lines: tuple[LineRow, ...]
    confirmed: bool


@dataclass(frozen=True)
class ToPay:
    """An open bill that a member may pay from the balance."""

    number: str
    address: str
    pay: str
    due: Money
    enough: bool


@dataclass(frozen=True)
class WalletPage:
    """The page /wallet/."""

    held: Money
    gift: Money
    missing: Money
    next: tuple[Deduction, ...]
    bills: tuple[ToPay, ...]
    movements: tuple[MovementRow, ...]
    transfer: payments.Transfer | None
    may_pay: bool


def page(visit: Visit) -> WalletPage:
    """Return the balance in the customer's own currency with the seller it buys from."""
    seller, currency = frame.seller_of(visit), visit.tenant.currency
    held = wallets.balance(visit.tenant, seller, currency) if seller else wallets.Balance()
    coming = announced(visit, seller)
    wanted = sum(one.total.minor for one in coming)
    return WalletPage(
        held=Money(held.total, currency),
        gift=Money(held.gift, currency),
        missing=Money(max(0, wanted - held.total), currency),
        next=tuple(coming),
        bills=tuple(_to_pay(visit, bill, held.total) for bill in _open(visit, seller)),
        movements=tuple(_movements(visit, seller)) if seller else (),
        transfer=payments.transfer(seller, visit.tenant.code) if seller else None,
        may_pay=visit.member.may_pay,
    )


def announced(visit: Visit, seller: Seller | None) -> list[Deduction]:
    """Return the deductions that are announced and still to come, earliest first; of each day the version in force."""
    rows = ChargeNotice.objects.filter(tenant=visit.tenant, seller=seller, currency=visit.tenant.currency)
    recent = rows.filter(due_at__gt=visit.at - timedelta(days=14), total_minor__gt=0).order_by("due_on", "version")
    latest: dict[Any, ChargeNotice] = {}
    for row in recent:
        latest[(row.due_on, row.of, row.version if row.of == ChargeNotice.Of.BILL else 0)] = row
    return [_deduction(visit, row) for row in latest.values() if row.charge_at is None or row.charge_at > visit.at]


def deduction(visit: Visit, pk: int) -> Deduction:
    """Return one announced deduction; raise NotFound for another company's."""
    return _deduction(visit, _own(visit, pk))


def opened(visit: Visit, pk: int) -> None:
    """Keep that a member has opened an announcement: that it has reached the company (CONTRACTS rule 18)."""
    announcing.delivered(_own(visit, pk), at=visit.at)


def bill_to_pay(visit: Visit, pk: int) -> Invoice:
    """Return an issued bill of this company; raise NotFound for any other."""
    found = Invoice.objects.issued().filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such bill."))
    return found


def _own(visit: Visit, pk: int) -> ChargeNotice:
    found = ChargeNotice.objects.filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such announcement."))
    return found


def _deduction(visit: Visit, row: ChargeNotice) -> Deduction:
    chinese = formatting.is_chinese(visit.language)
    return Deduction(
        address=visit.to("deduction", row.pk),
        announced_at=row.announced_at,
        day=local_day(row.charge_at, visit.tenant.timezone) if row.charge_at else None,
        at=row.charge_at,
        total=Money(row.total_minor, row.currency),
        ceiling=Money(row.ceiling_minor if row.of == ChargeNotice.Of.RENEWAL else 0, row.currency),
        lines=tuple(
            LineRow(
                name=line["name"] if chinese else line["name_en"] or line["name"],
                days=(date.fromisoformat(line["first"]), date.fromisoformat(line["last"])),
                amount=Money(line["amount_minor"], row.currency),
            )
            for line in row.lines
        ),
        confirmed=row.via == ChargeNotice.Via.CONFIRMATION,
    )


def _open(visit: Visit, seller: Seller | None) -> list[Invoice]:
    mine = Invoice.objects.open().filter(tenant=visit.tenant, seller=seller, currency=visit.tenant.currency)
    return list(mine.order_by("due_on", "pk"))


def _to_pay(visit: Visit, bill: Invoice, held: int) -> ToPay:
    return ToPay(
        number=bill.number or "",
        address=visit.to("bill", bill.pk),
        pay=visit.to("pay_bill", bill.pk),
        due=Money(bill.due_minor, bill.currency),
        enough=held >= bill.due_minor,
    )


def _movements(visit: Visit, seller: Seller) -> list[MovementRow]:
    moved = wallets.statement(visit.tenant, seller, visit.tenant.currency)[-SHOWN:]
    named = names(moved)
    return [
        MovementRow(
            at=one.at,
            what=what(one),
            why=named.get((one.source, one.source_id), ""),
            amount=Money(one.total, visit.tenant.currency),
            after=Money(one.after.total, visit.tenant.currency),
        )
        for one in reversed(moved)
    ]


def what(moved: wallets.Movement) -> str:
    """Return in words what moved the balance."""
    if moved.source == "credit_note" or moved.kind == "given_back":
        return _("Given back")
    if moved.total < 0:
        return _("Paid")
    return _("Gift") if moved.gift and not moved.paid else _("Paid in")


def names(moved: list[wallets.Movement]) -> dict[tuple[str, int], str]:
    """Return what a customer knows each cause by: a bill's number, a transfer's, a credit note's, or the reason given."""
    found: dict[tuple[str, int], str] = {}
    ids = {
        source: {m.source_id for m in moved if m.source == source} for source in ("payment", "credit_note", "top_up")
    }
    for payment in Payment.objects.filter(pk__in=ids["payment"]).select_related("invoice"):
        bill = payment.invoice
        found["payment", payment.pk] = (bill.number if bill else payment.reference) or ""
    for pk, number in CreditNote.objects.filter(pk__in=ids["credit_note"]).values_list("pk", "number"):
        found["credit_note", pk] = number
    for pk, reason in TopUp.objects.filter(pk__in=ids["top_up"]).values_list("pk", "reason"):
        found["top_up", pk] = reason
    return found


def of_wallet(wallet: Wallet) -> list[wallets.Movement]:
    """Return the statement of a wallet, oldest first."""
    return wallets.statement(wallet.tenant, wallet.seller, wallet.currency)
