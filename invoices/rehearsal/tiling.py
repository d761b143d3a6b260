"""What must be true of the time of every contract: periods and terms tile it, and no day is charged twice, or missed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from billing.models import BillingPeriod, Charge, PlanVersion, Price
from invoices.rehearsal.seen import Life, Seen, Terms
from usage.periods import local_day, local_midnight

DAY = timedelta(days=1)


def terms_tile(seen: Seen) -> Iterator[str]:
    """What a subscription was and what it is tile the time since its start: no gap, no overlap."""
    for life in seen.lives:
        if life.terms[0].since != life.begins:
            yield f"subscription {life.subscription.pk}: terms begin at {life.terms[0].since}, not {life.begins}"
        for before, after in pairwise(life.terms):
            if before.until != after.since:
                yield f"subscription {life.subscription.pk}: terms until {before.until}, then from {after.since}"


def periods_tile(seen: Seen) -> Iterator[str]:
    """The periods of each rhythm tile the time in which a contract had it, but for its pauses; none overlaps another."""
    for life in seen.lives:
        by_rhythm: dict[str, list[BillingPeriod]] = defaultdict(list)
        for period in life.periods:
            by_rhythm[period.interval].append(period)
        for rhythm, periods in by_rhythm.items():
            for before, after in pairwise(periods):
                if after.start < before.end:
                    yield f"subscription {life.subscription.pk}: {rhythm} {before} overlaps {after}"
        for terms in life.terms:
            for rhythm in _rhythms(terms.version, life):
                yield from _gaps(seen.world.now, life, terms, rhythm, by_rhythm[rhythm])


def _rhythms(version: PlanVersion, life: Life) -> set[str]:
    own = {price.interval for price in life.prices.values() if price.version_id == version.pk and price.interval}
    return {version.interval, *own}


def _gaps(now: datetime, life: Life, terms: Terms, rhythm: str, periods: Sequence[BillingPeriod]) -> Iterator[str]:
    """Yield the local days of some terms on which no period of a rhythm runs."""
    zone = life.subscription.zone
    last = min(t for t in (now, terms.until, life.subscription.ended_at) if t is not None)
    day, end = local_day(terms.since, zone), local_day(last, zone)
    while day < end:
        midnight = local_midnight(day, zone)
        if not life.is_paused(day) and not any(p.start <= midnight < p.end for p in periods):
            yield f"subscription {life.subscription.pk}: no period of a {rhythm} holds {day}"
            return
        day += DAY


def days_are_charged_once(seen: Seen) -> Iterator[str]:
    """Each day of a period that is paid for is charged once by each base price in force on it, and by no other.

    Left out are: prices without proration (a change gives nothing back of them, rule 4) and by the second (they split
    days), prices with a rhythm of their own (they are served to their period's end after a change that waited), days behind
    the end where the plan refunds nothing (rule 7), and prices that come to less than a minor unit a day, whose parts may
    round to nothing and then leave no credit.
    """
    for life in seen.lives:
        for price in life.prices.values():
            if _is_by_days(price):
                yield from _wrong_days(seen, life, price)


def _is_by_days(price: Price) -> bool:
    version = price.version
    by_day = price.kind == Price.Kind.BASE and not price.one_off and version.proration == "day" and not price.interval
    return by_day and bool(price.params.get("amount"))


def _wrong_days(seen: Seen, life: Life, price: Price) -> Iterator[str]:
    s = life.subscription
    periods = [p for p in life.periods if p.interval == price.version.interval and not p.trial]
    if price.timing == "arrears":
        periods = [p for p in periods if p.closed_at]
    if not _is_worth_a_day(seen, price, periods):
        return
    found: Counter[date] = Counter()
    for charge in life.charges:
        if charge.price_id == price.pk and charge.undiscounted_minor:
            _count(found, charge)
    if not found and not any(terms.version.pk == price.version_id for terms in life.terms):
        return
    wanted = {day for p in periods for day in _days(p.start_on, p.end_on) if _in_force(life, price, day)}
    for day in sorted(found.keys() | wanted):
        if found[day] == (day in wanted):
            continue
        if life.cut and day >= life.cut and price.version.refund == "none":
            continue
        yield f"subscription {s.pk}: {day} is charged {found[day]} times by {price.code} of {price.version}"
        return


def _is_worth_a_day(seen: Seen, price: Price, periods: Sequence[BillingPeriod]) -> bool:
    minor = seen.world.money(Decimal(price.params["amount"])).minor
    return all(minor >= (p.whole_end - p.whole_start).days + 1 for p in periods)


def _count(found: Counter[date], charge: Charge) -> None:
    for day in _days(charge.service_start_on, charge.service_end_on):
        found[day] += 1 if charge.undiscounted_minor > 0 else -1


def _in_force(life: Life, price: Price, day: date) -> bool:
    """Return whether a price stands on a day: of one on which the plan changed, the new state's does (rule 4)."""
    if life.is_paused(day) or (life.cut and day >= life.cut):
        return False
    evening = local_midnight(day + DAY, life.subscription.zone) - timedelta(microseconds=1)
    stands = [t for t in life.terms if t.since <= evening and (t.until is None or evening < t.until)]
    return any(terms.version.pk == price.version_id for terms in stands)


def nothing_is_charged_outside(seen: Seen) -> Iterator[str]:
    """Nothing is charged for a trial, for a pause, or for the time after the end; but what was paid before the end was known."""
    for life in seen.lives:
        s = life.subscription
        for charge in life.charges:
            if charge.undiscounted_minor <= 0 or charge.pk in life.undone:
                continue
            first = charge.service_start_on
            if s.trial_end_on and first < s.trial_end_on:
                yield f"charge {charge.pk} {charge} falls in the trial until {s.trial_end_on}"
            elif life.is_paused(first):
                yield f"charge {charge.pk} {charge} falls in a pause"
            elif s.ended_at and local_midnight(first, s.zone) >= s.ended_at:
                yield f"charge {charge.pk} {charge} falls after the end on {life.cut}"


def _days(first: date, end: date) -> Iterator[date]:
    while first < end:
        yield first
        first += DAY


ALWAYS = (terms_tile, periods_tile, days_are_charged_once, nothing_is_charged_outside)
