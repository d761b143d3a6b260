"""Budgets and caps: look at them, set one, end one, let more pass for the running period."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.formatting import money
from invoices.pages import budgets as budgets_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page
from tenants.models import Member


@page("portal/budgets.html", "controls", "budgets")
def budgets(visit: Visit, request: HttpRequest) -> budgets_page.BudgetsPage:
    return budgets_page.page(visit)


@require_POST
@acting(roles=Member.MAY_PAY)
def set_budget(visit: Visit, request: HttpRequest) -> str:
    said = {name: request.POST.get(name, "") for name in ("what", "amount", "on_reach")}
    row = budgets_page.set_one(visit, hard=request.POST.get("hard") == "on", **said)
    told = {"name": budgets_page.named(row, visit), "amount": money(row.amount_minor, row.currency)}
    text = _("%(name)s: the bill never passes %(amount)s.") if row.hard else _("%(name)s: budget %(amount)s.")
    messages.success(request, text % told, extra_tags="done")
    return visit.to("budgets")


@require_POST
@acting(roles=Member.MAY_PAY)
def end_budget(visit: Visit, request: HttpRequest, pk: int) -> str:
    row = budgets_page.end(visit, pk)
    said = _("%(name)s: no budget from now on.") % {"name": budgets_page.named(row, visit)}
    messages.success(request, said, extra_tags="done")
    return visit.to("budgets")


@require_POST
@acting(roles=Member.MAY_PAY)
def release_budget(visit: Visit, request: HttpRequest, pk: int) -> str:
    more = budgets_page.release(visit, pk, request.POST.get("amount", ""))
    said = _("%(amount)s more may be used in this period.") % {"amount": money(more.minor, more.currency)}
    messages.success(request, said, extra_tags="done")
    return visit.to("budgets")
