"""A subscription's life: start, renew or not, end. Closing does the billing; nothing here charges anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing import catalogue
from billing.models import Acceptance, NegotiatedPrice, PlanVersion, Price, PriceList, Subscription, SubscriptionItem
from billing.models.catalogue import Status
from tenants import audit
from tenants.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, WrongState
from tenants.models import Authorisation, Tenant, User
from usage.periods import Alignment, Interval, Schedule, local_midnight

State = Subscription.Status


class Overlapping(Conflict):
    """The tenant has a subscription of the product for that time already."""

    code = "overlapping_subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a tenant buys: a published version, from a local day on.

    `quantities` by price code (seats left out are 0); `modules` are the optional prices taken; `negotiated` by price
    code holds prices of CONTRACTS §1. `consent` is the authorisation under which it renews by itself; without one it
    ends with its first term.
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
    purchase_order: str = ""
    cost_centre: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: the subscription, or the reason why there is none."""

    order: Order
    subscription: Subscription | None = None
    refusal: DomainError | None = None


def start(orders: Sequence[Order], *, at: datetime, by: User | None) -> list[Outcome]:
    """Start subscriptions; a refused order is an outcome and harms no other.

    The acceptance of the price is recorded with its hash. Nothing is charged here: closing finds them due.
    """
    prices: dict[int, list[Price]] = {}
    outcomes = []
    for order in orders:
        known = prices.setdefault(order.version.pk, list(order.version.prices.order_by("position", "pk")))
        try:
            with transaction.atomic():
                outcomes.append(Outcome(order, _start(order, known, at, by)))
        except DomainError as refusal:
            outcomes.append(Outcome(order, refusal=refusal))
    return outcomes


def start_one(order: Order, *, at: datetime, by: User | None) -> Subscription:
    """Start one subscription, or raise the refusal."""
    outcome = start([order], at=at, by=by)[0]
    if outcome.subscription is None:
        raise outcome.refusal or RuntimeError("an order has an outcome")
    return outcome.subscription


@transaction.atomic
def renew_automatically(subscription: Subscription, *, consent: Authorisation, at: datetime, by: User | None) -> None:
    """Switch automatic renewal on, under a member's recorded consent (REQUIREMENTS B2)."""
    locked = _locked(subscription)
    if locked.status == State.ENDED or locked.end_on:
        raise WrongState(_("This subscription ends; it cannot renew. Start a new one."))
    _check_consent(consent, locked.tenant_id, locked.seller_id, f"subscription:{locked.pk}")
    Subscription.objects.filter(pk=locked.pk).update(auto_renew=True, renewal_consent=consent)
    target = f"subscription:{locked.pk}"
    audit.record("renewal.on", tenant=locked.tenant_id, target=target, at=at, by=by, authorisation=consent.pk)


@transaction.atomic
def stop_renewing(subscription: Subscription, *, at: datetime, by: User | None) -> None:
    """Switch automatic renewal off, at once, for the next term on; off already is no error."""
    locked = _locked(subscription)
    if Subscription.objects.filter(pk=locked.pk, auto_renew=True).update(auto_renew=False):
        audit.record("renewal.off", tenant=locked.tenant_id, target=f"subscription:{locked.pk}", at=at, by=by)


@transaction.atomic
def end(subscription: Subscription, *, at: datetime, by: User | None, on: date | None = None) -> date:
    """End a subscription on a local day (default: the end of its term); return that day.

    A period that was opened is served to its end: an earlier day raises Invalid, naming the earliest.
    """
    locked = _locked(subscription)
    if locked.status == State.ENDED:
        raise WrongState(_("This subscription is over already."))
    last = locked.periods.order_by("-end").first()
    earliest = last.end_on if last else locked.start_on + timedelta(days=1)
    day = on or max(locked.term_end_on, earliest)
    if day < earliest:
        raise Invalid(_("It is paid until %(day)s; choose that day or a later one.") % {"day": earliest}, field="on")
    over = local_midnight(day, locked.zone)
    Subscription.objects.filter(pk=locked.pk).update(end_on=day, during=(locked.during.lower, over))
    SubscriptionItem.objects.filter(subscription=locked.pk, during__endswith=None).update(
        during=(locked.during.lower, over)
    )
    audit.record(
        "subscription.ends", tenant=locked.tenant_id, target=f"subscription:{locked.pk}", at=at, by=by, on=str(day)
    )
    return day


