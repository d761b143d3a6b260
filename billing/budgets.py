"""Budgets and hard caps: set, changed, ended and released by the customer alone (REQUIREMENTS C5).

An operator may look at them; only a member who may pay, or a program of the customer's own, changes what protects him.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from billing import contracts
from billing.models import BillingPeriod, Budget, BudgetRelease, Subscription
from billing.relief import Cap
from billing.terms import Clause
from tenants import access, audit
from tenants.bulk import among
from tenants.errors import Invalid, NotAllowed, NotFound, WrongState
from tenants.models import Member, Tenant, User
from usage.models import Meter

# Above any amount that somebody means; a bigint holds far more.
MOST = 10**15


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer sets: minor units for one billing period; of nothing named it bounds all usage.

    `on_reach` defaults to stop for a hard cap and to warn for a budget.
    """

    amount_minor: int
    hard: bool = False
    on_reach: str = ""
    currency: str = ""
    subscription: Subscription | None = None
    price_code: str = ""
    meter: Meter | None = None

    @property
    def reach(self) -> str:
        """What happens when it is reached."""
        return self.on_reach or (Budget.Reach.STOP if self.hard else Budget.Reach.WARN)


@transaction.atomic
def set_one(tenant: Tenant, wish: Wish, *, at: datetime, by: User | None) -> Budget:
    """Set a budget in place of the one that bounded the same, from now on; return it.

    It counts for the periods that end after now; what a closed period was billed by stays. Raises NotAllowed for one who may
    not pay for the customer, Invalid, naming the field, for what cannot be bounded.
    """
    _may_pay(tenant, by)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    currency = wish.currency or tenant.currency
    _check(tenant, wish, currency)
    before = _same(tenant, wish, currency)
    if before is not None:
        _end(before, at, by)
    made = Budget.objects.create(
        tenant=tenant,
        subscription=wish.subscription,
        price_code=wish.price_code,
        meter=wish.meter,
        amount_minor=wish.amount_minor,
        currency=currency,
        hard=wish.hard,
        on_reach=wish.reach,
        set_by=by,
        set_by_name=by.get_full_name() if by else "",
        set_at=at,
    )
    told = {"amount_minor": made.amount_minor, "currency": currency, "hard": made.hard, "on_reach": made.on_reach}
    was = {"before_minor": before.amount_minor, "before_hard": before.hard} if before else {}
    audit.record("budget.set", tenant=tenant, target=f"budget:{made.pk}", at=at, by=by, **told, **was)
    return made


@transaction.atomic
def end(budget: Budget, *, at: datetime, by: User | None) -> Budget:
    """End a budget; periods that ended before now keep it. Raises NotAllowed, and WrongState for one that has ended."""
    _may_pay(budget.tenant, by)
    Tenant.objects.select_for_update(no_key=True).get(pk=budget.tenant_id)
    row = Budget.objects.get(pk=budget.pk)
    if row.ended_at is not None:
        raise WrongState(_("This budget has ended before."))
    _end(row, at, by)
    audit.record("budget.ended", tenant=row.tenant_id, target=f"budget:{row.pk}", at=at, by=by)
    return row


@transaction.atomic
def release(budget: Budget, extra_minor: int, *, at: datetime, by: User | None) -> BudgetRelease:
    """Let so much more pass a budget until the end of the running period; the next one begins with the old amount.

    Raises NotAllowed for one who may not pay, WrongState when the budget has ended or no period runs, Invalid for nothing.
    """
    _may_pay(budget.tenant, by)
    Tenant.objects.select_for_update(no_key=True).get(pk=budget.tenant_id)
    row = Budget.objects.get(pk=budget.pk)
    if row.ended_at is not None:
        raise WrongState(_("This budget has ended before."))
    if not 0 < extra_minor <= MOST:
        raise Invalid(_("Write an amount above zero."), field="amount")
    running = BillingPeriod.objects.filter(tenant=row.tenant_id, start__lte=at, end__gt=at, closed_at=None)
    if row.subscription_id:
        running = running.filter(subscription=row.subscription_id)
    until = running.order_by("end").values_list("end", flat=True).first()
    if until is None:
        raise WrongState(_("No billing period runs, so there is nothing to release."))
    made = BudgetRelease.objects.create(
        tenant_id=row.tenant_id,
        budget=row,
        extra_minor=extra_minor,
        released_by=by,
        released_by_name=by.get_full_name() if by else "",
        released_at=at,
        until=until,
    )
    target = f"budget:{row.pk}"
    audit.record("budget.released", tenant=row.tenant_id, target=target, at=at, by=by, extra_minor=extra_minor)
    return made


