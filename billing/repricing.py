"""What the usage of a subscriber's last closed period would come to at other prices: what a new price is likely to cost him."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing.models import Charge, PlanVersion, Price
from billing.rating import Price as Rating
from billing.rating import rate
from billing.terms import Clause
from tenants.bulk import among

# Each price of a new version beside the old one of its code.
Pairs = Sequence[tuple[Clause | None, Clause]]
# By subscription and the price's code: what the last charge of a closed period was reckoned from.
Measured = Mapping[tuple[int, str], Mapping[str, Any]]


def last_measured(subscriptions: Iterable[int]) -> Measured:
    """Return what was measured in the last closed period of each usage price, by subscription and code, in one query."""
    rows = Charge.objects.filter(
        among("subscription", list(subscriptions)), reason=Charge.Reason.PERIOD, kind=Price.Kind.USAGE
    )
    # Of a period that a change cut in parts the last one knows what came before it.
    last = rows.order_by("subscription_id", "code", "-service_start_on", "-pk").distinct("subscription_id", "code")
    return {(pk, code): details for pk, code, details in last.values_list("subscription_id", "code", "details")}


def paid_above(version: PlanVersion) -> set[str]:
    """Return the usage prices of a version that leave free what another price is paid for."""
    return set(Price.objects.filter(version=version).exclude(above="").values_list("code", flat=True))


def difference(subscription: int, prices: Pairs, measured: Measured, above: set[str], currency: str) -> int | None:
    """Return what the same usage costs more (or less, below zero) at the new prices, in minor units.

    Only prices that were there before count, before discounts and resource packs. None where nothing was measured yet, or
    where a price that changes cannot be reckoned from a quantity alone: one for each transaction.
    """
    found: list[int | None] = []
    for old, new in prices:
        details = measured.get((subscription, new.code))
        if old is None or not old.meter or not new.meter or not details or "measured" not in details:
            continue
        quantity = Decimal(details["measured"]) + Decimal(details.get("before", 0))
        paid = Decimal(details.get("paid", 0))
        before, after = _above(old.price, paid), _above(new.price, paid if new.code in above else Decimal(0))
        found.append(_dearer(before, after, quantity, currency))
    if not found or None in found:
        return None
    return sum(minor for minor in found if minor is not None)


def _above(price: Rating, paid: Decimal) -> Rating:
    return replace(price, included=price.included + paid) if paid else price


def _dearer(before: Rating, after: Rating, quantity: Decimal, currency: str) -> int | None:
    if before == after:
        return 0
    if "percentage" in (before.model, after.model):
        return None
    return rate(after, quantity, currency).amount_minor - rate(before, quantity, currency).amount_minor
