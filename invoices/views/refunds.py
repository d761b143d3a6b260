"""Where is my money: refunds, and asking for one. What leaves us is confirmed on a page of its own."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from billing.formatting import money
from billing.models import Wallet
from billing.money import Money
from invoices import refund_rules, refunding, taking_back
from invoices.models import Refund
from invoices.pages import frame
from invoices.pages import refunds as refunds_page
from invoices.pages.bill import find
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page
from tenants import access
from tenants.errors import Conflict, NotFound
from tenants.models import Member


class Stale(Conflict):
    """What was shown is not what would be returned any more."""

    code = "amount_changed"


@page("portal/refunds.html", "bills", "disputes")
def refunds(visit: Visit, request: HttpRequest) -> refunds_page.RefundsPage:
    return refunds_page.page(visit)


@page("portal/refund.html", "bills")
def refund(visit: Visit, request: HttpRequest, pk: int) -> refunds_page.RefundPage:
    return refunds_page.one(visit, pk)


@page("portal/refund_ask.html", "payments")
def _withdrawal(visit: Visit, request: HttpRequest) -> refunds_page.AskPage:
    return refunds_page.withdrawal(visit, request.GET.get("amount", "")[:20])


@acting(roles=Member.MAY_PAY)
def _withdraw(visit: Visit, request: HttpRequest) -> str:
    amount = refunds_page.typed(visit, request.POST.get("amount", ""))
    wallet = Wallet.objects.filter(
        tenant=visit.tenant, seller=frame.seller_of(visit), currency=visit.tenant.currency
    ).first()
    if wallet is None:
        raise NotFound(_("There is no balance."))
    return _said(visit, request, refunding.withdraw(wallet, amount_minor=amount, at=visit.at, by=visit.user))


def withdraw(request: HttpRequest, company: str) -> HttpResponse:
    """The page on which balance is asked back, and with POST the asking."""
    return (_withdraw if request.method == "POST" else _withdrawal)(request, company=company)


@page("portal/refund_ask.html", "bills")
def _of_bill(visit: Visit, request: HttpRequest, pk: int) -> refunds_page.AskPage:
    return refunds_page.of_bill(visit, pk)


@acting(roles=Member.MAY_PAY)
def _ask(visit: Visit, request: HttpRequest, pk: int) -> str:
    bill = find(visit, pk)
    # Read as the page read it, so that what was shown is what is compared.
    with access.as_tenant(visit.tenant):
        lines = refund_rules.may_ask(bill, visit.at)
    total = Money(sum(lines.values()), bill.currency)
    if request.POST.get("amount") != str(total):
        now = money(total.minor, total.currency)
        raise Stale(_("What can be refunded has changed meanwhile: now it is %(amount)s.") % {"amount": now})
    if bought := taking_back.covers(bill, visit.at):
        # Within its hours and unused, giving all of it back is taking the purchase back: by right, without approval.
        return _said(visit, request, taking_back.refunds_of(taking_back.undo(bought, at=visit.at, by=visit.user)))
    reason = request.POST.get("reason", "")[:300]
    rows = refunding.request(bill, lines=lines, reason=reason, at=visit.at, by=visit.user, waits=True)
    return _said(visit, request, rows)


def ask(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The page on which a refund of a bill is asked for, and with POST the asking."""
    return (_ask if request.method == "POST" else _of_bill)(request, company=company, pk=pk)


def _said(visit: Visit, request: HttpRequest, rows: list[Refund]) -> str:
    waits = rows[0].status == Refund.Status.REQUESTED
    said = (
        _("Asked for. We approve it within one working day.") if waits else _("Done. Here you see where the money is.")
    )
    messages.success(request, said, extra_tags="done")
    return visit.to("refund", rows[0].pk) if len(rows) == 1 else visit.to("refunds")
