"""What waits at the bank, side by side: credits with their proposals, and the claims that may be about them; one click each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from billing import formatting
from invoices import by_hand, claiming, matching, recognising
from invoices.hand_kinds import Hand
from invoices.models import BankCredit, OperatorAct, TransferClaim
from tenants.admin.acts import address
from tenants.errors import DomainError
from tenants.models import Tenant

SHOWN = 50


@dataclass(frozen=True)
class Proposed:
    """A customer whose money it may be, and why; with a third party's money a declaration is asked for."""

    tenant: Tenant
    why: tuple[Any, ...]
    third_party: bool


@dataclass(frozen=True)
class Waiting:
    """A credit that waits, as the page shows it."""

    credit: BankCredit
    amount: str
    to: str
    proposals: Sequence[Proposed]
    claims: Sequence[Claimed]


@dataclass(frozen=True)
class Claimed:
    """A claim that is open, as the page shows it."""

    claim: TransferClaim
    amount: str
    to: str


def proposals(credit: BankCredit, tenants: Mapping[int, Tenant]) -> list[Proposed]:
    """Return a credit's proposals in words."""
    return [
        Proposed(
            tenants[one["tenant"]],
            tuple(matching.WHY[word] for word in one["why"]),
            recognising.THIRD_PARTY in one["why"],
        )
        for one in credit.proposals
        if one["tenant"] in tenants
    ]


def page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Show the queue, and do what one of its buttons says."""
    if not request.user.has_perm("invoices.change_bankcredit"):
        raise PermissionDenied
    if request.method == "POST":
        return acted(request)
    credits = list(
        BankCredit.objects.filter(state__in=recognising.WAITING).select_related("seller").order_by("-pk")[:SHOWN]
    )
    claims = list(TransferClaim.objects.filter(state="open").select_related("tenant").order_by("pk")[:SHOWN])
    named = {one["tenant"] for credit in credits for one in credit.proposals}
    tenants = Tenant.objects.in_bulk(named)
    shown = [waiting(credit, tenants, claims) for credit in credits]
    beside = {one.claim.pk for row in shown for one in row.claims}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Transfers to match"),
        "opts": model_admin.model._meta,
        "rows": shown,
        "claims": [claimed(claim) for claim in claims if claim.pk not in beside],
    }
    return TemplateResponse(request, "admin/bank_queue.html", context)


def waiting(credit: BankCredit, tenants: Mapping[int, Tenant], claims: Sequence[TransferClaim]) -> Waiting:
    mine = [
        claim
        for claim in claims
        if (claim.seller_id, claim.currency, claim.amount_minor)
        == (credit.seller_id, credit.currency, credit.amount_minor)
    ]
    return Waiting(
        credit,
        formatting.money(credit.amount_minor, credit.currency),
        address(credit),
        proposals(credit, tenants),
        [claimed(claim) for claim in mine],
    )


def claimed(claim: TransferClaim) -> Claimed:
    return Claimed(claim, formatting.money(claim.amount_minor, claim.currency), address(claim))


def acted(request: HttpRequest) -> HttpResponse:
    """Do what a button says, in one transaction; a refusal is said on the page."""
    said, now = request.POST, timezone.now()
    acts = {"match": match, "decline": decline}
    try:
        with transaction.atomic():
            messages.success(request, acts[said.get("act", "")](request, now))
    except KeyError:
        raise Http404 from None
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return HttpResponseRedirect(reverse("admin:bank_queue"))


def match(request: HttpRequest, now: datetime) -> str:
    said = request.POST
    credit, tenant = one_of(BankCredit, said.get("credit")), one_of(Tenant, said.get("tenant"))
    claim = one_of(TransferClaim, said.get("claim")) if said.get("claim") else None
    told = {"declaration": said.get("declaration", "")[:300], "remember": bool(said.get("remember"))}
    wanted = hand(credit, tenant, claim=claim, key=f"match:{credit.pk}:{tenant.pk}:{now.isoformat()}", **told)
    acted = by_hand.do(wanted, at=now, by=request.user)
    if acted.state == OperatorAct.State.WAITING:
        return gettext("It is above the limit: a second person has to approve it. Nothing was done yet.")
    money = formatting.money(credit.amount_minor, credit.currency)
    return gettext("%(amount)s from “%(tenant)s” is booked.") % {"amount": money, "tenant": tenant}


def hand(
    credit: BankCredit,
    tenant: Tenant,
    *,
    key: str,
    declaration: str = "",
    remember: bool = False,
    claim: TransferClaim | None = None,
) -> Hand:
    """Return the act of matching a credit with a customer; its reason is what speaks for it."""
    mine = next((one for one in proposals(credit, {tenant.pk: tenant})), None)
    why = ", ".join(str(word) for word in mine.why) if mine else ""
    return Hand(
        kind=OperatorAct.Kind.MATCH,
        tenant=tenant,
        seller=credit.seller,
        currency=credit.currency,
        target=f"bank_credit:{credit.pk}",
        wish={
            "credit": credit.pk,
            "declaration": declaration,
            "remember": remember,
            "claim": claim.pk if claim else None,
        },
        reason=declaration or why or gettext("matched by hand"),
        key=key[:80],
    )


def decline(request: HttpRequest, now: datetime) -> str:
    claim = one_of(TransferClaim, request.POST.get("claim"))
    claiming.decline(claim, reason=request.POST.get("reason", "")[:300], at=now, by=request.user)
    return gettext("Answered; the customer reads the reason.")


def one_of(model: Any, pk: str | None) -> Any:
    found = model.objects.filter(pk=int(pk)).first() if pk and pk.isascii() and pk.isdigit() and len(pk) < 19 else None
    if found is None:
        raise Http404
    return found


def badge(request: HttpRequest) -> str:
    """Return how many credits wait, for the sidebar; nothing when there are none."""
    count = BankCredit.objects.filter(state__in=recognising.WAITING).count()
    return formatting.quantity(count) if count else ""
