"""The balance: what is there, what comes off next and when, every movement, and the bills that it can pay by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from django.utils.translation import gettext as _

from billing import formatting, wallets
from billing.money import Money
from invoices import alerting, announcing
from invoices.models import ChargeNotice, Invoice
from invoices.pages import frame, notices, payments, statement
from invoices.pages.statement import LotRow, MovementRow
from invoices.pages.visit import Visit
from tenants.errors import Invalid, NotFound
from tenants.models import Seller
from usage.periods import local_day


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
    # The printed notice, where there is one; the code on it; and whether its mail came back.
    file: str = ""
    code: str = ""
    came_back: bool = False


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
    missing_until: date | None
    next: tuple[Deduction, ...]
    bills: tuple[ToPay, ...]
    lots: tuple[LotRow, ...]
    movements: tuple[MovementRow, ...]
    csv: str
    # Below which balance the customer is told; none where he did not ask for it.
    alert: Money | None
    set_alert: str
    transfer: payments.Transfer | None
    may_pay: bool


def page(visit: Visit) -> WalletPage:
    """Return the balance in the customer's own currency with the seller it buys from."""
    seller, currency = frame.seller_of(visit), visit.tenant.currency
    held = statement.wallet_of(visit, seller)
    rows = _announced(visit, seller)
    ahead = alerting.forecast(held, rows, at=visit.at)
    return WalletPage(
        held=Money(held.total_minor, currency),
        gift=Money(held.gift_minor, currency),
        missing=Money(ahead.missing_minor, currency),
        missing_until=ahead.until,
        next=tuple(_deduction(visit, row) for row in rows),
        bills=tuple(_to_pay(visit, bill, held.total_minor) for bill in _open(visit, seller)),
        lots=tuple(statement.lots(held)),
        movements=tuple(statement.movements(visit, seller)) if seller else (),
        csv=visit.to("statement_csv"),
        alert=Money(held.alert_minor, currency) if held.alert_minor else None,
        set_alert=visit.to("set_alert"),
        transfer=payments.transfer(seller, payments.code_of(visit, seller)) if seller else None,
        may_pay=visit.member.may_pay,
    )


def announced(visit: Visit, seller: Seller | None) -> list[Deduction]:
    """Return the deductions that are announced and still to come, earliest first; of each day the version in force."""
    return [_deduction(visit, row) for row in _announced(visit, seller)]


def _announced(visit: Visit, seller: Seller | None) -> list[ChargeNotice]:
    rows = ChargeNotice.objects.filter(tenant=visit.tenant, seller=seller, currency=visit.tenant.currency)
    return alerting.in_force(rows.filter(due_at__gt=visit.at - alerting.BEHIND), at=visit.at)


def deduction(visit: Visit, pk: int) -> Deduction:
    """Return one announced deduction; raise NotFound for another company's."""
    row = own(visit, pk)
    file, code = notices.charge_file(visit, row), notices.code_of(row)
    return replace(_deduction(visit, row), file=file, code=code, came_back=notices.came_back(row))


def opened(visit: Visit, pk: int) -> None:
    """Keep that a member has opened an announcement: that it has reached the company (CONTRACTS rule 18)."""
    announcing.opened(own(visit, pk), at=visit.at, by=visit.user)


def set_alert(visit: Visit, text: str) -> Money | None:
    """Keep below which balance the company is told, from what a member wrote; nothing written: never again."""
    seller, currency = frame.seller_of(visit), visit.tenant.currency
    if seller is None:
        raise NotFound(_("You have no balance with us yet."))
    try:
        below = Money.of(text.strip(), currency) if text.strip() else None
    except ValueError:
        raise Invalid(_("This is no amount: write digits, such as 36.00."), field="below") from None
    wallets.set_alert(visit.tenant, seller=seller, currency=currency, below=below, at=visit.at, by=visit.user)
    return below


def bill_to_pay(visit: Visit, pk: int) -> Invoice:
    """Return an issued bill of this company; raise NotFound for any other."""
    found = Invoice.objects.issued().filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such bill."))
    return found


def own(visit: Visit, pk: int) -> ChargeNotice:
    """Return an announcement of this company; raise NotFound for any other."""
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
