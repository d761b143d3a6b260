"""What happens at a customer on one day, as usage events: weekdays, seasons and chance, the same at every making."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from invoices.demo.reading import Customer, read

# Percent of a working day, Monday first.
WEEK = (104, 100, 98, 102, 108, 58, 41)
LIVELY_HOURS = ((9, 22), (11, 31), (15, 29), (20, 18))  # hour, percent of the day
Event = dict[str, Any]


def uses(customer: Customer, first: date, until: datetime) -> list[Event]:
    """Return the customer's events from the morning of the local day `first` up to the instant `until`, in order."""
    zone = ZoneInfo(customer.zone)
    last = until.astimezone(zone).date()
    found: list[Event] = []
    day = max(first, customer.start)
    while day <= last:
        found += _of_case(customer, day, zone) if customer.case else _of_day(customer, day, zone)
        day += timedelta(days=1)
    return [event for event in found if event["occurred_at"] <= until]


def _of_day(customer: Customer, day: date, zone: ZoneInfo) -> Iterator[Event]:
    chance = Random(f"{customer.code} {day}")
    for number, habit in enumerate(read("profiles").get(customer.plan, ())):
        for place, (hour, quantity, properties) in enumerate(_amounts(customer, habit, day, chance)):
            moment = datetime(
                day.year, day.month, day.day, hour, chance.randrange(60), chance.randrange(60), tzinfo=zone
            )
            yield _event(customer, habit["meter"], f"{day:%Y%m%d}-{number}{place:03d}", quantity, moment, properties)


def _amounts(
    customer: Customer, habit: Mapping[str, Any], day: date, chance: Random
) -> Iterator[tuple[int, str, Mapping[str, str]]]:
    """Yield (hour, quantity, properties) of one habit on one day."""
    said = habit.get("properties", {})
    if "level" in habit:
        if day.weekday() == 0 or day == customer.start:
            yield (0 if day == customer.start else 7), _level(customer, habit, day), said
    elif "members" in habit:
        for member in range(1, int(customer.size) + 1):
            if chance.randrange(100) < WEEK[day.weekday()] * 2 // 3:
                yield chance.randrange(9, 18), "1", {"member": f"member-{member:02d}"}
    elif "weekday" not in habit or habit["weekday"] == day.weekday():
        yield from _split(customer, habit, _scaled(customer, habit, day, chance), chance)


def _split(
    customer: Customer, habit: Mapping[str, Any], whole: Decimal, chance: Random
) -> Iterator[tuple[int, str, Mapping[str, str]]]:
    said = habit.get("properties", {})
    if "orders" in habit:
        count = max(int(habit["orders"] * customer.size), 3)
        for amount in parts(whole.quantize(Decimal("0.01")), count, chance):
            yield chance.randrange(8, 23), str(amount), {"order": f"{chance.randrange(10**9):09d}"}
    elif habit.get("one_by_one"):
        for _number in range(int(whole)):
            yield chance.randrange(9, 21), "1", {"evidence": f"{habit['evidence']} {chance.randrange(10**8):08d}"}
    elif customer.lively and whole >= 20:
        for hour, percent in LIVELY_HOURS:
            yield hour, str(int(whole) * percent // 100), said
    elif int(whole):
        yield chance.randrange(10, 19), str(int(whole)), said


def _scaled(customer: Customer, habit: Mapping[str, Any], day: date, chance: Random) -> Decimal:
    """Return a day's quantity: size, weekday, season, holiday, and up to 30 % of chance."""
    percent = 100 if "weekday" in habit else WEEK[day.weekday()]
    whole = Decimal(habit["a_day"]) * customer.size * percent * _season(customer, day) * chance.randrange(70, 131)
    if (day.month, day.day) in ((10, 1), (10, 2), (10, 3), (5, 1), (1, 1)):
        whole *= Decimal("0.3")
    # A fraction of a thing happens now and then, as one.
    return whole / 10**6 + Decimal(chance.randrange(100)) / 100


def _season(customer: Customer, day: date) -> int:
    """Return percent: 130 in the month of the season, 115 beside it."""
    if not customer.season:
        return 100
    away = abs(day.month - customer.season)
    return {0: 130, 1: 115}.get(min(away, 12 - away), 100)


def _level(customer: Customer, habit: Mapping[str, Any], day: date) -> str:
    months = Decimal((day - customer.start).days) / 30
    level = Decimal(habit["level"]) * customer.size * (1 + months * habit["grows"] / 100)
    return str(level.quantize(Decimal("0.1")))


def _of_case(customer: Customer, day: date, zone: ZoneInfo) -> Iterator[Event]:
    """Yield what the published case says of its month: a level on the first day, a sum cut over the days."""
    chance = Random(f"{customer.code} {day}")
    for said in customer.uses:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        if said.get("first"):
            if day == customer.start:
                yield _event(customer, said["meter"], "0", said["quantity"], midnight, {})
            continue
        shares = parts(Decimal(said["quantity"]), said["split"], Random(customer.code))
        days = 28  # every month has them
        offset = (day - customer.start).days
        mine = range(offset, len(shares), days) if offset < days else range(0)
        for number in mine:
            moment = midnight + timedelta(hours=9, minutes=chance.randrange(11 * 60))
            yield _event(customer, said["meter"], f"{number}", str(shares[number]), moment, said.get("properties", {}))


def parts(whole: Decimal, count: int, chance: Random) -> list[Decimal]:
    """Cut a quantity into `count` uneven parts that add up to it; whole numbers stay whole."""
    unit = Decimal(1) if whole == whole.to_integral_value() and whole < 10**6 else Decimal("0.01")
    weights = [chance.randrange(40, 161) for _ in range(count)]
    cut = [(whole * weight / sum(weights)).quantize(unit) for weight in weights]
    cut[-1] += whole - sum(cut)
    return cut


def _event(
    customer: Customer, meter: str, key: str, quantity: str, moment: datetime, properties: Mapping[str, str]
) -> Event:
    return {
        "key": f"{customer.code}-{meter}-{key}",
        "meter": meter,
        "quantity": quantity,
        "occurred_at": moment,
        "properties": dict(properties),
    }
