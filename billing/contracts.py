"""Read subscriptions with all that prices them, in a fixed number of queries, as plain values for planning."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from billing.models import (
    BillingPeriod,
    Change,
    FormerTerms,
    NegotiatedPrice,
    Price,
    PriceListEntry,
    Subscription,
    SubscriptionItem,
)
from billing.models.catalogue import PlanVersion
from billing.rating import Price as Rating
from billing.rating import parse_price
from billing.terms import Clause, Commitment, Contract, Metered, Stretch
from tenants.bulk import among
from tenants.models import Authorisation, Seller
from usage.periods import Alignment, Interval, Span, local_day, local_midnight

Quantities = Mapping[tuple[int, int], list[tuple[Any, Any, Any]]]
# Clauses by price, rating, quantities and time: most customers of a plan share them.
Clauses = dict[tuple[Any, ...], Clause]
# From when, until when terms stand.
Time = tuple[datetime | None, datetime | None]
BEFORE_PAID = (Subscription.Status.PENDING, Subscription.Status.TRIALING)


def with_terms(subscriptions: Iterable[Subscription]) -> list[Subscription]:
    """Return the subscriptions with version and seller; many customers have few of either, so each is read once."""
    found = list(subscriptions)
    versions = PlanVersion.objects.in_bulk({s.version_id for s in found})
    sellers = Seller.objects.in_bulk({s.seller_id for s in found})
    for s in found:
        s.version, s.seller = versions[s.version_id], sellers[s.seller_id]
    return found


@dataclass(slots=True)
class _Shelf:
    """All that prices a batch of subscriptions, read in a fixed number of queries."""

    prices: Mapping[int, list[Price]]
    negotiated: Mapping[tuple[int, int], NegotiatedPrice]
    listed: Mapping[tuple[int, int, str], PriceListEntry]
    quantities: Quantities
    withdrawn: set[int]
    former: Mapping[int, list[FormerTerms]]
    # The change of plan that waits, of subscriptions that have one.
    waiting: Mapping[int, Change]
    own: dict[int, Rating] = field(default_factory=dict)
    clauses: Clauses = field(default_factory=dict)

    def rated(self, s: Subscription, version: int, price_list: int | None) -> list[tuple[Price, Rating]]:
        """Return the prices of a version as they stand in a contract: negotiated, of the group's list, or their own."""
        return [(price, self._agreed(price, s, price_list)) for price in self.prices[version]]

    def _agreed(self, price: Price, s: Subscription, price_list: int | None) -> Rating:
        if row := self.negotiated.get((s.pk, price.pk)):
            return rating_of(row.model, row.params)
        if price_list and (entry := self.listed.get((price_list, price.version.plan_id, price.code))):
            return rating_of(entry.model, entry.params)
        if price.pk not in self.own:
            self.own[price.pk] = rating_of(price.model, price.params)
        return self.own[price.pk]


def load(subscriptions: Sequence[Subscription]) -> dict[int, Contract]:
    """Return each subscription's contract by its id.

    A price is the negotiated one, else the group list's, else the plan's own. Expects `version` and `seller` to be
    selected along.
    """
    former = _former(subscriptions)
    stood: list[Subscription | FormerTerms] = [*subscriptions, *(terms for known in former.values() for terms in known)]
    shelf = _Shelf(
        prices=_prices({one.version_id for one in stood}),
        negotiated=_negotiated(subscriptions),
        listed=_listed({one.price_list_id for one in stood if one.price_list_id}),
        quantities=_quantities(subscriptions),
        withdrawn=_withdrawn(subscriptions),
        former=former,
        waiting=_waiting(subscriptions),
    )
    return {s.pk: _contract(s, shelf) for s in subscriptions}


