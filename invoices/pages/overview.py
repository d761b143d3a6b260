"""The overview: what is to be paid, the next bill, the subscription, the allowances, the latest bills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.money import Money
from invoices.models import DuplicateFlag, Invoice, Payment, PurchaseRequest
from invoices.pages import bills, gauges
from invoices.pages import subscription as plans
from invoices.pages.coming import Coming, coming_of
from invoices.pages.visit import Visit
from tenants.models import Contact, Notice

ROWS = 4


@dataclass(frozen=True)
class Owed:
    """What is open, and what was received last."""

    amount: Money
    overdue: Money
    count: int
    last_paid: Money | None
    last_paid_on: date | None
    address: str


@dataclass(frozen=True)
class Look:
    """Something that wants the reader's attention, with the one place to see to it."""

    icon: str
    sentence: str
    link: str
    address: str


@dataclass(frozen=True)
class OverviewPage:
    """The page /."""

    owed: Owed
    coming: Coming | None
    card: plans.SubscriptionCard | None
    more_cards: int
    gauges: tuple[gauges.Gauge, ...]
    attention: tuple[Look, ...]
    rows: tuple[bills.BillRow, ...]
    empty: str
    subscription_address: str
    usage_address: str
    bills_address: str


def overview(visit: Visit) -> OverviewPage:
    """Return the overview of one company."""
    cards = plans.page(visit).cards
    latest = bills.rows(visit, bills.Filters())[:ROWS]
    following = coming_of(visit)
    return OverviewPage(
        owed=owed(visit),
        coming=following,
        card=cards[0] if cards else None,
        more_cards=len(cards[1:]),
        gauges=gauges.gauges(visit),
        attention=attention(visit),
        rows=tuple(latest),
        empty=bills.nothing(False, None),
        subscription_address=visit.to("subscription"),
        usage_address=visit.to("usage"),
        bills_address=visit.to("bills"),
    )


def owed(visit: Visit) -> Owed:
    sums = bills.sums(visit)
    count = Invoice.objects.filter(tenant=visit.tenant).open().count()
    last = (
        Payment.objects.filter(tenant=visit.tenant, status=Payment.Status.SUCCEEDED)
        .order_by("-received_at", "-id")
        .first()
    )
    return Owed(
        amount=sums.to_pay,
        overdue=sums.overdue,
        count=count,
        last_paid=Money(last.amount_minor, last.currency) if last else None,
        last_paid_on=last.received_at.astimezone(visit.zone).date() if last else None,
        address=visit.to("payments"),
    )


def attention(visit: Visit) -> tuple[Look, ...]:
    """Return what wants a look, the most urgent first."""
    looks = []
    late = Invoice.objects.filter(tenant=visit.tenant).overdue(visit.today).order_by("due_on", "id")
    for bill in late[:3]:
        said = {"number": bill.number, "amount": bills.wording.amount(Money(bill.due_minor, bill.currency))}
        looks.append(
            Look("bill", _("Bill %(number)s: %(amount)s overdue.") % said, _("How to pay"), visit.to("bill", bill.pk))
        )
    asked = PurchaseRequest.objects.filter(tenant=visit.tenant, state=PurchaseRequest.State.WAITING).count()
    if asked:
        said_asked = ngettext("%(count)s purchase waits for a yes.", "%(count)s purchases wait for a yes.", asked)
        looks.append(Look("look", said_asked % {"count": asked}, _("See what"), visit.to("approvals")))
    flags = DuplicateFlag.objects.filter(tenant=visit.tenant, state=DuplicateFlag.State.OPEN).count()
    if flags:
        said_flags = ngettext("%(count)s thing may be double.", "%(count)s things may be double.", flags)
        looks.append(Look("look", said_flags % {"count": flags}, _("Say what is right"), visit.to("doubles")))
    if Notice.objects.filter(tenant=visit.tenant, status=Notice.Status.FAILED).exists():
        looks.append(Look("look", _("A message to you could not be delivered."), _("See which"), visit.to("notices")))
    if not Contact.objects.filter(tenant=visit.tenant, receives_bills=True).exists():
        looks.append(
            Look("people", _("Nobody is named to receive bills by mail."), _("Name somebody"), visit.to("settings"))
        )
    return tuple(looks)
