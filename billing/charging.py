"""What one clause of a contract costs in one period, or in the rest of it: a rated amount with its explanation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from billing.money import plain
from billing.rating import Price as Rating
from billing.rating import Rated, Step, explanation, prorated, rate
from billing.rating.explanation import Words
from billing.terms import Clause, Part, Stretch, part_of, seconds
from usage.periods import days, local_day, local_midnight

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured quantity, and the single transactions of a price that asks for them.

    `before` is what the period had measured before the part in question; None where the part begins with it. `covered` is
    what resource packs cover of the quantity, and `packs` how much each of them (rule 21).
    """

    quantity: Decimal
    transactions: tuple[Decimal, ...] | None = None
    events: int = 0
    before: Decimal | None = None
    covered: Decimal = ZERO
    packs: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Worth:
    """The worth of a clause in a period: what a charge row stores."""

    clause: Clause
    stretch: Stretch
    start: date
    end: date
    quantity: Decimal
    exact: Decimal
    amount_minor: int
    details: Mapping[str, Any]
    # Of a credit: what it undoes before discount; None is the amount.
    undiscounted_minor: int | None = None
    # Tells the parts of one period apart: empty for the one that begins with it.
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a whole period: `used` of `whole` days, or seconds."""

    used: int
    whole: int
    by_second: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.used == self.whole


def in_advance(clause: Clause, stretch: Stretch, *, currency: str, first: date) -> Worth | None:
    """Return what a clause charges at a period's start, or None when it charges nothing then.

    A clause that is charged once is charged in the period that begins on `first`.
    """
    quantity = clause.quantity_at(stretch.start)
    if not clause.advance or quantity is None or not _charged_in(clause, stretch, first):
        return None
    return of_share(clause, stretch, quantity, stretch.start, of_days(clause, stretch), currency=currency)


def in_arrears(
    clause: Clause, stretch: Stretch, *, currency: str, first: date, measured: Measure | None
) -> list[Worth]:
    """Return what a clause charges at a period's end: a price by quantity one line for each quantity that stood in it."""
    part = part_of(clause, stretch)
    if clause.advance or part is None or not _charged_in(clause, stretch, first):
        return []
    if clause.meter:
        return [of_usage(clause, stretch, measured or Measure(ZERO), currency=currency)]
    held = _held(clause, _by_days(clause, part))
    if clause.one_off or clause.proration == "none":
        held = [max(held, key=lambda piece: piece[1])] if held else []
        return [of_share(clause, stretch, q, piece.start, Share(1, 1), currency=currency) for piece, q in held]
    return [
        replace(
            of_share(clause, stretch, q, piece.start, of_days(clause, stretch, piece), currency=currency),
            end=piece.end_on,
        )
        for piece, q in held
    ]


def of_usage(clause: Clause, stretch: Stretch, measured: Measure, *, currency: str) -> Worth:
    """Return the worth of what was measured; what is included, tiers and bounds count for a part period in full (rule 8).

    Behind a change it is the price of the whole less that of what came before, and not below zero.
    """
    by_one = measured.transactions if clause.price.model == "percentage" else None
    quantity = max(ZERO, measured.quantity - measured.covered)
    price = replace(clause.price, included=included_in(clause, stretch)) if clause.paid else clause.price
    rated = _rate(price, quantity, currency, by_one, measured.before, clause.unit, clause.unit_en)
    details: dict[str, Any] = {"measured": plain(rated.quantity), "included": plain(rated.included_used)}
    if clause.paid:
        details["paid"] = plain(price.included - clause.price.included)
    if measured.covered:
        rated = replace(rated, steps=(_from_packs(clause, measured, currency), *rated.steps))
        details |= {"measured": plain(measured.quantity), "covered": plain(measured.covered)}
        details["packs"] = [{"pack": pack, "quantity": plain(part)} for pack, part in measured.packs]
    if measured.before is not None:
        details["before"] = plain(measured.before)
    worth = _worth(clause, stretch, rated, details, part_of(clause, stretch))
    if measured.before is None or (worth.amount_minor >= 0 and worth.quantity >= 0):
        return worth
    amount = max(0, worth.amount_minor)
    return replace(
        worth, quantity=max(ZERO, worth.quantity), amount_minor=amount, exact=worth.exact if amount else ZERO
    )


def included_in(clause: Clause, stretch: Stretch) -> Decimal:
    """Return what a usage price leaves free in a period: what it includes, and the most that was paid for by quantity."""
    part = part_of(clause, stretch)
    paid = [q for since, until, q in clause.paid if part and since < part.end and (until is None or until > part.start)]
    return clause.price.included + max(paid, default=ZERO)


