"""Which usage a page is about: one price (or a meter that nothing prices) and a stretch of days, from the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from billing.models import BillingPeriod, Price, Subscription
from invoices.pages import days
from invoices.pages.visit import Visit
from usage.models import Meter, UsageCounter, UsageEvent
from usage.periods import add_months, local_midnight

PERIODS_SHOWN = 13
LONGEST_WINDOW = timedelta(days=31)


@dataclass(frozen=True)
class Counted:
    """Something that is counted for the company: by a price, which may take some events of its meter only."""

    code: str
    name: str
    meter: Meter
    price: Price | None


@dataclass(frozen=True)
class Chosen:
    """What the address asks for, and what else there is to choose."""

    counted: Counted
    window: days.Window
    all: tuple[Counted, ...]
    windows: tuple[days.Window, ...]

    @property
    def meter(self) -> Meter:
        return self.counted.meter

    @property
    def price(self) -> Price | None:
        return self.counted.price

    def query(self) -> dict[str, object]:
        return {"meter": self.counted.code, "from": self.window.start.isoformat()}


def choose(visit: Visit, query: Mapping[str, str]) -> Chosen | None:
    """Return what the address asks for; the first thing and the running period when it says nothing."""
    found = counted(visit)
    if not found:
        return None
    one = next((c for c in found if query.get("meter") in (c.code, c.meter.code)), found[0])
    windows = windows_of(visit, one.price)
    window = next((w for w in windows if w.start.isoformat() == query.get("from")), windows[0])
    return Chosen(one, window, found, windows)


def counted(visit: Visit) -> tuple[Counted, ...]:
    """Return the prices by use of running, then of ended subscriptions, each code once; then what nothing prices."""
    priced = Price.objects.filter(version__subscriptions__tenant=visit.tenant, meter__isnull=False)
    live = priced.exclude(version__subscriptions__status=Subscription.Status.ENDED)
    found: dict[str, Counted] = {}
    for prices in (live, priced):
        ordered = prices.order_by("-version__subscriptions__created_at", "position", "id")
        for price in ordered.select_related("meter", "version"):
            assert price.meter is not None
            found.setdefault(price.code, Counted(price.code, price.name_in(visit.language), price.meter, price))
    known = {one.meter.pk for one in found.values()}
    seen = UsageCounter.objects.filter(tenant=visit.tenant).exclude(meter__in=known).values("meter")
    bare = Meter.objects.filter(pk__in=seen).order_by("pk")
    return (*found.values(), *(Counted(row.code, row.name_in(visit.language), row, None) for row in bare))


def windows_of(visit: Visit, price: Price | None) -> tuple[days.Window, ...]:
    """Return the stretches to choose from, newest first: billing periods, a long one by months; else calendar months."""
    zone = visit.tenant.timezone
    periods: list[BillingPeriod] = []
    if price is not None:
        found = BillingPeriod.objects.filter(
            tenant=visit.tenant,
            subscription__version=price.version_id,
            start__lte=visit.at,
            interval=price.interval or price.version.interval,
        )
        periods = list(found.order_by("-start")[:PERIODS_SHOWN])
    windows = [window for period in periods for window in slices(period.start_on, period.end_on, zone)]
    started = [window for window in windows if window.start <= visit.today]
    return tuple(started[:PERIODS_SHOWN]) or tuple(months(visit.today, zone))


def slices(start: date, end: date, zone: str) -> list[days.Window]:
    """Return a period as one window, or by calendar months when it is longer than one; newest first."""
    if end - start <= LONGEST_WINDOW:
        return [days.Window(start, end, start, zone)]
    cuts = [start]
    following = add_months(start.replace(day=1), 1)
    while following < end:
        cuts.append(following)
        following = add_months(following, 1)
    return [days.Window(a, b, start, zone) for a, b in zip(cuts, [*cuts[1:], end], strict=True)][::-1]


def months(today: date, zone: str) -> list[days.Window]:
    first = today.replace(day=1)
    starts = [add_months(first, -n) for n in range(PERIODS_SHOWN)]
    return [days.Window(start, add_months(start, 1), start, zone) for start in starts]


def events_of(visit: Visit, chosen: Chosen) -> QuerySet[UsageEvent]:
    """Return the events that the chosen price takes in the chosen days, newest first."""
    window, price = chosen.window, chosen.price
    found = UsageEvent.objects.filter(
        tenant=visit.tenant,
        meter=chosen.meter,
        occurred_at__gte=local_midnight(window.start, window.zone),
        occurred_at__lt=local_midnight(window.end, window.zone),
    )
    if price and price.match:
        found = found.filter(dimension__contains=price.match)
    for other in days.sisters(price) if price and not price.match else ():
        found = found.exclude(dimension__contains=other)
    return found.select_related("voided_by").order_by("-occurred_at", "-id")
