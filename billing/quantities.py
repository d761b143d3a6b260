"""Seats and modules: more at once, fewer at the period's end or, where the plan credits removals, at once (rule 7)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from billing import adjusting, changing, contracts, orders, retracing, switching
from billing.changing import Changed
from billing.charges import write
from billing.charging import split_at
from billing.models import Change, Price, Subscription, SubscriptionItem
from billing.orders import TOO_MANY
from billing.terms import Clause, Stretch
from tenants.errors import Invalid, WrongState
from tenants.models import User
from usage.periods import local_day, local_midnight

Kind = Change.Kind


@transaction.atomic
def set_quantity(subscription: Subscription, code: str, quantity: Decimal, *, at: datetime, by: User | None) -> Changed:
    """Set how many of a price are held. More is charged for the rest of the period; fewer leave at its end, or are credited.

    A removal that waits is replaced. Raises Invalid, naming the field, for a price that has no quantity or one out of
    range, and WrongState when the subscription is over, paused or suspended.
    """
    if not quantity.is_finite() or quantity < 0:
        raise Invalid(_("The quantity must not be below zero."), field="quantity")
    if quantity >= TOO_MANY:
        raise Invalid(_("The quantity is too large."), field="quantity")
    s = changing.lock(subscription, at=at)
    price = _price(s, code)
    if price.kind == Price.Kind.USAGE:
        raise Invalid(_("“%(code)s” is charged by usage; it has no quantity.") % {"code": code}, field="price")
    if orders.comes_along(price) and quantity < 1:
        raise Invalid(_("“%(code)s” belongs to the plan anyhow.") % {"code": code}, field="quantity")
    return _set(s, price, quantity, at=at, by=by)


@transaction.atomic
def add_module(subscription: Subscription, code: str, *, at: datetime, by: User | None) -> Changed:
    """Take an optional price from now on."""
    s = changing.lock(subscription, at=at)
    price = _optional(s, code)
    if _held(s, price, at) is not None and not _waits(s, price):
        raise WrongState(_("“%(name)s” is part of this subscription already.") % {"name": price.name})
    return _set(s, price, Decimal(1), at=at, by=by)


@transaction.atomic
def remove_module(subscription: Subscription, code: str, *, at: datetime, by: User | None) -> Changed:
    """Give an optional price up, at the end of its period or, where the plan credits removals, at once."""
    s = changing.lock(subscription, at=at)
    price = _optional(s, code)
    if _held(s, price, at) is None:
        raise WrongState(_("“%(name)s” is not part of this subscription.") % {"name": price.name})
    return _set(s, price, None, at=at, by=by)


def _set(s: Subscription, price: Price, after: Decimal | None, *, at: datetime, by: User | None) -> Changed:
    if s.status not in changing.CHANGEABLE:
        raise WrongState(_("This subscription is over, paused or suspended; nothing can be added or removed."))
    stood = retracing.before(s, s.version.undo_hours)
    for waiting in _waiting(s, price):
        changing.take_back(s, waiting, at=at)
    contract = contracts.load([s])[s.pk]
    clause = next(clause for clause in contract.clauses if clause.price_id == price.pk)
    running = contracts.last_periods([s]).get(s.pk, {}).get(clause.interval)
    split = max(split_at(s.version.proration, at, s.zone), local_midnight(s.start_on, s.zone))
    before = clause.quantity_at(split if split > s.terms_since else s.terms_since)
    fewer = before is not None and (after is None or after < before)
    in_use = running is not None and not running.trial and running.start <= split < running.end
    if fewer and in_use and running and not s.version.credit_removals:
        return _leave(s, price, (before, after), running, at=at, by=by)
    more = {"price": price, "before": before, "after": after}
    change = changing.record(s, Kind.QUANTITY, split, Change.Status.APPLIED, at=at, by=by, **more)
    _charge(s, clause, running if in_use else None, split, (before, after), change, at=at)
    switching.hold(s, price, after, split)
    # More is a purchase; what was removed can be bought again.
    if after is not None and (before is None or after > before):
        retracing.keep(change, stood, s.version.undo_hours)
    return changing.told(change)


def _charge(
    s: Subscription,
    clause: Clause,
    running: Stretch | None,
    split: datetime,
    quantities: tuple[Decimal | None, Decimal | None],
    change: Change,
    *,
    at: datetime,
) -> None:
    """Write the one line of a change of quantity: a charge for more, a credit for fewer."""
    before, after = quantities
    if running is None or not clause.advance or clause.meter or before == after:
        return
    on = local_day(at, s.zone)
    if after is not None and (before is None or after > before):
        write([adjusting.raised(s, clause, running, split, (before, after), change=change, on=on)], periods={}, at=at)
    elif before:
        gone = (before - (after or Decimal(0)), before)
        lines = adjusting.credits(s, [clause], {clause.interval: running}, split, change=change, on=on, lowered=gone)
        write(lines, periods={}, at=at)


def _leave(
    s: Subscription,
    price: Price,
    quantities: tuple[Decimal | None, Decimal | None],
    running: Stretch,
    *,
    at: datetime,
    by: User | None,
) -> Changed:
    """Let what is removed leave at the end of its period."""
    before, after = quantities
    more = {"price": price, "before": before, "after": after}
    change = changing.record(s, Kind.QUANTITY, running.end, Change.Status.SCHEDULED, at=at, by=by, **more)
    switching.hold(s, price, after, running.end)
    return Changed(change)


def _price(s: Subscription, code: str) -> Price:
    found = Price.objects.filter(version=s.version_id, code=code).first()
    if found is None:
        raise Invalid(_("The plan has no price “%(code)s”.") % {"code": code}, field="price")
    return found


def _optional(s: Subscription, code: str) -> Price:
    price = _price(s, code)
    if not price.optional:
        raise Invalid(_("“%(code)s” belongs to the plan anyhow.") % {"code": code}, field="price")
    return price


def _held(s: Subscription, price: Price, at: datetime) -> Decimal | None:
    instant = max(at, local_midnight(s.start_on, s.zone))
    rows = SubscriptionItem.objects.filter(subscription=s.pk, price=price, during__contains=instant)
    return rows.values_list("quantity", flat=True).first()


def _waiting(s: Subscription, price: Price) -> list[Change]:
    return list(s.changes.filter(kind=Kind.QUANTITY, price=price, status=Change.Status.SCHEDULED))


def _waits(s: Subscription, price: Price) -> bool:
    return bool(_waiting(s, price))
