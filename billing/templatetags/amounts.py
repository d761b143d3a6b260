"""Template filters for amounts, quantities and days: no template formats one by other means.

    {% load amounts %}
    {{ invoice.total_minor|money:invoice.currency }}   {{ money|money }}   {{ change|signed_money }}
    {{ price.unit_amount|unit_price:price.currency }}  {{ line.quantity|quantity:line.unit }}  {{ rate|percent }}
    {{ date|day }}  {{ date|day:"sentence" }}  {{ instant|moment }}  {{ first|period_days:last }}

Each answers an empty string for `None`, in the language that is active. Days and instants may be ISO text.
Periods are given with their last day included.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django import template
from django.utils import timezone
from django.utils.translation import get_language

from billing import formatting

register = template.Library()


def language() -> str:
    return get_language() or "zh-hans"


def minor_and_currency(value: Any, currency: str) -> tuple[int, str]:
    """Take a `Money`, or minor units with the currency as the filter's argument."""
    if hasattr(value, "minor"):
        return value.minor, value.currency
    if not isinstance(value, int) or isinstance(value, bool) or not currency:
        raise TypeError(f"not an amount in minor units with its currency: {value!r} {currency!r}")
    return value, currency


@register.filter
def money(value: Any, currency: str = "") -> str:
    """`¥2,783.00` of a `Money`, or of minor units and a currency."""
    return "" if value is None else formatting.money(*minor_and_currency(value, currency))


@register.filter
def signed_money(value: Any, currency: str = "") -> str:
    """`+¥31.00`: a change against something else."""
    return "" if value is None else formatting.signed_money(*minor_and_currency(value, currency))


@register.filter
def unit_price(value: Decimal | None, currency: str) -> str:
    """`¥0.00125`: a price of one unit keeps its decimals."""
    return "" if value is None else formatting.unit_price(Decimal(value), currency)


@register.filter
def quantity(value: Decimal | int | None, unit: str = "") -> str:
    """`2,480 条`: an exact quantity and its unit."""
    return "" if value is None else formatting.quantity(Decimal(value), str(unit))


@register.filter
def percent(value: Decimal | None) -> str:
    """`6%` of Decimal("0.06")."""
    return "" if value is None else formatting.percent(Decimal(value))


def as_date(value: date | datetime | str) -> date:
    """Take a day, an instant (its day in the active zone), or either as ISO text, as kept payloads have it."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).date() if timezone.is_aware(value) else value.date()
    return value


@register.filter
def day(value: date | datetime | str | None, style: str = "table") -> str:
    """`2026-12-01`; with `"long"`, `"weekday"` or `"sentence"` as running text has it."""
    return formatting.day(as_date(value), language(), cast(formatting.DayStyle, style)) if value else ""


@register.filter
def moment(value: datetime | str | None) -> str:
    """`2026-11-24 09:00`, in the zone that is active."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return "" if value is None else formatting.moment(timezone.localtime(value), language())


@register.filter
def period_days(first: date | str | None, last: date | str | None) -> str:
    """`2026-11-01 至 11-30（30 天）`: first and last day, both included."""
    return formatting.period_days(as_date(first), as_date(last), language()) if first and last else ""
