"""Move the subscribers of a plan to its next version, on a day that each was told at least thirty days before (A12).

Nobody pays a new price in a term that he has paid or agreed for: each moves at the end of a term. Until then he may leave, by
cancelling with the term. Prices negotiated in a contract go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing import contracts, repricing, switching, timing
from billing.models import Acceptance, Change, NegotiatedPrice, PlanVersion, Price, PriceMigration, Subscription
from billing.models.catalogue import Status
from billing.rating import rate
from billing.terms import Clause, Contract
from billing.wording import price_text
from tenants import audit, notices
from tenants.bulk import among
from tenants.errors import Conflict, Invalid, WrongState
from tenants.models import User
from tenants.models.companies import Language
from tenants.notices import NewNotice
from usage.periods import local_day, local_midnight

State = Subscription.Status
# How long before a new price each subscriber is told.
NOTICE = timedelta(days=30)
MOVING = (State.TRIALING, State.ACTIVE, State.PAST_DUE, State.PAUSED)


class AlreadyAnnounced(Conflict):
    """The migration to this version was announced before."""

    code = "migration_already_announced"


class MovedMeanwhile(Conflict):
    """What would be announced is not what was shown."""

    code = "migration_changed"


@dataclass(frozen=True, slots=True)
class Move:
    """What a migration does to one subscription: when, and its fixed prices per period before and after, in minor units.

    `stays` says why it does not move; the other fields are then of no use.
    """

    subscription: Subscription
    on: date
    before_minor: int
    after_minor: int
    prices: tuple[tuple[Clause | None, Clause], ...] = ()
    stays: str = ""
    # What the usage of the last closed period would come to more, or less; None where that cannot be said.
    usage_difference_minor: int | None = None

    @property
    def difference_minor(self) -> int:
        """What a period costs more (or less, below zero)."""
        return self.after_minor - self.before_minor


def propose(version: PlanVersion, *, on: date, at: datetime) -> list[Move]:
    """Return what a migration of all subscribers of older versions would do, without doing it.

    Raises Invalid, naming the field, when the day is less than thirty days away, or for a version that is not on sale.
    """
    _check(version, on, at)
    subscriptions = contracts.with_terms(on_older(version).select_related("tenant", "plan").order_by("pk"))
    agreed = contracts.load(subscriptions)
    return _with_usage(version, [_move(s, agreed[s.pk], version, on, at) for s in subscriptions])


def seal(moves: Sequence[Move]) -> str:
    """Return the hash of all that is shown of a proposed migration."""
    told = [(m.subscription.pk, str(m.on), m.before_minor, m.after_minor, m.usage_difference_minor) for m in moves]
    stays = [bool(move.stays) for move in moves]
    return hashlib.sha256(repr((told, stays)).encode()).hexdigest()


def outlook(change: Change, *, at: datetime) -> Move:
    """Return what an announced move that waits does, by what is held now; it `stays` who leaves before its day."""
    s, version = change.subscription, change.version
    assert version is not None
    contract = contracts.load([s])[s.pk]
    prices, before, after = _compare(s, contract, version, at)
    day = local_day(change.effective_at, s.zone)
    ends = not contract.renews or (s.end_on is not None and s.end_on <= day)
    return _with_usage(version, [Move(s, day, before, after, prices, _("It ends before.") if ends else "")])[0]


def progress() -> QuerySet[PriceMigration]:
    """Return the announcements with how many `moved`, are `waiting`, and `left` or were taken back before their day."""
    state = Change.Status
    counts = {
        "moved": Count("changes", filter=Q(changes__status=state.APPLIED)),
        "waiting": Count("changes", filter=Q(changes__status=state.SCHEDULED)),
        "left": Count("changes", filter=Q(changes__status=state.WITHDRAWN)),
    }
    return PriceMigration.objects.annotate(**counts)


def on_older(version: PlanVersion) -> QuerySet[Subscription]:
    """Return the subscriptions that a migration to a version is about."""
    return Subscription.objects.filter(plan=version.plan_id, status__in=MOVING).exclude(version=version)


@transaction.atomic
def announce(
    version: PlanVersion, *, on: date, reason: str, at: datetime, by: User | None, held: str = ""
) -> tuple[PriceMigration, list[Move]]:
    """Announce that subscribers of older versions move, and schedule it; return what happens to each.

    Each that moves is told the day and the difference in money. Raises what `propose` raises, and AlreadyAnnounced. With
    `held`, the seal of what was shown, MovedMeanwhile when anything would come out otherwise.
    """
    if not reason.strip():
        raise Invalid(_("Say why prices change; the customer reads it."), field="reason")
    PlanVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    if version.migrations.filter(withdrawn_at=None).exists():
        raise AlreadyAnnounced(_("The migration to this version was announced before."))
    list(on_older(version).select_for_update(no_key=True).order_by("pk").values_list("pk"))
    moves = propose(version, on=on, at=at)
    if held and held != seal(moves):
        raise MovedMeanwhile(_("Something changed since this was shown; look at it again."))
    migration = PriceMigration.objects.create(
        version=version, from_on=on, reason=reason, announced_at=at, announced_by=by
    )
    changes = [_schedule(move, migration, at, by) for move in moves if not move.stays]
    notices.announce_many((_notice(change, move) for change, move in changes), at=at)
    audit.record(
        "plan.migration_announced",
        tenant=None,
        target=f"plan_version:{version.pk}",
        at=at,
        by=by,
        moves=len(changes),
        reason=reason,
    )
    return migration, moves


@transaction.atomic
def withdraw(migration: PriceMigration, *, at: datetime, by: User | None) -> int:
    """Take an announcement back for everybody who has not moved yet, and tell them; return how many stay where they are."""
    locked = PriceMigration.objects.select_for_update(no_key=True).get(pk=migration.pk)
    if locked.withdrawn_at:
        raise WrongState(_("This announcement was taken back before."))
    waiting = locked.changes.filter(status=Change.Status.SCHEDULED).order_by("pk")
    staying = list(waiting.select_related("subscription__tenant", "subscription__seller", "subscription__plan"))
    for change in staying:
        s = Subscription.objects.select_for_update(no_key=True).get(pk=change.subscription_id)
        s.changes_on = None
        s.save(update_fields=["changes_on"])
        switching.settle(change, Change.Status.WITHDRAWN, at)
    locked.withdrawn_at = at
    locked.save(update_fields=["withdrawn_at"])
    notices.announce_many((_taken_back(change) for change in staying), at=at)
    target = f"plan_version:{locked.version_id}"
    audit.record("plan.migration_withdrawn", tenant=None, target=target, at=at, by=by, stay=len(staying))
    return len(staying)


def _check(version: PlanVersion, on: date, at: datetime) -> None:
    if version.status != Status.PUBLISHED:
        raise Invalid(_("Publish the new version first."), field="version")
    earliest = local_day(at, version.plan.seller.timezone) + NOTICE
    if on < earliest:
        raise Invalid(
            _("Subscribers are told thirty days before; choose %(day)s or a later day.") % {"day": earliest}, field="on"
        )


def _move(s: Subscription, contract: Contract, version: PlanVersion, on: date, at: datetime) -> Move:
    prices, before, after = _compare(s, contract, version, at)
    day = _term_end_from(contract, on)
    return Move(s, day, before, after, prices, _why_it_stays(s, contract, version, day))


def _compare(
    s: Subscription, contract: Contract, version: PlanVersion, at: datetime
) -> tuple[tuple[tuple[Clause | None, Clause], ...], int, int]:
    """Return the prices in pairs, and what is fixed of them per period, before and after."""
    new = timing.prospect(s, version, s.price_list)
    prices = tuple(_pairs(s, contract, new, at))
    before = sum(_fixed(clause, contract, clause.code, at, contract.currency) for clause in contract.clauses)
    after = sum(_fixed(clause, contract, clause.code, at, contract.currency) for _old, clause in prices)
    return prices, before, after


def _with_usage(version: PlanVersion, moves: Iterable[Move]) -> list[Move]:
    found = list(moves)
    measured = repricing.last_measured([move.subscription.pk for move in found])
    above = repricing.paid_above(version)
    return [
        replace(
            move,
            usage_difference_minor=repricing.difference(
                move.subscription.pk, move.prices, measured, above, move.subscription.currency
            ),
        )
        for move in found
    ]


def _why_it_stays(s: Subscription, contract: Contract, version: PlanVersion, day: date) -> str:
    if (s.version.interval, s.version.term) != (version.interval, version.term):
        return _("The new version has another rhythm or term.")
    if s.currency != version.currency:
        return _("The new version is priced in another currency.")
    if not contract.renews or (s.end_on and s.end_on <= day):
        return _("It ends before.")
    if s.changes_on:
        return _("It changes to another plan.")
    return ""


def _term_end_from(contract: Contract, on: date) -> date:
    """Return the end of the first term that ends on a day or later."""
    schedule, number, end = contract.schedule(contract.interval), contract.terms_done + 1, contract.term_end_on
    while end < on:
        number += 1
        end = schedule.term_end(contract.term, number)
    return end


def _pairs(s: Subscription, contract: Contract, new: Contract, at: datetime) -> Iterable[tuple[Clause | None, Clause]]:
    """Yield each price of the new version beside the old one of its code; a negotiated one stays as it was agreed."""
    old = {clause.code: clause for clause in contract.clauses}
    agreed = set(NegotiatedPrice.objects.filter(subscription=s.pk).values_list("price_id", flat=True))
    for clause in new.clauses:
        before = old.get(clause.code)
        yield before, before if before and before.price_id in agreed else clause


def _fixed(clause: Clause, contract: Contract, code: str, at: datetime, currency: str) -> int:
    held = next((c.quantity_at(at) for c in contract.clauses if c.code == code), None)
    if clause.meter or clause.one_off:
        return 0
    if held is None:
        held = None if clause.optional else Decimal(clause.kind != Price.Kind.SEAT)
    return rate(clause.price, held, currency).amount_minor if held is not None else 0


def _schedule(move: Move, migration: PriceMigration, at: datetime, by: User | None) -> tuple[Change, Move]:
    s, version = move.subscription, migration.version
    acceptance = Acceptance.objects.create(
        tenant_id=s.tenant_id,
        version=version,
        price_list=s.price_list,
        text_sha256=version.sha256,
        basis=Acceptance.Basis.NOTICE,
        accepted_by=None,
        at=at,
    )
    change = Change.objects.create(
        tenant_id=s.tenant_id,
        subscription=s,
        kind=Change.Kind.PLAN,
        status=Change.Status.SCHEDULED,
        effective_at=local_midnight(move.on, s.zone),
        version=version,
        price_list=s.price_list,
        acceptance=acceptance,
        migration=migration,
        at=at,
        by=by,
    )
    _carry_agreed(s, version)
    s.changes_on = move.on
    s.save(update_fields=["changes_on"])
    return change, move


def _carry_agreed(s: Subscription, version: PlanVersion) -> None:
    """Let the prices that were negotiated in this contract stand in the new version too."""
    prices = {price.code: price for price in version.prices.all()}
    agreed = NegotiatedPrice.objects.filter(among("subscription", [s.pk]), price__version=s.version_id)
    NegotiatedPrice.objects.bulk_create(
        [
            NegotiatedPrice(
                tenant_id=s.tenant_id,
                subscription=s,
                price=prices[one.price.code],
                model=one.model,
                params=one.params,
            )
            for one in agreed.select_related("price")
            if one.price.code in prices
        ],
        ignore_conflicts=True,
    )


def _notice(change: Change, move: Move) -> NewNotice:
    s = move.subscription
    language = s.tenant.language
    last = move.on - timedelta(days=1)
    return NewNotice(
        tenant=s.tenant,
        seller=s.seller,
        kind="price_change_announced",
        key=f"price-change:{change.pk}",
        payload={
            "tenant": s.tenant.name_in(language),
            "path": f"/c/{s.tenant.code}/subscription/",
            "plan": s.plan.name_in(language),
            "first_day": move.on.isoformat(),
            "last_day": last.isoformat(),
            "reason": change.migration.reason if change.migration else "",
            "currency": s.currency,
            "before_minor": move.before_minor,
            "after_minor": move.after_minor,
            "difference_minor": move.difference_minor,
            "usage_difference_minor": move.usage_difference_minor,
            "prices": list(_told(move.prices, s.currency, language)),
        },
    )


def _taken_back(change: Change) -> NewNotice:
    s = change.subscription
    return NewNotice(
        tenant=s.tenant,
        seller=s.seller,
        kind="price_change_withdrawn",
        key=f"price-change-withdrawn:{change.pk}",
        payload={
            "tenant": s.tenant.name_in(s.tenant.language),
            "path": f"/c/{s.tenant.code}/subscription/",
            "plan": s.plan.name_in(s.tenant.language),
            "first_day": local_day(change.effective_at, s.zone).isoformat(),
        },
    )


def _told(prices: Sequence[tuple[Clause | None, Clause]], currency: str, language: str) -> Iterable[dict[str, str]]:
    """Yield the prices that change, each in words as it is and as it will be."""
    with translation.override(language):
        for old, new in prices:
            if old is None or old.price != new.price:
                name = new.name_en if language == Language.ENGLISH and new.name_en else new.name
                yield {"name": name, "before": _in_words(old, currency), "after": _in_words(new, currency)}


def _in_words(clause: Clause | None, currency: str) -> str:
    if clause is None:
        return _("not charged")
    written = clause.price.to_json()
    return price_text(str(written.pop("model")), written, currency)