def of_share(
    clause: Clause, stretch: Stretch, quantity: Decimal, since: datetime, share: Share, *, currency: str
) -> Worth:
    """Return the price of a quantity for a share of a period, from an instant on, rounded once (rule 4)."""
    rated = _rate(clause.price, quantity, currency, None, None, clause.unit, clause.unit_en)
    details: dict[str, Any] = {}
    if not share.is_whole:
        rated = prorated(rated, share.used, share.whole, by_second=share.by_second)
        details["seconds" if share.by_second else "days"] = [share.used, share.whole]
    part = Part(since, stretch.end, stretch.span.zone)
    worth = _worth(clause, stretch, rated, details, part)
    return replace(worth, quantity=ONE if clause.price.model == "flat" else quantity)


def of_days(clause: Clause, stretch: Stretch, part: Part | None = None) -> Share:
    """Return the share of the whole period that a period is, by days, or that a part of it is, as the plan splits it."""
    whole = stretch.span.whole_days
    if clause.one_off or clause.proration == "none":
        return Share(whole, whole)
    if part is None or (part.start, part.end) == (stretch.start, stretch.end):
        return Share(stretch.span.days, whole)
    if clause.proration == "second":
        return Share(seconds(part.start, part.end), stretch.whole_seconds, by_second=True)
    return Share(days(part.start_on, part.end_on), whole)


def of_rest(clause: Clause, stretch: Stretch, since: datetime) -> Share:
    """Return the share that is left of a period from an instant on: by days, by seconds, or the whole without proration."""
    if clause.one_off or clause.proration == "none":
        return Share(1, 1)
    if clause.proration == "second":
        return Share(seconds(since, stretch.end), stretch.whole_seconds, by_second=True)
    return Share(days(local_day(since, stretch.span.zone), stretch.span.end), stretch.span.whole_days)


def split_at(proration: str, at: datetime, zone: str) -> datetime:
    """Return the instant at which a change splits a period: its own, or the first of its day (rule 4)."""
    return at if proration == "second" else local_midnight(local_day(at, zone), zone)


def is_metered(clause: Clause, stretch: Stretch, *, first: date) -> bool:
    """Return whether a clause charges what is measured in a period; an optional one only where it is taken."""
    return bool(clause.meter) and _charged_in(clause, stretch, first) and part_of(clause, stretch) is not None


def _charged_in(clause: Clause, stretch: Stretch, first: date) -> bool:
    if stretch.trial or clause.interval != stretch.interval:
        return False
    return not clause.one_off or stretch.span.start == first


def _by_days(clause: Clause, part: Part) -> Part:
    """Return the part without the day in the middle of which another plan took its place: that is the new one's (rule 4)."""
    if clause.proration == "second" or part.end != clause.until:
        return part
    return replace(part, end=local_midnight(local_day(part.end, part.zone), part.zone))


def _held(clause: Clause, part: Part) -> list[tuple[Part, Decimal]]:
    """Return the quantities that stood in a part of a period, each with its own part."""
    found = []
    for since, until, quantity in clause.quantities:
        start, end = max(since, part.start), min(until or part.end, part.end)
        if start < end:
            found.append((Part(start, end, part.zone), quantity))
    return found


def _from_packs(clause: Clause, measured: Measure, currency: str) -> Step:
    words = Words(currency, clause.unit, clause.unit_en)
    zh, en = explanation.packs(words, measured.quantity, measured.covered)
    return Step(zh, en, measured.covered, ZERO, ZERO, "pack")


# Most customers of a plan have the same seats and modules; equal questions are answered once.
@lru_cache(maxsize=50_000)
def _rate(
    price: Rating,
    quantity: Decimal,
    currency: str,
    transactions: tuple[Decimal, ...] | None,
    before: Decimal | None,
    unit: str,
    unit_en: str,
) -> Rated:
    return rate(price, quantity, currency, before=before, transactions=transactions, unit=unit, unit_en=unit_en)


def _worth(clause: Clause, stretch: Stretch, rated: Rated, more: Mapping[str, Any], part: Part | None) -> Worth:
    whole = part is None or part.start == stretch.start
    return Worth(
        clause=clause,
        stretch=stretch,
        start=part.start_on if part else stretch.span.start,
        end=part.end_on if part else stretch.span.end,
        quantity=rated.paid_quantity,
        exact=rated.exact,
        amount_minor=rated.amount_minor,
        details={**more, "steps": [step_json(one, rated.currency) for one in rated.steps]},
        cause="" if whole or part is None else f"from:{part.start:%Y-%m-%dT%H:%M:%SZ}",
    )


def step_json(step: Step, currency: str) -> dict[str, str]:
    """Return a step as charges store it: as it is published, in both languages, with its kind."""
    published = step.to_json(currency, "zh")
    return {"zh": published.pop("text"), "en": step.text_en, "code": step.code, **published}
