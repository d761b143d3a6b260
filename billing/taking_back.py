"""Take back: let the last purchase of a contract never have been, within the plan's hours and while it is unused.

A purchase is the contract itself, a change that cost more (another plan, seats, a module, another term), or a renewal of its
term. What it charged is undone by counter-entries; the contract stands again as it did. Documents are made downstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from billing import changing, closing, contracts, countering, standing, switching, unused
from billing.models import BillingPeriod, Change, Charge, PackUse, PlanVersion, Redemption, Subscription, WayBack
from tenants.errors import WrongState
from tenants.models import User
from usage.periods import local_midnight

Kind, Undoes, State = Change.Kind, Change.Undoes, Subscription.Status


class NothingToUndo(WrongState):
    """There is no purchase that could be taken back: none was made, its plan has no hours, or its time is over."""

    code = "nothing_to_undo"


class MovedOn(WrongState):
    """Something lies on the purchase: another change, or a later period."""

    code = "moved_on"


@dataclass(frozen=True, slots=True)
class Purchase:
    """The last purchase of a contract: what it is, when it was confirmed, until when it can be taken back, its charges.

    Of a renewal the hours count from its bill, which is known downstream: `confirmed_at` and `until` are empty here.
    """

    what: str
    version: PlanVersion
    charges: Sequence[int]
    since: datetime
    confirmed_at: datetime | None = None
    until: datetime | None = None
    change: Change | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: the change that says so, and what each charge's counter-entry is, by the charge's id."""

    change: Change
    purchase: Purchase
    counters: dict[int, int] = field(default_factory=dict)


def last(s: Subscription) -> Purchase | None:
    """Return the last purchase of a contract that its plan lets be taken back, if there is one; time and use aside."""
    ways = WayBack.objects.filter(change__subscription=s, change__undone_by=None)
    way = ways.select_related("change__version", "change__price").order_by("-change").first()
    renewed_at = local_midnight(s.term_start_on, s.zone)
    if s.status == State.ENDED:
        return None
    if s.terms_done and s.term_start_on > s.anchor_on and (way is None or way.change.at < renewed_at):
        return _renewal(s, renewed_at)
    if way is not None:
        change = way.change
        version = change.version or s.version
        return Purchase(
            Undoes.CHANGE, version, way.charges, change.at, confirmed_at=change.at, until=way.until, change=change
        )
    return _start(s)


@transaction.atomic
def take_back(subscription: Subscription, *, at: datetime, by: User | None) -> Undone:
    """Take the last purchase of a contract back; return the change, and the counter-entries of its charges.

    Raises NothingToUndo where there is none or its hours are over, `unused.Used` where it was used, and MovedOn where
    another change lies on it or a later period has begun.
    """
    s = changing.lock(subscription, at=at)
    purchase = check(s, at=at)
    change = _record(s, purchase, at=at, by=by)
    counters = countering.counter(purchase.charges, change, at=at)
    UNDOING[Undoes(purchase.what)](s, purchase, at)
    return Undone(change, purchase, counters)


def check(s: Subscription, *, at: datetime) -> Purchase:
    """Return the purchase that would be taken back now, reading only; raise as `take_back` does."""
    purchase = last(s)
    if purchase is None:
        raise NothingToUndo(_("There is no purchase that can be taken back."))
    if purchase.until and at >= purchase.until:
        raise NothingToUndo(_("The time in which this could be taken back is over. You can ask for a refund."))
    unused.check(s, purchase.version, purchase.change, since=purchase.since)
    _check_last(s, purchase)
    return purchase


def _start(s: Subscription) -> Purchase | None:
    if s.trial_end_on or not s.version.undo_hours or s.terms_done:
        return None
    agreed_at = s.acceptance.at
    until = agreed_at + timedelta(hours=s.version.undo_hours)
    mine = countering.not_undone(Charge.objects.filter(subscription=s))
    charges = list(mine.order_by("pk").values_list("pk", flat=True))
    return Purchase(Undoes.PURCHASE, s.version, charges, agreed_at, confirmed_at=agreed_at, until=until)


def _renewal(s: Subscription, renewed_at: datetime) -> Purchase | None:
    if not s.version.undo_hours:
        return None
    since = Charge.objects.filter(subscription=s, period__start__gte=renewed_at, period__undone_at=None)
    mine = countering.not_undone(since)
    charges = list(mine.order_by("pk").values_list("pk", flat=True))
    return Purchase(Undoes.RENEWAL, s.version, charges, renewed_at, on=s.term_start_on) if charges else None


