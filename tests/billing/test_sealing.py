"""The chain of seals: new bookings are sealed once, and the first that was changed, lost or put in is named."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing import checking, sealing
from billing.models import LedgerSeal, LedgerTransaction
from tests import shop
from tests.billing.test_wallets import fill

pytestmark = pytest.mark.django_db
TABLES = ("billing_posting", "billing_ledgertransaction", "billing_ledgerseal", "billing_account")


@pytest.fixture
def book(qingyu):
    acme = shop.tenant()
    for amount in ("1.00", "2.00", "3.00"):
        fill(acme, qingyu, amount)
        sealing.seal(at=shop.OPENED)
    fill(acme, qingyu, "4.00")
    fill(acme, qingyu, "5.00")
    assert sealing.seal(at=shop.OPENED) == 2
    return list(LedgerTransaction.objects.order_by("pk").values_list("pk", flat=True))


def tamper(statement):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for act in ("DISABLE", "ENABLE"):
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {act} TRIGGER USER")
            if act == "DISABLE":
                cursor.execute(statement)


def found():
    return [(fault.where, fault.what) for fault in checking.faults()]


def test_everything_is_sealed_once_in_a_chain(book):
    links = list(LedgerSeal.objects.order_by("number"))
    assert [(link.number, link.count) for link in links] == [(1, 1), (2, 1), (3, 1), (4, 2)]
    assert [link.previous for link in links] == ["", *(link.sha256 for link in links[:-1])]
    assert not LedgerTransaction.objects.filter(seal=None).exists()
    assert sealing.seal(at=shop.OPENED) == 0
    assert found() == []


def test_each_seller_has_a_chain_of_its_own(book):
    theirs = shop.seller("second", tax_number="91330106MA2B1C3D4G")
    fill(shop.tenant("other"), theirs, "1.00")
    sealing.seal(at=shop.OPENED)
    assert LedgerSeal.objects.get(seller=theirs).number == 1
    assert found() == []


def test_many_are_sealed_in_several_links(qingyu, monkeypatch):
    monkeypatch.setattr(sealing, "LINK", 2)
    acme = shop.tenant()
    for amount in ("1.00", "2.00", "3.00"):
        fill(acme, qingyu, amount)
    assert sealing.seal(at=shop.OPENED) == 3
    assert [link.count for link in LedgerSeal.objects.order_by("number")] == [2, 1]


def test_it_names_the_first_booking_that_was_changed(book):
    tamper(f"UPDATE billing_posting SET amount_minor = amount_minor * 7 WHERE transaction_id IN ({book[3]}, {book[4]})")
    assert (f"ledger transaction {book[3]}", "is not what was sealed by seal 4 of qingyu") in found()
    assert f"ledger transaction {book[4]}" not in dict(found())


@pytest.mark.parametrize("change", ["at = at + interval '1 second'", "source_id = 0", "kind = 'other'"])
def test_it_sees_each_change_of_a_booking(book, change):
    tamper(f"UPDATE billing_ledgertransaction SET {change} WHERE id = {book[1]}")
    assert (f"ledger transaction {book[1]}", "is not what was sealed by seal 2 of qingyu") in found()


def test_it_sees_an_account_that_became_another(book):
    tamper("UPDATE billing_account SET kind = 'suspense' WHERE kind = 'cash'")
    assert (f"ledger transaction {book[0]}", "is not what was sealed by seal 1 of qingyu") in found()


def test_it_names_a_booking_that_is_gone(book):
    tamper(
        f"DELETE FROM billing_posting WHERE transaction_id = {book[2]};"
        f"DELETE FROM billing_ledgertransaction WHERE id = {book[2]}"
    )
    assert (f"ledger transaction {book[2]}", "is gone; seal 3 of qingyu holds it") in found()


def test_it_names_a_booking_that_was_put_under_a_seal(book, qingyu):
    fill(shop.tenant("late"), qingyu, "9.00")
    new = LedgerTransaction.objects.get(seal=None)
    LedgerTransaction.objects.filter(pk=new.pk).update(seal=LedgerSeal.objects.get(number=2))
    assert found() == [(f"ledger transaction {new.pk}", "says it is under seal 2 of qingyu, which does not hold it")]


def test_it_sees_a_seal_that_was_written_anew(book):
    tamper(f"UPDATE billing_ledgerseal SET sha256 = '{'0' * 64}' WHERE number = 2")
    assert found() == [("seal 2 of qingyu", "does not follow from the seal before it")]


def test_it_sees_a_seal_that_is_gone(book):
    tamper(
        "UPDATE billing_ledgertransaction SET seal_id = NULL WHERE seal_id = (SELECT id FROM billing_ledgerseal WHERE number = 2);"
        "DELETE FROM billing_ledgerseal WHERE number = 2"
    )
    assert found() == [("seal 2 of qingyu", "is gone")]


def test_what_is_sealed_keeps_its_seal(book):
    with pytest.raises(IntegrityError, match="keeps its seal"), transaction.atomic():
        LedgerTransaction.objects.filter(pk=book[0]).update(seal=None)
