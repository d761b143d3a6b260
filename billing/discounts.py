"""Coupons: define one, redeem it for a subscription, switch it off; and what a charge came to after discount.

What a coupon takes off which line is reckoned when a bill is drafted, for it depends on what stands there together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from billing.models import AppliedDiscount, Charge, Coupon, Redemption, Subscription
from billing.money import Money
from tenants import audit
from tenants.bulk import among
from tenants.errors import Conflict, Invalid, NotFound, WrongState
from tenants.models import Seller, User
from usage.periods import local_day

Duration = Coupon.Duration
KEYS = {
    "code",
    "name",
    "name_en",
    "percent",
    "amount",
    "currency",
    "duration",
    "months",
    "applies_to",
    "valid_from",
    "valid_until",
    "budget",
    "most_redemptions",
    "most_per_tenant",
}
MOST_MONTHS = 1200


class UnknownCoupon(NotFound):
    """The seller has no coupon of this code."""

    code = "unknown_coupon"


class CouponNotValid(WrongState):
    """The coupon is not on offer: not yet, not any more, or switched off."""

    code = "coupon_not_valid"


class CouponUsedUp(Conflict):
    """The campaign's limit or budget is reached."""

    code = "coupon_used_up"


class AlreadyRedeemed(Conflict):
    """The subscription has this coupon already."""

    code = "coupon_already_redeemed"


@transaction.atomic
def define(seller: Seller, data: Mapping[str, Any], *, at: datetime, by: User | None, path: str = "coupon") -> Coupon:
    """Make a coupon from data of the shape of CONTRACTS §2 `coupons`, with the campaign's bounds if it has some.

    Unknown keys and bad values are refused with the path. `valid_from` and `valid_until` are instants (half open),
    `budget` is what all its discounts may come to.
    """
    for key in data:
        if key not in KEYS:
            raise Invalid(_("“%(key)s” is not known here.") % {"key": key}, field=_at(path, key))
    if ("percent" in data) == ("amount" in data):
        raise Invalid(_("Give either a percentage or an amount."), field=_at(path, "percent"))
    currency = data.get("currency") or (seller.currency if "amount" in data or data.get("budget") else "")
    duration, months = _duration(data.get("duration", Duration.ONCE), data.get("months"), _at(path, "duration"))
    coupon = Coupon(
        seller=seller,
        code=data.get("code", ""),
        name=data.get("name") or data.get("code", ""),
        name_en=data.get("name_en", ""),
        percent=_percent(data["percent"], _at(path, "percent")) if "percent" in data else None,
        amount_minor=_minor(data["amount"], currency, _at(path, "amount")) if "amount" in data else None,
        currency=currency,
        duration=duration,
        months=months,
        applies_to=_codes(data.get("applies_to") or [], _at(path, "applies_to")),
        valid_from=data.get("valid_from"),
        valid_until=data.get("valid_until"),
        budget_minor=_minor(data["budget"], currency, _at(path, "budget")) if data.get("budget") else None,
        most_redemptions=data.get("most_redemptions"),
        most_per_tenant=data.get("most_per_tenant"),
        created_at=at,
    )
    _check(coupon, path)
    coupon.save()
    audit.record("coupon.defined", tenant=None, target=f"coupon:{coupon.pk}", at=at, by=by, code=coupon.code)
    return coupon


@transaction.atomic
def redeem(
    subscription: Subscription, code: str, *, at: datetime, by: User | None, since: date | None = None
) -> Redemption:
    """Redeem a seller's coupon for a subscription, from the next bill on; the months count from `since` (today).

    Refused with the reason: UnknownCoupon, CouponNotValid, CouponUsedUp (limits, budget), AlreadyRedeemed, or Invalid for
    another currency and WrongState for a subscription that is over. Prices that it gives nothing on are no error.
    """
    locked = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    if locked.status == Subscription.Status.ENDED:
        raise WrongState(_("This subscription is over already."))
    return _redeem(locked, code, since or local_day(at, locked.zone), at, by)


def redeem_ordered(subscription: Subscription, codes: Sequence[str], *, at: datetime, by: User | None) -> None:
    """Redeem the coupons that were named with an order; a contract that began earlier counts their months from its start."""
    since = min(local_day(at, subscription.zone), subscription.start_on)
    for number, code in enumerate(codes):
        try:
            _redeem(subscription, code, since, at, by)
        except (NotFound, Conflict, Invalid) as refusal:
            refusal.field = f"coupons[{number}]"
            raise


@transaction.atomic
def switch(coupon: Coupon, *, on: bool, at: datetime, by: User | None) -> None:
    """Let a coupon be redeemed, or not any more; what was redeemed goes on giving."""
    locked = Coupon.objects.select_for_update(no_key=True).get(pk=coupon.pk)
    if locked.active == on:
        return
    Coupon.objects.filter(pk=locked.pk).update(active=on)
    audit.record("coupon.on" if on else "coupon.off", tenant=None, target=f"coupon:{locked.pk}", at=at, by=by)


def nets(charge_ids: Iterable[int], *, once_moves: bool = False) -> dict[int, int]:
    """Return what charges come to after discount, in minor units by id: the amount less the discounts applied to it.

    Where `once_moves`, what a coupon that gives once takes off on a draft is left out: a bill that is issued before that
    draft takes the coupon away from it (CONTRACTS rule 10).
    """
    ids = list(charge_ids)
    applied = AppliedDiscount.objects.filter(among("charge", ids))
    if once_moves:
        applied = applied.exclude(final_at=None, redemption__coupon__duration=Coupon.Duration.ONCE)
    off = dict(applied.order_by().values_list("charge").annotate(off=Sum("amount_minor")))
    amounts = Charge.objects.filter(among("pk", ids)).values_list("pk", "amount_minor")
    return {pk: amount - off.get(pk, 0) for pk, amount in amounts}


