"""Grant: what redeemed coupons may still give, and what drafting wrote down that they take off which charge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from billing.discounts import given_by
from billing.models import AppliedDiscount, BillingPeriod, ChargeCredit, Coupon, Redemption
from tenants.bulk import among, copy_in, mark
from tenants.models.companies import Language
from usage.periods import add_months

Duration = Coupon.Duration


class Granted(NamedTuple):
    """A redeemed coupon that is not used up."""

    pk: int
    tenant_id: int
    subscription_id: int
    position: int
    counted_from: date
    coupon_id: int
    coupon__percent: Decimal | None
    coupon__amount_minor: int | None
    coupon__duration: str
    coupon__months: int | None
    coupon__applies_to: list[str]
    coupon__budget_minor: int | None

    @property
    def once(self) -> bool:
        """Whether its first issued document uses it up."""
        return self.coupon__duration == Duration.ONCE

    def covers(self, code: str) -> bool:
        """Return whether it gives on a price at all."""
        return not self.coupon__applies_to or code in self.coupon__applies_to

    def lasts(self, period_start: date) -> bool:
        """Return whether a billing period that begins on this day is one of its own."""
        if self.coupon__months is None:
            return True
        return self.counted_from <= period_start < add_months(self.counted_from, self.coupon__months)


class Applied(NamedTuple):
    """What a redeemed coupon takes off a charge, to be written."""

    tenant_id: int
    charge_id: int
    redemption_id: int
    position: int
    amount_minor: int


class Cause(NamedTuple):
    """Why a line costs less: the coupon, and what it takes off."""

    code: str
    name: str
    name_en: str
    amount_minor: int

    def said(self, language: str) -> str:
        """Return the coupon's name with its code, for a reader of `language`."""
        name = self.name_en if language == Language.ENGLISH and self.name_en else self.name
        return self.code if name == self.code else f"{name} ({self.code})"


def in_force(subscription_ids: Iterable[int]) -> list[Granted]:
    """Return what the redeemed coupons of subscriptions still give, in the order of redeeming."""
    rows = Redemption.objects.filter(among("subscription", list(subscription_ids)), used_up_at=None, undone_at=None)
    return [Granted(*row) for row in rows.order_by("subscription", "position").values_list(*Granted._fields)]


def held(redemption_ids: Iterable[int]) -> set[int]:
    """Return which redeemed coupons give on a draft that is not issued yet."""
    rows = AppliedDiscount.objects.filter(among("redemption", list(redemption_ids)), final_at=None)
    return set(rows.order_by().values_list("redemption", flat=True).distinct())


def given(redemption_ids: Iterable[int], *, since: datetime) -> list[tuple[int, datetime, int]]:
    """Return (redeemed coupon, start of the charge's period, amount) of what was given in periods from `since` on."""
    rows = AppliedDiscount.objects.filter(
        among("redemption", list(redemption_ids)), charge__period__start__gte=since, undone_at=None
    ).order_by()
    return list(rows.values_list("redemption", "charge__period__start", "amount_minor"))


def left_of(budgets: dict[int, int]) -> dict[int, int]:
    """Return what is left of the budgets of coupons (minor units by coupon), which are locked until the transaction ends."""
    list(Coupon.objects.filter(pk__in=budgets).select_for_update(no_key=True).order_by("pk").values_list("pk"))
    spent = given_by(budgets)
    return {pk: max(0, budget - spent.get(pk, 0)) for pk, budget in budgets.items()}


def periods_from(period_ids: Iterable[int]) -> list[BillingPeriod]:
    """Return the named periods and all of their subscriptions that are not over before these begin; also empty ones."""
    named = list(BillingPeriod.objects.filter(among("pk", list(period_ids))))
    if not named:
        return []
    first = min(period.start for period in named)
    return list(BillingPeriod.objects.filter(among("subscription", {p.subscription_id for p in named}), end__gte=first))


def capped(cap_ids: Iterable[int]) -> dict[int, int]:
    """Return what lines of caps take off charges, in minor units by charge: a coupon gives on what is left."""
    rows = ChargeCredit.objects.filter(among("credit", list(cap_ids)), amount_minor__gt=0).order_by()
    return dict(rows.values_list("charge").annotate(off=Sum("amount_minor")))


def write(rows: Sequence[Applied]) -> None:
    """Write down what coupons take off charges; a coupon takes off a charge once (IntegrityError)."""
    if rows:
        copy_in(AppliedDiscount, list(Applied._fields), rows)


def remove(charge_ids: Sequence[int]) -> None:
    """Take back what coupons took off charges whose draft goes."""
    AppliedDiscount.objects.filter(among("charge", charge_ids), final_at=None).delete()


def seal(charge_ids: Sequence[int], *, at: datetime) -> None:
    """Make final what coupons took off charges whose document is issued."""
    AppliedDiscount.objects.filter(among("charge", charge_ids), final_at=None).update(final_at=at)


def use_up(redemption_ids: Sequence[int], *, at: datetime) -> None:
    """Use up coupons that give once."""
    if redemption_ids:
        mark(Redemption, "used_up_at", at, redemption_ids)


def causes(charge_ids: Sequence[int]) -> dict[int, list[Cause]]:
    """Return what was taken off charges, in order, each with its coupon."""
    found: dict[int, list[Cause]] = {}
    rows = AppliedDiscount.objects.filter(among("charge", charge_ids)).order_by("charge", "position")
    named = ("redemption__coupon__code", "redemption__coupon__name", "redemption__coupon__name_en")
    for charge, *cause in rows.values_list("charge", *named, "amount_minor"):
        found.setdefault(charge, []).append(Cause(*cause))
    return found


def use_up_once(redemption_ids: Iterable[int], *, at: datetime) -> None:
    """Use up those of the redeemed coupons that give once."""
    rows = Redemption.objects.filter(among("pk", list(redemption_ids)), coupon__duration=Duration.ONCE, used_up_at=None)
    use_up(list(rows.values_list("pk", flat=True)), at=at)
