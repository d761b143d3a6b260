"""What a member does on the pages: stop and restore renewal, change contacts and language.

Stopping is one click and asks nothing; whatever lets money leave goes through a page that shows the whole text.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices.forms import ContactForm, FormPage, all_contacts, contact_of
from invoices.pages import renewals
from invoices.pages.visit import Visit
from invoices.views.visits import acting, form_page, page
from tenants import companies
from tenants.models import Member


@require_POST
@acting(roles=Member.MAY_PAY)
def renewal_off(visit: Visit, request: HttpRequest, pk: int) -> str | HttpResponse:
    card = renewals.stop(visit, pk)
    said = _("Automatic renewal is stopped. Nothing is deducted for the time after.")
    if request.htmx:  # type: ignore[attr-defined]
        return render(
            request, "portal/parts/renewal.html", {"card": card, "said": said, "undo": visit.to("renewal_restore", pk)}
        )
    messages.success(request, said, extra_tags="done")
    return visit.to("subscription")


@require_POST
@acting(roles=Member.MAY_PAY)
def renewal_restore(visit: Visit, request: HttpRequest, pk: int) -> str:
    renewals.restore(visit, pk)
    messages.success(request, _("Automatic renewal is on again, as before."), extra_tags="done")
    return visit.to("subscription")


@page("portal/consent.html", "subscription")
def consent(visit: Visit, request: HttpRequest, pk: int) -> renewals.ConsentPage:
    return renewals.consent(visit, pk)


@acting(roles=Member.MAY_PAY)
def agree(visit: Visit, request: HttpRequest, pk: int) -> str:
    renewals.agree(visit, pk, address=request.META.get("REMOTE_ADDR"))
    messages.success(
        request, _("Automatic renewal is on. Your authorisation is kept under Controls."), extra_tags="done"
    )
    return visit.to("subscription")


def renewal(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The consent page, and with POST the consent itself."""
    return (agree if request.method == "POST" else consent)(request, company=company, pk=pk)


@require_POST
@acting(roles=Member.MAY_MANAGE)
def language(visit: Visit, request: HttpRequest) -> str:
    companies.amend(visit.tenant, {"language": request.POST.get("language", "")}, at=visit.at, by=visit.user)
    messages.success(request, _("Saved. The next bill and mail come in this language."), extra_tags="done")
    return visit.to("settings")


@form_page("settings", roles=Member.MAY_MANAGE)
def contact(visit: Visit, request: HttpRequest, pk: int | None = None) -> FormPage | str:
    row = contact_of(visit, pk)
    if row is None:
        raise Http404
    form = ContactForm(request.POST or None, instance=row)
    if request.method != "POST" or not form.is_valid():
        title = _("Change a contact") if pk else _("Add a contact")
        return FormPage(title, form, visit.to("settings"))
    companies.amend(visit.tenant, {"contacts": all_contacts(visit, form.said(), pk)}, at=visit.at, by=visit.user)
    messages.success(request, _("Saved."), extra_tags="done")
    return visit.to("settings")


def new_contact(request: HttpRequest, company: str) -> HttpResponse:
    return contact(request, company=company)
