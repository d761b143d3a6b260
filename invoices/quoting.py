"""Quotes from our side: draft, revise, send, withdraw, expire. A sent quote is never edited; its answer is in `answering`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from billing.models import PlanVersion, Subscription
from billing.money import plain
from invoices import estimating, issuing, offering
from invoices.answering import accept, close, decline, locked_row
from invoices.models import NumberSeries, Quote
from tenants import audit, printable
from tenants.errors import Invalid, WrongState
from tenants.models import Tenant, User
from usage.periods import local_day

__all__ = [
    "Terms",
    "accept",
    "decline",
    "discard",
    "draft",
    "expire",
    "fingerprint",
    "revise",
    "send",
    "terms_of",
    "withdraw",
]
Status = Quote.Status
# What the hash is taken over: all that is offered, and what it costs.
OFFERED = (
    "number",
    "revision",
    "currency",
    "zone",
    "start_on",
    "end_on",
    "renews",
    "pays",
    "label",
    "quantities",
    "modules",
    "prices",
    "minimum_minor",
    "ramp_percent",
    "ramp_months",
    "coupons",
    "expected",
    "clauses",
    "clauses_en",
    "valid_until",
    "estimate",
    "seller_copy",
    "buyer_copy",
    "terms_sha256",
)
FURTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is offered, as somebody writes it; fields are those of the quote."""

    version: PlanVersion
    start_on: date
    valid_until: date
    end_on: date | None = None
    renews: bool = False
    pays: str = Subscription.Pays.MANUAL
    label: str = ""
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    minimum_minor: int | None = None
    ramp_percent: Decimal | None = None
    ramp_months: int | None = None
    coupons: tuple[str, ...] = ()
    expected: Mapping[str, Decimal] = field(default_factory=dict)
    clauses: str = ""
    clauses_en: str = ""

    def columns(self) -> dict[str, Any]:
        """Return the columns of a quote."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return said | {
            "quantities": {code: plain(quantity) for code, quantity in self.quantities.items()},
            "expected": {code: plain(quantity) for code, quantity in self.expected.items()},
            "prices": {code: dict(price) for code, price in self.prices.items()},
            "modules": list(self.modules),
            "coupons": list(self.coupons),
            "currency": self.version.currency,
        }


def terms_of(quote: Quote) -> Terms:
    """Return a quote's terms, to begin a revision with."""
    said = {one.name: getattr(quote, one.name) for one in fields(Terms)}
    for name in ("quantities", "expected"):
        said[name] = {code: Decimal(quantity) for code, quantity in said[name].items()}
    return Terms(**said | {"modules": tuple(quote.modules), "coupons": tuple(quote.coupons)})


@transaction.atomic
def draft(tenant: Tenant, terms: Terms, *, at: datetime, by: User | None) -> Quote:
    """Write a quote for a customer; nobody sees it until it is sent. Raises the first reason why it cannot be offered."""
    quote = _checked(_unsaved(tenant, terms, at, by), at)
    quote.save(force_insert=True)
    audit.record("quote.drafted", tenant=tenant, target=f"quote:{quote.pk}", at=at, by=by)
    return quote


@transaction.atomic
def revise(quote: Quote, terms: Terms, *, at: datetime, by: User | None) -> Quote:
    """Write a draft anew; of a quote that was sent, write a new revision, which supersedes it when it is sent.

    Raises WrongState for a quote that was accepted or has a revision already.
    """
    locked = locked_row(quote)
    if locked.status == Status.DRAFT:
        for name, value in terms.columns().items():
            setattr(locked, name, value)
        _checked(locked, at).save()
        audit.record("quote.revised", tenant=locked.tenant_id, target=f"quote:{locked.pk}", at=at, by=by)
        return locked
    if locked.status == Status.ACCEPTED:
        raise WrongState(_("This quote was accepted; its contract is changed on the subscription's page."))
    if Quote.objects.filter(supersedes=locked).exists():
        raise WrongState(_("This quote has a newer revision; change that one."))
    fresh = _unsaved(locked.tenant, terms, at, by)
    fresh.number, fresh.series, fresh.sequence = locked.number, locked.series, locked.sequence
    fresh.revision, fresh.supersedes = locked.revision + 1, locked
    _checked(fresh, at).save(force_insert=True)
    audit.record("quote.revised", tenant=fresh.tenant_id, target=f"quote:{fresh.pk}", at=at, by=by, of=locked.pk)
    return fresh


