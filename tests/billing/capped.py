"""A customer with usage and caps: set them, use, tell late, close, and add up what was charged."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum

from billing import budgets, closing
from billing.budgets import Wish
from billing.models import Budget, Charge
from tests import shop
from usage import ingest
from usage.models import Meter

CALLS = {"code": "calls", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.10"}
STORAGE = {"code": "storage", "kind": "usage", "meter": "storage", "model": "per_unit", "unit_amount": "1.00"}


def cap(who, amount: int, when: str = "2026-01-01 10:00", *, by=None, **what) -> Budget:
    """Set a hard cap (minor units) at a local time; `meter` by its code."""
    if code := what.pop("meter", None):
        what["meter"] = Meter.objects.get(code=code)
    return budgets.set_one(who, Wish(amount, **({"hard": True} | what)), at=shop.at(when), by=by)


def tell(who, quantity: str, occurred: str, told: str, *, key: str = "", meter: str = "messages") -> str:
    """Tell an event late."""
    event = {
        "key": key or f"{meter}-{occurred}-{quantity}-{told}",
        "meter": meter,
        "quantity": quantity,
        "occurred_at": shop.at(occurred).isoformat(),
    }
    (answer,) = ingest.accept(who, [event], at=shop.at(told))
    assert answer.status == "accepted", answer
    return event["key"]


def void(who, key: str, told: str) -> None:
    """Take an event back."""
    (answer,) = ingest.accept(who, [{"key": f"void-{key}", "void": key}], at=shop.at(told))
    assert answer.status == "accepted", answer


def close(subscription, when: str) -> None:
    """Close one subscription at a local time."""
    closing.close([subscription.pk], at=shop.at(when))


def charged(who, first: str = "2026-01-01", **only) -> int:
    """Return what the usage of the periods from a day on comes to, caps taken off, in minor units."""
    rows = Charge.objects.filter(tenant=who, service_start_on=first, kind__in=["usage", "cap"], **only)
    return rows.aggregate(sum=Sum("undiscounted_minor", default=0))["sum"]


def quantity(who, first: str = "2026-01-01") -> Decimal:
    """Return how much was measured and charged, caps left aside."""
    rows = Charge.objects.filter(tenant=who, service_start_on=first, kind="usage").exclude(reason="cap")
    return rows.aggregate(sum=Sum("quantity", default=Decimal(0)))["sum"]
