"""A stopped bill: the comparison, and the yes of somebody who may pay."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from billing.formatting import money
from invoices import holding
from invoices.models import Invoice
from invoices.pages import held as held_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page
from tenants.models import Member


@page("portal/held.html", "bills")
def _shown(visit: Visit, request: HttpRequest, pk: int) -> held_page.HeldPage:
    return held_page.page(visit, pk)


@acting(roles=Member.MAY_PAY)
def _agree(visit: Visit, request: HttpRequest, pk: int) -> str:
    hold = held_page.find(visit, pk)
    shown = request.POST.get("total", "")
    total = int(shown) if shown.isdecimal() and len(shown) < 19 else -1
    said = _("Agreed to %(total)s on the page.") % {"total": money(hold.total_minor, hold.currency)}
    row = holding.release(hold, at=visit.at, by=visit.user, reason=said, total_minor=total)
    messages.success(request, _("Thank you. The bill goes on as you agreed."), extra_tags="done")
    issued = Invoice.objects.issued().filter(pk=row.invoice_id).exists()
    return visit.to("bill", row.invoice_id) if issued else visit.to("held", pk)


def held(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The page that compares, and with POST the yes."""
    return (_agree if request.method == "POST" else _shown)(request, company=company, pk=pk)
