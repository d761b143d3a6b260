"""The allowance bars: what is included, what was used, what is expected by the period's end, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import contracts, formatting
from billing.models import BillingPeriod, Price, Subscription
from billing.money import Money
from billing.rating import rate
from invoices.pages import days, meters, wording
from invoices.pages.controls import own_prices, subscriptions, unit_of
from invoices.pages.tables import address
from invoices.pages.visit import Visit

ZERO = Decimal(0)


@dataclass(frozen=True)
class Gauge:
    """One meter with an allowance, or with none: then only the number and its cost are shown."""

    name: str
    address: str
    used: str
    allowance: str
    meter: meters.Meter
    why: str
    cost: str


def gauges(visit: Visit) -> tuple[Gauge, ...]:
    """Return one bar for each price by use in the running subscriptions."""
    found = []
    for subscription in subscriptions(visit):
        own = own_prices(subscription)
        priced = Price.objects.filter(version=subscription.version_id, meter__isnull=False).select_related(
            "meter", "version"
        )
        for price in priced.order_by("position", "id"):
            model, params, _origin = own.get(price.code, (price.model, price.params, ""))
            if period := running(visit, subscription, price):
                found.append(gauge(visit, subscription, price, model, params, period))
    return tuple(found)


def running(visit: Visit, subscription: Subscription, price: Price) -> BillingPeriod | None:
    """Return the period that a price is counted in now."""
    interval = price.interval or price.version.interval
    return BillingPeriod.objects.filter(
        subscription=subscription, interval=interval, start__lte=visit.at, end__gt=visit.at
    ).first()


def gauge(
    visit: Visit, subscription: Subscription, price: Price, model: str, params: dict, period: BillingPeriod
) -> Gauge:
    assert price.meter is not None
    unit = unit_of(price, visit.language)
    window = days.Window(period.start_on, period.end_on, period.start_on, visit.tenant.timezone)
    used = measured(visit, price, window)
    coming = forecast(visit, price, used, window)
    allowance = Decimal(params.get("included") or 0)
    name = price.name_in(visit.language)
    return Gauge(
        name=name,
        address=address(visit.to("usage"), {"meter": price.meter.code}),
        used=formatting.quantity(used, unit),
        allowance=formatting.quantity(allowance, unit) if allowance else "",
        meter=bar(name, used, coming, allowance, unit),
        why=why(allowance, coming, unit),
        cost=cost(subscription.currency, model, params, used, coming),
    )


def measured(visit: Visit, price: Price, window: days.Window) -> Decimal:
    """Return what the period has measured so far: the sum of its days, or its level."""
    assert price.meter is not None
    found = days.by_day(visit.tenant.pk, price.meter, window)
    if price.meter.aggregation in days.ADDING:
        return sum(found.values(), ZERO)
    if price.meter.aggregation == price.meter.Aggregation.MAX:
        return max(found.values(), default=ZERO)
    return found[max(found)] if found else ZERO


def forecast(visit: Visit, price: Price, used: Decimal, window: days.Window) -> Decimal:
    """Return what is expected by the period's end: the pace so far, of whole days; a level stays as it is."""
    assert price.meter is not None
    if price.meter.aggregation not in days.ADDING:
        return used
    elapsed = max((visit.today - window.start + timedelta(days=1)).days, 1)
    whole = (window.end - window.start).days
    pace = (used * whole / elapsed).quantize(Decimal(1)) if elapsed < whole else used
    return max(pace, used)


def bar(name: str, used: Decimal, coming: Decimal, allowance: Decimal, unit: str) -> meters.Meter:
    included = min(used, allowance) if allowance else used
    whole = max(coming, allowance) * Decimal("1.05") if coming > allowance else allowance
    label = _("%(name)s: %(used)s used, %(coming)s expected") % {
        "name": name,
        "used": formatting.quantity(used, unit),
        "coming": formatting.quantity(coming, unit),
    }
    return meters.meter(
        label, included=included, paid=used - included, coming=coming - used, whole=whole, limit=allowance or None
    )


def why(allowance: Decimal, coming: Decimal, unit: str) -> str:
    """Return the line below the bar."""
    expected = {"quantity": formatting.quantity(coming, unit)}
    if allowance and coming > allowance:
        return _("The line is what is included; hatched is expected: %(quantity)s") % expected
    return _("Expected by the period's end: %(quantity)s") % expected


def cost(currency: str, model: str, params: dict, used: Decimal, coming: Decimal) -> str:
    """Return what the use costs so far and what it is expected to, or that it costs nothing extra."""
    price = contracts.rating_of(model, params)
    if price.model == "percentage":
        return _("priced per transaction")
    now = Money(rate(price, used, currency).amount_minor, currency)
    then = Money(rate(price, coming, currency).amount_minor, currency)
    if not then.minor:
        return _("nothing extra to pay")
    said = {"now": wording.amount(now), "then": wording.amount(then)}
    if params.get("maximum") is not None:
        return _("so far %(now)s, expected %(then)s, at most %(most)s") % {
            **said,
            "most": formatting.unit_price(Decimal(params["maximum"]), currency),
        }
    return _("so far %(now)s, expected %(then)s") % said
