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

from billing import capping, commitments, contracts, countering, covering, late, planning, replacing, switching, trials
from billing.charges import Line, write
from billing.charging import Measure, Worth, in_advance, in_arrears, is_metered
from billing.measures import Question, measure
from billing.models import BillingPeriod, Change, Charge, Subscription
from billing.planning import Due
from billing.terms import Contract, Stretch
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
    """One subscription that is due, with what falls due until an instant."""

    subscription: Subscription
    contract: Contract
    due: Due
    until: datetime


@transaction.atomic
def close(
    subscription_ids: Iterable[int], *, at: datetime, alone: bool = False, confirmed: Change | None = None
) -> Closed:
    """Charge all that is due at `at` in these subscriptions, and leave it on the shelf for drafting.

    Subscriptions that are not due, or that another worker holds, are passed over. Late usage of closed periods is
    measured again and charged (CONTRACTS rule 14). A purchase that was just confirmed is closed `alone`: late usage
    waits for the next periodic bill (rule 9). What opens because of a change that was `confirmed` is charged as that change.
    """
    subscriptions = _lock(subscription_ids, at, wait=alone or confirmed is not None)
    if not subscriptions:
        return Closed()
    # Before anything is measured: an event that arrives from now on is measured, or leaves its mark for the next close.
    changed = late.Changed((), ()) if alone or confirmed else late.take(subscriptions, at=at)
    late.draw(changed, at=at)
    rounds: list[_Round] = []
    pending = subscriptions
    while pending:
        rounds.append(_round(pending, at, confirmed))
        # A change of plan that has waited for its day comes between what falls due before it and after it.
        pending = replacing.apply(
            [(work.subscription, work.contract) for work in rounds[-1].works if _changes_now(work, at)], at=at
        )
    works = [work for one in rounds for work in one.works]
    lines = [line for one in rounds for line in one.lines]
    agreed = {work.subscription.pk: work.contract for work in works}
    after = late.lines(changed, agreed, closed_now=_closed_now(works), regular=lines, at=at)
    periods = {key: pk for one in rounds for key, pk in one.periods.items()}
    whole = [(work.subscription, work.contract, stretch) for work in works for stretch in work.due.closed]
    capped = capping.meet([(s, stretch) for s, _contract, stretch in whole], after)
    after = capping.soften(after, capped)
    write(after, periods=periods, at=at)
    caps = capping.lines(capped, [*subscriptions, *changed.subscriptions], after, at=at)
    write(caps, periods=periods, at=at)
    true_ups = commitments.lines(whole, agreed, [*after, *caps])
    write(true_ups, periods=periods, at=at)
    trials.go_on(
        [work.subscription for work in works if work.due.ended_on == work.contract.trial_end_on is not None], at=at
    )
    return Closed(
        len(subscriptions), sum(one.opened for one in rounds), len(lines) + len(after) + len(caps) + len(true_ups)
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """One pass over subscriptions: all that fell due before their contracts change."""

    works: list[Work]
    lines: list[Line]
    periods: Mapping[tuple[int, str, date], int]
    opened: int


def _round(subscriptions: Sequence[Subscription], at: datetime, confirmed: Change | None) -> _Round:
    works = _works(subscriptions, at)
    periods = _open(works)
    measures = _measure(works, periods, at)
    lines = [line for work in works for line in _lines(work, measures, confirmed)]
    write(lines, periods=periods, at=at)
    _mark_closed(works, periods, at)
    _move_on(works)
    return _Round(works, lines, periods, sum(len(work.due.opened) for work in works))


def _changes_now(work: Work, at: datetime) -> bool:
    s, on = work.subscription, work.contract.changes_on
    return on is not None and work.due.status != "ended" and _first_of(s, on) <= at


def _first_of(s: Subscription, day: date) -> datetime:
    return local_midnight(day, s.zone)


def _lock(ids: Iterable[int], at: datetime, *, wait: bool) -> list[Subscription]:
    due = Subscription.objects.due(at).filter(among("pk", ids)).defer("during", "next_at", "created_at")
    # Customers before subscriptions; one with a cap whom another worker closes is left for the next close.
    due = due.exclude(tenant__in=capping.hold(due.values_list("tenant", flat=True), wait=wait))
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
    stops = {s.pk: agreed[s.pk].changes_on for s in subscriptions}
    untils = {s.pk: min(at, _first_of(s, day)) if (day := stops[s.pk]) else at for s in subscriptions}
    dues = {s.pk: planning.plan(agreed[s.pk], last.get(s.pk, {}), at=untils[s.pk]) for s in subscriptions}
    return [Work(s, agreed[s.pk], dues[s.pk], untils[s.pk]) for s in subscriptions]


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


def _measure(works: Sequence[Work], periods: Mapping[tuple[int, str, date], int], at: datetime) -> dict[Any, Measure]:
    """Return what the closed periods measured, and let resource packs cover of it what they can."""
    questions = [
        Question((_key(work, stretch), clause.price_id, clause.since), work.subscription, stretch, clause)
        for work in works
        for stretch in work.due.closed
        for clause in work.contract.all_clauses
        if is_metered(clause, stretch, first=work.contract.paid_from)
    ]
    return covering.cover(questions, measure(questions), period_of=lambda question: periods[question.key[0]], at=at)


def _lines(work: Work, measures: Mapping[Any, Measure], confirmed: Change | None) -> Iterator[Line]:
    """Yield what the opened and the closed periods charge, in the order of the price list within each."""
    currency, first = work.contract.currency, work.contract.paid_from
    for stretch in work.due.closed:
        for clause in work.contract.all_clauses:
            found = measures.get((_key(work, stretch), clause.price_id, clause.since), Measure(Decimal(0)))
            for worth in in_arrears(clause, stretch, currency=currency, first=first, measured=found):
                yield _line(work, worth, due_on=stretch.over_on)
    for stretch in work.due.opened:
        for clause in work.contract.clauses:
            one = in_advance(clause, stretch, currency=currency, first=first)
            if one and confirmed:
                yield Line(
                    work.subscription,
                    one,
                    stretch.span.start,
                    _key(work, stretch),
                    Charge.Reason.CHANGE,
                    confirmed.cause,
                )
            elif one:
                yield _line(work, one, due_on=stretch.span.start)


def _line(work: Work, worth: Worth, *, due_on: date) -> Line:
    corrects = countering.closed_before(worth) if worth.stretch.again else None
    key = _key(work, worth.stretch)
    return Line(work.subscription, worth, due_on=due_on, period=key, cause=worth.cause, corrects=corrects)


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
    _settle_changes(works)
    for work in works:
        if work.due.ended_on and work.subscription.status != "ended":
            over = local_midnight(work.due.ended_on, work.contract.zone)
            cut = Func(Func("during", function="lower"), Value(over), function="tstzrange")
            Subscription.objects.filter(pk=work.subscription.pk).update(during=cut)


def _settle_changes(works: Sequence[Work]) -> None:
    """Mark what waited and has come as applied: removals and pauses; and a cancellation whose day it is."""
    waiting = Change.objects.filter(status=Change.Status.SCHEDULED)
    begun = waiting.filter(among("subscription", (work.subscription.pk for work in works)))
    come = begun.filter(
        kind__in=[Change.Kind.QUANTITY, Change.Kind.PAUSE], effective_at__lte=max(w.until for w in works)
    )
    for change in come:
        if change.effective_at <= next(w.until for w in works if w.subscription.pk == change.subscription_id):
            switching.settle(change, Change.Status.APPLIED, change.effective_at)
    ended = [work.subscription.pk for work in works if work.due.ended_on]
    for change in waiting.filter(subscription__in=ended) if ended else ():
        is_its = change.kind == Change.Kind.CANCEL
        switching.settle(change, Change.Status.APPLIED if is_its else Change.Status.WITHDRAWN, change.effective_at)


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
