"""The balance, the announced deductions, and paying a bill from the balance by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.formatting import money
from invoices import collection
from invoices.pages import statement
from invoices.pages import wallet as wallet_page
from invoices.pages.visit import Visit
from invoices.views.downloads import csv_file
from invoices.views.visits import acting, found_or_404, page, reading, visit_of
from tenants.models import Member


@page("portal/wallet.html", "payments", "wallet")
def wallet(visit: Visit, request: HttpRequest) -> wallet_page.WalletPage:
    return wallet_page.page(visit)


@page("portal/deduction.html", "payments")
def _deduction(visit: Visit, request: HttpRequest, pk: int) -> wallet_page.Deduction:
    return wallet_page.deduction(visit, pk)


@login_required
def deduction(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show an announced deduction. Opened by a member of the company, it has been delivered; our own staff do not count."""
    visit = visit_of(request, company)
    if not getattr(request.user, "is_hijacked", False):
        with found_or_404():
            wallet_page.opened(visit, pk)
    return _deduction(request, company=company, pk=pk)


@reading
def statement_csv(visit: Visit, request: HttpRequest) -> HttpResponse:
    return csv_file(visit, "balance", statement.csv(visit))


@require_POST
@acting(roles=Member.MAY_PAY)
def set_alert(visit: Visit, request: HttpRequest) -> str:
    below = wallet_page.set_alert(visit, request.POST.get("below", ""))
    said = (
        _("We tell you when the balance is below %(amount)s.") % {"amount": money(below.minor, below.currency)}
        if below
        else _("We no longer tell you when the balance is low.")
    )
    messages.success(request, said, extra_tags="done")
    return visit.to("wallet")


@require_POST
@acting(roles=Member.MAY_PAY)
def pay_bill(visit: Visit, request: HttpRequest, pk: int) -> str:
    payment = collection.pay_now(wallet_page.bill_to_pay(visit, pk), at=visit.at, by=visit.user)
    paid = money(payment.amount_minor, payment.currency)
    messages.success(request, _("%(amount)s paid from your balance.") % {"amount": paid}, extra_tags="done")
    return visit.to("wallet")
