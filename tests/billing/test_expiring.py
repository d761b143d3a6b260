"""Gifts that lapse: told in time, used first, never spent when they are gone, and taken back against what was given away."""

import pytest

from billing import checking, expiring, ledger, wallets
from billing.models import LotUse, WalletLot
from billing.wallets import Balance
from tenants.errors import Invalid
from tenants.models import Notice
from tests import shop
from tests.billing.test_wallets import fill, holds, spend, yuan

pytestmark = pytest.mark.django_db
AT = shop.at("2026-01-01 09:00")


@pytest.fixture
def acme():
    return shop.tenant()


def give(who, sold_by, amount, until, when="2026-01-01 09:00"):
    return wallets.top_up_by_hand(
        who,
        seller=sold_by,
        amount=yuan(amount),
        reason="老客户",
        key=f"{amount} {until}",
        gift=True,
        expires=until and shop.at(until),
        at=shop.at(when),
        by=None,
    )


def left():
    return list(WalletLot.objects.order_by("pk").values_list("kind", "left_minor"))


def test_it_uses_gifts_by_their_expiry_and_then_what_was_paid_oldest_first(acme, qingyu):
    fill(acme, qingyu, "10.00")
    give(acme, qingyu, "5.00", None)
    give(acme, qingyu, "3.00", "2026-06-01 00:00")
    give(acme, qingyu, "2.00", "2026-03-01 00:00")
    fill(acme, qingyu, "20.00")
    spend(acme, qingyu, "4.00", source_id=1)
    assert left() == [("paid", 1000), ("gift", 500), ("gift", 100), ("gift", 0), ("paid", 2000)]
    spend(acme, qingyu, "18.00", source_id=2)
    assert left() == [("paid", 0), ("gift", 0), ("gift", 0), ("gift", 0), ("paid", 1800)]
    assert list(LotUse.objects.filter(source_id=2).order_by("pk").values_list("amount_minor", flat=True)) in (
        [-100, -500, -1000, -200],
        [-1000, -200, -100, -500],
    )
    assert not list(checking.faults())


def test_what_is_left_of_a_gift_lapses_once(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-03-01 00:00")
    give(acme, qingyu, "2.00", "2026-04-01 00:00")
    spend(acme, qingyu, "1.00")
    assert expiring.lapse(at=shop.at("2026-02-28 23:59")) == 0
    assert expiring.lapse(at=shop.at("2026-03-01 00:00")) == 1
    assert expiring.lapse(at=shop.at("2026-03-01 00:00")) == 0
    assert holds(acme, qingyu) == Balance(gift=2_00)
    assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="promotion") == 3_00
    assert [m.kind for m in wallets.statement(acme, qingyu, "CNY")] == ["topped_up"] * 2 + ["paid", "gift_lapsed"]
    assert not list(checking.faults())


def test_a_gift_is_never_revenue_nor_cash(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-03-01 00:00")
    spend(acme, qingyu, "1.00")
    expiring.lapse(at=shop.at("2026-03-01 00:00"))
    book = {kind: amount for _seller, _currency, kind, amount in ledger.trial_balance()}
    assert book == {"promotion": 1_00, "wallet_gift": 0, "receivable": -1_00}


def test_a_gift_that_has_lapsed_is_not_spent_although_no_tick_took_it_back(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-03-01 00:00")
    fill(acme, qingyu, "1.00")
    late = {"seller": qingyu, "source": "payment", "source_id": 1, "at": shop.at("2026-03-01 00:00")}
    with pytest.raises(wallets.NotEnough):
        wallets.spend(acme, amount=yuan("1.01"), **late)
    assert wallets.spend(acme, amount=yuan("1.00"), **late) == Balance(paid=1_00)
    assert holds(acme, qingyu) == Balance()


@pytest.mark.parametrize(("gift", "until"), [(False, "2026-03-01 00:00"), (True, "2026-01-01 09:00")])
def test_only_a_gift_lapses_and_not_at_once(acme, qingyu, gift, until):
    with pytest.raises(Invalid) as refusal:
        wallets.top_up_by_hand(
            acme,
            seller=qingyu,
            amount=yuan("1.00"),
            reason="r",
            key="k",
            gift=gift,
            expires=shop.at(until),
            at=AT,
            by=None,
        )
    assert refusal.value.field == "expires"


def warned(when):
    expiring.warn(at=shop.at(when))
    return list(Notice.objects.order_by("pk").values_list("key", flat=True))


def test_it_warns_thirty_seven_and_one_days_before_once_each_and_only_of_what_is_left(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-04-01 00:00")
    pk = WalletLot.objects.get().pk
    assert warned("2026-03-01 23:59") == []
    assert warned("2026-03-02 00:00") == warned("2026-03-10 00:00") == [f"gift-lapsing:{pk}:30"]
    assert warned("2026-03-31 12:00") == [f"gift-lapsing:{pk}:{days}" for days in (30, 1)]
    assert Notice.objects.first().payload["last_day"] == "2026-03-31"
    assert Notice.objects.first().payload["amount_minor"] == 3_00


def test_it_is_silent_about_what_is_used_up(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-04-01 00:00")
    spend(acme, qingyu, "3.00")
    assert warned("2026-03-31 12:00") == []


def test_a_short_gift_is_not_warned_about_on_its_first_day(acme, qingyu):
    give(acme, qingyu, "3.00", "2026-01-05 00:00")
    assert warned("2026-01-01 10:00") == []
