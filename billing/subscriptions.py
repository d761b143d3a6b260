"""A subscription's life: start, renew or not, end. Closing does the billing; nothing here charges anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils.translation import gettext as _

from billing import discounts, doubles
from billing.models import Acceptance, NegotiatedPrice, PlanVersion, Price, PriceList, Subscription, SubscriptionItem
from billing.models.catalogue import Status
from billing.orders import Order, Outcome, Overlapping, check, check_consent
from tenants import audit
from tenants.bulk import copy_in
from tenants.errors import DomainError, Invalid, NotFound, WrongState
from tenants.models import Authorisation, User
from usage.periods import Alignment, Interval, Schedule, local_midnight

__all__ = [
    "Order",
    "Outcome",
    "Overlapping",
    "change_state",
    "end",
    "on_sale",
    "renew_automatically",
    "start",
    "start_one",
    "stop_renewing",
]
State = Subscription.Status


@transaction.atomic
def start(orders: Sequence[Order], *, at: datetime, by: User | None) -> list[Outcome]:
    """Start subscriptions, many in a handful of statements; a refused order is an outcome and harms no other.

    The acceptance of the price is recorded with its hash. Nothing is charged here: closing finds them due. The answers
    come in the order asked.
    """
    shelf = _shelf(orders)
    refused: dict[int, Outcome] = {}
    for number, order in enumerate(orders):
        try:
            check(order, shelf.prices[order.version.pk])
        except DomainError as refusal:
            refused[number] = Outcome(order, refusal=refusal)
    for number, doubled in doubles.refusals(orders, by=by).items():
        refused.setdefault(number, Outcome(orders[number], refusal=doubled))
    started = iter(_start([order for n, order in enumerate(orders) if n not in refused], shelf, at, by))
    return [refused[n] if n in refused else next(started) for n in range(len(orders))]


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
    check_consent(consent, locked.tenant_id, locked.seller_id, f"subscription:{locked.pk}")
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

    A period that was opened is served to its end: an earlier day raises Invalid, naming the earliest. A day behind the
    term's end prolongs the term to it where nothing renews by itself.
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
    _last_until(locked, day, over)
    audit.record(
        "subscription.ends", tenant=locked.tenant_id, target=f"subscription:{locked.pk}", at=at, by=by, on=str(day)
    )
    return day


def _last_until(locked: Subscription, day: date, over: datetime) -> None:
    """Let a subscription, and what it holds to its end, last until `over`, be that sooner or later than was planned."""
    during = (locked.during.lower, over)
    try:
        with transaction.atomic():
            term_end = locked.term_end_on if locked.auto_renew else max(locked.term_end_on, day)
            Subscription.objects.filter(pk=locked.pk).update(end_on=day, term_end_on=term_end, during=during)
    except IntegrityError as error:
        raise _overlap(error) from None
    to_the_end = SubscriptionItem.objects.filter(subscription=locked.pk, during__endswith=locked.during.upper)
    to_the_end.update(during=during)


@transaction.atomic
def change_way(
    payer_id: int, seller_id: int, currency: str, *, frm: str, to: str, at: datetime, by: User | None
) -> int:
    """Let what a payer has running with a seller be paid as `to` where it is paid as `frm`, from the next bill on; return how
    many. What is drafted or billed already keeps its way."""
    mine = Subscription.objects.live().filter(payer=payer_id, seller=seller_id, currency=currency, pays=frm)
    rows = list(mine.select_for_update(no_key=True).order_by("pk").values_list("pk", "tenant_id"))
    for pk, tenant_id in rows:
        audit.record(
            "subscription.way", tenant=tenant_id, target=f"subscription:{pk}", at=at, by=by, before=frm, after=to
        )
    return Subscription.objects.filter(pk__in=[pk for pk, _tenant in rows]).update(pays=to)


def change_state(ids: Sequence[int], *, frm: str, to: str) -> int:
    """Move subscriptions from one state to another, where the table of transitions allows it; return how many moved."""
    if State(to) not in Subscription.TRANSITIONS[State(frm)]:
        raise WrongState(_("A subscription cannot go from “%(frm)s” to “%(to)s”.") % {"frm": frm, "to": to})
    return Subscription.objects.filter(pk__in=ids, status=frm).update(status=to)


def on_sale(seller_id: int, code: str) -> PlanVersion:
    """Return the published version of a plan; raise NotFound, naming the plan, when there is none."""
    found = PlanVersion.objects.select_related("plan", "plan__seller").filter(
        plan__seller=seller_id, plan__code=code, plan__on_sale=True, status=Status.PUBLISHED
    )
    if (version := found.first()) is None:
        raise NotFound(_("There is no plan “%(code)s” on sale.") % {"code": code}, field="plan")
    return version


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What a batch of orders is sold from: the prices of each version, and the price list of each seller's group."""

    prices: Mapping[int, list[Price]]
    lists: Mapping[tuple[int, int], PriceList]

    def list_for(self, order: Order) -> PriceList | None:
        """Return the price list in force for the customer's group."""
        group = order.tenant.group_id
        return self.lists.get((order.version.plan.seller_id, group)) if group else None


