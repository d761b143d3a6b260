"""A wallet: gifts first, never below zero, and always what the book says."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from billing import checking, ledger, wallets
from billing.models import LotUse, TopUp, Wallet, WalletLot
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


def tamper(*statements):
    """Change what the triggers hold, with the triggers off."""
    tables = ("billing_wallet", "billing_walletlot", "billing_lotuse")
    off, on = ([f"ALTER TABLE {t} {act} TRIGGER USER" for t in tables] for act in ("DISABLE", "ENABLE"))
    with connection.cursor() as cursor:
        for statement in ("SET CONSTRAINTS ALL IMMEDIATE", *off, *statements, *on, "SET CONSTRAINTS ALL DEFERRED"):
            cursor.execute(statement)


def faults():
    return {fault.where: fault.what for fault in checking.faults()}


def test_the_books_find_a_wallet_that_says_something_else(acme, qingyu):
    fill(acme, qingyu, "10.00")
    assert not faults()
    tamper("UPDATE billing_wallet SET paid_minor = 1001")
    assert set(faults()) == {"wallet acme CNY", "lots of wallet acme CNY"}
    tamper("DELETE FROM billing_walletlot", "DELETE FROM billing_wallet")
    assert set(faults()) == {"wallet acme CNY", f"lots of booking top_up:{TopUp.objects.get().pk} topped_up"}


def test_what_was_booked_before_lots_were_kept_is_played_again(acme, qingyu):
    for amount, gift in (("10.00", False), ("5.00", True), ("7.00", False), ("2.00", True)):
        fill(acme, qingyu, amount, gift=gift)
    spend(acme, qingyu, "20.00")
    columns = "kind", "amount_minor", "left_minor", "source", "source_id", "cause", "at"

    def kept():
        uses = LotUse.objects.order_by("lot__kind", "lot").values_list("source", "cause", "amount_minor")
        return list(WalletLot.objects.order_by("pk").values_list(*columns)), list(uses)

    before = kept()
    tamper("DELETE FROM billing_lotuse", "DELETE FROM billing_walletlot")
    assert "lots of wallet acme CNY" in faults()
    with connection.cursor() as cursor:
        cursor.execute(import_module("billing.migrations.0017_wallet_lots_guarded").REPLAY)
    assert not faults()
    assert kept() == before
