"""The usage pages: each day as a chart and a table, and the events behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Price, Subscription
from invoices.pages import charts, controls, days, packs, prices, wording
from invoices.pages.bills import Choice
from invoices.pages.choosing import Chosen, choose, events_of
from invoices.pages.tables import address, whole
from invoices.pages.visit import Visit
from usage.models import Meter, UsageEvent

EVENTS_SHOWN, EVENTS_MORE, EVENTS_MOST = 50, 200, 5000
PERIODS_SHOWN = 13
LONGEST_WINDOW = timedelta(days=31)


@dataclass(frozen=True)
class UsagePage:
    """The page /usage/."""

    meters: tuple[Choice, ...]
    periods: tuple[Choice, ...]
    name: str
    first: date | None
    last: date | None
    total: str
    said: str
    price: str
    chart: charts.Chart | None
    unit: str
    events: int
    events_address: str
    export: str
    empty: str
    packs: str = ""
    packs_address: str = ""


@dataclass(frozen=True)
class EventRow:
    """One event as it was told."""

    at: datetime
    key: str
    kind: str
    quantity: str
    properties: str
    voided: bool


@dataclass(frozen=True)
class EventsPage:
    """The page /usage/events/."""

    meters: tuple[Choice, ...]
    periods: tuple[Choice, ...]
    rows: tuple[EventRow, ...]
    count: int
    more: str
    export: str
    first: date | None
    last: date | None


def page(visit: Visit, query: Mapping[str, str]) -> UsagePage:
    """Return the days of one meter in one period."""
    chosen = choose(visit, query)
    if chosen is None:
        return nothing()
    meter, window = chosen.meter, chosen.window
    unit = wording.units(meter.unit_in(visit.language), visit.language)
    allowance = included_of(visit, chosen.price)
    rows = split(visit, chosen, allowance)
    chart = charts.daily(
        "days", rows, unit=unit, language=visit.language, allowance=allowance, adding=meter.aggregation in days.ADDING
    )
    return UsagePage(
        meters=meter_choices(chosen),
        periods=period_choices(visit, chosen),
        name=chosen.counted.name,
        first=window.start,
        last=window.last,
        total=formatting.quantity(figure(meter, rows), unit),
        said=sentence(meter, rows, unit, allowance),
        price=price_words(visit, chosen.price),
        chart=chart,
        unit=unit,
        events=days.events(visit.tenant.pk, meter, window, chosen.price),
        events_address=address(visit.to("events"), chosen.query()),
        export=address(visit.to("events_csv"), chosen.query()),
        empty="",
        packs=packs.beside_usage(visit, meter, chosen.price, window),
        packs_address=visit.to("packs"),
    )


def nothing() -> UsagePage:
    return UsagePage(
        (),
        (),
        "",
        None,
        None,
        "",
        "",
        "",
        None,
        "",
        0,
        "",
        "",
        _("No usage yet. It appears here within a minute of being told."),
    )


def split(visit: Visit, chosen: Chosen, allowance: Decimal | None) -> list[days.Day]:
    found = days.by_day(visit.tenant.pk, chosen.meter, chosen.window, chosen.price)
    before = days.used_before(visit.tenant.pk, chosen.meter, chosen.window, chosen.price)
    return days.split(chosen.meter, found, chosen.window, before, allowance)


def included_of(visit: Visit, price: Price | None) -> Decimal | None:
    """Return the allowance of the price that the company really has, or None where nothing is included."""
    if price is None:
        return None
    _model, params = own_params(visit, price)
    included = Decimal(params.get("included") or 0)
    return included or None


def own_params(visit: Visit, price: Price) -> tuple[str, dict]:
    subscription = (
        Subscription.objects.filter(tenant=visit.tenant, version=price.version_id).order_by("-created_at").first()
    )
    own = controls.own_prices(subscription) if subscription else {}
    model, params, _origin = own.get(price.code, (price.model, price.params, ""))
    return model, params


def price_words(visit: Visit, price: Price | None) -> str:
    if price is None:
        return _("Nothing is charged for it.")
    model, params = own_params(visit, price)
    words = prices.describe(
        model, params, currency=price.version.currency, unit=controls.unit_of(price, visit.language)
    )
    return _("; ").join([words.figure, *words.terms])


def figure(meter: Meter, rows: list[days.Day]) -> Decimal:
    """Return the stretch's own figure: the sum where days add up, else the highest level seen."""
    if meter.aggregation in days.ADDING:
        return sum((row.quantity for row in rows), Decimal(0))
    return max((row.quantity for row in rows), default=Decimal(0))


def sentence(meter: Meter, rows: list[days.Day], unit: str, allowance: Decimal | None) -> str:
    """Return the first line of the card: how much, and how much of it is above what is included."""
    if meter.aggregation not in days.ADDING:
        return _("The highest level of a day; days do not add up.")
    paid = sum((row.paid for row in rows), Decimal(0))
    if allowance is None:
        return _("Every one is charged by its price.")
    said = {"paid": formatting.quantity(paid, unit), "included": formatting.quantity(allowance, unit)}
    if paid:
        return _("%(paid)s of it above the %(included)s included") % said
    return _("All within the %(included)s included; nothing extra to pay.") % said


def meter_choices(chosen: Chosen) -> tuple[Choice, ...]:
    return tuple(Choice(one.code, one.name, one == chosen.counted) for one in chosen.all)


def period_choices(visit: Visit, chosen: Chosen) -> tuple[Choice, ...]:
    return tuple(
        Choice(w.start.isoformat(), formatting.period_days(w.start, w.last, visit.language), w == chosen.window)
        for w in chosen.windows
    )


def events(visit: Visit, query: Mapping[str, str]) -> EventsPage:
    """Return the events of one meter in one period, newest first, so many as the address asks for."""
    chosen = choose(visit, query)
    if chosen is None:
        return EventsPage((), (), (), 0, "", "", None, None)
    shown = whole(query.get("shown"), EVENTS_SHOWN, EVENTS_MOST)
    found = events_of(visit, chosen)
    count = found.count()
    more = address(visit.to("events"), chosen.query(), shown=shown + EVENTS_MORE) if count > shown else ""
    return EventsPage(
        meters=meter_choices(chosen),
        periods=period_choices(visit, chosen),
        rows=tuple(event_row(visit, chosen.meter, event) for event in found[:shown]),
        count=count,
        more=more,
        export=address(visit.to("events_csv"), chosen.query()),
        first=chosen.window.start,
        last=chosen.window.last,
    )


def event_row(visit: Visit, meter: Meter, event: UsageEvent) -> EventRow:
    return EventRow(
        at=event.occurred_at,
        key=event.key,
        kind=_("taken back by another event")
        if hasattr(event, "voided_by")
        else str(UsageEvent.Kind(event.kind).label),
        quantity=wording.count(event.quantity, meter.unit_in(visit.language), visit.language),
        properties=_(", ").join(f"{name}={value}" for name, value in event.properties.items()),
        voided=hasattr(event, "voided_by"),
    )
