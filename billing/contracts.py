"""Read subscriptions with all that prices them, in a fixed number of queries, as plain values for planning."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from billing.models import BillingPeriod, NegotiatedPrice, Price, PriceListEntry, Subscription, SubscriptionItem
from billing.models.catalogue import PlanVersion
from billing.planning import Clause, Contract, Metered, Stretch
from billing.rating import Price as Rating
from billing.rating import parse_price
from tenants.bulk import among
from tenants.models import Authorisation, Seller
from usage.periods import Alignment, Interval, Span, local_day

Quantities = Mapping[tuple[int, int], list[tuple[Any, Any, Any]]]
# Clauses by price, rating and quantities: most customers of a plan share them.
Clauses = dict[tuple[Any, ...], Clause]
BEFORE_PAID = (Subscription.Status.PENDING, Subscription.Status.TRIALING)


def with_terms(subscriptions: Iterable[Subscription]) -> list[Subscription]:
    """Return the subscriptions with version and seller; many customers have few of either, so each is read once."""
    found = list(subscriptions)
    versions = PlanVersion.objects.in_bulk({s.version_id for s in found})
    sellers = Seller.objects.in_bulk({s.seller_id for s in found})
    for s in found:
        s.version, s.seller = versions[s.version_id], sellers[s.seller_id]
    return found


def load(subscriptions: Sequence[Subscription]) -> dict[int, Contract]:
    """Return each subscription's contract by its id.

    A price is the negotiated one, else the group list's, else the plan's own. Expects `version` and `seller` to be
    selected along.
    """
    prices = _prices({s.version_id for s in subscriptions})
    negotiated = _negotiated(subscriptions)
    listed = _listed({s.price_list_id for s in subscriptions if s.price_list_id})
    quantities = _quantities(subscriptions)
    own = {price.pk: rating_of(price.model, price.params) for known in prices.values() for price in known}
    withdrawn = _withdrawn(subscriptions)
    known: Clauses = {}
    found = {}
    for s in subscriptions:
        ratings = [_override(p, s, negotiated, listed) or own[p.pk] for p in prices[s.version_id]]
        found[s.pk] = _contract(s, list(zip(prices[s.version_id], ratings, strict=True)), quantities, known, withdrawn)
    return found


def last_periods(subscriptions: Iterable[Subscription]) -> dict[int, dict[Interval, Stretch]]:
    """Return, for each subscription and rhythm, the period that was opened last."""
    found: dict[int, dict[Interval, Stretch]] = defaultdict(dict)
    rows = (
        BillingPeriod.objects.filter(among("subscription", (s.pk for s in subscriptions)))
        .order_by("subscription_id", "interval", "-start")
        .distinct("subscription_id", "interval")
    )
    for row in rows:
        found[row.subscription_id][Interval(row.interval)] = stretch(row)
    return found


def stretch(period: BillingPeriod) -> Stretch:
    """Return a stored period as planning knows it."""
    zone = period.zone
    whole_start, whole_end = local_day(period.whole_start, zone), local_day(period.whole_end, zone)
    span = Span(0, period.start_on, period.end_on, whole_start, whole_end, zone)
    return Stretch(Interval(period.interval), span, period.trial, period.pk, period.closed_at is not None)


def rating_of(model: str, params: Mapping[str, Any]) -> Rating:
    """Return a stored price ready for rating."""
    return _parsed(json.dumps({**params, "model": model}, sort_keys=True))


@lru_cache(maxsize=50_000)
def _parsed(text: str) -> Rating:
    return parse_price(json.loads(text))


def _prices(versions: set[int]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(version__in=versions).select_related("meter").order_by("position", "id"):
        found[price.version_id].append(price)
    return found


def _negotiated(subscriptions: Sequence[Subscription]) -> dict[tuple[int, int], NegotiatedPrice]:
    rows = NegotiatedPrice.objects.filter(among("subscription", (s.pk for s in subscriptions)))
    return {(row.subscription_id, row.price_id): row for row in rows}


def _listed(lists: set[int]) -> dict[tuple[int, int, str], PriceListEntry]:
    rows = PriceListEntry.objects.filter(price_list__in=lists) if lists else ()
    return {(row.price_list_id, row.plan_id, row.price_code): row for row in rows}


def _quantities(subscriptions: Sequence[Subscription]) -> Quantities:
    found: dict[tuple[int, int], list[tuple[Any, Any, Any]]] = defaultdict(list)
    rows = SubscriptionItem.objects.filter(among("subscription", (s.pk for s in subscriptions)))
    told = rows.values_list("subscription_id", "price_id", "quantity", "during__startswith", "during__endswith")
    for subscription, price, quantity, start, end in told:
        found[subscription, price].append((start, end, quantity))
    return found


def _override(
    price: Price,
    subscription: Subscription,
    negotiated: Mapping[tuple[int, int], NegotiatedPrice],
    listed: Mapping[tuple[int, int, str], PriceListEntry],
) -> Rating | None:
    if row := negotiated.get((subscription.pk, price.pk)):
        return rating_of(row.model, row.params)
    if subscription.price_list_id and (
        entry := listed.get((subscription.price_list_id, subscription.plan_id, price.code))
    ):
        return rating_of(entry.model, entry.params)
    return None


def _withdrawn(subscriptions: Sequence[Subscription]) -> set[int]:
    """Return the consents to renewal that were withdrawn: under them nothing renews by itself any more."""
    consents = {s.renewal_consent_id for s in subscriptions if s.auto_renew and s.renewal_consent_id}
    gone = Authorisation.objects.filter(among("pk", consents), withdrawn_at__isnull=False) if consents else ()
    return {one.pk for one in gone}


def _contract(
    s: Subscription, rated: list[tuple[Price, Rating]], quantities: Quantities, known: Clauses, withdrawn: set[int]
) -> Contract:
    version = s.version
    by_itself = s.auto_renew and s.renewal_consent_id not in withdrawn
    return Contract(
        subscription_id=s.pk,
        zone=s.zone,
        currency=s.currency,
        status=s.status,
        start_on=s.start_on,
        anchor_on=s.anchor_on,
        trial_end_on=s.trial_end_on,
        terms_done=s.terms_done,
        term_start_on=s.term_start_on,
        term_end_on=s.term_end_on,
        end_on=s.end_on,
        # What never costs anything needs no consent to go on.
        renews=by_itself or all(rating.is_free for _price, rating in rated),
        # A trial that turned into the paid plan stays so, whatever becomes of renewal later.
        trial_pays=version.after_trial == "pays" and (by_itself or s.status not in BEFORE_PAID),
        interval=Interval(version.interval),
        term=Interval(version.term),
        alignment=Alignment(version.alignment),
        billing_day=version.billing_day,
        clauses=tuple(_known_clause(s, price, rating, quantities, rated, known) for price, rating in rated),
    )


def _known_clause(
    s: Subscription,
    price: Price,
    rating: Rating,
    quantities: Quantities,
    rated: Sequence[tuple[Price, Rating]],
    known: Clauses,
) -> Clause:
    held = tuple(quantities.get((s.pk, price.pk), ()))
    # Equal ratings are one object (`rating_of` keeps them), and its id is a shorter key than its content.
    key = (price.pk, id(rating), held)
    if key not in known:
        known[key] = _clause(price, rating, s.version, s.seller, held, rated)
    return known[key]


def _clause(
    price: Price,
    rating: Rating,
    version: PlanVersion,
    seller: Seller,
    quantities: tuple[tuple[Any, Any, Any], ...],
    sisters: Sequence[tuple[Price, Rating]],
) -> Clause:
    return Clause(
        price_id=price.pk,
        code=price.code,
        kind=price.kind,
        name=price.name,
        name_en=price.name_en,
        unit=price.unit or (price.meter.unit if price.meter else ""),
        unit_en=price.unit_en or (price.meter.unit_en if price.meter else ""),
        price=rating,
        interval=Interval(price.interval or version.interval),
        advance=price.timing == Price.Timing.ADVANCE,
        one_off=price.one_off,
        optional=price.optional,
        tax_rate=seller.tax_rate if price.tax_rate is None else price.tax_rate,
        meter=_metered(price, sisters),
        quantities=quantities,
    )


def _metered(price: Price, sisters: Sequence[tuple[Price, Rating]]) -> Metered | None:
    meter = price.meter
    if meter is None:
        return None
    others = tuple(p.match for p, _r in sisters if p.meter_id == price.meter_id and p.pk != price.pk and p.match)
    return Metered(
        meter_id=meter.pk,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        match=price.match,
        others=() if price.match else others,
    )
