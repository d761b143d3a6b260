"""What was used on each day, from the hourly counters, split into included and paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncDate

from usage.models import Meter, UsageCounter, UsageMember
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


def counters(tenant_id: int, meter: Meter, start: date, end: date, zone: str):
    """Return the hours of a stretch of local days."""
    return UsageCounter.objects.filter(
        tenant_id=tenant_id, meter=meter, bucket__gte=local_midnight(start, zone), bucket__lt=local_midnight(end, zone)
    )


def by_day(tenant_id: int, meter: Meter, window: Window) -> dict[date, Decimal]:
    """Return the days with something on them, oldest first."""
    hours = counters(tenant_id, meter, window.start, window.end, window.zone)
    zone = ZoneInfo(window.zone)
    kind = Meter.Aggregation
    if meter.aggregation in (kind.LATEST, kind.TIME_WEIGHTED):
        levels = hours.exclude(last_value=None).order_by("bucket", "last_at")
        return {row.bucket.astimezone(zone).date(): row.last_value for row in levels if row.last_value is not None}
    if meter.aggregation == kind.UNIQUE:
        hours = UsageMember.objects.filter(
            tenant_id=tenant_id,
            meter=meter,
            events__gt=0,
            bucket__gte=local_midnight(window.start, window.zone),
            bucket__lt=local_midnight(window.end, window.zone),
        )
    measure = {kind.SUM: Sum("total"), kind.COUNT: Sum("events"), kind.MAX: Max("highest")}
    wanted = measure.get(Meter.Aggregation(meter.aggregation), Count("member", distinct=True))
    grouped = (
        hours.annotate(day=TruncDate("bucket", tzinfo=zone)).values("day").annotate(measured=wanted).order_by("day")
    )
    return {row["day"]: Decimal(row["measured"] or 0) for row in grouped}


def events(tenant_id: int, meter: Meter, window: Window) -> int:
    """Return how many events the stretch has."""
    hours = counters(tenant_id, meter, window.start, window.end, window.zone)
    return hours.aggregate(sum=Sum("events"))["sum"] or 0


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


def used_before(tenant_id: int, meter: Meter, window: Window) -> Decimal:
    """Return what the period had used before the window began; nothing where days do not add up."""
    if meter.aggregation not in ADDING or window.counted_from >= window.start:
        return ZERO
    earlier = Window(window.counted_from, window.start, window.counted_from, window.zone)
    return sum(by_day(tenant_id, meter, earlier).values(), ZERO)


def first_paid(rows: list[Day]) -> date | None:
    """Return the day on which the allowance ran out."""
    return next((row.day for row in rows if row.paid > 0), None)
