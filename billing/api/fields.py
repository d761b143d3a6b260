"""Amounts in JSON: decimal strings in whole units of the currency, never numbers."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.money import Money, UnknownCurrency, plain
from tenants.errors import Invalid

# Fourteen digits before the point fit a bigint of minor units in every currency.
AMOUNT = r"-?[0-9]{1,14}(\.[0-9]{1,4})?"


@extend_schema_field({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "example": "120.00"})
class Amount(serializers.Field[Any, Any, str, Any]):
    """A settled amount of a row, written with its currency's digits; `currency` is the way from the row to its code."""

    def __init__(self, minor: str, currency: str = "currency", **options: Any) -> None:
        self.minor, self.currency_path = minor, currency.split(".")
        super().__init__(source="*", read_only=True, **options)

    def to_representation(self, value: Any) -> str:
        currency = value
        for name in self.currency_path:
            currency = getattr(currency, name)
        return str(Money(getattr(value, self.minor), currency))


@extend_schema_field(OpenApiTypes.STR)
class Exact(serializers.Field[Any, Any, str, Any]):
    """A decimal without idle zeros."""

    def to_representation(self, value: Any) -> str:
        return plain(value)


class Day(serializers.DateField):
    """A local day within living memory; calendars of farther years have no periods to compute."""

    def to_internal_value(self, value: Any) -> date:
        return _near(super().to_internal_value(value))


class Moment(serializers.DateTimeField):
    """An instant within living memory."""

    def to_internal_value(self, value: Any) -> datetime:
        read = super().to_internal_value(value)
        _near(read.date())
        return read


def _near(day: date) -> date:
    if not 2000 <= day.year < 2200:
        raise serializers.ValidationError(_("Choose a day between 2000 and 2199."))
    return day


def money(amount: str, currency: str, field: str = "amount") -> Money:
    """Return what a body says, or raise Invalid naming the field."""
    if not re.fullmatch(AMOUNT, amount):
        raise Invalid(_("Write the amount as 120.00: digits and a point, no exponent."), field=field)
    try:
        return Money.of(amount, currency)
    except UnknownCurrency as wrong:
        raise Invalid(str(wrong), field="currency") from wrong
    except ValueError as wrong:
        raise Invalid(str(wrong), field=field) from wrong
