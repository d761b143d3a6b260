"""Change a contract: another plan, an end, a pause; and take back what has not happened yet (CONTRACTS rules 3 to 7).

Each verb first closes what is due, then writes the change and its charges; documents are made downstream. The charges carry
the reason `change` and the change as their cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing import adjusting, closing, contracts, replacing, retracing, switching, timing
from billing.charges import write
from billing.charging import split_at
from billing.models import Acceptance, Change, Charge, PlanVersion, PriceList, Subscription
from billing.models.catalogue import Status
from billing.terms import Contract, Stretch
from tenants import audit
from tenants.errors import Invalid, WrongState
from tenants.models import User
from usage.periods import Interval, local_day, local_midnight

State = Subscription.Status
Kind = Change.Kind
CHANGEABLE = (State.PENDING, State.TRIALING, State.ACTIVE, State.PAST_DUE)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a wish: the change, in force or waiting, and the ids of what it charges (empty when it waits)."""

    change: Change
    charges: list[int] = field(default_factory=list)


@transaction.atomic
def change_plan(
    subscription: Subscription, version: PlanVersion, *, when: str | None = None, at: datetime, by: User | None
) -> Changed:
    """Change to another published plan of the same product, `now` or at the `period_end`; by rule 6 where not said.

    A change that waits takes the place of one that waited before. Raises Invalid, naming the field, for a plan that is not
    on sale, of another product or in another currency, and WrongState when the subscription is over, paused or suspended.
    """
    s = lock(subscription, at=at)
    _check_plan(s, version)
    contract, current = _now(s)
    new = timing.prospect(s, version, _price_list(s))
    on_end = timing.waits_until(contract, new, current, at=at) if when is None else None
    if when == "period_end" or on_end:
        return _wait(s, version, on_end or _period_end(s, current), at=at, by=by)
    if when not in (None, "now"):
        raise Invalid(_("Write “now” or “period_end”."), field="when")
    stood = retracing.before(s, version.undo_hours)
    withdraw(s, Kind.PLAN, at=at)
    change = _record(s, version, _split(s, version, at), Change.Status.SCHEDULED, at=at, by=by)
    if s.status == State.PENDING or switching.is_in_trial(s, at):
        switching.switch(s, change, at=at)
        closing.close([s.pk], at=at, confirmed=change)
    else:
        _replace(s, contract, current, change, at=at)
    retracing.keep(change, stood, version.undo_hours)
    return told(change)


@transaction.atomic
def cancel(subscription: Subscription, *, when: str = "period_end", at: datetime, by: User | None) -> Changed:
    """End a subscription `now`, or with its term (`period_end`), whichever term that will be.

    Now: what was charged in advance is given back only where the plan refunds pro rata; usage counts to the end of the day.
    A trial ends with the trial.
    """
    s = lock(subscription, at=at)
    if s.status == State.ENDED:
        raise WrongState(_("This subscription is over already."))
    if when == "now":
        return _cancel_now(s, at=at, by=by)
    if when != "period_end":
        raise Invalid(_("Write “now” or “period_end”."), field="when")
    if s.cancelled_at:
        raise WrongState(_("This subscription is cancelled already."))
    over = local_midnight(s.trial_end_on if s.trial_end_on and switching.is_in_trial(s, at) else s.term_end_on, s.zone)
    s.cancelled_at = at
    # A paused one may be over already; the close sees to it.
    s.next_at = min(s.next_at or at, max(over, at))
    s.save(update_fields=["cancelled_at", "next_at"])
    # Where a change of plan waits it ends with the new term, which is not known yet.
    if s.end_on is None and s.changes_on is None:
        switching.last_until(s, over)
    change = record(s, Kind.CANCEL, over, Change.Status.SCHEDULED, at=at, by=by)
    closing.close([s.pk], at=at)
    change.refresh_from_db()
    return Changed(change)


@transaction.atomic
def keep(subscription: Subscription, *, at: datetime, by: User | None) -> Changed:
    """Withdraw a cancellation and every change that waits and was wished; WrongState when there is none.

    A new price that the seller announced is not the customer's to withdraw: he may leave.
    """
    s = lock(subscription, at=at)
    if s.status == State.ENDED:
        raise WrongState(_("This subscription is over already."))
    waiting = list(s.changes.filter(status=Change.Status.SCHEDULED, migration=None).order_by("pk"))
    if not waiting:
        raise WrongState(_("Nothing waits that could be withdrawn."))
    for change in waiting:
        take_back(s, change, at=at)
    return Changed(record(s, Kind.KEEP, at, Change.Status.APPLIED, at=at, by=by))