def given_by(coupon_ids: Iterable[int]) -> dict[int, int]:
    """Return what the discounts of coupons come to, in minor units by coupon; drafts count."""
    rows = AppliedDiscount.objects.filter(among("redemption__coupon_id", list(coupon_ids)), undone_at=None)
    return dict(rows.order_by().values_list("redemption__coupon").annotate(given=Sum("amount_minor")))


def _redeem(subscription: Subscription, code: str, since: date, at: datetime, by: User | None) -> Redemption:
    named = Coupon.objects.select_for_update(no_key=True).filter(seller=subscription.seller_id)
    coupon = named.filter(code__iexact=code.strip()).first()
    if coupon is None:
        raise UnknownCoupon(_("There is no coupon “%(code)s”.") % {"code": code}, field="coupon")
    _check_offer(coupon, subscription, at)
    _check_limits(coupon, subscription)
    mine = Redemption.objects.filter(subscription=subscription.pk)
    made = Redemption.objects.create(
        tenant_id=subscription.tenant_id,
        subscription=subscription,
        coupon=coupon,
        position=mine.count() + 1,
        counted_from=since,
        redeemed_at=at,
        redeemed_by=by,
    )
    target = f"subscription:{subscription.pk}"
    audit.record("coupon.redeemed", tenant=subscription.tenant_id, target=target, at=at, by=by, code=coupon.code)
    return made


def _check_offer(coupon: Coupon, subscription: Subscription, at: datetime) -> None:
    said = {"code": coupon.code}
    if coupon.valid_from and at < coupon.valid_from:
        raise CouponNotValid(_("The coupon “%(code)s” cannot be redeemed yet.") % said, field="coupon")
    if not coupon.active or (coupon.valid_until and at >= coupon.valid_until):
        raise CouponNotValid(_("The coupon “%(code)s” can no longer be redeemed.") % said, field="coupon")
    if coupon.currency and coupon.currency != subscription.currency:
        raise Invalid(
            _("The coupon “%(code)s” is in %(coupon)s, the contract is in %(contract)s.")
            % {**said, "coupon": coupon.currency, "contract": subscription.currency},
            field="coupon",
        )


def _check_limits(coupon: Coupon, subscription: Subscription) -> None:
    said = {"code": coupon.code}
    redeemed = Redemption.objects.filter(coupon=coupon, undone_at=None)
    if redeemed.filter(subscription=subscription, used_up_at=None).exists():
        raise AlreadyRedeemed(_("The coupon “%(code)s” is redeemed for this contract already.") % said, field="coupon")
    if coupon.most_redemptions is not None and redeemed.count() >= coupon.most_redemptions:
        raise CouponUsedUp(_("The coupon “%(code)s” is used up.") % said, field="coupon")
    if coupon.most_per_tenant is not None:
        mine = redeemed.filter(tenant=subscription.tenant_id)
        if mine.count() >= coupon.most_per_tenant:
            raise CouponUsedUp(_("You have used the coupon “%(code)s” as often as it can be.") % said, field="coupon")
    if coupon.budget_minor is not None and given_by([coupon.pk]).get(coupon.pk, 0) >= coupon.budget_minor:
        raise CouponUsedUp(_("The coupon “%(code)s” is used up.") % said, field="coupon")


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _duration(given: Any, count: Any, path: str) -> tuple[str, int | None]:
    """Read `once`, `forever` or `{months: 3}`; or `months` with the number in a key of its own."""
    if given in (Duration.ONCE, Duration.FOREVER) and count is None:
        return str(given), None
    if given != Duration.MONTHS:
        count = given.get("months") if isinstance(given, Mapping) and set(given) == {"months"} else None
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= MOST_MONTHS:
        raise Invalid(_("Write “once”, “forever” or a number of months."), field=path)
    return Duration.MONTHS, count


def _percent(given: Any, path: str) -> Decimal:
    try:
        percent = Decimal(given) if isinstance(given, str | Decimal) else Decimal("NaN")
    except InvalidOperation:
        percent = Decimal("NaN")
    exponent = percent.as_tuple().exponent
    if not percent.is_finite() or not 0 < percent <= 100 or not isinstance(exponent, int) or exponent < -10:
        raise Invalid(_("Write the percentage as a text above 0 and at most 100, as “12.5”."), field=path)
    return percent


def _minor(given: Any, currency: str, path: str) -> int:
    try:
        amount = Money.of(given if isinstance(given, str | Decimal) else "", currency)
    except ValueError:
        raise Invalid(_("Write the amount as a text, as “100.00”."), field=path) from None
    if amount.minor <= 0:
        raise Invalid(_("The amount must be above zero."), field=path)
    return amount.minor


def _codes(given: Any, path: str) -> list[str]:
    if not isinstance(given, list | tuple) or not all(isinstance(code, str) and code for code in given):
        raise Invalid(_("Name the prices by their codes."), field=path)
    return list(given)


def _check(coupon: Coupon, path: str) -> None:
    try:
        coupon.clean_fields(exclude=["seller"])
    except ValidationError as wrong:
        name, messages = next(iter(wrong.message_dict.items()))
        raise Invalid(messages[0], field=_at(path, name)) from None
    if coupon.valid_from and coupon.valid_until and coupon.valid_until <= coupon.valid_from:
        raise Invalid(_("The end must be after the start."), field=_at(path, "valid_until"))
    if Coupon.objects.filter(Q(seller=coupon.seller) & Q(code__iexact=coupon.code)).exists():
        raise Conflict(_("There is a coupon “%(code)s” already.") % {"code": coupon.code}, field=_at(path, "code"))