def named(
    tenant: Tenant,
    *,
    price_code: str = "",
    meter: str = "",
    subscription: int | None = None,
    sellers: Sequence[int] | None = None,
) -> Wish:
    """Return a wish of nothing yet for what is named by codes and id; raise NotFound, naming the field, for what is not his.

    Meters are those of `sellers`, by default of whom he has contracts with.
    """
    found = None
    if meter:
        mine_are = _sellers(tenant) if sellers is None else sellers
        known = Meter.objects.filter(seller__in=mine_are) if "\x00" not in meter else Meter.objects.none()
        found = known.filter(code=meter).first()
        if found is None:
            raise NotFound(_("There is no meter “%(code)s”.") % {"code": meter}, field="meter")
    mine = None
    if subscription is not None:
        mine = Subscription.objects.filter(tenant=tenant, pk=subscription).first()
        if mine is None:
            raise NotFound(_("There is no such subscription."), field="subscription")
    return Wish(0, subscription=mine, price_code=price_code, meter=found)


def same(tenant: Tenant, wish: Wish) -> Budget | None:
    """Return the budget in force that bounds what a wish names, if there is one."""
    return _same(tenant, wish, wish.currency or tenant.currency)


def in_force(tenants: Iterable[int], *, at: datetime) -> list[Budget]:
    """Return the budgets that stand at an instant, narrow ones first; `most_minor` with what was released."""
    rows = Budget.objects.filter(among("tenant", set(tenants)), set_at__lte=at)
    stand = rows.filter(Q(ended_at=None) | Q(ended_at__gt=at)).select_related("meter")
    return sorted(stand.prefetch_related("releases").order_by("pk"), key=lambda row: (_cap(row, at).rank, row.pk))


def hard_of(tenants: Iterable[int]) -> list[Budget]:
    """Return the hard caps that customers ever had: which of them counts, each period says (`counting`)."""
    rows = Budget.objects.filter(among("tenant", set(tenants)), hard=True)
    return list(rows.prefetch_related("releases").order_by("pk"))


def counting(rows: Sequence[Budget], *, currency: str, end: datetime) -> list[Cap]:
    """Return, of some budgets, those that count for a period with this end: in force just before it."""
    return [
        _cap(row, end, closing=True)
        for row in rows
        if row.currency == currency and row.set_at < end and (row.ended_at is None or row.ended_at >= end)
    ]


def cap_of(row: Budget, *, at: datetime) -> Cap:
    """Return a budget as it stands at an instant of the running period, with what was released."""
    return _cap(row, at)


def _cap(row: Budget, at: datetime, *, closing: bool = False) -> Cap:
    extra = sum(
        one.extra_minor
        for one in row.releases.all()
        if (one.released_at < at <= one.until if closing else one.released_at <= at < one.until)
    )
    return Cap(row.amount_minor + extra, row.subscription_id, row.price_code, row.meter_id, row.pk)


def _may_pay(tenant: Tenant, by: User | None) -> None:
    """Refuse a person who may not pay for the customer; without a person it is a program of the customer's own."""
    if by is None:
        return
    member = Member.objects.select_related("tenant", "user").filter(user=by, tenant=tenant).first()
    if member is None:
        raise NotAllowed(_("A budget is the customer's own: only his people who may pay set, change or end it."))
    access.require(member, Member.MAY_PAY)


def _check(tenant: Tenant, wish: Wish, currency: str) -> None:
    if not 0 <= wish.amount_minor <= MOST:
        raise Invalid(_("Write an amount of zero or more."), field="amount")
    if wish.reach not in Budget.Reach.values:
        raise Invalid(_("Write warn, ask or stop."), field="on_reach")
    if sum((wish.subscription is not None, bool(wish.price_code), wish.meter is not None)) > 1:
        raise Invalid(_("A budget bounds one thing: a subscription, a price or a meter, or all usage."), field="meter")
    if wish.subscription is not None and wish.subscription.tenant_id != tenant.pk:
        raise NotFound(_("There is no such subscription."), field="subscription")
    if wish.subscription is not None and wish.subscription.currency != currency:
        raise Invalid(_("This contract is in another currency."), field="currency")
    if wish.price_code and not any(clause.code == wish.price_code for clause in metered(tenant)):
        raise Invalid(
            _("“%(code)s” is no usage price of your contracts: what has a fixed price cannot grow.")
            % {"code": wish.price_code},
            field="price_code",
        )


def metered(tenant: Tenant) -> list[Clause]:
    """Return the usage prices of a customer's live contracts, in the order of their lists."""
    live = Subscription.objects.filter(tenant=tenant).exclude(status=Subscription.Status.ENDED).order_by("pk")
    agreed = contracts.load(contracts.with_terms(live))
    return [clause for contract in agreed.values() for clause in contract.clauses if clause.meter]


def _sellers(tenant: Tenant) -> list[int]:
    return list(Subscription.objects.filter(tenant=tenant).values_list("seller", flat=True).distinct())


def _same(tenant: Tenant, wish: Wish, currency: str) -> Budget | None:
    return Budget.objects.filter(
        tenant=tenant,
        subscription=wish.subscription,
        price_code=wish.price_code,
        meter=wish.meter,
        currency=currency,
        ended_at=None,
    ).first()


def _end(row: Budget, at: datetime, by: User | None) -> None:
    row.ended_at, row.ended_by_name = at, by.get_full_name() if by else ""
    row.save(update_fields=["ended_at", "ended_by_name"])
