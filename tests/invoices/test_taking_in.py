"""A bank's file is taken in once, whole or not at all, booked as suspense, and keeps no account number."""

import pytest
from django.db import connection
from django.utils import translation

from billing import ledger
from invoices import checking, payments, taking_in
from invoices.models import BankCredit, BankFile, Payment, StatementRow
from tests import shop
from tests.invoices.bank_samples import NOW, bank, customer, out, row

pytestmark = pytest.mark.django_db
NUMBER = "6222021112345678"


def pages(seller):
    return {kind: ledger.balance(seller_id=seller.pk, currency="CNY", kind=kind) for kind in ("cash", "suspense")}


def test_it_books_what_came_in_as_suspense(qingyu):
    record = bank(qingyu, row("A1", "1,000.00"), row("A2", "5.50"), out())
    assert (record.status, record.rows, record.credits_new, record.known, record.debits) == ("imported", 3, 2, 0, 1)
    assert pages(qingyu) == {"cash": 100_550, "suspense": -100_550}
    assert not list(checking.faults())


def test_the_same_file_again_changes_nothing(qingyu):
    first = bank(qingyu, row())
    assert bank(qingyu, row(), at=shop.at("2026-03-05 09:00")) == first
    assert (BankFile.objects.count(), BankCredit.objects.count()) == (1, 1)
    assert pages(qingyu)["cash"] == 19_900


def test_the_same_row_in_another_file_changes_nothing(qingyu):
    bank(qingyu, row("A1"))
    second = bank(qingyu, row("A1"), row("A2"))
    assert (second.credits_new, second.known) == (1, 1)
    assert pages(qingyu)["cash"] == 2 * 19_900
    assert StatementRow.objects.count() == 2


def test_one_bad_row_refuses_the_whole_file(qingyu):
    with translation.override("en"):
        record = bank(qingyu, row("A1"), row("A2", "x"))
    assert record.status == "refused"
    assert [(one["line"], one["column"]) for one in record.errors] == [(3, "贷方发生额")]
    assert not BankCredit.objects.exists()
    assert not StatementRow.objects.exists()
    assert pages(qingyu) == {"cash": 0, "suspense": 0}
    assert bank(qingyu, row("A1"), row("A2")).status == "imported"


@pytest.mark.parametrize("second", [row("A1", "7.00"), row("A2", day="2026-03-09 10:00:00")])
def test_it_refuses_what_cannot_be(qingyu, second):
    bank(qingyu, row("A1"))
    record = bank(qingyu, second, row("A3"))
    assert (record.status, len(record.errors)) == ("refused", 1)
    assert BankCredit.objects.count() == 1


def test_it_keeps_no_account_number_in_clear(qingyu):
    bank(qingyu, row(account=f"'{NUMBER}", remark=f"来自 6222 0211 1234 5678 {NUMBER}", payer=f"张三{NUMBER}"))
    credit = BankCredit.objects.get()
    assert (credit.payer_account, credit.remark, credit.payer_name) == ("*5678", "来自 *5678", "张三*5678")
    assert len(credit.payer_account_hash) == 64
    with connection.cursor() as cursor:
        for table in ("invoices_bankcredit", "invoices_bankfile", "invoices_statementrow", "tenants_auditentry"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE replace(t::text, ' ', '') LIKE %s", [f"%{NUMBER}%"])
            assert cursor.fetchone() == (0,), table


def test_one_account_has_one_hash_and_only_this_house_can_make_it(qingyu, settings):
    first = taking_in.hashed(NUMBER)
    assert first == taking_in.hashed(NUMBER) != taking_in.hashed("6222021112345679")
    settings.SECRET_KEY = "another"
    assert taking_in.hashed(NUMBER) != first


def test_what_was_recorded_by_hand_is_not_booked_twice(qingyu):
    acme = customer(qingyu)
    payment = shop.pay(shop.bills(acme)[0], "199.00", "2026-03-01 12:00", reference="A1")
    bank(qingyu, row("A1"))
    credit = BankCredit.objects.get()
    assert (credit.state, credit.payment, credit.tenant) == ("matched", payment, acme)
    assert pages(qingyu) == {"cash": 19_900, "suspense": 0}
    assert not list(checking.faults())


def test_what_was_imported_is_not_recorded_by_hand(qingyu):
    acme = customer(qingyu)
    bank(qingyu, row("A1"))
    with pytest.raises(payments.AlreadyRecorded):
        shop.pay(shop.bills(acme)[0], "199.00", "2026-03-01 12:00", reference="A1")
    assert not Payment.objects.exists()
    assert pages(qingyu)["cash"] == 19_900


def test_a_hand_recording_of_another_amount_refuses_the_file(qingyu):
    acme = customer(qingyu)
    shop.pay(shop.bills(acme)[0], "100.00", "2026-03-01 12:00", reference="A1")
    assert bank(qingyu, row("A1", "199.00")).status == "refused"


def test_the_check_sees_a_credit_that_is_not_booked(qingyu):
    BankCredit.objects.create(
        seller=qingyu, account="1", currency="CNY", amount_minor=5, reference="X", received_at=NOW, recorded_at=NOW
    )
    assert [fault.where for fault in checking.faults()] == ["amount of bank credit X"]
