"""Write a story of what customers did: a plan's version (also a draft), their seats and modules, and what they used by day.

What comes out is plain data for the page, where an operator may change it before it is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Sum
from django.db.models.functions import TruncDay

from billing.catalogue import TERMS
from billing.models import PlanVersion, Price, Subscription, SubscriptionItem
from billing.money import Money, plain
from tenants.models import Tenant
from usage.models import Meter, UsageCounter
from usage.periods import Interval, add_interval, local_day, local_midnight

# A meter of single events is told by day as a sum of them.
AS_SUM = ("count", "unique")
NOT_TOLD = ("terms", "currency", "minimum_minor")


def story_of(version: PlanVersion, tenants: Sequence[Tenant], *, at: datetime, months: int = 3) -> dict[str, Any]:
    """Return a story in which customers have a plan's version over the last `months`, and use what they used then.

    A customer without a contract of the plan has its quantities at zero. The first day is the same for all.
    """
    zone = version.plan.seller.timezone
    first = add_interval(local_day(at, zone).replace(day=1), Interval.MONTH, -months)
    prices = list(version.prices.select_related("meter").order_by("position", "pk"))
    meters = {price.meter for price in prices if price.meter}
    known = {tenant.code: tenant for tenant in tenants}
    steps: list[dict[str, Any]] = []
    for tenant in known.values():
        steps.append(_subscribe(version, prices, tenant, first))
        steps += _uses(tenant, sorted(meters, key=lambda meter: meter.code), first, at)
    return {
        "name": f"{version.plan.code} v{version.number}",
        "timezone": zone,
        "currency": version.currency,
        "until": f"{add_interval(first, Interval.MONTH, months)}T00:00:00",
        "tax": {"rate": plain(version.plan.seller.tax_rate), "inclusive": version.plan.seller.tax_inclusive},
        "catalogue": {"meters": [_meter(meter) for meter in meters], "plans": [_plan(version, prices)]},
        "tenants": [{"code": code, "pays": "manual", "timezone": t.timezone} for code, t in known.items()],
        "steps": steps,
    }


def _meter(meter: Meter) -> dict[str, Any]:
    told = "sum" if meter.aggregation in AS_SUM else meter.aggregation
    more = {"dimensions": meter.dimensions} if meter.dimensions else {}
    return {
        "code": meter.code,
        "name": meter.name,
        "aggregation": told,
        "unit": meter.unit,
        "recurring": meter.recurring,
        **more,
    }


def _plan(version: PlanVersion, prices: Sequence[Price]) -> dict[str, Any]:
    terms = {name: getattr(version, name) for name in TERMS if name not in NOT_TOLD}
    # The plan that follows a trial is not part of the story.
    terms |= {"trial_days": 0, "after_trial": "ends"}
    if version.minimum_minor:
        terms["minimum"] = str(Money(version.minimum_minor, version.currency))
    return {"code": version.plan.code, "name": version.plan.name, **terms, "prices": [_price(one) for one in prices]}


def _price(price: Price) -> dict[str, Any]:
    told: dict[str, Any] = {"code": price.code, "name": price.name, "kind": price.kind, "model": price.model}
    told |= price.params | {"timing": price.timing}
    for name in ("interval", "optional", "one_off", "match", "unit", "unit_en"):
        if value := getattr(price, name):
            told[name] = value
    if price.meter:
        told["meter"] = price.meter.code
    if price.tax_rate is not None:
        told["tax_rate"] = plain(price.tax_rate)
    return told


def _subscribe(version: PlanVersion, prices: Sequence[Price], tenant: Tenant, first: date) -> dict[str, Any]:
    held = _held(version, tenant)
    seats = {p.code: plain(held[p.code]) for p in prices if p.kind == Price.Kind.SEAT and held.get(p.code)}
    modules = [price.code for price in prices if price.optional and held.get(price.code)]
    step = {"at": f"{first}T00:00:00", "do": "subscribe", "tenant": tenant.code, "plan": version.plan.code}
    return step | ({"quantities": seats} if seats else {}) | ({"modules": modules} if modules else {})


def _held(version: PlanVersion, tenant: Tenant) -> dict[str, Decimal]:
    """Return what the customer's newest contract of the plan holds now, by price code."""
    newest = Subscription.objects.filter(tenant=tenant, plan=version.plan).order_by("-pk").first()
    if newest is None:
        return {}
    items = SubscriptionItem.objects.filter(subscription=newest, during__isempty=False).order_by("during")
    return dict(items.values_list("price__code", "quantity"))


def _uses(tenant: Tenant, meters: Sequence[Meter], first: date, at: datetime) -> Iterator[dict[str, Any]]:
    """Yield one step for each day and dimension of each meter."""
    for meter in meters:
        hours = UsageCounter.objects.filter(
            tenant=tenant, meter=meter, bucket__gte=local_midnight(first, tenant.timezone), bucket__lt=at, events__gt=0
        )
        days = hours.annotate(day=TruncDay("bucket", tzinfo=ZoneInfo(tenant.timezone)))
        rows = days.values("day", "dimension").annotate(
            total=Sum("total"), events=Sum("events"), highest=Max("highest"), last=Max("last_value")
        )
        for row in rows.order_by("day"):
            step = {
                "at": (row["day"] + timedelta(hours=12)).isoformat(),
                "do": "use",
                "tenant": tenant.code,
                "meter": meter.code,
                "quantity": plain(_quantity(meter, row)),
            }
            yield step | ({"properties": row["dimension"]} if row["dimension"] else {})


def _quantity(meter: Meter, row: Mapping[str, Any]) -> Decimal:
    if meter.aggregation in AS_SUM:
        return Decimal(row["events"])
    if meter.aggregation == "sum":
        return Decimal(row["total"])
    return Decimal(row["highest" if meter.aggregation == "max" else "last"] or 0)
