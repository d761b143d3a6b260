"""An order for a subscription, and whether it may be taken: each refusal names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing import catalogue
from billing.models import PlanVersion, Price, Subscription
from billing.models.catalogue import Status
from tenants.errors import Conflict, DomainError, Invalid, NotAllowed, WrongState
from tenants.models import Authorisation, Tenant
from tenants.models.agreements import RENEWS

# More than any column of a quantity holds.
TOO_MANY = Decimal(10) ** 20
# Calendars end; a term must fit behind every start.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


class Overlapping(Conflict):
    """The tenant has a subscription of the product for that time already."""

    code = "overlapping_subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a tenant buys: a published version, from a local day on.

    `quantities` by price code (seats left out are 0); `modules` are the optional prices taken; `negotiated` by price
    code holds prices of CONTRACTS §1. `consent` is the authorisation under which it renews by itself; without one it
    ends with its first term. `minimum_minor` is a commitment per period that stands before the plan's. `quoted_sha256`
    is the hash of the quote that the customer accepts: the acceptance points at it, and a quote outlives a version's sale.
    `twice`: it is wanted though another account with the same tax number has it; None: that was settled elsewhere.
    """

    tenant: Tenant
    version: PlanVersion
    start_on: date
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    modules: Sequence[str] = ()
    negotiated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    label: str = ""
    pays: str = Subscription.Pays.MANUAL
    consent: Authorisation | None = None
    end_on: date | None = None
    minimum_minor: int | None = None
    purchase_order: str = ""
    cost_centre: str = ""
    coupons: Sequence[str] = ()
    quoted_sha256: str = ""
    twice: bool | None = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: the subscription, or the reason why there is none."""

    order: Order
    subscription: Subscription | None = None
    refusal: DomainError | None = None


def check(order: Order, prices: Sequence[Price]) -> None:
    """Raise the first reason why an order cannot be taken; `prices` are those of its version."""
    tenant, version = order.tenant, order.version
    if version.status != Status.PUBLISHED and not (order.quoted_sha256 and version.status == Status.RETIRED):
        raise Invalid(_("This version of the plan is not on sale."), field="plan")
    if tenant.status == Tenant.Status.CLOSED:
        raise WrongState(_("This customer is closed."), field="tenant")
    if version.currency != tenant.currency:
        raise Invalid(
            _("The plan is priced in %(plan)s, the customer pays in %(tenant)s; choose a plan in %(tenant)s.")
            % {"plan": version.currency, "tenant": tenant.currency},
            field="currency",
        )
    if not FIRST_DAY <= order.start_on <= LAST_DAY:
        raise Invalid(
            _("Choose a day between %(first)s and %(last)s.") % {"first": FIRST_DAY, "last": LAST_DAY}, field="start"
        )
    if order.end_on and order.end_on <= order.start_on:
        raise Invalid(_("The end must be after the start."), field="end")
    _check_items(order, {price.code: price for price in prices})
    if order.consent:
        check_consent(order.consent, tenant.pk, version.plan.seller_id, "")


def comes_along(price: Price) -> bool:
    """Return whether a contract is never without a price: the base of its plan."""
    return price.kind == Price.Kind.BASE and not price.optional


def _check_items(order: Order, by_code: Mapping[str, Price]) -> None:
    for code, quantity in order.quantities.items():
        price = _named(by_code, code, f"quantities.{code}")
        if price.kind == Price.Kind.USAGE:
            raise Invalid(
                _("“%(code)s” is charged by usage; it has no quantity.") % {"code": code}, field=f"quantities.{code}"
            )
        if not quantity.is_finite() or quantity < 0:
            raise Invalid(_("The quantity must not be below zero."), field=f"quantities.{code}")
        if quantity >= TOO_MANY:
            raise Invalid(_("The quantity is too large."), field=f"quantities.{code}")
        if comes_along(price) and quantity < 1:
            raise Invalid(_("“%(code)s” belongs to the plan anyhow.") % {"code": code}, field=f"quantities.{code}")
    for number, code in enumerate(order.modules):
        if not _named(by_code, code, f"modules[{number}]").optional:
            raise Invalid(_("“%(code)s” belongs to the plan anyhow.") % {"code": code}, field=f"modules[{number}]")
    for code, agreed in order.negotiated.items():
        _named(by_code, code, f"prices.{code}")
        model = agreed.get("model")
        params = {key: value for key, value in agreed.items() if key != "model"}
        catalogue.check_params(str(model), params, f"prices.{code}")


def _named(by_code: Mapping[str, Price], code: str, path: str) -> Price:
    if code not in by_code:
        raise Invalid(_("The plan has no price “%(code)s”.") % {"code": code}, field=path)
    return by_code[code]


def check_consent(consent: Authorisation, tenant_id: int, seller_id: int, scope: str) -> None:
    """Raise NotAllowed unless this customer's authorisation is in force for the scope, or for renewals alone."""
    mine = consent.tenant_id == tenant_id and consent.seller_id == seller_id
    if not mine or consent.withdrawn_at or consent.items.isdisjoint({"all", RENEWS, scope}):
        raise NotAllowed(_("Renewal needs an authorisation of this customer that is in force."), field="consent")
