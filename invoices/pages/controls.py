"""Controls: what may be deducted by whose consent, and everything that could ever cost money (REQUIREMENTS C1, C10)."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.models import Acceptance, Change, NegotiatedPrice, Price, PriceListEntry, Subscription
from billing.money import Money
from invoices import allowing, states
from invoices.pages import authorising, packs, prices, wording
from invoices.pages.packs import PackCard
from invoices.pages.visit import Visit
from tenants import agreements
from tenants.models import Authorisation


@dataclass(frozen=True)
class AuthorisationRow:
    """One consent: who, when, for what, by which way, how long, up to how much, what was asked for under it this month, with
    its whole text. `valid_until` is its last instant."""

    pk: int
    scope: str
    way: str
    valid_from: datetime | None
    valid_until: datetime | None
    used: Money
    given_by: str
    given_at: datetime
    ceiling: Money | None
    per_month: Money | None
    text: str
    version: str
    sha256: str
    state: states.State
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdraw: str


@dataclass(frozen=True)
class AuthorisationsPage:
    """The page /controls/."""

    rows: tuple[AuthorisationRow, ...]
    in_force: int
    may_pay: bool
    withdrawn: bool
    give: str


@dataclass(frozen=True)
class Cost:
    """One price: what it is called, what it costs, when it is asked for."""

    name: str
    kind: str
    figure: str
    terms: str
    when: str
    origin: str
    bought: str


@dataclass(frozen=True)
class Accepted:
    """One subscription's whole price list, as it was accepted; with `from_on` the one that will be in force from that day."""

    plan: str
    version: int
    accepted_on: date
    accepted_by: str
    sha256: str
    terms: str
    minimum: Money | None
    costs: tuple[Cost, ...]
    from_on: date | None = None
    by_notice: bool = False


@dataclass(frozen=True)
class CostsPage:
    """The page /controls/prices/."""

    lists: tuple[Accepted, ...]
    coming: tuple[Accepted, ...]
    packs: tuple[PackCard, ...]
    never: tuple[str, ...]


def authorisations(visit: Visit, *, withdrawn: bool = False) -> AuthorisationsPage:
    """Return every consent this company has given, newest first; `withdrawn` is whether one was withdrawn a moment ago."""
    found = Authorisation.objects.filter(tenant=visit.tenant).order_by("-given_at", "-id")
    named = {f"subscription:{row.pk}": row.plan.name_in(visit.language) for row in subscriptions(visit, live=False)}
    named |= {item.value: item.name for item in authorising.items(visit)}
    rows = tuple(authorisation(visit, row, named) for row in found)
    in_force = sum(agreements.is_in_force(row, visit.at) for row in found)
    return AuthorisationsPage(rows, in_force, visit.member.may_pay, withdrawn, visit.to("authorise"))


def authorisation(visit: Visit, row: Authorisation, named: dict[str, str]) -> AuthorisationRow:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, row.currency)

    return AuthorisationRow(
        pk=row.pk,
        scope=authorising.worded(row.scope, named),
        way=str(row.get_way_display()),
        valid_from=row.valid_from,
        valid_until=row.valid_until - timedelta(seconds=1) if row.valid_until else None,
        used=Money(allowing.this_month(row, visit.tenant.timezone, visit.at), row.currency),
        given_by=row.given_by_name,
        given_at=row.given_at,
        ceiling=money(row.ceiling_minor),
        per_month=money(row.per_month_minor),
        text=row.text,
        version=row.text_version,
        sha256=row.text_sha256,
        state=states.AUTHORISATION[_standing(row, visit.at)],
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by_name,
        withdraw="" if row.withdrawn_at else visit.to("withdraw", row.pk),
    )


def _standing(row: Authorisation, at: datetime) -> str:
    if row.withdrawn_at:
        return "withdrawn"
    if row.valid_until and row.valid_until <= at:
        return "over"
    return "in_force" if agreements.is_in_force(row, at) else "later"


def subscriptions(visit: Visit, *, live: bool = True) -> list[Subscription]:
    found = Subscription.objects.filter(tenant=visit.tenant).select_related(
        "plan", "version", "acceptance", "price_list"
    )
    return list((found.live() if live else found).order_by("created_at", "id"))


def costs(visit: Visit) -> CostsPage:
    """Return every price of every version that the company has accepted and still uses, or will use; what is used up before
    any of them, and what never costs anything."""
    mine = subscriptions(visit)
    waiting = Change.objects.filter(
        subscription__in=mine, kind=Change.Kind.PLAN, status=Change.Status.SCHEDULED, version__isnull=False
    )
    coming = waiting.select_related("version__plan", "acceptance", "subscription").order_by("effective_at", "id")
    return CostsPage(
        tuple(accepted(visit, subscription) for subscription in mine),
        tuple(accepted(visit, _changed(change), change) for change in coming),
        packs.page(visit).valid,
        never(),
    )


