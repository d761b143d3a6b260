"""A wallet: gifts first, never below zero, and always what the book says."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing import checking, ledger, wallets
from billing.models import TopUp, Wallet
from billing.money import Money
from billing.wallets import Balance
from tenants.errors import Invalid
from tests import shop

pytestmark = pytest.mark.django_db
AT = shop.at("2026-01-01 09:00")


def yuan(amount):
    return Money.of(amount, "CNY")


@pytest.fixture
def acme():
    return shop.tenant()


def fill(who, sold_by, amount, *, gift=False, key=""):
    return wallets.top_up_by_hand(
        who, seller=sold_by, amount=yuan(amount), reason="合同约定", key=key or amount, gift=gift, at=AT, by=None
    )


def spend(who, sold_by, amount, source_id=1):
    return wallets.spend(who, seller=sold_by, amount=yuan(amount), source="payment", source_id=source_id, at=AT)


def holds(who, sold_by):
    return wallets.balance(who, sold_by, "CNY")


def test_nobody_starts_with_anything(acme, qingyu):
    assert holds(acme, qingyu) == Balance(0, 0)
    assert wallets.statement(acme, qingyu, "CNY") == []


def test_it_keeps_what_was_paid_apart_from_what_was_given(acme, qingyu):
    fill(acme, qingyu, "100.00")
    fill(acme, qingyu, "30.00", gift=True)
    assert holds(acme, qingyu) == Balance(100_00, 30_00)
    book = {kind: amount for _seller, _currency, kind, amount in ledger.trial_balance()}
    assert book == {"cash": 100_00, "wallet": -100_00, "promotion": 30_00, "wallet_gift": -30_00}


def test_it_spends_gifts_first(acme, qingyu):
    fill(acme, qingyu, "100.00")
    fill(acme, qingyu, "30.00", gift=True)
    assert spend(acme, qingyu, "50.00") == Balance(paid=20_00, gift=30_00)
    assert holds(acme, qingyu) == Balance(80_00, 0)


def test_it_takes_all_or_nothing(acme, qingyu):
    fill(acme, qingyu, "100.00")
    with pytest.raises(wallets.NotEnough, match=r"100\.01"):
        spend(acme, qingyu, "100.01")
    assert holds(acme, qingyu) == Balance(100_00, 0)
    spend(acme, qingyu, "100.00")
    assert holds(acme, qingyu) == Balance(0, 0)


def test_it_gives_back_to_where_it_says(acme, qingyu):
    fill(acme, qingyu, "10.00")
    spend(acme, qingyu, "10.00")
    for source_id, gift in ((1, False), (2, True)):
        wallets.give_back(
            acme, seller=qingyu, amount=yuan("4.00"), source="credit_note", source_id=source_id, gift=gift, at=AT
        )
    assert holds(acme, qingyu) == Balance(4_00, 4_00)


def test_a_repeated_top_up_changes_nothing(acme, qingyu):
    assert fill(acme, qingyu, "10.00", key="form-1") == fill(acme, qingyu, "10.00", key="form-1")
    assert holds(acme, qingyu) == Balance(10_00, 0)
    assert TopUp.objects.count() == 1


def test_one_cause_tops_up_once(acme, qingyu):
    cause = {"seller": qingyu, "amount": yuan("1.00"), "source": "top_up", "source_id": 7, "at": AT, "by": None}
    wallets.top_up(acme, **cause)
    with pytest.raises(IntegrityError, match="ledger_source_booked_once"), transaction.atomic():
        wallets.top_up(acme, **cause)


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
def test_it_refuses_what_is_no_amount(acme, qingyu, amount):
    with pytest.raises(Invalid, match=r"above zero|大于零"):
        fill(acme, qingyu, amount)


def test_a_top_up_says_why(acme, qingyu):
    with pytest.raises(Invalid, match=r"Say why|写明") as refusal:
        wallets.top_up_by_hand(acme, seller=qingyu, amount=yuan("1.00"), reason=" ", key="k", at=AT, by=None)
    assert refusal.value.field == "reason"


def test_the_statement_runs_along(acme, qingyu):
    fill(acme, qingyu, "100.00")
    fill(acme, qingyu, "30.00", gift=True)
    spend(acme, qingyu, "50.00", source_id=9)
    moved = wallets.statement(acme, qingyu, "CNY")
    assert [(m.source, m.kind, m.paid, m.gift, m.after.total) for m in moved] == [
        ("top_up", "topped_up", 100_00, 0, 100_00),
        ("top_up", "topped_up", 0, 30_00, 130_00),
        ("payment", "paid", -20_00, -30_00, 80_00),
    ]


def test_customers_sellers_and_currencies_have_wallets_of_their_own(acme, qingyu):
    other, theirs = shop.tenant("other"), shop.seller("second", tax_number="91330106MA2B1C3D4G")
    fill(acme, qingyu, "10.00")
    assert holds(other, qingyu) == holds(acme, theirs) == wallets.balance(acme, qingyu, "USD") == Balance()


def test_the_database_refuses_a_wallet_below_zero(acme, qingyu):
    entry = ledger.Entry(
        seller_id=qingyu.pk,
        currency="CNY",
        tenant_id=acme.pk,
        source="payment",
        source_id=1,
        kind="paid",
        at=AT,
        sides=(("wallet", 1), ("receivable", -1)),
    )
    with pytest.raises(IntegrityError, match="wallet_paid_not_negative"), transaction.atomic():
        ledger.post([entry])


def test_a_posting_that_raises_the_wallet_is_counted_and_none_that_lowers_it(acme, qingyu):
    fill(acme, qingyu, "10.00")
    spend(acme, qingyu, "1.00")
    assert Wallet.objects.get().moves == 1
    fill(acme, qingyu, "10.00", key="again")
    assert Wallet.objects.get().moves == 2


def test_the_books_find_a_wallet_that_says_something_else(acme, qingyu):
    fill(acme, qingyu, "10.00")
    assert not list(checking.faults())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_wallet SET paid_minor = 11")
    assert [fault.where for fault in checking.faults()] == ["wallet acme CNY"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_wallet")
    assert [fault.where for fault in checking.faults()] == ["wallet acme CNY"]
