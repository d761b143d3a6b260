"""Controls: what may be deducted by whose consent, and everything that could ever cost money (REQUIREMENTS C1, C10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.models import NegotiatedPrice, Price, PriceListEntry, Subscription
from billing.money import Money
from invoices import states
from invoices.pages import prices, wording
from invoices.pages.visit import Visit
from tenants.models import Authorisation


@dataclass(frozen=True)
class AuthorisationRow:
    """One consent: who, when, for what, up to how much, with its whole text."""

    pk: int
    scope: str
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
    """One subscription's whole price list, as it was accepted."""

    plan: str
    version: int
    accepted_on: date
    accepted_by: str
    sha256: str
    terms: str
    minimum: Money | None
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class CostsPage:
    """The page /controls/prices/."""

    lists: tuple[Accepted, ...]


def authorisations(visit: Visit) -> AuthorisationsPage:
    """Return every consent this company has given, newest first."""
    found = Authorisation.objects.filter(tenant=visit.tenant).order_by("-given_at", "-id")
    named = {f"subscription:{row.pk}": row.plan.name_in(visit.language) for row in subscriptions(visit, live=False)}
    rows = tuple(authorisation(visit, row, named) for row in found)
    return AuthorisationsPage(rows, sum(not row.withdrawn_at for row in rows), visit.member.may_pay)


def authorisation(visit: Visit, row: Authorisation, named: dict[str, str]) -> AuthorisationRow:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, row.currency)

    return AuthorisationRow(
        pk=row.pk,
        scope=named.get(row.scope) or _("All subscriptions"),
        given_by=row.given_by_name,
        given_at=row.given_at,
        ceiling=money(row.ceiling_minor),
        per_month=money(row.per_month_minor),
        text=row.text,
        version=row.text_version,
        sha256=row.text_sha256,
        state=states.AUTHORISATION["withdrawn" if row.withdrawn_at else "in_force"],
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by_name,
        withdraw="" if row.withdrawn_at else visit.to("withdraw", row.pk),
    )


def subscriptions(visit: Visit, *, live: bool = True) -> list[Subscription]:
    found = Subscription.objects.filter(tenant=visit.tenant).select_related(
        "plan", "version", "acceptance", "price_list"
    )
    return list((found.live() if live else found).order_by("created_at", "id"))


def costs(visit: Visit) -> CostsPage:
    """Return every price of every version that the company has accepted and still uses."""
    return CostsPage(tuple(accepted(visit, subscription) for subscription in subscriptions(visit)))


def accepted(visit: Visit, subscription: Subscription) -> Accepted:
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
    )


def own_prices(subscription: Subscription) -> dict[str, tuple[str, dict, str]]:
    """Return the prices that stand before the plan's own, by code: those of the list, then the negotiated ones."""
    entries = PriceListEntry.objects.filter(price_list=subscription.price_list_id, plan=subscription.plan_id)
    own = {row.price_code: (row.model, row.params, _("your group's price list")) for row in entries}
    agreed = NegotiatedPrice.objects.filter(subscription=subscription).select_related("price")
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