@transaction.atomic
def pause(subscription: Subscription, *, at: datetime, by: User | None) -> Changed:
    """Pause from the end of the running period on; nothing is billed after it until it is resumed."""
    s = lock(subscription, at=at)
    if s.status not in (State.ACTIVE, State.PAST_DUE):
        raise WrongState(_("Only a running subscription can be paused."))
    if s.pause_on:
        raise WrongState(_("This subscription is to be paused already."))
    _contract, current = _now(s)
    s.pause_on = _period_end(s, current)
    s.save(update_fields=["pause_on"])
    return Changed(record(s, Kind.PAUSE, local_midnight(s.pause_on, s.zone), Change.Status.SCHEDULED, at=at, by=by))


@transaction.atomic
def resume(subscription: Subscription, *, at: datetime, by: User | None) -> Changed:
    """End a pause: the anchor stays, and the rest of the running period is charged by days. Before it begins it is withdrawn."""
    s = lock(subscription, at=at)
    if s.status == State.ENDED:
        raise WrongState(_("This subscription is over already."))
    if s.pause_on is None:
        raise WrongState(_("This subscription is not paused."))
    withdraw(s, Kind.PAUSE, at=at)
    change = record(s, Kind.RESUME, at, Change.Status.APPLIED, at=at, by=by)
    if s.status == State.PAUSED:
        s.status, s.pause_on, s.first_on = State.ACTIVE, None, local_day(at, s.zone)
        s.next_at = at
        s.save(update_fields=["status", "pause_on", "first_on", "next_at"])
        closing.close([s.pk], at=at, confirmed=change)
    return told(change)


def lock(subscription: Subscription, *, at: datetime) -> Subscription:
    """Lock the subscription, close what is due, and return it with version and seller.

    It waits for a run that holds it: nothing is changed beside a close that may yet be taken back.
    """
    Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    closing.close([subscription.pk], at=at)
    locked = Subscription.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("version__plan", "seller", "tenant").get(pk=subscription.pk)


def told(change: Change) -> Changed:
    """Return a change with what it charged."""
    charges = Charge.objects.filter(subscription=change.subscription_id, reason="change", cause=change.cause)
    return Changed(change, list(charges.order_by("pk").values_list("pk", flat=True)))


def record(
    s: Subscription, kind: str, effective_at: datetime, status: str, *, at: datetime, by: User | None, **more: object
) -> Change:
    """Write a change down, and who wanted it."""
    change = Change.objects.create(
        tenant_id=s.tenant_id,
        subscription=s,
        kind=kind,
        status=status,
        effective_at=effective_at,
        at=at,
        by=by,
        settled_at=at if status == Change.Status.APPLIED else None,
        **more,
    )
    told_as = {"change": change.pk, "from": effective_at.isoformat()}
    audit.record(f"subscription.{kind}", tenant=s.tenant_id, target=f"subscription:{s.pk}", at=at, by=by, **told_as)
    return change


def withdraw(s: Subscription, kind: str, *, at: datetime) -> None:
    """Take back what waits of one kind, if anything does."""
    for change in s.changes.filter(kind=kind, status=Change.Status.SCHEDULED):
        take_back(s, change, at=at)


def take_back(s: Subscription, change: Change, *, at: datetime) -> None:
    """Take back one change that waits, so that the contract is as if it had never been wished."""
    if change.kind == Kind.PLAN:
        s.changes_on = None
        s.save(update_fields=["changes_on"])
        if s.cancelled_at and s.end_on is None:
            switching.last_until(s, local_midnight(s.term_end_on, s.zone))
    elif change.kind == Kind.CANCEL:
        s.cancelled_at = None
        s.save(update_fields=["cancelled_at"])
        switching.last_until(s, local_midnight(s.end_on, s.zone) if s.end_on else None)
    elif change.kind == Kind.PAUSE and s.status != State.PAUSED:
        s.pause_on = None
        s.save(update_fields=["pause_on"])
    elif change.kind == Kind.QUANTITY:
        switching.forget(s, change)
    status = (
        Change.Status.APPLIED if s.status == State.PAUSED and change.kind == Kind.PAUSE else Change.Status.WITHDRAWN
    )
    switching.settle(change, status, at)


def _now(s: Subscription) -> tuple[Contract, dict[Interval, Stretch]]:
    return contracts.load([s])[s.pk], contracts.last_periods([s]).get(s.pk, {})