@transaction.atomic
def discard(quote: Quote, *, at: datetime, by: User | None) -> None:
    """Throw a draft away. Raises WrongState for a quote that was sent."""
    locked = locked_row(quote)
    if locked.status != Status.DRAFT:
        raise WrongState(_("Only a draft can be thrown away; withdraw what was sent."))
    audit.record("quote.discarded", tenant=locked.tenant_id, target=f"quote:{locked.pk}", at=at, by=by)
    locked.delete()


@transaction.atomic
def send(quote: Quote, *, at: datetime, by: User | None) -> Quote:
    """Seal a draft: reckon its whole cost, number it, freeze who offers what to whom; the mail follows with its PDF.

    A revision withdraws the quote that it supersedes. Raises WrongState for what is no draft, and the reason where it
    cannot be offered any more.
    """
    locked = locked_row(quote)
    if locked.status != Status.DRAFT:
        raise WrongState(_("This quote was sent before; revise it to change something."))
    _checked(locked, at)
    locked.estimate = estimating.estimate(locked).to_json()
    if older := locked.supersedes:
        _supersede(older, at=at, by=by)
    _number(locked, at)
    locked.seller_copy, locked.buyer_copy = issuing.seller_copy(locked.seller), issuing.buyer_copy(locked.tenant)
    locked.terms_sha256 = locked.version.sha256
    locked.status, locked.sent_at, locked.sent_by = Status.SENT, at, by
    locked.sha256 = fingerprint(locked)
    locked.save()
    audit.record("quote.sent", tenant=locked.tenant_id, target=f"quote:{locked.pk}", at=at, by=by, sha256=locked.sha256)
    return locked


@transaction.atomic
def withdraw(quote: Quote, *, reason: str, at: datetime, by: User | None) -> Quote:
    """Take back a quote that waits for its answer; an expired or answered one raises WrongState."""
    return close(locked_row(quote), Status.WITHDRAWN, reason, at=at, by=by)


def expire(*, at: datetime) -> int:
    """Mark the quotes whose last day has passed; return how many. Accepting asks the day by itself."""
    # The zones of one moment span two days: what is over in the earliest is asked one by one.
    candidates = Quote.objects.lapsed(local_day(at, "Etc/GMT-14")).order_by("pk")
    return sum(_expire(quote, at) for quote in candidates)


@transaction.atomic
def _expire(quote: Quote, at: datetime) -> bool:
    locked = locked_row(quote)
    if locked.status != Status.SENT or local_day(at, locked.zone) <= locked.valid_until:
        return False
    close(locked, Status.EXPIRED, "", at=at, by=None)
    return True


def fingerprint(quote: Quote) -> str:
    """Return the SHA-256 over all that is offered and what it costs."""
    said = {name: getattr(quote, name) for name in OFFERED}
    said |= {"tenant": quote.tenant.code, "plan": quote.version.plan.code, "version": quote.version.number}
    return sha256(json.dumps(said, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()


def _unsaved(tenant: Tenant, terms: Terms, at: datetime, by: User | None) -> Quote:
    return Quote(
        tenant=tenant,
        seller=terms.version.plan.seller,
        zone=tenant.timezone,
        language=tenant.language,
        created_at=at,
        created_by=by,
        **terms.columns(),
    )


def _checked(quote: Quote, at: datetime) -> Quote:
    """Return a quote that could be sent, or raise why not; the estimate tries it on the real verbs."""
    today = local_day(at, quote.zone)
    if not today <= quote.valid_until <= today + FURTHEST:
        raise Invalid(_("Choose a day from today on, at most a year ahead."), field="valid_until")
    try:
        quote.clean_fields(exclude=["tenant", "seller", "version", "series", "supersedes", "subscription"])
    except ValidationError as wrong:
        name, messages = next(iter(wrong.message_dict.items()))
        raise Invalid(messages[0], field=name) from None
    printable.check_printable(quote.clauses_en, "clauses_en")
    offering.settle_prices(quote)
    estimating.estimate(quote)
    return quote


def _supersede(older: Quote, *, at: datetime, by: User | None) -> None:
    locked = locked_row(older)
    if locked.status == Status.ACCEPTED:
        raise WrongState(_("The earlier revision was accepted meanwhile; this one cannot be sent any more."))
    if locked.status == Status.SENT:
        close(locked, Status.WITHDRAWN, _("Superseded by a newer revision"), at=at, by=by)


def _number(quote: Quote, at: datetime) -> None:
    if quote.number:
        return
    series = issuing.series_of(quote.seller, NumberSeries.Kind.QUOTE, local_day(at, quote.seller.timezone).year)
    NumberSeries.objects.filter(pk=series.pk).update(last_number=series.last_number + 1)
    quote.series, quote.sequence = series, series.last_number + 1
    quote.number = series.written(quote.sequence)
