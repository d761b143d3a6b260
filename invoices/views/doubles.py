"""Possible doubles: look at them, and say what becomes of each."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices import doubled
from invoices.pages import doubles as doubles_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page
from tenants.models import Member


@page("portal/doubles.html", "bills", "doubles")
def doubles(visit: Visit, request: HttpRequest) -> doubles_page.DoublesPage:
    return doubles_page.page(visit)


@require_POST
@acting(roles=Member.MAY_PAY)
def double_keep(visit: Visit, request: HttpRequest, pk: int) -> str:
    doubled.keep(doubles_page.find(visit, pk), at=visit.at, by=visit.user)
    messages.success(request, _("Kept as it is. You are not asked about it again."), extra_tags="done")
    return visit.to("doubles")


@require_POST
@acting(roles=Member.MAY_PAY)
def double_correct(visit: Visit, request: HttpRequest, pk: int) -> str:
    doubled.correct(doubles_page.find(visit, pk), at=visit.at, by=visit.user)
    messages.success(request, _("Put right. The money is on its way, or comes off the next bill."), extra_tags="done")
    return visit.to("doubles")
