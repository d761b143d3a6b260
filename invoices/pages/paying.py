"""Pay by hand: which bills, in which way; or put money into the balance. Nothing is chosen beforehand that was not asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from billing import wallets
from billing.formatting import money
from billing.money import Money
from invoices import refund_rules
from invoices.models import Invoice, Payment, PaymentPart
from invoices.pages import frame, payments
from invoices.pages.payers import who
from invoices.pages.visit import Visit
from invoices.providers import gateways
from tenants.errors import Invalid, NotFound
from tenants.models import Seller

Method, Product = Payment.Method, Payment.Product
BALANCE = "balance"
# Each way as it is posted: (method, product, the provider that must be set up).
WAYS = {
    "alipay_qr": (Method.ALIPAY, Product.QR),
    "alipay_page": (Method.ALIPAY, Product.PAGE),
    "wechat_qr": (Method.WECHAT, Product.QR),
}


@dataclass(frozen=True)
class BillRow:
    """An open bill; `chosen` when the page was asked for it; `waits` while another payment of it is under way."""

    pk: int
    number: str
    address: str
    due_on: date
    due: Money
    chosen: bool
    waits: str


@dataclass(frozen=True)
class Way:
    """A way to pay: what is posted, what the button says, and what a person should know of it."""

    code: str
    button: str
    about: str


@dataclass(frozen=True)
class PayPage:
    """The page /pay/: choose bills, then a way. `held` is the total that the buttons name; another total is refused."""

    bills: tuple[BillRow, ...]
    chosen: tuple[BillRow, ...]
    total: Money
    part: Money | None
    balance: Money
    ways: tuple[Way, ...]
    rules: tuple[str, ...]
    transfer: payments.Transfer | None
    may_pay: bool
    who: str


@dataclass(frozen=True)
class TopUpPage:
    """The page /wallet/top-up/: an amount, then a way."""

    balance: Money
    amount: Money | None
    ways: tuple[Way, ...]
    transfer: payments.Transfer | None
    error: str
    may_pay: bool
    who: str


def page(visit: Visit, chosen_ids: Iterable[int], part: str = "") -> PayPage:
    """Return the open bills, and for those that are chosen the ways to pay them; `part` pays less than all of one bill."""
    seller = seller_of(visit)
    rows = tuple(_rows(visit, seller, set(chosen_ids)))
    chosen = tuple(row for row in rows if row.chosen and not row.waits)
    due = Money(sum(row.due.minor for row in chosen), visit.tenant.currency)
    wanted = _part(visit, part, due) if part and len(chosen) == 1 else None
    total = wanted or due
    held = Money(wallets.balance(visit.tenant, seller, total.currency).total, total.currency)
    ways = list(_ways(seller, total)) if total.minor else []
    if total.minor and held.minor >= total.minor:
        ways.insert(0, _from_balance(total, held))
    return PayPage(
        bills=rows,
        chosen=chosen,
        total=total,
        part=wanted,
        balance=held,
        ways=tuple(ways),
        rules=refund_rules.said([row.pk for row in chosen]),
        transfer=payments.transfer(seller, payments.code_of(visit, seller)),
        may_pay=visit.member.may_pay,
        who=who(visit),
    )


def top_up(visit: Visit, amount: str = "") -> TopUpPage:
    """Return the form of a top-up, with the ways once an amount is written."""
    seller, currency, wanted, error = seller_of(visit), visit.tenant.currency, None, ""
    if amount:
        try:
            wanted = typed(visit, amount)
        except Invalid as refusal:
            error = refusal.message
    return TopUpPage(
        balance=Money(wallets.balance(visit.tenant, seller, currency).total, currency),
        amount=wanted,
        ways=tuple(_ways(seller, wanted)) if wanted else (),
        transfer=payments.transfer(seller, payments.code_of(visit, seller)),
        error=error,
        may_pay=visit.member.may_pay,
        who=who(visit),
    )


def typed(visit: Visit, amount: str) -> Money:
    """Read an amount that a person wrote, in the company's currency; raise Invalid unless it is above zero."""
    try:
        found = Money.of(amount.strip().replace(",", "").removeprefix("¥"), visit.tenant.currency)
    except ValueError:
        found = Money.zero(visit.tenant.currency)
    if found.minor <= 0:
        raise Invalid(_("Write an amount above zero, such as 500.00."), field="amount")
    return found


def chosen(visit: Visit, ids: Iterable[int]) -> dict[int, int]:
    """Return what is due of the chosen open bills, by id; raise NotFound where one is not open or not this company's."""
    wanted = set(ids)
    found = Invoice.objects.open().filter(tenant=visit.tenant, pk__in=wanted).values_list("pk", "due_minor")
    due = dict(found.order_by("pk"))
    if not due or wanted - due.keys():
        raise NotFound(_("There is no such bill to pay."))
    return due


def seller_of(visit: Visit) -> Seller:
    """Return whom this company pays; raise NotFound where nobody sells here yet."""
    seller = frame.seller_of(visit)
    if seller is None:
        raise NotFound(_("Nothing is sold here yet."))
    return seller


def _rows(visit: Visit, seller: Seller, wanted: set[int]) -> Iterable[BillRow]:
    open_bills = Invoice.objects.open().filter(tenant=visit.tenant, seller=seller, currency=visit.tenant.currency)
    bills = list(open_bills.filter(due_minor__gt=0).order_by("due_on", "pk"))
    live = dict(PaymentPart.objects.filter(invoice__in=bills, live=True).values_list("invoice", "payment"))
    for bill in bills:
        assert bill.due_on is not None
        yield BillRow(
            pk=bill.pk,
            number=bill.number or "",
            address=visit.to("bill", bill.pk),
            due_on=bill.due_on,
            due=Money(bill.due_minor, bill.currency),
            chosen=bill.pk in wanted or len(bills) == 1,
            waits=visit.to("payment", live[bill.pk]) if bill.pk in live else "",
        )


def _part(visit: Visit, part: str, due: Money) -> Money:
    wanted = typed(visit, part)
    if wanted.minor > due.minor:
        raise Invalid(_("Of this bill %(due)s can be paid.") % {"due": money(due.minor, due.currency)}, field="amount")
    return wanted


def _from_balance(total: Money, held: Money) -> Way:
    return Way(
        BALANCE,
        _("Pay %(amount)s from the balance") % {"amount": money(total.minor, total.currency)},
        _("The balance is %(amount)s. It is paid at once.") % {"amount": money(held.minor, held.currency)},
    )


def _ways(seller: Seller, total: Money) -> Iterable[Way]:
    said = {"amount": money(total.minor, total.currency)}
    active = gateways.offered(seller)
    if Method.WECHAT in active:
        yield Way("wechat_qr", _("Pay %(amount)s with WeChat Pay") % said, _("A code to scan, good for two hours."))
    if Method.ALIPAY in active:
        yield Way("alipay_qr", _("Pay %(amount)s with Alipay") % said, _("A code to scan, good for two hours."))
        yield Way(
            "alipay_page",
            _("Pay %(amount)s on Alipay's page") % said,
            _("For a company account at Alipay; you come back here afterwards."),
        )
