"""Change a contract on the pages: choose, look at exactly what it does, agree to exactly that."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import Subscription
from billing.weighing import AboveLimit
from invoices import changed, confirming, debiting, purchasing, wishes
from invoices.checkout import Confirmed
from invoices.confirming import StalePreview
from invoices.pages import changing as changing_page
from invoices.pages import deals, frame, options, plans, renewals
from invoices.pages.visit import Visit
from invoices.views.visits import found_or_404, page, refuse_onlookers, refused, visit_of
from tenants import access
from tenants.errors import DomainError, NotAllowed
from tenants.models import Member


@page("portal/options.html", "subscription")
def options_of(visit: Visit, request: HttpRequest, pk: int) -> options.OptionsPage:
    return options.page(visit, renewals.find(visit, pk))


@login_required
def plans_of(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The plans side by side: each is tried out and taken back, so this is not read as the role `tenant`."""
    visit = visit_of(request, company)
    with timezone.override(visit.zone), found_or_404():
        found = plans.page(visit, renewals.find(visit, pk))
        return shown(visit, request, "portal/plans.html", found)


@login_required
def change(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """What a wish does, and with POST the confirmation of it."""
    visit = visit_of(request, company)
    with timezone.override(visit.zone), found_or_404():
        row = renewals.find(visit, pk)
        try:
            if request.method == "POST":
                return agree(visit, request, row)
            return look(visit, request, row, wishes.read(request.GET.dict()))
        except NotAllowed as refusal:
            return refused(request, visit, refusal)
        except DomainError as refusal:
            messages.error(request, _("Nothing was changed. %(why)s") % {"why": refusal.message}, extra_tags="danger")
            return redirect(visit.to("options", pk))


def look(
    visit: Visit, request: HttpRequest, row: Subscription, wish: wishes.Wish, *, stale: str = "", seen: str = ""
) -> HttpResponse:
    """Show what a wish does now; what was seen before stands beside it where it has become something else."""
    offer = confirming.look(row, wish, at=visit.at, by=visit.user)
    told = changing_page.page(visit, offer, stale=stale, shown=seen)
    return shown(visit, request, "portal/change.html", told, 409 if stale else 200)


def agree(visit: Visit, request: HttpRequest, row: Subscription) -> HttpResponse:
    """Confirm what was seen; where it is no longer so, show what it is now and ask again."""
    refuse_onlookers(request)
    access.require(visit.member, Member.MAY_PAY)
    wish, held = wishes.read(request.POST.dict()), request.POST.get("held", "")
    try:
        done = confirming.confirm(row, wish, held, at=visit.at, by=visit.user)
    except StalePreview as refusal:
        return look(visit, request, row, wish, stale=refusal.message, seen=held)
    except AboveLimit:
        return submit(visit, request, row, wish, held)
    transaction.on_commit(partial(debiting.finish, done.invoices, at=visit.at), robust=True)
    messages.success(request, said(visit, done), extra_tags="done")
    return redirect(visit.to("subscription"))


def submit(visit: Visit, request: HttpRequest, row: Subscription, wish: wishes.Wish, held: str) -> HttpResponse:
    """Ask a second person of the company for what was seen; nothing is done until then."""
    asked = purchasing.ask(row, wish, held, at=visit.at, by=visit.user)
    messages.success(
        request,
        _("Submitted. Nothing is charged until it is approved; whoever may approve it is told."),
        extra_tags="done",
    )
    return redirect(visit.to("approval", asked.pk))


def said(visit: Visit, done: Confirmed) -> str:
    """Return what was done, and what became of the money."""
    if done.change is None:
        return _("The coupon is redeemed. It gives from the next bill on.")
    effect = changed.effect(done.change, visit.language)
    return _("%(effect)s. %(money)s") % {"effect": effect, "money": deals.settled(done.invoices, done.credit_notes)}


def shown(visit: Visit, request: HttpRequest, template: str, told: object, status: int = 200) -> HttpResponse:
    with access.as_tenant(visit.tenant):
        around = frame.frame(visit, "subscription", "")
        return render(request, template, {"page": told, "frame": around, "visit": visit}, status=status)
