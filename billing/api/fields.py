"""Amounts in JSON: decimal strings in whole units of the currency, never numbers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.money import Money, UnknownCurrency, plain
from tenants.errors import Invalid


@extend_schema_field({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "example": "120.00"})
class Amount(serializers.Field[Any, Any, str, Any]):
    """A settled amount of a row, written with its currency's digits; `currency_of` finds the currency on the row."""

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


def money(amount: str, currency: str, field: str = "amount") -> Money:
    """Return what a body says, or raise Invalid naming the field."""
    try:
        return Money.of(amount, currency)
    except UnknownCurrency as wrong:
        raise Invalid(str(wrong), field="currency") from wrong
    except ValueError as wrong:
        raise Invalid(str(wrong), field=field) from wrong