def _shelf(orders: Sequence[Order]) -> _Shelf:
    prices: dict[int, list[Price]] = {order.version.pk: [] for order in orders}
    for price in Price.objects.filter(version__in=prices).order_by("position", "pk"):
        prices[price.version_id].append(price)
    groups = {order.tenant.group_id for order in orders if order.tenant.group_id}
    lists = PriceList.objects.filter(group__in=groups, status=Status.PUBLISHED) if groups else ()
    return _Shelf(prices, {(one.seller_id, one.group_id): one for one in lists})


def _start(orders: Sequence[Order], shelf: _Shelf, at: datetime, by: User | None) -> list[Outcome]:
    """Write orders that were checked; halve a batch that the database or a coupon refuses, until the bad one is alone."""
    try:
        with transaction.atomic():
            return [Outcome(*pair) for pair in zip(orders, _write(orders, shelf, at, by), strict=True)]
    except (IntegrityError, DomainError) as error:
        if len(orders) == 1:
            refusal = error if isinstance(error, DomainError) else _overlap(error)
            return [Outcome(orders[0], refusal=refusal)]
        middle = len(orders) // 2
        return _start(orders[:middle], shelf, at, by) + _start(orders[middle:], shelf, at, by)


def _write(orders: Sequence[Order], shelf: _Shelf, at: datetime, by: User | None) -> list[Subscription]:
    accepted = Acceptance.objects.bulk_create(
        Acceptance(
            tenant=order.tenant,
            version=order.version,
            price_list=shelf.list_for(order),
            text_sha256=order.quoted_sha256 or order.version.sha256,
            accepted_by=by,
            accepted_by_name=by.get_full_name() if by else "",
            at=at,
        )
        for order in orders
    )
    pairs = zip(orders, accepted, strict=True)
    made = Subscription.objects.bulk_create(_row(order, acceptance, at) for order, acceptance in pairs)
    _write_items(list(zip(orders, made, strict=True)), shelf)
    for order, subscription in zip(orders, made, strict=True):
        discounts.redeem_ordered(subscription, order.coupons, at=at, by=by)
    audit.record_many(
        (
            audit.Act("subscription.started", s.tenant_id, f"subscription:{s.pk}", {"plan": order.version.plan.code})
            for order, s in zip(orders, made, strict=True)
        ),
        at=at,
        by=by,
    )
    return made


def _first_term_end(order: Order, schedule: Schedule) -> date:
    """Return where the first term ends: a contract of fixed length that does not renew is one term, to its end."""
    if order.end_on and order.consent is None and order.end_on > schedule.anchor:
        return order.end_on
    return schedule.term_end(Interval(order.version.term), 1)


def _row(order: Order, acceptance: Acceptance, at: datetime) -> Subscription:
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
        price_list=acceptance.price_list,
        acceptance=acceptance,
        label=order.label,
        currency=version.currency,
        status=running if begins <= at else State.PENDING,
        pays=order.pays,
        zone=tenant.timezone,
        start_on=order.start_on,
        anchor_on=anchor,
        first_on=order.start_on,
        terms_since=begins,
        alignment=version.alignment,
        billing_day=version.billing_day,
        minimum_minor=order.minimum_minor,
        trial_end_on=trial_end,
        term_start_on=anchor,
        term_end_on=_first_term_end(order, schedule),
        end_on=order.end_on,
        during=(begins, over),
        auto_renew=order.consent is not None,
        renewal_consent=order.consent,
        next_at=begins,
        purchase_order=order.purchase_order or tenant.purchase_order,
        cost_centre=order.cost_centre or tenant.cost_centre,
        wanted_twice=bool(order.twice),
        created_at=at,
    )


def _write_items(started: Sequence[tuple[Order, Subscription]], shelf: _Shelf) -> None:
    copy_in(
        SubscriptionItem,
        ["tenant_id", "subscription_id", "price_id", "quantity", "during"],
        (
            (s.tenant_id, s.pk, price.pk, quantity, DateTimeTZRange(*s.during))
            for order, s in started
            for price, quantity in _quantities(order, shelf.prices[s.version_id])
        ),
    )
    NegotiatedPrice.objects.bulk_create(
        NegotiatedPrice(
            tenant=order.tenant,
            subscription=s,
            price=price,
            model=order.negotiated[price.code]["model"],
            params={key: value for key, value in order.negotiated[price.code].items() if key != "model"},
        )
        for order, s in started
        for price in shelf.prices[s.version_id]
        if price.code in order.negotiated
    )


def _quantities(order: Order, prices: Sequence[Price]) -> Iterator[tuple[Price, Decimal]]:
    """Yield what is taken of each price: seats left out are 0, a base is 1, a module when it is named."""
    for price in prices:
        given = order.quantities.get(price.code)
        if given is not None:
            yield price, given
        elif price.optional:
            if price.code in order.modules:
                yield price, Decimal(1)
        elif price.kind != Price.Kind.USAGE:
            yield price, Decimal(price.kind != Price.Kind.SEAT)


def _overlap(error: IntegrityError) -> Overlapping:
    """Return the refusal that a broken exclusion constraint means; anything else is no person's mistake."""
    if "subscription_no_overlap" not in str(error):
        raise error
    return Overlapping(
        _(
            "This customer already has a subscription of this product for that time. End it first, or give this one a label."
        ),
        field="plan",
    )


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
