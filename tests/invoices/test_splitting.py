"""What returns of a bill: in the ratio in which it was paid with money and with gifts, and never more gift than was used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import ledger, wallets
from billing.models import WalletLot
from billing.money import Money
from invoices import checking, collection, crediting
from invoices.models import Invoice
from invoices.splitting import Funds, in_bill, split
from tests import shop
from tests.invoices.deducting import top_up

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
NOW = shop.at("2026-01-01 09:00")
MONEY = st.integers(min_value=0, max_value=10**6)


@given(held=st.builds(Funds, outside=MONEY, balance=MONEY, gift=MONEY), data=st.data())
def test_no_part_gives_back_more_than_is_in_the_bill(held, data):
    left = held
    for last in (False, False, False, True):
        back = split(left.total if last else data.draw(st.integers(min_value=0, max_value=left.total)), left)
        left = Funds(left.outside - back.outside, left.balance - back.balance, left.gift - back.gift)
        assert min(left.outside, left.balance, left.gift) >= 0
    assert left == Funds()


@pytest.mark.parametrize(
    ("amount", "held", "back"),
    [
        (10_00, Funds(outside=100_00), Funds(outside=10_00)),
        (10_00, Funds(balance=40_00, gift=60_00), Funds(balance=4_00, gift=6_00)),
        (1, Funds(balance=50, gift=50), Funds(balance=1)),  # equal remainders: money first
        (1, Funds(balance=49, gift=51), Funds(gift=1)),
        (0, Funds(), Funds()),
    ],
)
def test_the_parts_follow_the_ratio(amount, held, back):
    assert split(amount, held) == back


def a_bill(sold_by):
    shop.subscribe(shop.tenant(), shop.plan(sold_by, [BASE]), "2026-01-01")
    shop.bill("2026-01-01 09:00")
    return Invoice.objects.get()


def credited(bill, minor, *, at=NOW, **how):
    line = bill.lines.get()
    note = crediting.credit(bill, reason="补偿", amounts={line.pk: minor}, at=at, by=None, **how)
    # No refund stands behind what waits for one here, and the books say so.
    waits = ["refunds payable of customer acme CNY"] if booked(bill, "refund_payable") else []
    assert [fault.where for fault in checking.faults()] == waits
    return note


def booked(bill, kind):
    return ledger.balance(seller_id=bill.seller_id, currency="CNY", kind=kind, tenant_id=bill.tenant_id)


@pytest.mark.django_db
def test_what_a_gift_paid_returns_as_a_gift(qingyu):
    bill = a_bill(qingyu)
    top_up(bill.tenant, qingyu, "60.00", "2026-01-01 08:00", gift=True)
    top_up(bill.tenant, qingyu, "50.00", "2026-01-01 08:00")
    collection.pay_now(bill, at=NOW, by=None)
    credited(bill, 10_00)
    assert wallets.balance(bill.tenant, qingyu, "CNY") == wallets.Balance(paid=14_00, gift=6_00)
    assert in_bill(bill) == Funds(balance=36_00, gift=54_00)
    credited(bill, 90_00)
    assert wallets.balance(bill.tenant, qingyu, "CNY") == wallets.Balance(paid=50_00, gift=60_00)
    assert in_bill(bill) == Funds()


@pytest.mark.django_db
def test_what_came_from_outside_waits_for_its_refund(qingyu):
    bill = a_bill(qingyu)
    top_up(bill.tenant, qingyu, "40.00", "2026-01-01 08:00", gift=True)
    collection.pay_now(bill, amount=40_00, at=NOW, by=None)
    shop.pay(bill, "60.00", "2026-01-02 10:00")
    bill.refresh_from_db()
    note = credited(bill, 50_00, returns="origin")
    assert crediting.owed_back(note) == 30_00 == -booked(bill, "refund_payable")
    assert wallets.balance(bill.tenant, qingyu, "CNY") == wallets.Balance(gift=20_00)
    second = credited(bill, 50_00)
    assert crediting.owed_back(second) == 0
    assert wallets.balance(bill.tenant, qingyu, "CNY") == wallets.Balance(paid=30_00, gift=40_00)


@pytest.mark.django_db
def test_what_is_still_owed_is_lowered_first(qingyu):
    bill = a_bill(qingyu)
    shop.pay(bill, "30.00", "2026-01-02 10:00")
    assert crediting.owed_back(credited(bill, 80_00, returns="origin")) == 10_00
    assert booked(bill, "receivable") == 0


@pytest.mark.django_db
def test_the_worked_table_of_the_rules(qingyu):
    bill = a_bill(qingyu)
    for amount, until in (("50.00", shop.at("2026-04-01 00:00")), ("10.00", None)):
        give = {"reason": "老客户", "key": amount, "gift": True, "expires": until, "at": NOW, "by": None}
        wallets.top_up_by_hand(bill.tenant, seller=qingyu, amount=Money.of(amount, "CNY"), **give)
    top_up(bill.tenant, qingyu, "40.00", "2026-01-01 08:00")
    collection.pay_now(bill, at=NOW, by=None)
    told = []
    for when, minor in (("01-10", 10_00), ("01-10", 1), ("03-20", 50_00), ("04-30", 39_99)):
        before = wallets.balance(bill.tenant, qingyu, "CNY")
        credited(bill, minor, at=shop.at(f"2026-{when} 10:00"))
        after = wallets.balance(bill.tenant, qingyu, "CNY")
        told.append((after.paid - before.paid, after.gift - before.gift))
    assert told == [(4_00, 6_00), (0, 1), (20_00, 30_00), (16_00, 23_99)]
    gifts = WalletLot.objects.filter(kind="gift").order_by("pk").values_list("left_minor", "expires_at")
    assert list(gifts) == [
        (0, shop.at("2026-04-01 00:00")),
        (10_00, None),
        (26_01, shop.at("2026-04-20 00:00")),
        (23_99, shop.at("2026-05-31 00:00")),
    ]
    assert list(WalletLot.objects.filter(kind="paid").values_list("left_minor", flat=True)) == [40_00]


@pytest.mark.django_db
def test_what_came_from_outside_becomes_a_lot_of_its_own(qingyu):
    bill = a_bill(qingyu)
    top_up(bill.tenant, qingyu, "40.00", "2026-01-01 08:00")
    collection.pay_now(bill, amount=40_00, at=NOW, by=None)
    shop.pay(bill, "60.00", "2026-01-02 10:00")
    bill.refresh_from_db()
    credited(bill, 50_00)
    assert in_bill(bill) == Funds(outside=30_00, balance=20_00)
    assert list(WalletLot.objects.order_by("pk").values_list("source", "left_minor")) == [
        ("top_up", 20_00),
        ("credit_note", 30_00),
    ]