def _split(s: Subscription, version: PlanVersion, at: datetime) -> datetime:
    """Return the first instant of the new state: of its day, unless the plan splits by the second and the rhythm stays."""
    turns = version.interval != s.version.interval
    return max(split_at("day" if turns else version.proration, at, s.zone), local_midnight(s.start_on, s.zone))


def _period_end(s: Subscription, current: Mapping[Interval, Stretch]) -> date:
    running = current.get(Interval(s.version.interval))
    if running is None:
        raise WrongState(_("This subscription has not begun yet; the change can be made at once."))
    return running.span.end


def _wait(s: Subscription, version: PlanVersion, on: date, *, at: datetime, by: User | None) -> Changed:
    withdraw(s, Kind.PLAN, at=at)
    change = _record(s, version, local_midnight(on, s.zone), Change.Status.SCHEDULED, at=at, by=by)
    s.changes_on = on
    s.save(update_fields=["changes_on"])
    if s.cancelled_at and s.end_on is None:
        switching.last_until(s, None)
    return Changed(change)


def _record(
    s: Subscription, version: PlanVersion, effective_at: datetime, status: str, *, at: datetime, by: User | None
) -> Change:
    price_list = _price_list(s)
    acceptance = Acceptance.objects.create(
        tenant_id=s.tenant_id,
        version=version,
        price_list=price_list,
        text_sha256=version.sha256,
        accepted_by=by,
        accepted_by_name=by.get_full_name() if by else "",
        at=at,
    )
    more = {"version": version, "price_list": price_list, "acceptance": acceptance}
    return record(s, Kind.PLAN, effective_at, status, at=at, by=by, **more)


def _price_list(s: Subscription) -> PriceList | None:
    """Return the price list in force for the customer's group."""
    if s.tenant.group_id is None:
        return None
    return PriceList.objects.filter(seller=s.seller_id, group=s.tenant.group_id, status=Status.PUBLISHED).first()


def _check_plan(s: Subscription, version: PlanVersion) -> None:
    if s.status not in CHANGEABLE:
        raise WrongState(_("This subscription is over, paused or suspended; its plan cannot change."))
    if version.status != Status.PUBLISHED:
        raise Invalid(_("This version of the plan is not on sale."), field="plan")
    if version.plan.family_id != s.family_id:
        raise Invalid(_("This plan is of another product; start a subscription of it instead."), field="plan")
    if version.currency != s.currency:
        raise Invalid(_("This plan is priced in another currency."), field="plan")
    if version.pk == s.version_id:
        raise Invalid(_("The subscription has this plan already."), field="plan")


def _replace(
    s: Subscription, contract: Contract, current: Mapping[Interval, Stretch], change: Change, *, at: datetime
) -> None:
    """Change now: what runs is given back and charged anew, or ends where the rhythm turns (rules 3 and 7)."""
    turns = change.version is not None and change.version.interval != s.version.interval
    split = change.effective_at if turns else split_at(s.version.proration, at, s.zone)
    running = {k: one for k, one in current.items() if one.start <= split < one.end}
    replacing.replace(s, contract, running, change, given_back_from=split, at=at)
    # The old periods close, and what the old plan did not have begins now.
    closing.close([s.pk], at=at, confirmed=change)


def _cancel_now(s: Subscription, *, at: datetime, by: User | None) -> Changed:
    contract, current = _now(s)
    for change in s.changes.filter(status=Change.Status.SCHEDULED):
        if change.kind == Kind.CANCEL:
            switching.settle(change, Change.Status.WITHDRAWN, at)
        else:
            take_back(s, change, at=at)
    # The day of a cancellation is used (rule 4).
    following = local_midnight(local_day(at, s.zone) + DAY, s.zone)
    over = max(at if s.version.proration == "second" else following, local_midnight(s.start_on, s.zone))
    if s.status == State.PENDING:
        over = local_midnight(s.start_on, s.zone)
    change = record(s, Kind.CANCEL, over, Change.Status.APPLIED, at=at, by=by)
    if s.version.refund == PlanVersion.Refund.PRO_RATA:
        back = adjusting.credits(s, contract.clauses, current, over, change=change, on=local_day(at, s.zone))
        write(back, periods={}, at=at)
    replacing.cut(current, over)
    switching.end_items(s, over)
    s.end_on = s.start_on if s.status == State.PENDING else local_day(over - MOMENT, s.zone) + DAY
    s.status, s.ended_at, s.next_at = State.ENDED, over, min(over, s.next_at or over)
    s.cancelled_at = s.cancelled_at or at
    s.save(update_fields=["status", "ended_at", "next_at", "end_on", "cancelled_at"])
    switching.last_until(s, over)
    closing.close([s.pk], at=at)
    return told(change)
