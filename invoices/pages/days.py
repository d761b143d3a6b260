"""What was used on each day, from the hourly counters, split into included and paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.models import Price
from usage import measuring
from usage.measuring import Want
from usage.models import Meter
from usage.periods import local_midnight

ZERO = Decimal(0)
# Meters whose days add up to the period; of the others a day shows a level.
ADDING = frozenset({Meter.Aggregation.SUM, Meter.Aggregation.COUNT})


@dataclass(frozen=True)
class Day:
    """One local day: what was measured, and which part of it was within the allowance, paid for, or is only expected."""

    day: date
    quantity: Decimal
    included: Decimal
    paid: Decimal
    coming: Decimal = ZERO


@dataclass(frozen=True)
class Window:
    """A stretch of local days, half open, and the day from which its period counts the allowance."""

    start: date
    end: date
    counted_from: date
    zone: str

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]


def want(tenant_id: int, meter: Meter, window: Window, price: Price | None) -> Want:
    """Return the question about a stretch of days: of a price, only the events that it takes."""
    others = sisters(price) if price and not price.match else ()
    return Want(
        key="days",
        tenant_id=tenant_id,
        meter_id=meter.pk,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        start=local_midnight(window.start, window.zone),
        end=local_midnight(window.end, window.zone),
        match=dict(price.match) if price else {},
        others=others,
    )


def sisters(price: Price) -> list[dict]:
    """Return what the other prices of the same meter take."""
    beside = Price.objects.filter(version=price.version_id, meter=price.meter_id).exclude(pk=price.pk)
    return [match for match in beside.values_list("match", flat=True) if match]


def by_day(tenant_id: int, meter: Meter, window: Window, price: Price | None = None) -> dict[date, Decimal]:
    """Return what was measured on each day of the window."""
    return dict(measuring.by_day(want(tenant_id, meter, window, price), window.zone))


def events(tenant_id: int, meter: Meter, window: Window, price: Price | None = None) -> int:
    """Return how many events the stretch has."""
    return measuring.measure([want(tenant_id, meter, window, price)])["days"].events


def split(
    meter: Meter, found: Mapping[date, Decimal], window: Window, before: Decimal, allowance: Decimal | None
) -> list[Day]:
    """Return every day of the window, divided where the allowance ran out; `before` was used earlier in the period."""
    rows, so_far = [], before
    for day in window.days():
        quantity = found.get(day, ZERO)
        included = quantity
        if meter.aggregation in ADDING and allowance is not None:
            included = min(quantity, max(allowance - so_far, ZERO))
            so_far += quantity
        elif allowance is not None:
            included = min(quantity, allowance)
        rows.append(Day(day, quantity, included, quantity - included))
    return rows


def used_before(tenant_id: int, meter: Meter, window: Window, price: Price | None = None) -> Decimal:
    """Return what the period had used before the window began; nothing where days do not add up."""
    if meter.aggregation not in ADDING or window.counted_from >= window.start:
        return ZERO
    earlier = Window(window.counted_from, window.start, window.counted_from, window.zone)
    return measuring.measure([want(tenant_id, meter, earlier, price)])["days"].quantity


def first_paid(rows: list[Day]) -> date | None:
    """Return the day on which the allowance ran out."""
    return next((row.day for row in rows if row.paid > 0), None)