def _check_last(s: Subscription, purchase: Purchase) -> None:
    """Raise MovedOn unless the contract stands as the purchase left it."""
    if purchase.what == Undoes.CHANGE:
        assert purchase.change is not None
        moved = not standing.same(standing.read(s.pk), purchase.change.way_back.after)
    else:
        changes = s.changes.exclude(kind__in=(Kind.UNDO, Kind.KEEP)).exclude(status=Change.Status.WITHDRAWN)
        moved = changes.filter(at__gte=purchase.since, undone_by=None).exists() or _went_on(s, purchase)
    if moved or countering.touched(purchase.charges) or _covered_by_packs(s, purchase):
        raise MovedOn(
            _(
                "The contract has changed since, or a later period has begun. Take back what came after it first, or ask for a refund."
            )
        )


def _covered_by_packs(s: Subscription, purchase: Purchase) -> bool:
    """Whether a period that the change closed drew on resource packs; what they cover is settled with its next close."""
    if purchase.change is None:
        return False
    ran = list(purchase.change.way_back.before["periods"])
    return PackUse.objects.filter(period__subscription=s, period__in=ran, period__closed_at__isnull=False).exists()


def _went_on(s: Subscription, purchase: Purchase) -> bool:
    """Whether a second period has begun of any rhythm, or one that was bought is closed."""
    periods = BillingPeriod.objects.filter(subscription=s, undone_at=None, end__gt=purchase.since)
    if purchase.what == Undoes.RENEWAL:
        periods = periods.filter(start__gte=purchase.since)
    return periods.exclude(closed_at=None).exists() or (
        periods.values("interval").annotate(count=Count("pk")).filter(count__gt=1).exists()
    )


def _record(s: Subscription, purchase: Purchase, *, at: datetime, by: User | None) -> Change:
    more = {"undoes_what": purchase.what, "undoes": purchase.change, "undoes_on": purchase.on}
    return changing.record(s, Kind.UNDO, at, Change.Status.APPLIED, at=at, by=by, **more)


def _undo_change(s: Subscription, purchase: Purchase, at: datetime) -> None:
    assert purchase.change is not None
    standing.put_back(s, purchase.change.way_back.before, purchase.change, at=at)


def _undo_purchase(s: Subscription, purchase: Purchase, at: datetime) -> None:
    """Let a contract never have been: it is over where it began, its time is empty, and its coupons are free."""
    begins = local_midnight(s.start_on, s.zone)
    standing.empty_periods(s, BillingPeriod.objects.all(), at=at)
    switching.end_items(s, begins)
    s.status, s.ended_at, s.end_on, s.next_at = State.ENDED, begins, s.start_on, None
    s.save(update_fields=["status", "ended_at", "end_on", "next_at"])
    switching.last_until(s, begins)
    Redemption.objects.filter(subscription=s, undone_at=None).update(undone_at=at)


def _undo_renewal(s: Subscription, purchase: Purchase, at: datetime) -> None:
    """Let a term not have been renewed: the contract is over with the term before."""
    assert purchase.on is not None
    over = local_midnight(purchase.on, s.zone)
    for waiting in s.changes.filter(status=Change.Status.SCHEDULED):
        switching.settle(waiting, Change.Status.WITHDRAWN, at)
    standing.empty_periods(s, BillingPeriod.objects.filter(start__gte=over), at=at)
    switching.end_items(s, over)
    s.status, s.ended_at, s.end_on, s.next_at = State.ENDED, over, purchase.on, over
    s.auto_renew, s.changes_on, s.terms_done, s.term_end_on = False, None, s.terms_done - 1, purchase.on
    s.term_start_on = _term_before(s)
    fields = ["status", "ended_at", "end_on", "next_at", "auto_renew", "changes_on", "terms_done"]
    s.save(update_fields=[*fields, "term_start_on", "term_end_on"])
    switching.last_until(s, over)
    closing.close([s.pk], at=at)


def _term_before(s: Subscription) -> date:
    """Return the first day of the term that ended where the one that is undone began."""
    if not s.terms_done:
        return s.anchor_on
    contract = contracts.load([s])[s.pk]
    return contract.schedule(contract.interval).term_end(contract.term, s.terms_done)


UNDOING = {Undoes.CHANGE: _undo_change, Undoes.PURCHASE: _undo_purchase, Undoes.RENEWAL: _undo_renewal}
