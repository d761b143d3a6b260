"""Replace: put another plan in place of the one that stands, and settle the periods that run across that instant.

What is left of them is given back at the old price and charged at the new one (CONTRACTS rules 4, 5 and 7). Where the rhythm
turns, every running period ends with the old plan instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial

from billing import adjusting, contracts, switching
from billing.charges import Line, write
from billing.models import BillingPeriod, Change, Subscription
from billing.terms import Contract, Stretch
from tenants.bulk import mark
from usage.periods import Interval, local_day

Current = Mapping[Interval, Stretch]
# Rhythms from the shortest to the longest.
RANK = [str(one) for one in Interval]


def replace(
    s: Subscription, contract: Contract, current: Current, change: Change, *, given_back_from: datetime, at: datetime
) -> None:
    """Switch a locked subscription to the plan of a change, and charge what that makes of the periods that run.

    What was charged is given back from `given_back_from` on, as the old plan splits its periods.
    """
    on = local_day(max(change.effective_at, given_back_from), s.zone)
    turns = change.version is not None and change.version.interval != s.version.interval
    give_back = partial(adjusting.credits, s, contract.clauses, current, given_back_from, change=change, on=on)
    lines, rest, before = give_back(), [], s.version.interval
    switching.switch(s, change, at=at)
    if turns:
        cut(current, s.terms_since)
    else:
        rest = _rest(s, current, change, on)
    longer = turns and RANK.index(s.version.interval) > RANK.index(before)
    if lines and (longer or sum(line.worth.amount_minor for line in (*lines, *rest)) > 0):
        # Its bill is issued at once, and takes a coupon that gives once away from a draft that waits (rule 10). In a longer
        # rhythm it holds the first period of the new plan too, which the next close charges.
        lines = give_back(once_moves=True)
    write([*lines, *rest], periods={}, at=at)


def apply(due: Sequence[tuple[Subscription, Contract]], *, at: datetime) -> list[Subscription]:
    """Switch the subscriptions whose scheduled change of plan has come; return them as they are now, due again.

    The plan's own period ends on that day; one of a shorter rhythm may run across it.
    """
    if not due:
        return []
    # As they are after the close of what came before, each with version and seller.
    subscriptions = _read(s.pk for s, _contract in due)
    changes, running = switching.waiting(subscriptions), contracts.last_periods(subscriptions)
    contract_of = {s.pk: contract for s, contract in due}
    for s in subscriptions:
        change, contract = changes[s.pk], contract_of[s.pk]
        split = change.effective_at
        across = {k: one for k, one in running.get(s.pk, {}).items() if one.start < split < one.end}
        replace(s, contract, across, change, given_back_from=split, at=at)
    return _read(s.pk for s in subscriptions)


def _read(ids: Iterable[int]) -> list[Subscription]:
    return contracts.with_terms(Subscription.objects.filter(pk__in=list(ids)).order_by("pk"))


def cut(current: Current, at: datetime) -> None:
    """Let the periods that run at an instant end with it; what they are a part of stays their denominator."""
    running = [one.id for one in current.values() if one.start <= at < one.end and one.id is not None]
    mark(BillingPeriod, "end", at, running)


def _rest(s: Subscription, current: Current, change: Change, on: date) -> list[Line]:
    lines = []
    for clause in contracts.load([s])[s.pk].clauses:
        running = current.get(clause.interval)
        if running and running.start <= s.terms_since < running.end:
            line = adjusting.charge(s, clause, running, s.terms_since, change=change, on=on)
            lines += [line] if line else []
    return lines
