"""Purchases as requests: what of a wish, a quote or a new limit is shown to the second person, and how each is carried out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing import formatting, weighing
from billing.models import Subscription
from billing.weighing import Weight
from invoices import answering, approvals, confirming, telling_approvals, wishes
from invoices.answering import Yes
from invoices.approvals import Asked, Decided, Outdated
from invoices.checkout import papers
from invoices.confirming import Offer, StalePreview
from invoices.models import PurchaseRequest, Quote
from invoices.wishes import Wish
from tenants import audit
from tenants.errors import Invalid, NotAllowed
from tenants.models import Member, Tenant, User

LIMIT = "set_limit"


@transaction.atomic
def ask(
    subscription: Subscription, wish: Wish, held: str, *, at: datetime, by: User | None, by_name: str = ""
) -> PurchaseRequest:
    """Ask somebody else to approve a wish exactly as it was shown (`held`; empty: as it is now).

    Raises StalePreview where it is no longer what was shown, and what `approvals.ask` refuses.
    """
    seen_at, seen = confirming.seen(held) if held else (at, "")
    moment = confirming.moment(subscription, wish, seen_at, at)
    offer = confirming.look(subscription, wish, at=moment, by=by)
    _at, mark = confirming.seen(offer.held)
    if seen and seen != mark:
        raise StalePreview(
            _("It would no longer come out as it was shown. Nothing was changed; please look at it again.")
        )
    tenant = subscription.tenant
    with translation.override(tenant.language):
        shown = of_offer(offer, tenant.language) | {"seen_at": moment.isoformat()}
    asked = Asked(
        wish=wish.said(),
        shown=shown,
        sha256=mark,
        currency=subscription.currency,
        total_minor=offer.weight.total_minor,
        yearly_minor=offer.weight.yearly_minor,
        limit_minor=weighing.limit_of(tenant.pk) or 0,
        names={"subscription": subscription},
    )
    return _asked(tenant, asked, at=at, by=by, by_name=by_name)


@transaction.atomic
def ask_quote(quote: Quote, yes: Yes, weight: Weight, *, at: datetime, by: User) -> PurchaseRequest:
    """Ask somebody else to approve that a quote is accepted, as it was read; `weight` is what accepting was refused with."""
    said = {"do": "accept_quote", "seen": yes.seen, "text": yes.text}
    estimate = quote.estimate or {}
    shown = {
        "title": _("Accept quote %(number)s") % {"number": quote},
        "effect": _("The contract begins on %(day)s as quote %(number)s has it.")
        % {"day": quote.start_on, "number": quote},
        "lines": [
            {"name": line.get("name", ""), "amount_minor": line.get("amount_minor", 0)}
            for line in estimate.get("lines", ())
            if isinstance(line, dict) and "amount_minor" in line
        ],
        "total_minor": weight.total_minor,
    }
    asked = Asked(
        wish=said,
        shown=shown,
        sha256=quote.sha256,
        currency=quote.currency,
        total_minor=weight.total_minor,
        yearly_minor=weight.yearly_minor,
        limit_minor=weighing.limit_of(quote.tenant_id) or 0,
        names={"quote": quote},
    )
    return _asked(quote.tenant, asked, at=at, by=by)


@transaction.atomic
def set_limit(tenant: Tenant, limit_minor: int | None, *, at: datetime, by: User) -> PurchaseRequest | None:
    """Set above which amount a purchase needs a second person (None: never), by an owner; return the request, if one is needed.

    Lowering it is done at once. Raising or removing it needs a second person as well, where there is one; a first limit
    needs that there is one (NoSecondPerson).
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if not Member.objects.filter(tenant=locked, user=by, role=Member.Role.OWNER).exists():
        raise NotAllowed(_("Only an owner of the company sets the limit."))
    if limit_minor is not None and limit_minor < 0:
        raise Invalid(_("A limit is zero or more."), field="limit")
    before = locked.purchase_limit_minor
    if limit_minor == before:
        return None
    if limit_minor is not None and (before is None or limit_minor < before):
        approvals.refuse_alone(locked, by=by)
    elif approvals.approvers(locked, but=by).exists():
        return _asked(locked, _of_limit(locked, before, limit_minor), at=at, by=by)
    _write_limit(locked, limit_minor, at=at, by=by)
    return None


def approve(asked: PurchaseRequest, *, at: datetime, by: User, address: str | None = None) -> Decided:
    """Carry out what was asked for, exactly as it was shown, or nothing; and tell who asked (see `approvals.approve`)."""
    do = DOING[kind_of(asked)]
    with transaction.atomic():
        decided = approvals.approve(asked, partial(do, at=at, by=by, address=address), at=at, by=by)
        telling_approvals.answered(decided.request, at=at)
    return decided


