"""Commitments: what the charges of a period fall short of its minimum is trued up at its close (CONTRACTS rule 8).

All charges of the period are compared before discount and tax, a credit with what it undoes before discount. A part period
owes its share of the minimum by days. Late usage measures it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from billing import contracts, settled
from billing.charges import Line
from billing.charging import Worth, step_json
from billing.models import BillingPeriod, Charge, Subscription
from billing.money import minor_digits
from billing.rating import explanation, prorate_minor
from billing.rating.steps import step
from billing.terms import Clause, Contract, Part, Stretch
from billing.undoing import undo
from tenants.bulk import among
from usage.periods import days, local_day

KIND = "minimum"
# A period that is over, of a subscription with its contract.
Whole = tuple[Subscription, Contract, Stretch]


def lines(closed: Sequence[Whole], agreed: Mapping[int, Contract], late: Sequence[Line]) -> list[Line]:
    """Return the true-ups of periods that close now, and the differences of older ones whose usage changed (`late`).

    All other charges of these periods stand on the shelf by now. A late difference goes with the late line that made it.
    """
    owed = _owed(closed)
    if late:
        missing = {line.subscription.pk: line.subscription for line in late if line.subscription.pk not in agreed}
        known = {**agreed, **contracts.load(list(missing.values()))}
        bound = [line for line in late if known[line.subscription.pk].commitments]
        owed = _owed(_touched(bound, known, owed)) + owed
    if not owed:
        return []
    shelf = _shelf([s.pk for s, _stretch, _least in owed], min(stretch.start for _s, stretch, _least in owed))
    dues = {line.subscription.pk: line.due_on for line in late}
    made = (_true_up(s, stretch, least, shelf[s.pk], dues.get(s.pk)) for s, stretch, least in owed)
    return [line for line in made if line is not None]


def minimum(contract: Contract, stretch: Stretch) -> int | None:
    """Return the least that a period comes to, in minor units: each commitment by the days that it stood in it."""
    parts = []
    for one in contract.commitments:
        start = max(stretch.start, one.since) if one.since else stretch.start
        end = min(stretch.end, one.until) if one.until else stretch.end
        if one.interval == stretch.interval and start < end and not stretch.trial:
            part = Part(start, end, stretch.span.zone)
            # The day of a change belongs to the new state, the day of a cancellation is used (rule 4).
            last = local_day(end, stretch.span.zone) if end < stretch.end else part.end_on
            used = min(days(part.start_on, last), stretch.span.days)
            parts.append(prorate_minor(one.minimum_minor, used, stretch.span.whole_days))
    return sum(parts) if parts else None


def _owed(closed: Sequence[Whole]) -> list[tuple[Subscription, Stretch, int]]:
    bound = [one for one in closed if one[1].commitments]
    return [(s, stretch, least) for s, contract, stretch in bound if (least := minimum(contract, stretch)) is not None]


def _touched(
    late: Sequence[Line], known: Mapping[int, Contract], owed: Sequence[tuple[Subscription, Stretch, int]]
) -> list[Whole]:
    """Return the closed periods of a plan's rhythm in which late lines fall, each once."""
    found: dict[int, Whole] = {}
    now = {(s.pk, stretch.start) for s, stretch, _least in owed}
    for line in late:
        s, contract = line.subscription, known[line.subscription.pk]
        at = line.worth.stretch.start
        rhythms = {one.interval for one in contract.commitments}
        periods = BillingPeriod.objects.filter(
            subscription=s.pk, interval__in=rhythms, start__lte=at, end__gt=at, closed_at__isnull=False
        )
        for period in periods:
            if (s.pk, period.start) not in now:
                found[period.pk] = (s, contract, contracts.stretch(period))
    return list(found.values())


def _shelf(subscriptions: Sequence[int], since: datetime) -> Mapping[int, list[tuple[datetime, str, int]]]:
    """Return, by subscription, what was charged: the start of its period, whether it is a true-up, and how much."""
    found: dict[int, list[tuple[datetime, str, int]]] = defaultdict(list)
    charges = Charge.objects.filter(among("subscription", subscriptions), period__start__gte=since)
    rows = charges.values_list("subscription_id", "period__start", "kind").annotate(Sum("undiscounted_minor"))
    for subscription, start, kind, amount in rows.order_by():
        found[subscription].append((start, kind, amount))
    return found


def _true_up(
    s: Subscription, stretch: Stretch, least: int, shelf: Sequence[tuple[datetime, str, int]], due_on: date | None
) -> Line | None:
    inside = [(kind, amount) for start, kind, amount in shelf if stretch.start <= start < stretch.end]
    charged = sum(amount for kind, amount in inside if kind != KIND)
    billed = sum(amount for kind, amount in inside if kind == KIND)
    missing = max(0, least - charged) - billed
    if not missing:
        return None
    worth = _worth(s, stretch, least, charged, missing)
    where = stretch.id or (s.pk, str(stretch.interval), stretch.span.start)
    if stretch.closed:
        before = list(Charge.objects.filter(period=stretch.id, kind=KIND).order_by("pk"))
        backs = undo(list(settled.lines_of(before).values()), -missing) if missing < 0 else []
        amount = -sum(back.amount_minor for back in backs) if missing < 0 else missing
        first = before[0].pk if before else None
        worth = replace(worth, amount_minor=amount, undiscounted_minor=missing)
        return Line(s, worth, due_on or stretch.over_on, where, Charge.Reason.LATE, f"{len(before) + 1}", first, backs)
    return Line(s, worth, stretch.over_on, where, corrects=_before(stretch) if stretch.again else None)


def _before(stretch: Stretch) -> int | None:
    """Return the true-up of a period that was closed before, and opened again."""
    made = Charge.objects.filter(period=stretch.id, kind=KIND, reason=Charge.Reason.PERIOD).order_by("-pk")
    return made.values_list("pk", flat=True).first()


def _worth(s: Subscription, stretch: Stretch, least: int, charged: int, missing: int) -> Worth:
    digits = minor_digits(s.currency)
    exact = Decimal(missing).scaleb(-digits)
    bound = Decimal(least).scaleb(-digits)
    words = explanation.Words(s.currency)
    told: list[dict[str, Any]] = [step_json(step(explanation.minimum(words, bound), KIND, exact), s.currency)]
    return Worth(
        clause=_clause(s, stretch),
        stretch=stretch,
        start=stretch.span.start,
        end=stretch.span.end,
        quantity=Decimal(1),
        exact=exact,
        amount_minor=missing,
        details={"minimum_minor": least, "charged_minor": charged, "steps": told},
    )


def _clause(s: Subscription, stretch: Stretch) -> Clause:
    return Clause(
        price_id=None,
        code=KIND,
        kind=KIND,
        name="最低消费补足",
        name_en="Commitment, made up",
        unit="",
        unit_en="",
        price=contracts.rating_of("flat", {"amount": "0"}),
        interval=stretch.interval,
        advance=False,
        one_off=False,
        optional=False,
        tax_rate=s.seller.tax_rate,
        meter=None,
        quantities=(),
    )