def change_state(ids: Sequence[int], *, frm: str, to: str) -> int:
    """Move subscriptions from one state to another, where the table of transitions allows it; return how many moved."""
    if State(to) not in Subscription.TRANSITIONS[State(frm)]:
        raise WrongState(_("A subscription cannot go from “%(frm)s” to “%(to)s”.") % {"frm": frm, "to": to})
    return Subscription.objects.filter(pk__in=ids, status=frm).update(status=to)


def on_sale(seller_id: int, code: str) -> PlanVersion:
    """Return the published version of a plan; raise NotFound, naming the plan, when there is none."""
    found = PlanVersion.objects.select_related("plan", "plan__seller").filter(
        plan__seller=seller_id, plan__code=code, status=Status.PUBLISHED
    )
    if (version := found.first()) is None:
        raise NotFound(_("There is no plan “%(code)s” on sale.") % {"code": code}, field="plan")
    return version


def _start(order: Order, prices: Sequence[Price], at: datetime, by: User | None) -> Subscription:
    tenant, version = order.tenant, order.version
    _check(order, prices)
    price_list = _price_list(order)
    acceptance = Acceptance.objects.create(
        tenant=tenant,
        version=version,
        price_list=price_list,
        text_sha256=version.sha256,
        accepted_by=by,
        accepted_by_name=by.get_full_name() if by else "",
        at=at,
    )
    subscription = _row(order, acceptance, price_list, at)
    try:
        subscription.save(force_insert=True)
    except IntegrityError as error:
        raise _overlap(error) from None
    _write_items(subscription, order, prices)
    target = f"subscription:{subscription.pk}"
    audit.record("subscription.started", tenant=tenant, target=target, at=at, by=by, plan=version.plan.code)
    return subscription


def _row(order: Order, acceptance: Acceptance, price_list: PriceList | None, at: datetime) -> Subscription:
    tenant, version = order.tenant, order.version
    trial_end = order.start_on + timedelta(days=version.trial_days) if version.trial_days else None
    anchor = trial_end or order.start_on
    schedule = Schedule(
        anchor, Interval(version.interval), tenant.timezone, Alignment(version.alignment), version.billing_day
    )
    begins = local_midnight(order.start_on, tenant.timezone)
    over = local_midnight(order.end_on, tenant.timezone) if order.end_on else None
    running = State.TRIALING if trial_end else State.ACTIVE
    return Subscription(
        tenant=tenant,
        payer_id=tenant.payer_id,
        seller_id=version.plan.seller_id,
        family_id=version.plan.family_id,
        plan=version.plan,
        version=version,
        price_list=price_list,
        acceptance=acceptance,
        label=order.label,
        currency=version.currency,
        status=running if begins <= at else State.PENDING,
        pays=order.pays,
        zone=tenant.timezone,
        start_on=order.start_on,
        anchor_on=anchor,
        trial_end_on=trial_end,
        term_start_on=anchor,
        term_end_on=schedule.term_end(Interval(version.term), 1),
        end_on=order.end_on,
        during=(begins, over),
        auto_renew=order.consent is not None,
        renewal_consent=order.consent,
        next_at=begins,
        purchase_order=order.purchase_order or tenant.purchase_order,
        cost_centre=order.cost_centre or tenant.cost_centre,
        created_at=at,
    )


