"""Switch: put a change of plan in force, at once or when its day has come. Nothing is charged here."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Func, Value
from django.utils.translation import gettext as _

from billing import contracts
from billing.models import Change, FormerTerms, PlanVersion, Price, Subscription, SubscriptionItem
from billing.orders import Overlapping
from billing.terms import Contract
from usage.periods import Alignment, Interval, Schedule, local_day, local_midnight

# What a switch changes of the subscription's own row.
FIELDS = [
    "plan",
    "version",
    "price_list",
    "acceptance",
    "anchor_on",
    "first_on",
    "terms_since",
    "alignment",
    "billing_day",
    "terms_done",
    "term_start_on",
    "term_end_on",
    "changes_on",
    "next_at",
]


def waiting(subscriptions: Sequence[Subscription]) -> dict[int, Change]:
    """Return the change of plan that waits, by its subscription."""
    changes = Change.objects.filter(
        subscription__in=[s.pk for s in subscriptions], kind=Change.Kind.PLAN, status=Change.Status.SCHEDULED
    )
    return {change.subscription_id: change for change in changes.select_related("version__plan")}


def switch(s: Subscription, change: Change, *, at: datetime) -> None:
    """Make of a locked subscription what a change of plan says, from its first instant on; mark the change as applied.

    The same interval keeps the schedule, and a new term counts on the anchor's grid; another interval begins a new period
    and a new anchor on that day (CONTRACTS rule 3). Quantities and modules go on by the code of their price.
    """
    version = change.version
    assert version is not None
    assert change.acceptance is not None
    split = max(change.effective_at, s.terms_since)
    on = local_day(split, s.zone)
    FormerTerms.objects.create(
        tenant_id=s.tenant_id,
        subscription=s,
        change=change,
        version_id=s.version_id,
        price_list_id=s.price_list_id,
        acceptance_id=s.acceptance_id,
        anchor_on=s.anchor_on,
        minimum_minor=s.version.minimum_minor if s.minimum_minor is None else s.minimum_minor,
        since=s.terms_since,
        until=split,
    )
    # What was bought before the change on its own day goes on too, though the change counts from midnight.
    _carry_over(s, version, split, seen_at=max(split, change.at), at=at)
    _reckon_terms(s, change, on)
    s.plan, s.version, s.price_list, s.acceptance = version.plan, version, change.price_list, change.acceptance
    s.first_on, s.terms_since, s.changes_on = on, split, None
    s.next_at = min(s.next_at or split, split)
    s.save(update_fields=FIELDS)
    if s.cancelled_at:
        # A cancellation outlives the change and falls at the new term's end (rule 7).
        last_until(s, local_midnight(s.term_end_on, s.zone))
    settle(change, Change.Status.APPLIED, at)


def foreseen(s: Subscription, contract: Contract, change: Change) -> Contract:
    """Return the contract as it will be after a change that waits, with what it was until then; nothing is written."""
    version = change.version
    assert version is not None
    on, held = local_day(change.effective_at, s.zone), {}
    for clause in contract.clauses:
        if (quantity := clause.quantity_at(change.effective_at)) is not None:
            held[clause.code] = quantity
    would_be = copy.copy(s)
    _reckon_terms(would_be, change, on)
    would_be.version, would_be.plan, would_be.price_list_id = version, version.plan, change.price_list_id
    would_be.first_on, would_be.changes_on = on, None
    new = contracts.load([would_be])[s.pk]
    taken = {price.pk: quantity for price, quantity in taken_over(list(version.prices.all()), held)}
    since = change.effective_at
    return replace(
        new,
        clauses=tuple(
            replace(clause, since=since, quantities=((since, None, taken[clause.price_id]),))
            if clause.price_id in taken
            else replace(clause, since=since)
            for clause in new.clauses
        ),
        former=(*contract.former, *(replace(clause, until=since) for clause in contract.clauses)),
    )


def settle(change: Change, status: str, at: datetime) -> None:
    """Mark a change as applied or withdrawn."""
    change.status, change.settled_at = status, at
    change.save(update_fields=["status", "settled_at"])


def last_until(s: Subscription, over: datetime | None) -> None:
    """Let a subscription's time in force end at an instant; None leaves it open.

    Raises Overlapping where the customer has ordered what follows it.
    """
    try:
        with transaction.atomic():
            Subscription.objects.filter(pk=s.pk).update(
                during=Func(Func("during", function="lower"), Value(over), function="tstzrange")
            )
    except IntegrityError as error:
        if "subscription_no_overlap" not in str(error):
            raise
        raise Overlapping(_("Another subscription of this product follows this one. End that one first.")) from None


def hold(s: Subscription, price: Price, quantity: Decimal | None, since: datetime) -> None:
    """Let a quantity of a price stand from an instant on, in place of what stood there; None takes it away."""
    upper = _lasts(s)
    for item in SubscriptionItem.objects.filter(subscription=s.pk, price=price, during__isempty=False):
        _until(item, since)
    if quantity is not None and (upper is None or since < upper):
        during = DateTimeTZRange(since, upper)
        SubscriptionItem.objects.create(
            tenant_id=s.tenant_id, subscription=s, price=price, quantity=quantity, during=during
        )


def forget(s: Subscription, change: Change) -> None:
    """Take a removal back that waits: what was held goes on."""
    assert change.price is not None
    hold(s, change.price, change.before, change.effective_at)


def end_items(s: Subscription, over: datetime) -> None:
    """Let everything that is held end at an instant."""
    for item in SubscriptionItem.objects.filter(subscription=s.pk, during__isempty=False):
        _until(item, over)


def _until(item: SubscriptionItem, end: datetime) -> None:
    """Let an item stand until an instant at the latest; one that would begin with it or later never stood."""
    start, upper = item.during.lower, item.during.upper
    if upper is None or upper > end:
        item.during = DateTimeTZRange(start, end) if start < end else DateTimeTZRange(empty=True)
        item.save(update_fields=["during"])


def is_in_trial(s: Subscription, instant: datetime) -> bool:
    """Return whether nothing is charged yet at an instant, for it is before the end of the trial."""
    return s.trial_end_on is not None and instant < local_midnight(s.trial_end_on, s.zone)


def held(s: Subscription, prices: Sequence[Price], instant: datetime) -> dict[str, Decimal]:
    """Return the quantities in force at an instant by the code of their price."""
    codes = {price.pk: price.code for price in prices}
    rows = SubscriptionItem.objects.filter(subscription=s.pk, price__in=codes, during__contains=instant)
    return {codes[row.price_id]: row.quantity for row in rows}


def taken_over(prices: Sequence[Price], before: Mapping[str, Decimal]) -> Iterator[tuple[Price, Decimal]]:
    """Yield what is taken of each price of a new plan: what was held of the same code, else what the plan comes with."""
    for price in prices:
        if price.code in before:
            yield price, before[price.code]
        elif not price.optional and price.kind != Price.Kind.USAGE:
            yield price, Decimal(price.kind != Price.Kind.SEAT)


def _carry_over(s: Subscription, version: PlanVersion, split: datetime, *, seen_at: datetime, at: datetime) -> None:
    """Let what is held go on under the new prices of the same code, and what is leaving leave when it was to leave."""
    before = held(s, list(Price.objects.filter(version=s.version_id)), seen_at)
    leaving = list(s.changes.filter(kind=Change.Kind.QUANTITY, status=Change.Status.SCHEDULED).select_related("price"))
    end_items(s, split)
    stays = version.interval == s.version.interval
    for change in leaving:
        if not stays and change.price:
            # The period with whose end it was to leave closes now.
            before = _without(before, change.price.code, change.after)
    prices = list(Price.objects.filter(version=version).order_by("position", "pk"))
    SubscriptionItem.objects.bulk_create(
        SubscriptionItem(
            tenant_id=s.tenant_id,
            subscription=s,
            price=price,
            quantity=quantity,
            during=DateTimeTZRange(split, _lasts(s)),
        )
        for price, quantity in taken_over(prices, before)
    )
    for change in leaving:
        _leave_on(s, change, {price.code: price for price in prices} if stays else {}, at=at)


def _without(before: Mapping[str, Decimal], code: str, after: Decimal | None) -> dict[str, Decimal]:
    rest = {key: quantity for key, quantity in before.items() if key != code}
    return rest if after is None else {**rest, code: after}


def _leave_on(s: Subscription, change: Change, prices: Mapping[str, Price], *, at: datetime) -> None:
    """Let a removal that waits wait on under the new plan's price; without one it is settled by the change of plan."""
    price = prices.get(change.price.code) if change.price else None
    if price is None:
        settle(change, Change.Status.APPLIED, at)
        return
    settle(change, Change.Status.WITHDRAWN, at)
    Change.objects.create(
        tenant_id=s.tenant_id,
        subscription=s,
        kind=Change.Kind.QUANTITY,
        status=Change.Status.SCHEDULED,
        effective_at=change.effective_at,
        price=price,
        before=change.before,
        after=change.after,
        at=change.at,
        by_id=change.by_id,
    )
    hold(s, price, change.after, change.effective_at)


def _lasts(s: Subscription) -> datetime | None:
    """Return until when what is held stands: the end of a fixed contract. A cancellation may be taken back, and ends none."""
    return local_midnight(s.end_on, s.zone) if s.end_on else None


def _reckon_terms(s: Subscription, change: Change, on: date) -> None:
    """Reckon anchor and term anew: before the trial's end, with another interval, with another term, or not at all."""
    version = change.version
    assert version is not None
    turns = version.interval != s.version.interval
    before_paid = is_in_trial(s, change.effective_at) or s.status == Subscription.Status.PENDING
    if turns or before_paid:
        s.anchor_on = s.anchor_on if before_paid else on
        s.alignment, s.billing_day = version.alignment, version.billing_day
    elif version.term == s.version.term:
        return
    if s.end_on and not s.auto_renew:
        # A contract of fixed length is one term, to its end.
        return
    schedule = Schedule(s.anchor_on, Interval(version.interval), s.zone, Alignment(s.alignment), s.billing_day)
    term = Interval(version.term)
    number, end = schedule.term_containing(term, max(on, s.anchor_on))
    s.terms_done, s.term_end_on = number - 1, end
    s.term_start_on = schedule.term_end(term, number - 1) if number > 1 else s.anchor_on