def last_periods(subscriptions: Iterable[Subscription]) -> dict[int, dict[Interval, Stretch]]:
    """Return, for each subscription and rhythm, the period that was opened last."""
    found: dict[int, dict[Interval, Stretch]] = defaultdict(dict)
    # Of two that begin on one day the first was cut on it, and is empty.
    rows = (
        BillingPeriod.objects.filter(among("subscription", (s.pk for s in subscriptions)), undone_at=None)
        .order_by("subscription_id", "interval", "-start", "-end", "-pk")
        .distinct("subscription_id", "interval")
    )
    for row in rows:
        found[row.subscription_id][Interval(row.interval)] = stretch(row)
    return found


def stretch(period: BillingPeriod) -> Stretch:
    """Return a stored period as planning knows it."""
    zone = period.zone
    whole_start, whole_end = local_day(period.whole_start, zone), local_day(period.whole_end, zone)
    end_on = period.end_on
    cut_at = None if local_midnight(end_on, zone) == period.end else period.end
    span = Span(0, period.start_on, end_on + timedelta(days=1) if cut_at else end_on, whole_start, whole_end, zone)
    again = period.reopened_at is not None
    return Stretch(
        Interval(period.interval), span, period.trial, period.pk, period.closed_at is not None, cut_at, again
    )


def rating_of(model: str, params: Mapping[str, Any]) -> Rating:
    """Return a stored price ready for rating."""
    return _parsed(json.dumps({**params, "model": model}, sort_keys=True))


@lru_cache(maxsize=50_000)
def _parsed(text: str) -> Rating:
    return parse_price(json.loads(text))