def never() -> tuple[str, ...]:
    """Return what never costs extra: a charge has a price that was accepted (the database holds this), and none of these has."""
    return (
        _("Reading and exporting bills, usage, notices and this page, here or by the API"),
        _("Switching renewal off, withdrawing an authorisation, ending a deduction agreement"),
        _("Reminders, deductions that took nothing, and paying late: no fee and no interest"),
        _("Questioning a line or a day, computing it again, refunds and corrections"),
        _("Use that no price of yours names, and use above a hard cap: the seller bears it"),
    )


def _changed(change: Change) -> Subscription:
    """Return a subscription as a change of plan that waits will leave it; nothing is written."""
    would_be, version = copy(change.subscription), change.version
    assert version is not None
    assert change.acceptance is not None
    would_be.plan, would_be.version, would_be.acceptance = version.plan, version, change.acceptance
    would_be.price_list_id = change.price_list_id
    return would_be


def accepted(visit: Visit, subscription: Subscription, change: Change | None = None) -> Accepted:
    version, acceptance = subscription.version, subscription.acceptance
    listed = version.prices.select_related("meter").order_by("position", "id")
    own = subscription.minimum_minor
    minimum = version.minimum_minor if own is None else own
    return Accepted(
        plan=subscription.plan.name_in(visit.language),
        version=version.number,
        accepted_on=acceptance.at.astimezone(visit.zone).date(),
        accepted_by=acceptance.accepted_by_name,
        sha256=acceptance.text_sha256,
        terms=version.terms,
        minimum=None if minimum is None else Money(minimum, version.currency),
        costs=tuple(cost(visit, subscription, price, own_prices(subscription)) for price in listed),
        from_on=change.effective_at.astimezone(visit.zone).date() if change else None,
        by_notice=acceptance.basis == Acceptance.Basis.NOTICE,
    )


def own_prices(subscription: Subscription) -> dict[str, tuple[str, dict, str]]:
    """Return the prices that stand before the plan's own, by code: those of the list, then the negotiated ones."""
    entries = PriceListEntry.objects.filter(price_list=subscription.price_list_id, plan=subscription.plan_id)
    own = {row.price_code: (row.model, row.params, _("your group's price list")) for row in entries}
    agreed = NegotiatedPrice.objects.filter(subscription=subscription, price__version=subscription.version_id)
    agreed = agreed.select_related("price")
    return own | {row.price.code: (row.model, row.params, _("agreed in your contract")) for row in agreed}


def cost(visit: Visit, subscription: Subscription, price: Price, own: dict[str, tuple[str, dict, str]]) -> Cost:
    model, params, origin = own.get(price.code, (price.model, price.params, ""))
    unit = unit_of(price, visit.language)
    words = prices.describe(model, params, currency=subscription.currency, unit=unit)
    return Cost(
        name=price.name_in(visit.language),
        kind=str(Price.Kind(price.kind).label),
        figure=words.figure,
        terms=_("; ").join(words.terms),
        when=when(price, subscription),
        origin=origin,
        bought=bought(visit, subscription, price),
    )


def unit_of(price: Price, language: str) -> str:
    return price.unit_in(language) or (price.meter.unit_in(language) if price.meter else "")


def when(price: Price, subscription: Subscription) -> str:
    """Return when a price is asked for: once, or at which rhythm, before or after use."""
    if price.one_off:
        return _("once")
    every = EVERY[price.interval or subscription.version.interval]()
    if price.timing == Price.Timing.ADVANCE:
        return _("%(every)s, before use") % {"every": every}
    return _("%(every)s, after use") % {"every": every}


EVERY = {
    "day": lambda: _("each day"),
    "week": lambda: _("each week"),
    "month": lambda: _("each month"),
    "quarter": lambda: _("each quarter"),
    "half_year": lambda: _("each half-year"),
    "year": lambda: _("each year"),
}


def bought(visit: Visit, subscription: Subscription, price: Price) -> str:
    """Return how much of a price is bought now; nothing bought costs nothing."""
    if price.kind == "usage":
        return _("by use")
    item = subscription.items.filter(price=price, during__contains=visit.at).first()
    quantity = item.quantity if item else Decimal(0)
    if not quantity:
        return _("not bought")
    unit = unit_of(price, visit.language)
    return wording.count(quantity, unit, visit.language) if unit else _("bought")
