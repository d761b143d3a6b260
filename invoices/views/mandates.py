"""Deduction agreements on the pages: read the whole text, agree, sign at the provider; end with one click."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices.pages import frame
from invoices.pages import mandates as mandates_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, found_or_404, page, reading, visit_of
from tenants import access
from tenants.models import Member


@login_required
def mandates(request: HttpRequest, company: str) -> HttpResponse:
    """All agreements. The seller's accounts at providers are read too, so this is not read as the role `tenant`."""
    visit = visit_of(request, company)
    with timezone.override(visit.zone), found_or_404():
        found = mandates_page.page(visit)
        with access.as_tenant(visit.tenant):
            around = frame.frame(visit, "controls", "mandates")
            return render(request, "portal/mandates.html", {"page": found, "frame": around, "visit": visit})


@acting(roles=Member.MAY_PAY)
def offer(visit: Visit, request: HttpRequest) -> HttpResponse:
    """The text with the limits that were asked for; nothing is agreed by looking at it."""
    told = mandates_page.offer(visit, *(request.GET.get(name, "") for name in ("provider", "single", "per_month")))
    with timezone.override(visit.zone), access.as_tenant(visit.tenant):
        around = frame.frame(visit, "controls", "mandates")
        return render(request, "portal/mandate_offer.html", {"page": told, "frame": around, "visit": visit})


@require_POST
@acting(roles=Member.MAY_PAY)
def agree(visit: Visit, request: HttpRequest) -> str:
    """Keep the consent with exactly the text that was shown, and go on to sign it."""
    told = mandates_page.offer(visit, *(request.POST.get(name, "") for name in ("provider", "single", "per_month")))
    if request.POST.get("agreed") != "yes":
        messages.error(request, _("Nothing was agreed: the box was not ticked."), extra_tags="danger")
        return visit.to("mandates")
    begun = mandates_page.agree(visit, told, address=request.META.get("REMOTE_ADDR"), site=settings.SITE_URL)
    return visit.to("mandate", begun.pk)


@page("portal/mandate.html", "controls", "mandates")
def mandate(visit: Visit, request: HttpRequest, pk: int) -> mandates_page.Signing:
    return mandates_page.one(visit, pk)


@reading
def mandate_state(visit: Visit, request: HttpRequest, pk: int) -> HttpResponse:
    """The part that turns by itself while the agreement is signed."""
    return render(request, "portal/parts/mandate.html", {"page": mandates_page.one(visit, pk), "visit": visit})


@require_POST
@acting(roles=Member.MAY_PAY)
def mandate_end(visit: Visit, request: HttpRequest, pk: int) -> str:
    mandates_page.end(visit, pk)
    messages.success(request, _("The agreement is ended. Nothing is deducted under it."), extra_tags="done")
    return visit.to("mandates")
