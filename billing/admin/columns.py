"""Columns of money, quantities and days, written as everywhere else."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.utils.translation import get_language

from billing import formatting
from billing.templatetags import amounts
from tenants.admin.listing import EMPTY, Column


def amount(field: str, description: Any, *, currency: str = "currency") -> Column:
    """Return a column that shows the minor units in `field` with the currency found at the path `currency`."""
    read, unit = attrgetter(field), attrgetter(currency)

    @admin.display(description=description, ordering=field.replace(".", "__"))
    def shown(_self: Any, row: Any) -> str:
        minor = read(row)
        return EMPTY if minor is None else formatting.money(minor, unit(row))

    return shown


def quantity(field: str, description: Any, *, unit: str = "") -> Column:
    """Return a column that shows an exact quantity; `unit` is the path of its unit, with `_en` beside it."""
    read = attrgetter(field)

    @admin.display(description=description, ordering=field.replace(".", "__"))
    def shown(_self: Any, row: Any) -> str:
        value = read(row)
        return EMPTY if value is None else formatting.quantity(value, unit_of(row, unit))

    return shown


def unit_of(row: Any, unit: str) -> str:
    """Return the unit in the operator's language."""
    if not unit:
        return ""
    chinese = formatting.is_chinese(get_language() or "zh-hans")
    return attrgetter(unit)(row) if chinese else attrgetter(f"{unit}_en")(row) or attrgetter(unit)(row)


def day(field: str, description: Any) -> Column:
    """Return a column that shows a date."""
    read = attrgetter(field)

    @admin.display(description=description, ordering=field.replace(".", "__"))
    def shown(_self: Any, row: Any) -> str:
        return amounts.day(read(row)) or EMPTY

    return shown


def moment(field: str, description: Any) -> Column:
    """Return a column that shows an instant in the operator's zone."""
    read = attrgetter(field)

    @admin.display(description=description, ordering=field.replace(".", "__"))
    def shown(_self: Any, row: Any) -> str:
        value: datetime | None = read(row)
        return amounts.moment(value) or EMPTY

    return shown
