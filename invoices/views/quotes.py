"""Quotes: read, accept, decline. Accepting needs a confirmation that nobody ticks for the member; declining asks nothing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.doubles import BoughtTwice
from billing.weighing import AboveLimit
from invoices import purchasing, quoting
from invoices.models import Document
from invoices.pages import quotes as quotes_page
from invoices.pages.visit import Visit
from invoices.views.downloads import pdf_file
from invoices.views.visits import acting, page, reading
from tenants.errors import DomainError, NotAllowed
from tenants.models import Member


@page("portal/quotes.html", "subscription", "quotes")
def quotes(visit: Visit, request: HttpRequest) -> quotes_page.QuotesPage:
    return quotes_page.page(visit)


@page("portal/quote.html", "subscription")
def quote(visit: Visit, request: HttpRequest, pk: int) -> quotes_page.QuotePage:
    return quotes_page.one(visit, pk)


@reading
def quote_pdf(visit: Visit, request: HttpRequest, pk: int, language: str) -> HttpResponse:
    return pdf_file(request, Document.Kind.QUOTE, quotes_page.find(visit, pk).pk, language)


@require_POST
@acting(roles=Member.MAY_PAY)
def quote_accept(visit: Visit, request: HttpRequest, pk: int) -> str:
    found = quotes_page.find(visit, pk)
    yes = quotes_page.yes(visit, found, request.POST, request.META.get("REMOTE_ADDR"))
    try:
        quoting.accept(found, yes, by=visit.user, at=visit.at)
    except NotAllowed:
        raise
    except AboveLimit as refusal:
        asked = purchasing.ask_quote(found, yes, refusal.context["weight"], at=visit.at, by=visit.user)
        messages.success(request, _("Submitted. It is accepted when a second person approves it."), extra_tags="done")
        return visit.to("approval", asked.pk)
    except DomainError as refusal:
        messages.error(request, _("Nothing was accepted. %(why)s") % {"why": refusal.message}, extra_tags="danger")
        return visit.to("quote", pk) + ("?double=1#answer" if isinstance(refusal, BoughtTwice) else "")
    messages.success(request, _("Accepted. The contract has begun as it stands below."), extra_tags="done")
    return visit.to("quote", pk)


@require_POST
@acting(roles=Member.MAY_PAY)
def quote_decline(visit: Visit, request: HttpRequest, pk: int) -> str:
    found, reason = quotes_page.find(visit, pk), request.POST.get("reason", "")
    quoting.decline(found, reason=reason, at=visit.at, by=visit.user, address=request.META.get("REMOTE_ADDR"))
    messages.success(request, _("Declined. Nothing is charged."), extra_tags="done")
    return visit.to("quote", pk)
