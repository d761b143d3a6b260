"""Expected usage, told as if it had happened: for the estimate of a contract, in a savepoint that is rolled back.

A month's usage of a sum or a count is told whole on the month's first day, counted from the contract's start, so that
every period takes the months that begin in it. A level stands at its expected height from the first day to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.models import Price
from billing.money import plain
from tenants.models import Seller, Tenant
from usage import ingest
from usage.decoding import dimension
from usage.models import Meter, UsageCounter, UsageMember
from usage.periods import add_months, local_midnight

Kind = Meter.Aggregation
LEVELS = (Kind.MAX, Kind.LATEST, Kind.TIME_WEIGHTED)
DAY = timedelta(days=1)


def tell(tenant: Tenant, seller: Seller, price: Price, monthly: Decimal, *, start: date, until: date) -> None:
    """Tell the usage that one price expects, from the local day `start` to the day before `until`."""
    meter = price.meter
    assert meter is not None
    for number, day in enumerate(months(start, until)):
        if meter.aggregation in (Kind.COUNT, Kind.UNIQUE):
            _count(tenant, meter, price, int(monthly), local_midnight(day, tenant.timezone))
            continue
        last = min(add_months(start, number + 1), until) if meter.aggregation in LEVELS else day + DAY
        _happen(tenant, seller, price, meter, monthly, days(day, last))


def months(start: date, until: date) -> Iterator[date]:
    """Yield the first day of every month of a contract, counted from its start."""
    number = 0
    while (day := add_months(start, number)) < until:
        yield day
        number += 1


def days(start: date, until: date) -> Iterator[date]:
    """Yield the days from `start` to the day before `until`."""
    while start < until:
        yield start
        start += DAY


def _happen(tenant: Tenant, seller: Seller, price: Price, meter: Meter, quantity: Decimal, on: Iterator[date]) -> None:
    told = plain(quantity)
    properties: dict[str, Any] = dict(price.match)
    if meter.value_property:
        properties[meter.value_property] = told
    moments = [local_midnight(day, tenant.timezone) for day in on]
    events = [
        {
            "key": f"{price.code}-{moment.isoformat()}",
            "meter": meter.code,
            "quantity": told,
            "occurred_at": moment.isoformat(),
            "properties": properties,
        }
        for moment in moments
    ]
    answers = ingest.accept(tenant, events, at=moments[-1], seller=seller)
    if refused := [answer for answer in answers if answer.status != "accepted"]:
        raise RuntimeError(f"expected usage of {price.code} was refused: {refused[0].message}")


def _count(tenant: Tenant, meter: Meter, price: Price, count: int, bucket: datetime) -> None:
    """Set the counters as so many events of one hour would; to tell a million of them would cost minutes."""
    where = {
        "tenant": tenant,
        "meter": meter,
        "dimension": dimension(dict(price.match), meter.dimensions),
        "bucket": bucket,
    }
    UsageCounter.objects.create(**where, events=count, total=count)
    if meter.aggregation == Kind.UNIQUE:
        members = (UsageMember(**where, member=f"{price.code}-{n}", events=1) for n in range(count))
        UsageMember.objects.bulk_create(members, batch_size=2_000)
