"""From a request to a visit: who asks, for which company, when, and reads that see this company's rows only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from invoices.pages import frame
from invoices.pages.visit import Visit
from tenants import access
from tenants.errors import DomainError, NotAllowed, NotFound
from tenants.models import Tenant

View = Callable[..., HttpResponse]


def visit_of(request: HttpRequest, company: str) -> Visit:
    """Return the visit; a stranger is told that there is nothing here."""
    try:
        member = access.member(request.user, company)  # type: ignore[arg-type]
    except NotFound as refusal:
        raise Http404 from refusal
    mine = Tenant.objects.filter(members__user=member.user).order_by("name")
    return Visit(member.tenant, member, member.user, tuple(mine), timezone.now(), get_language() or "zh-hans")


@contextmanager
def found_or_404() -> Iterator[None]:
    """Turn “there is no such thing here” into the page that says so."""
    try:
        yield
    except NotFound as refusal:
        raise Http404 from refusal


def page(template: str, place: str, tab: str = "", *, chart: bool = False) -> Callable[[Callable[..., Any]], View]:
    """Make a view of a function that returns the page's data; everything is read as the role `tenant`."""

    def dressed(build: Callable[..., Any]) -> View:
        @login_required
        @wraps(build)
        def view(request: HttpRequest, company: str, **names: Any) -> HttpResponse:
            visit = visit_of(request, company)
            with timezone.override(visit.zone), access.as_tenant(visit.tenant), found_or_404():
                data = build(visit, request, **names)
                around = frame.frame(visit, place, tab)
                return render(request, template, {"page": data, "frame": around, "visit": visit, "chart": chart})

        return view

    return dressed


def reading(build: Callable[..., HttpResponse]) -> View:
    """Make a view that answers something other than a page (a file, a part), read as the role `tenant`."""

    @login_required
    @wraps(build)
    def view(request: HttpRequest, company: str, **names: Any) -> HttpResponse:
        visit = visit_of(request, company)
        with timezone.override(visit.zone), access.as_tenant(visit.tenant), found_or_404():
            return build(visit, request, **names)

    return view


def acting(*, roles: frozenset) -> Callable[[Callable[..., str | HttpResponse]], View]:
    """Make a view of a POST that a member with one of `roles` may do; it returns where to go on. A refusal is said there."""

    def dressed(act: Callable[..., str | HttpResponse]) -> View:
        @login_required
        @wraps(act)
        def view(request: HttpRequest, company: str, **names: Any) -> HttpResponse:
            visit = visit_of(request, company)
            try:
                refuse_onlookers(request)
                access.require(visit.member, roles)
                answer = act(visit, request, **names)
            except DomainError as refusal:
                return refused(request, visit, refusal)
            return answer if isinstance(answer, HttpResponse) else redirect(answer)

        return view

    return dressed


def refuse_onlookers(request: HttpRequest) -> None:
    """Our own staff may look at a customer's pages, and never act for the customer."""
    if getattr(request.user, "is_hijacked", False):
        raise NotAllowed(_("You are looking at this customer's pages. Only the customer's own people can do this."))


def form_page(place: str, *, roles: frozenset) -> Callable[[Callable[..., Any]], View]:
    """Make a view of a form: it returns the page to show (again), or where to go on after it was saved."""

    def dressed(fill: Callable[..., Any]) -> View:
        @acting(roles=roles)
        @wraps(fill)
        def view(visit: Visit, request: HttpRequest, **names: Any) -> HttpResponse | str:
            answer = fill(visit, request, **names)
            if isinstance(answer, str):
                return answer
            with timezone.override(visit.zone), access.as_tenant(visit.tenant):
                around = frame.frame(visit, place, "")
                return render(request, "portal/form.html", {"page": answer, "frame": around, "visit": visit})

        return view

    return dressed


def refused(request: HttpRequest, visit: Visit, refusal: DomainError) -> HttpResponse:
    """Say why on the page the person came from; a stranger's object does not exist, a missing role is a 403."""
    if isinstance(refusal, NotFound):
        raise Http404
    if isinstance(refusal, NotAllowed):
        return render(request, "portal/not_yours.html", {"message": refusal.message}, status=403)
    messages.error(request, refusal.message, extra_tags="danger")
    return redirect(visit.to("overview"))
