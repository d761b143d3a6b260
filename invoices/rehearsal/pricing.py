"""Invent a catalogue: meters, a family of plans with prices of several models, coupons; drawn from one random source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from billing.money import Money

INTERVALS = ("day", "week", "month", "quarter", "half_year", "year")
# Months most of the time: shorter periods make many, longer ones none that close.
RHYTHMS = ("month",) * 7 + ("quarter", "quarter", "week", "year")
AGGREGATIONS = ("sum", "sum", "count", "max", "latest", "unique", "time_weighted")
PRORATIONS = ("day", "day", "day", "second", "none")
FREE = "free"


def amount(random: Random, currency: str, low: int, high: int) -> str:
    """Return an amount between two whole ones, with the digits of the currency, often none of them."""
    whole = Decimal(random.randint(low, high))
    if currency != "JPY" and random.random() < 0.5:
        whole += Decimal(random.randrange(100)) / 100
    return str(Money.of(whole, currency))


def quantity(random: Random) -> str:
    """Return a quantity of usage: small, large, or with decimals."""
    return str(random.choice((1, 7, random.randrange(1, 400), random.randrange(1, 3000), Decimal("12.5"))))


def catalogue(random: Random, currency: str) -> dict[str, Any]:
    """Return meters, plans of one family (with the free one that may follow a trial), and coupons."""
    meters = [_meter(random, code) for code in ("messages", "storage")[: random.choice((1, 2))]]
    plans = [
        _plan(random, currency, code, meters) for code in ("basic", "team", "large", "huge")[: random.randint(2, 4)]
    ]
    if any(plan.get("after_trial") == FREE for plan in plans):
        plans.append({"code": FREE, "family": "suite", "prices": [_flat("base", "base", "0")]})
    coupons = [_coupon(random, currency, code) for code in ("SPRING", "FRIEND")[: random.choice((0, 1, 2))]]
    return {"meters": meters, "plans": plans, "coupons": coupons}


def _meter(random: Random, code: str) -> dict[str, Any]:
    aggregation = random.choice(AGGREGATIONS)
    meter: dict[str, Any] = {"code": code, "aggregation": aggregation, "unit": "条"}
    if aggregation == "unique":
        meter["value"] = "user"
    if aggregation in ("latest", "time_weighted", "max") and random.random() < 0.5:
        meter["recurring"] = True
    return meter


def _plan(random: Random, currency: str, code: str, meters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    interval = random.choice(RHYTHMS)
    plan: dict[str, Any] = {
        "code": code,
        "family": "suite",
        "interval": interval,
        "proration": random.choice(PRORATIONS),
    }
    longer = INTERVALS[INTERVALS.index(interval) :]
    # A term is a whole number of periods; weeks and days fit no month.
    if interval not in ("day", "week") and random.random() < 0.3:
        plan["term"] = random.choice(longer)
    if random.random() < 0.25:
        plan["alignment"] = "calendar"
    if interval not in ("day", "week") and random.random() < 0.2:
        plan["billing_day"] = random.choice((1, 5, 15, 28, 29, 30, 31))
    if random.random() < 0.2:
        plan["trial_days"] = random.choice((1, 7, 14, 30))
        plan["after_trial"] = random.choice(("ends", "pays", "pays", FREE))
    if random.random() < 0.5:
        plan["refund"] = "pro_rata"
    if random.random() < 0.5:
        plan["credit_removals"] = True
    if random.random() < 0.2:
        plan["minimum"] = amount(random, currency, 100, 800)
    plan["prices"] = _prices(random, currency, interval, meters)
    return plan


def _prices(random: Random, currency: str, interval: str, meters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    prices = [_flat("base", "base", amount(random, currency, 0 if random.random() < 0.1 else 20, 600))]
    if random.random() < 0.7:
        prices.append({"code": "seat", "kind": "seat", **_by_quantity(random, currency)})
    if random.random() < 0.5:
        prices.append(_flat("analytics", "module", amount(random, currency, 10, 300)) | {"optional": True})
    for meter in meters:
        if random.random() < 0.8:
            prices.append(
                {"code": meter["code"], "kind": "usage", "meter": meter["code"], **_by_usage(random, currency)}
            )
    for price in prices:
        if price["kind"] != "usage" and random.random() < 0.15:
            price["timing"] = "arrears"
        shorter = [one for one in INTERVALS[2 : INTERVALS.index(interval)] if one != "half_year"]
        if shorter and random.random() < 0.2:
            price["interval"] = random.choice(shorter)
        elif interval == "month" and price["kind"] == "usage" and random.random() < 0.05:
            price["interval"] = "week"
    return prices


def _flat(code: str, kind: str, costs: str) -> dict[str, Any]:
    return {"code": code, "kind": kind, "model": "flat", "amount": costs}


def _by_quantity(random: Random, currency: str) -> dict[str, Any]:
    return random.choice((_per_unit, _graduated, _volume, _package))(random, currency, 5, 60, 3)


def _by_usage(random: Random, currency: str) -> dict[str, Any]:
    made = random.choice((_per_unit, _per_unit, _graduated, _volume, _package, _stairstep))(random, currency, 1, 3, 200)
    if random.random() < 0.5:
        made["included"] = str(random.choice((10, 100, 1000)))
    if random.random() < 0.15:
        made["maximum"] = amount(random, currency, 200, 900)
    if random.random() < 0.1:
        made["minimum"] = amount(random, currency, 1, 20)
    return made


def _unit(random: Random, low: int, high: int) -> str:
    """Return a unit price, which may be finer than the currency."""
    return str(random.choice((Decimal(random.randint(low, high)), Decimal(random.randint(1, 999)) / 1000 * high)))


def _per_unit(random: Random, _currency: str, low: int, high: int, _step: int) -> dict[str, Any]:
    return {"model": "per_unit", "unit_amount": _unit(random, low, high)}


def _package(random: Random, currency: str, low: int, high: int, step: int) -> dict[str, Any]:
    return {"model": "package", "package_size": str(step), "package_amount": amount(random, currency, low, high * step)}


def _graduated(random: Random, _currency: str, low: int, high: int, step: int) -> dict[str, Any]:
    return {"model": "graduated", "tiers": _tiers(random, low, high, step)}


def _volume(random: Random, _currency: str, low: int, high: int, step: int) -> dict[str, Any]:
    return {"model": "volume", "tiers": _tiers(random, low, high, step)}


def _stairstep(random: Random, currency: str, low: int, high: int, step: int) -> dict[str, Any]:
    tiers = [
        {"up_to": str(step), "amount": amount(random, currency, low, high * step)},
        {"up_to": None, "amount": amount(random, currency, high * step, high * step * 2)},
    ]
    return {"model": "stairstep", "tiers": tiers}


def _tiers(random: Random, low: int, high: int, step: int) -> list[dict[str, Any]]:
    tiers: list[dict[str, Any]] = []
    for up_to in (str(step), str(step * 4), None):
        tier: dict[str, Any] = {"up_to": up_to, "unit_amount": _unit(random, low, high)}
        if random.random() < 0.2:
            tier["flat_amount"] = str(random.randint(1, 50))
        tiers.append(tier)
    return tiers


def _coupon(random: Random, currency: str, code: str) -> dict[str, Any]:
    coupon: dict[str, Any] = {"code": code, "duration": random.choice(("once", "forever", {"months": 3}))}
    if random.random() < 0.5:
        coupon["percent"] = random.choice(("10", "12.5", "50", "100"))
    else:
        coupon["amount"] = amount(random, currency, 5, 400)
    if random.random() < 0.3:
        coupon["applies_to"] = random.choice((["base"], ["seat"], ["base", "messages"]))
    return coupon