def decline(asked: PurchaseRequest, *, reason: str, at: datetime, by: User) -> PurchaseRequest:
    """Decline, and tell who asked; see `approvals.decline`."""
    with transaction.atomic():
        row = approvals.decline(asked, reason=reason, at=at, by=by)
        telling_approvals.answered(row, at=at)
    return row


def expire(*, at: datetime) -> int:
    """End what nobody answered in time, and tell who asked; return how many."""
    with transaction.atomic():
        rows = approvals.expire(at=at)
        for row in rows:
            telling_approvals.answered(row, at=at)
    return len(rows)


def kind_of(asked: PurchaseRequest) -> str:
    """Return what kind of purchase a request is: a change of a contract, a quote, or the limit itself."""
    said = asked.wish.get("do", "")
    return said if said in DOING else "change"


def of_offer(offer: Offer, language: str) -> dict[str, Any]:
    """Return what is shown of a wish, as plain JSON: its effect, every line, and what is to pay."""
    chinese = formatting.is_chinese(language)
    lines = [
        {
            "name": line.name if chinese else line.name_en or line.name,
            "first": str(line.service_start_on),
            "after": str(line.service_end_on),
            "amount_minor": line.amount_minor,
            "discount_minor": getattr(line, "discount_minor", 0),
        }
        for line in offer.papers.lines or offer.papers.charges
    ]
    coming = offer.next_after
    return {
        "title": offer.wish.do,
        "effect": offer.effect,
        "lines": lines,
        "total_minor": offer.papers.total_minor,
        "next_on": str(coming.on) if coming else "",
        "next_minor": coming.total_minor if coming else 0,
    }


def _asked(tenant: Tenant, asked: Asked, *, at: datetime, by: User | None, by_name: str = "") -> PurchaseRequest:
    row = approvals.ask(tenant, asked, at=at, by=by, by_name=by_name)
    telling_approvals.asked(row, at=at)
    return row


def _change(row: PurchaseRequest, *, at: datetime, by: User, address: str | None) -> Iterable[int]:
    """Do a wish and compare all that it charges, gives back and changes with what was shown."""
    whole = Subscription.objects.select_related("tenant", "payer", "seller", "plan", "version")
    locked = whole.select_for_update(no_key=True, of=("self",)).get(pk=row.subscription_id or 0)
    wish = wishes.read(row.wish)
    moment = confirming.moment(locked, wish, datetime.fromisoformat(row.shown["seen_at"]), at)
    done, _weight = wishes.weigh(wish, locked, at=moment, by=by)
    if confirming.fingerprint(papers(done), whole.get(pk=locked.pk)) != row.sha256:
        raise Outdated(_("By now it would come out otherwise than it was shown. Nothing was done; ask for it again."))
    return done.invoices


def _quote(row: PurchaseRequest, *, at: datetime, by: User, address: str | None) -> Iterable[int]:
    assert row.quote is not None
    yes = Yes(seen=row.wish["seen"], text=row.wish["text"], confirmed=True, address=address)
    answering.accept(row.quote, yes, by=by, at=at, approved=row)
    return ()


def _limit(row: PurchaseRequest, *, at: datetime, by: User, address: str | None) -> Iterable[int]:
    if _of_limit(row.tenant, row.tenant.purchase_limit_minor, row.wish["limit_minor"]).sha256 != row.sha256:
        raise Outdated(_("The limit has changed meanwhile. Nothing was done; ask for it again."))
    _write_limit(row.tenant, row.wish["limit_minor"], at=at, by=by)
    return ()


def _of_limit(tenant: Tenant, before: int | None, after: int | None) -> Asked:
    wish = {"do": LIMIT, "limit_minor": after}
    shown: dict[str, Any] = {
        "title": LIMIT,
        "effect": "",
        "lines": [],
        "before_minor": before,
        "after_minor": after,
        "total_minor": 0,
    }
    mark = sha256(json.dumps([LIMIT, before, after]).encode()).hexdigest()
    return Asked(
        wish=wish,
        shown=shown,
        sha256=mark,
        currency=tenant.currency,
        total_minor=0,
        yearly_minor=0,
        limit_minor=before or 0,
    )


def _write_limit(tenant: Tenant, after: int | None, *, at: datetime, by: User) -> None:
    before = tenant.purchase_limit_minor
    tenant.purchase_limit_minor = after
    tenant.save(update_fields=["purchase_limit_minor"])
    said = {"before_minor": before, "after_minor": after}
    audit.record("purchase_limit.set", tenant=tenant, target=f"tenant:{tenant.pk}", at=at, by=by, **said)


DOING: Mapping[str, Callable[..., Iterable[int]]] = {"change": _change, "accept_quote": _quote, LIMIT: _limit}