def _prices(versions: set[int]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = defaultdict(list)
    # The version comes along: it is the same few rows, and says how a price's plan splits a period.
    prices = Price.objects.filter(version__in=versions).select_related("meter", "version")
    for price in prices.order_by("position", "id"):
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
    rows = SubscriptionItem.objects.filter(among("subscription", (s.pk for s in subscriptions)), during__isempty=False)
    told = rows.order_by("during").values_list(
        "subscription_id", "price_id", "quantity", "during__startswith", "during__endswith"
    )
    for subscription, price, quantity, start, end in told:
        found[subscription, price].append((start, end, quantity))
    return found


def _former(subscriptions: Sequence[Subscription]) -> dict[int, list[FormerTerms]]:
    """Return what subscriptions were before their changes, oldest first; few were ever changed."""
    changed = [s.pk for s in subscriptions if s.terms_since > local_midnight(s.start_on, s.zone)]
    found: dict[int, list[FormerTerms]] = defaultdict(list)
    rows = FormerTerms.objects.filter(among("subscription", changed), undone_at=None).select_related("version")
    rows = rows.order_by("since", "pk")
    for terms in rows if changed else ():
        if terms.since < terms.until:
            found[terms.subscription_id].append(terms)
    return found


def _waiting(subscriptions: Sequence[Subscription]) -> dict[int, Change]:
    turning = [s.pk for s in subscriptions if s.changes_on]
    if not turning:
        return {}
    changes = Change.objects.filter(among("subscription", turning), kind="plan", status="scheduled")
    return {change.subscription_id: change for change in changes.select_related("version")}


def _withdrawn(subscriptions: Sequence[Subscription]) -> set[int]:
    """Return the consents to renewal that were withdrawn: under them nothing renews by itself any more."""
    consents = {s.renewal_consent_id for s in subscriptions if s.auto_renew and s.renewal_consent_id}
    gone = Authorisation.objects.filter(among("pk", consents), withdrawn_at__isnull=False) if consents else ()
    return {one.pk for one in gone}


def _contract(s: Subscription, shelf: _Shelf) -> Contract:
    version, by_itself = s.version, s.auto_renew and s.renewal_consent_id not in shelf.withdrawn
    waiting = shelf.waiting.get(s.pk)
    rated = shelf.rated(s, s.version_id, s.price_list_id)
    former = shelf.former.get(s.pk, [])
    time: Time = (s.terms_since if former else None, None)
    # What never costs anything needs no consent to go on.
    renews = (by_itself or all(rating.is_free for _price, rating in rated)) and s.cancelled_at is None
    return Contract(
        subscription_id=s.pk,
        zone=s.zone,
        currency=s.currency,
        status=s.status,
        start_on=s.start_on,
        anchor_on=s.anchor_on,
        first_on=s.first_on,
        trial_end_on=s.trial_end_on,
        terms_done=s.terms_done,
        term_start_on=s.term_start_on,
        term_end_on=s.term_end_on,
        end_on=s.end_on,
        renews=renews,
        trial_pays=s.status not in BEFORE_PAID or (by_itself and _goes_on(s)),
        interval=Interval(version.interval),
        term=Interval(version.term),
        alignment=Alignment(s.alignment),
        billing_day=s.billing_day,
        clauses=tuple(_known_clause(s, price, rating, rated, shelf, time) for price, rating in rated),
        former=tuple(clause for terms in former for clause in _former_clauses(s, terms, shelf)),
        commitments=tuple(_commitments(s, former)),
        pause_on=s.pause_on,
        # A change that the customer confirmed goes on into the new term; a migration moves nobody who leaves.
        changes_on=None if waiting and waiting.migration_id and not renews else s.changes_on,
        changes_rhythm=bool(waiting and waiting.version and waiting.version.interval != version.interval),
        ended_at=s.ended_at,
    )


def _goes_on(s: Subscription) -> bool:
    """Return whether a trial turns into what it tries, unless it is cancelled; one taken into a plan without trial does."""
    return s.cancelled_at is None and (s.version.after_trial == "pays" or not s.version.trial_days)


def _former_clauses(s: Subscription, terms: FormerTerms, shelf: _Shelf) -> list[Clause]:
    rated = shelf.rated(s, terms.version_id, terms.price_list_id)
    return [_known_clause(s, price, rating, rated, shelf, (terms.since, terms.until)) for price, rating in rated]


def _commitments(s: Subscription, former: Sequence[FormerTerms]) -> list[Commitment]:
    found = [
        Commitment(terms.minimum_minor, Interval(terms.version.interval), terms.since, terms.until)
        for terms in former
        if terms.minimum_minor
    ]
    minor = s.version.minimum_minor if s.minimum_minor is None else s.minimum_minor
    since = s.terms_since if former else None
    return [*found, Commitment(minor, Interval(s.version.interval), since, None)] if minor else found


def _known_clause(
    s: Subscription, price: Price, rating: Rating, rated: Sequence[tuple[Price, Rating]], shelf: _Shelf, time: Time
) -> Clause:
    held = tuple(shelf.quantities.get((s.pk, price.pk), ()))
    above = next((sister.pk for sister, _r in rated if price.above and sister.code == price.above), None)
    paid = tuple(shelf.quantities.get((s.pk, above), ())) if above else ()
    # Equal ratings are one object (`rating_of` keeps them), and its id is a shorter key than its content.
    key = (price.pk, id(rating), held, paid, time)
    if key not in shelf.clauses:
        shelf.clauses[key] = _clause(price, rating, s.seller, (held, paid), rated, time)
    return shelf.clauses[key]


def _clause(
    price: Price,
    rating: Rating,
    seller: Seller,
    quantities: tuple[tuple[tuple[Any, Any, Any], ...], tuple[tuple[Any, Any, Any], ...]],
    sisters: Sequence[tuple[Price, Rating]],
    time: Time,
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
        interval=Interval(price.interval or price.version.interval),
        advance=price.timing == Price.Timing.ADVANCE,
        one_off=price.one_off,
        optional=price.optional,
        tax_rate=seller.tax_rate if price.tax_rate is None else price.tax_rate,
        meter=_metered(price, sisters),
        quantities=quantities[0],
        paid=quantities[1],
        proration=price.version.proration,
        since=time[0],
        until=time[1],
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
