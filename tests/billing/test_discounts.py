"""Coupons: defined once, redeemed within the campaign's bounds, switched off without taking anything back."""

from decimal import Decimal

import pytest

from billing import discounts
from billing.models import Coupon, Redemption, Subscription
from billing.subscriptions import start
from tenants.errors import Conflict, Invalid, WrongState
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
NOW = shop.at("2026-01-10 09:00")


def define(seller, **data):
    return discounts.define(seller, {"code": "SPRING", **data}, at=NOW, by=None)


@pytest.fixture
def contract(qingyu):
    return shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-10")


def redeem(contract, code="SPRING", at=NOW):
    return discounts.redeem(contract, code, at=at, by=None)


def test_it_defines_what_it_is_told(qingyu):
    spring = define(qingyu, percent="12.5", duration={"months": 3}, applies_to=["base"])
    assert (spring.percent, spring.duration, spring.months, spring.applies_to) == (
        Decimal("12.5"),
        "months",
        3,
        ["base"],
    )
    fifty = discounts.define(qingyu, {"code": "FIFTY", "amount": "50.00", "budget": "500.00"}, at=NOW, by=None)
    assert (fifty.amount_minor, fifty.currency, fifty.budget_minor, fifty.duration) == (50_00, "CNY", 500_00, "once")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({}, "coupon.percent"),
        ({"percent": "10", "amount": "10"}, "coupon.percent"),
        ({"percent": "0"}, "coupon.percent"),
        ({"percent": "100.1"}, "coupon.percent"),
        ({"percent": 10}, "coupon.percent"),
        ({"percent": "ten"}, "coupon.percent"),
        ({"amount": "0.00"}, "coupon.amount"),
        ({"amount": "-5.00"}, "coupon.amount"),
        ({"amount": "0.001"}, "coupon.amount"),
        ({"amount": "5.00", "currency": "XXX"}, "coupon.amount"),
        ({"percent": "10", "duration": "sometimes"}, "coupon.duration"),
        ({"percent": "10", "duration": {"months": 0}}, "coupon.duration"),
        ({"percent": "10", "duration": {"months": True}}, "coupon.duration"),
        ({"percent": "10", "duration": {"weeks": 3}}, "coupon.duration"),
        ({"percent": "10", "applies_to": "base"}, "coupon.applies_to"),
        ({"percent": "10", "code": "a b"}, "coupon.code"),
        ({"percent": "10", "colour": "red"}, "coupon.colour"),
        ({"percent": "10", "valid_from": NOW, "valid_until": NOW}, "coupon.valid_until"),
    ],
)
def test_it_refuses_what_is_no_coupon(qingyu, data, path):
    with pytest.raises(Invalid) as refused:
        define(qingyu, **data)
    assert refused.value.field == path
    assert not Coupon.objects.exists()


def test_it_has_one_coupon_of_a_code_whatever_its_case(qingyu):
    define(qingyu, percent="10")
    with pytest.raises(Conflict):
        define(qingyu, percent="20", code="spring")


def test_it_redeems_in_the_order_of_redeeming(qingyu, contract):
    define(qingyu, percent="10")
    discounts.define(qingyu, {"code": "MORE", "percent": "5"}, at=NOW, by=None)
    assert (redeem(contract, " spring ").position, redeem(contract, "MORE").position) == (1, 2)


def test_it_redeems_with_an_order_from_the_start(qingyu):
    define(qingyu, percent="10")
    made = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-10", coupons=["SPRING"])
    assert str(Redemption.objects.get(subscription=made).counted_from) == "2026-01-10"


def test_it_takes_no_order_with_a_bad_coupon_and_the_others_all_the_same(qingyu):
    version = shop.plan(qingyu, [BASE])
    define(qingyu, percent="10")
    good, bad = (shop.tenant(code) for code in ("good", "bad"))
    orders = [
        discounts_order(good, version, ["SPRING"]),
        discounts_order(bad, version, ["SPRING", "NONE"]),
    ]
    fine, refused = start(orders, at=NOW, by=None)
    assert fine.subscription
    assert (refused.refusal.code, refused.refusal.field) == ("unknown_coupon", "coupons[1]")
    assert Subscription.objects.count() == 1


def discounts_order(who, version, coupons):
    return shop.Order(tenant=who, version=version, start_on=NOW.date(), coupons=coupons)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"valid_from": shop.at("2026-01-10 09:01")}, "coupon_not_valid"),
        ({"valid_until": NOW}, "coupon_not_valid"),
        ({"most_redemptions": 0}, "coupon_used_up"),
        ({"most_per_tenant": 0}, "coupon_used_up"),
        ({"currency": "USD"}, "invalid"),
    ],
)
def test_it_refuses_outside_the_campaign(qingyu, contract, data, code):
    define(qingyu, percent="10", **data)
    with pytest.raises((Conflict, Invalid)) as refused:
        redeem(contract)
    assert (refused.value.code, refused.value.field) == (code, "coupon")
    assert not Redemption.objects.exists()


def test_it_refuses_a_coupon_that_nobody_made(contract):
    with pytest.raises(discounts.UnknownCoupon):
        redeem(contract)


def test_it_refuses_a_coupon_that_is_in_force_already(qingyu, contract):
    define(qingyu, percent="10")
    first = redeem(contract)
    with pytest.raises(discounts.AlreadyRedeemed):
        redeem(contract)
    Redemption.objects.filter(pk=first.pk).update(used_up_at=NOW)
    assert redeem(contract).position == 2


def test_it_counts_the_limit_over_all_customers(qingyu, contract):
    define(qingyu, percent="10", most_redemptions=1)
    redeem(contract)
    other = shop.subscribe(shop.tenant("other"), contract.version, "2026-01-10")
    with pytest.raises(discounts.CouponUsedUp):
        redeem(other)


def test_it_switches_off_what_can_be_redeemed_and_not_what_was(qingyu, contract):
    spring = define(qingyu, percent="10")
    redeem(contract)
    discounts.switch(spring, on=False, at=NOW, by=None)
    assert Redemption.objects.filter(used_up_at=None).count() == 1
    other = shop.subscribe(shop.tenant("other"), contract.version, "2026-01-10")
    with pytest.raises(discounts.CouponNotValid):
        redeem(other)
    discounts.switch(spring, on=True, at=NOW, by=None)
    assert redeem(other)


def test_it_redeems_nothing_for_a_contract_that_is_over(qingyu, contract):
    define(qingyu, percent="10")
    Subscription.objects.filter(pk=contract.pk).update(status="ended", ended_at=NOW)
    with pytest.raises(WrongState):
        redeem(contract)
