"""Close: open the periods that begin, charge what is due in advance and in arrears, renew or end terms.

One code path for the nightly run and the button: a batch of many, or of one. It reads what is due by itself, so a second
call finds nothing; each charge has a key that can exist once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Func, Value

from billing import contracts, late, planning, trials
from billing.charges import Line, write
from billing.charging import Measure, Worth, in_advance, in_arrears, is_metered
from billing.measures import asks_for_transactions, measure, want
from billing.models import BillingPeriod, Subscription
from billing.planning import Contract, Due, Stretch
from tenants.bulk import among, copy_in, mark, reserve, update_from
from tenants.models import Tenant
from usage.periods import local_midnight


@dataclass(frozen=True, slots=True)
class Closed:
    """How much a close did."""

    subscriptions: int = 0
    periods: int = 0
    charges: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """One subscription that is due, with what falls due."""

    subscription: Subscription
    contract: Contract
    due: Due

    @property
    def proration(self) -> str:
        """How the plan splits a part period."""
        return self.subscription.version.proration


@transaction.atomic
def close(subscription_ids: Iterable[int], *, at: datetime) -> Closed:
    """Charge all that is due at `at` in these subscriptions, and leave it on the shelf for drafting.

    Subscriptions that are not due, or that another worker holds, are passed over. Late usage of closed periods is
    measured again and charged (CONTRACTS rule 14).
    """
    subscriptions = _lock(subscription_ids, at)
    if not subscriptions:
        return Closed()
    # Before anything is measured: an event that arrives from now on is measured, or leaves its mark for the next close.
    changed = late.take(subscriptions, at=at)
    works = _works(subscriptions, at)
    opened = _open(works)
    measures = _measure(works)
    lines = [line for work in works for line in _lines(work, measures)]
    agreed = {work.subscription.pk: work.contract for work in works}
    lines += late.lines(changed, agreed, closed_now=_closed_now(works), regular=lines, at=at)
    write(lines, periods=opened, at=at)
    _mark_closed(works, opened, at)
    _move_on(works)
    trials.go_on(
        [work.subscription for work in works if work.due.ended_on == work.contract.trial_end_on is not None], at=at
    )
    return Closed(len(works), len(opened), len(lines))


def _lock(ids: Iterable[int], at: datetime) -> list[Subscription]:
    due = Subscription.objects.due(at).filter(among("pk", ids)).defer("during", "next_at", "created_at")
    locked = contracts.with_terms(due.select_for_update(no_key=True, skip_locked=True).order_by("pk"))
    _pay_as_now(locked)
    return locked


def _pay_as_now(locked: Sequence[Subscription]) -> None:
    """Charge those who pay by now: a customer may have got a paying parent, or lost it, since the subscription began."""
    parents = dict(Tenant.objects.filter(among("pk", {s.tenant_id for s in locked})).values_list("pk", "parent_id"))
    moved = [s for s in locked if s.payer_id != (parents[s.tenant_id] or s.tenant_id)]
    for s in moved:
        s.payer_id = parents[s.tenant_id] or s.tenant_id
    update_from("billing_subscription", ["payer_id"], ["bigint"], [(s.pk, s.payer_id) for s in moved])


def _works(subscriptions: Sequence[Subscription], at: datetime) -> list[Work]:
    agreed, last = contracts.load(subscriptions), contracts.last_periods(subscriptions)
    return [Work(s, agreed[s.pk], planning.plan(agreed[s.pk], last.get(s.pk, {}), at=at)) for s in subscriptions]


def _open(works: Sequence[Work]) -> dict[tuple[int, str, date], int]:
    """Write the periods that begin; return the ids of these and of the open ones by subscription, rhythm and first day."""
    fresh = [(work, stretch) for work in works for stretch in work.due.opened]
    numbers = reserve(BillingPeriod, len(fresh)) if fresh else []
    copy_in(
        BillingPeriod,
        ["id", "tenant_id", "subscription_id", "interval", "start", "end", "whole_start", "whole_end", "zone", "trial"],
        (_row(number, work, stretch) for number, (work, stretch) in zip(numbers, fresh, strict=True)),
    )
    ids = {_key(work, stretch): number for number, (work, stretch) in zip(numbers, fresh, strict=True)}
    return ids | {_key(work, s): s.id for work in works for s in work.due.closed if s.id is not None}


def _row(number: int, work: Work, stretch: Stretch) -> tuple[Any, ...]:
    span = stretch.span
    whole = (local_midnight(day, span.zone) for day in (span.whole_start, span.whole_end))
    subscription = work.subscription
    return (
        number,
        subscription.tenant_id,
        subscription.pk,
        str(stretch.interval),
        stretch.start,
        stretch.end,
        *whole,
        span.zone,
        stretch.trial,
    )


def _key(work: Work, stretch: Stretch) -> tuple[int, str, date]:
    return work.subscription.pk, str(stretch.interval), stretch.span.start


def _measure(works: Sequence[Work]) -> dict[Any, Measure]:
    asked = [
        (work, stretch, clause)
        for work in works
        for stretch in work.due.closed
        for clause in work.contract.clauses
        if is_metered(clause, stretch, first=work.contract.anchor_on)
    ]
    wants = [want((_key(w, s), c.code), w.subscription, s, c) for w, s, c in asked]
    return measure(wants, [(_key(w, s), c.code) for w, s, c in asked if asks_for_transactions(c)])


def _lines(work: Work, measures: Mapping[Any, Measure]) -> Iterator[Line]:
    """Yield what the opened and the closed periods charge, in the order of the price list within each."""
    currency, first = work.contract.currency, work.contract.anchor_on
    for stretch in work.due.closed:
        for clause in work.contract.clauses:
            found = measures.get((_key(work, stretch), clause.code), Measure(Decimal(0)))
            worth = in_arrears(
                clause, stretch, currency=currency, proration=work.proration, first=first, measured=found
            )
            if worth:
                yield _line(work, worth, due_on=stretch.span.end)
    for stretch in work.due.opened:
        for clause in work.contract.clauses:
            worth = in_advance(clause, stretch, currency=currency, proration=work.proration, first=first)
            if worth:
                yield _line(work, worth, due_on=stretch.span.start)


def _line(work: Work, worth: Worth, *, due_on: date) -> Line:
    return Line(work.subscription, worth, due_on=due_on, period=_key(work, worth.stretch))


def _closed_now(works: Sequence[Work]) -> set[int]:
    return {stretch.id for work in works for stretch in work.due.closed if stretch.id is not None}


def _mark_closed(works: Sequence[Work], ids: Mapping[tuple[int, str, date], int], at: datetime) -> None:
    closed = [ids[_key(work, stretch)] for work in works for stretch in work.due.closed]
    mark(BillingPeriod, "closed_at", at, closed)


def _move_on(works: Sequence[Work]) -> None:
    """Write how each subscription stands now, and when it is due next."""
    columns = ["status", "terms_done", "term_start_on", "term_end_on", "next_at", "ended_at"]
    types = ["text", "integer", "date", "date", "timestamptz", "timestamptz"]
    update_from("billing_subscription", columns, types, [_standing(work) for work in works])
    for work in works:
        if work.due.ended_on:
            over = local_midnight(work.due.ended_on, work.contract.zone)
            cut = Func(Func("during", function="lower"), Value(over), function="tstzrange")
            Subscription.objects.filter(pk=work.subscription.pk).update(during=cut)


def _standing(work: Work) -> tuple[Any, ...]:
    due, before = work.due, work.subscription
    ended_at = local_midnight(due.ended_on, work.contract.zone) if due.ended_on else before.ended_at
    return (
        before.pk,
        due.status,
        due.terms_done,
        due.term_start_on or before.term_start_on,
        due.term_end_on or before.term_end_on,
        due.next_at,
        ended_at,
    )