def _write_items(subscription: Subscription, order: Order, prices: Sequence[Price]) -> None:
    by_code = {price.code: price for price in prices}
    quantities = {p.code: Decimal(1) for p in prices if p.kind != Price.Kind.USAGE and not p.optional}
    quantities |= {p.code: Decimal(0) for p in prices if p.kind == Price.Kind.SEAT and not p.optional}
    quantities |= {code: Decimal(1) for code in order.modules} | dict(order.quantities)
    SubscriptionItem.objects.bulk_create(
        SubscriptionItem(
            tenant=order.tenant,
            subscription=subscription,
            price=by_code[code],
            quantity=quantity,
            during=subscription.during,
        )
        for code, quantity in quantities.items()
    )
    NegotiatedPrice.objects.bulk_create(
        NegotiatedPrice(
            tenant=order.tenant,
            subscription=subscription,
            price=by_code[code],
            model=price["model"],
            params={key: value for key, value in price.items() if key != "model"},
        )
        for code, price in order.negotiated.items()
    )


def _check(order: Order, prices: Sequence[Price]) -> None:
    tenant, version = order.tenant, order.version
    if version.status != Status.PUBLISHED:
        raise Invalid(_("This version of the plan is not on sale."), field="plan")
    if tenant.status == Tenant.Status.CLOSED:
        raise WrongState(_("This customer is closed."), field="tenant")
    if version.currency != tenant.currency:
        raise Invalid(
            _("The plan is priced in %(plan)s, the customer pays in %(tenant)s; choose a plan in %(tenant)s.")
            % {"plan": version.currency, "tenant": tenant.currency},
            field="currency",
        )
    if order.end_on and order.end_on <= order.start_on:
        raise Invalid(_("The end must be after the start."), field="end")
    _check_items(order, {price.code: price for price in prices})
    if order.consent:
        _check_consent(order.consent, tenant.pk, version.plan.seller_id, "")


def _check_items(order: Order, by_code: Mapping[str, Price]) -> None:
    for code, quantity in order.quantities.items():
        price = _named(by_code, code, f"quantities.{code}")
        if price.kind == Price.Kind.USAGE:
            raise Invalid(
                _("“%(code)s” is charged by usage; it has no quantity.") % {"code": code}, field=f"quantities.{code}"
            )
        if not quantity.is_finite() or quantity < 0:
            raise Invalid(_("The quantity must not be below zero."), field=f"quantities.{code}")
    for number, code in enumerate(order.modules):
        if not _named(by_code, code, f"modules[{number}]").optional:
            raise Invalid(_("“%(code)s” belongs to the plan anyhow.") % {"code": code}, field=f"modules[{number}]")
    for code, price in order.negotiated.items():
        _named(by_code, code, f"prices.{code}")
        model = price.get("model")
        params = {key: value for key, value in price.items() if key != "model"}
        catalogue.check_params(str(model), params, f"prices.{code}")


def _named(by_code: Mapping[str, Price], code: str, path: str) -> Price:
    if code not in by_code:
        raise Invalid(_("The plan has no price “%(code)s”.") % {"code": code}, field=path)
    return by_code[code]


def _price_list(order: Order) -> PriceList | None:
    if order.tenant.group_id is None:
        return None
    return PriceList.objects.filter(
        seller=order.version.plan.seller_id, group=order.tenant.group_id, status=Status.PUBLISHED
    ).first()


def _check_consent(consent: Authorisation, tenant_id: int, seller_id: int, scope: str) -> None:
    mine = consent.tenant_id == tenant_id and consent.seller_id == seller_id
    if not mine or consent.withdrawn_at or consent.scope not in ("all", scope or consent.scope):
        raise NotAllowed(_("Renewal needs an authorisation of this customer that is in force."), field="consent")


def _overlap(error: IntegrityError) -> Exception:
    if "subscription_no_overlap" not in str(error):
        return error
    return Overlapping(
        _(
            "This customer already has a subscription of this product for that time. End it first, or give this one a label."
        ),
        field="plan",
    )


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
