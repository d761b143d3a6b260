"""Authorisations on the pages: choose, read the whole text, agree; withdraw with one click, which asks nothing."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices.pages import authorising, frame
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page
from tenants import access, agreements
from tenants.errors import DomainError
from tenants.models import Authorisation, Member


@page("portal/authorise.html", "controls", "controls")
def authorise(visit: Visit, request: HttpRequest) -> authorising.ChoicePage:
    return authorising.page(visit)


@acting(roles=Member.MAY_PAY)
def text(visit: Visit, request: HttpRequest) -> HttpResponse:
    """The text that the choices make; nothing is agreed by looking at it."""
    try:
        told = authorising.text(visit, request.GET)
    except DomainError as refusal:
        messages.error(request, refusal.message, extra_tags="danger")
        return redirect(visit.to("authorise"))
    with timezone.override(visit.zone), access.as_tenant(visit.tenant):
        around = frame.frame(visit, "controls", "controls")
        return render(request, "portal/authorise_text.html", {"page": told, "frame": around, "visit": visit})


@require_POST
@acting(roles=Member.MAY_PAY)
def agree(visit: Visit, request: HttpRequest) -> str:
    if request.POST.get("agreed") != "yes":
        messages.error(request, _("Nothing was agreed: the box was not ticked."), extra_tags="danger")
        return visit.to("authorise")
    authorising.agree(visit, request.POST, address=request.META.get("REMOTE_ADDR"))
    messages.success(
        request,
        _("The authorisation is given and kept with its whole text. Withdraw it here with one click."),
        extra_tags="done",
    )
    return visit.to("controls")


@require_POST
@acting(roles=Member.MAY_PAY)
def withdraw(visit: Visit, request: HttpRequest, pk: int) -> str:
    found = Authorisation.objects.filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise Http404
    agreements.withdraw(found, at=visit.at, by=visit.user)
    messages.success(
        request, _("The authorisation is withdrawn. Nothing is deducted under it any more."), extra_tags="done"
    )
    return f"{visit.to('controls')}?withdrawn={pk}"
