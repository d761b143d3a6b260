"""Is it reasonable: reckoned once a day, by the nightly tick or by whoever looks first."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices import advising, opinions
from invoices.pages import advisor as advisor_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page, visit_of
from tenants.models import Member


@page("portal/advisor.html", "subscription", "advisor")
def _shown(visit: Visit, request: HttpRequest) -> advisor_page.AdvisorPage:
    return advisor_page.page(visit)


@login_required
def advisor(request: HttpRequest, company: str) -> HttpResponse:
    """What is not reckoned yet today is reckoned now; the page is then read as the role `tenant`."""
    visit = visit_of(request, company)
    advising.advise(visit.tenant, at=visit.at)
    return _shown(request, company=company)


@require_POST
@acting(roles=frozenset(Member.Role.values))
def survey(visit: Visit, request: HttpRequest) -> str:
    score, words = request.POST.get("score", ""), request.POST.get("words", "")
    opinions.say(visit.tenant, score=score, words=words, at=visit.at, by=visit.user)
    messages.success(request, _("Thank you. We read every answer."), extra_tags="done")
    return visit.to("help")
