"""Pay by hand through a provider, or top the balance up: choose, scan, see it turn to paid."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.formatting import money
from billing.money import Money
from invoices import collection, paying
from invoices.models import Payment
from invoices.pages import frame, under_way
from invoices.pages import paying as pay_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, found_or_404, page, reading, visit_of
from tenants import access
from tenants.errors import Conflict, Invalid
from tenants.models import Member


class Stale(Conflict):
    """The sum that was shown is not what is due any more."""

    code = "amount_changed"


@login_required
def pay(request: HttpRequest, company: str) -> HttpResponse:
    """Which bills, and in which way. The seller's accounts are read too, so this is not read as the role `tenant`."""
    visit = visit_of(request, company)
    with timezone.override(visit.zone), found_or_404():
        found = pay_page.page(visit, _ids(request.GET.getlist("bill")), _part(request.GET.get("part", "")))
        return _shown(visit, request, "portal/pay.html", found, "")


@login_required
def top_up(request: HttpRequest, company: str) -> HttpResponse:
    visit = visit_of(request, company)
    with timezone.override(visit.zone), found_or_404():
        found = pay_page.top_up(visit, request.GET.get("amount", ""))
        return _shown(visit, request, "portal/top_up.html", found, "wallet")


@require_POST
@acting(roles=Member.MAY_PAY)
def start(visit: Visit, request: HttpRequest) -> str:
    """Begin to pay: bills in the way that the button named, or a top-up."""
    way, currency = request.POST.get("way", ""), visit.tenant.currency
    if "amount" in request.POST:
        return _begin(visit, way, top_up=pay_page.typed(visit, request.POST["amount"]))
    due = pay_page.chosen(visit, _ids(request.POST.getlist("bill")))
    part = _part(request.POST.get("part", ""))
    wanted = dict.fromkeys(due, pay_page.typed(visit, part).minor) if part and len(due) == 1 else due
    if request.POST.get("held") != str(sum(wanted.values())):
        now = money(sum(wanted.values()), currency)
        raise Stale(_("What is due has changed meanwhile: now it is %(amount)s. Nothing was taken.") % {"amount": now})
    if way == pay_page.BALANCE:
        paid = collection.pay_together(wanted, at=visit.at, by=visit.user)
        said = _("%(amount)s paid from your balance.") % {"amount": money(sum(paid), currency)}
        messages.success(request, said, extra_tags="done")
        return visit.to("wallet")
    return _begin(visit, way, bills=wanted)


@page("portal/payment.html", "payments")
def payment(visit: Visit, request: HttpRequest, pk: int) -> under_way.UnderWay:
    return under_way.page(visit, pk)


@reading
def payment_state(visit: Visit, request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that turns by itself; asked for every few seconds while the payment is under way."""
    return render(request, "portal/parts/payment.html", {"page": under_way.page(visit, pk), "visit": visit})


@require_POST
@acting(roles=Member.MAY_PAY)
def payment_stop(visit: Visit, request: HttpRequest, pk: int) -> str:
    """Close it at the provider, so that another way can be taken; what was paid in the meantime stays paid."""
    closed = paying.abandon(under_way.find(visit, pk), at=visit.at, by=visit.user)
    if closed.status == Payment.Status.FAILED:
        messages.success(request, _("Stopped. Nothing was taken."), extra_tags="done")
    return visit.to("payment", pk)


def _begin(visit: Visit, way: str, *, bills: dict[int, int] | None = None, top_up: Money | None = None) -> str:
    if way not in pay_page.WAYS:
        raise Invalid(_("Choose one of the ways to pay that are offered."), field="way")
    method, product = pay_page.WAYS[way]
    wanted = paying.intend(
        visit.tenant,
        seller=pay_page.seller_of(visit),
        currency=visit.tenant.currency,
        method=method,
        product=product,
        bills=bills,
        top_up_minor=top_up.minor if top_up else None,
        at=visit.at,
        by=visit.user,
    )
    # From there a link leads to the provider's page: our policy lets no form go on to another host.
    return visit.to("payment", paying.begin(wanted, at=visit.at).pk)


def _ids(given: Iterable[str]) -> list[int]:
    return [int(one) for one in given if one.isascii() and one.isdigit() and len(one) < 19]


def _part(given: str) -> str:
    return given.strip()[:20]


def _shown(visit: Visit, request: HttpRequest, template: str, found: object, tab: str) -> HttpResponse:
    with access.as_tenant(visit.tenant):
        around = frame.frame(visit, "payments", tab)
        return render(request, template, {"page": found, "frame": around, "visit": visit})
