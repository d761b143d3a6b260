"""The book: posted in balance, in a transaction, once, and never changed."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing import checking, ledger
from billing.models import LedgerTransaction, Posting
from tenants.errors import NoTransaction
from tests import shop

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def entry(sold_by, who, *sides, source_id=1):
    return ledger.Entry(
        seller_id=sold_by.pk,
        currency="CNY",
        tenant_id=who.pk,
        source="invoice",
        source_id=source_id,
        kind="issued",
        at=shop.OPENED,
        sides=sides,
    )


@pytest.fixture
def acme():
    return shop.tenant()


def test_it_posts_both_sides(qingyu, acme):
    ledger.post([entry(qingyu, acme, ("receivable", 106_00), ("tax_payable", -6_00), ("revenue_deferred", -100_00))])
    assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="receivable", tenant_id=acme.pk) == 106_00
    assert sum(row[3] for row in ledger.trial_balance()) == 0


def test_it_refuses_sides_that_do_not_balance(qingyu, acme):
    with pytest.raises(ledger.Unbalanced):
        ledger.post([entry(qingyu, acme, ("receivable", 100), ("revenue_deferred", -99))])
    assert not LedgerTransaction.objects.exists()


def test_it_books_a_source_once(qingyu, acme):
    ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])
    with pytest.raises(IntegrityError, match="ledger_source_booked_once"), transaction.atomic():
        ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_post_outside_a_transaction(qingyu, acme):
    with pytest.raises(NoTransaction):
        ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])


def test_the_database_refuses_one_sided_postings(qingyu, acme):
    ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])
    row = Posting.objects.first()
    with pytest.raises(IntegrityError, match="must sum to zero"), transaction.atomic():
        Posting.objects.create(transaction=row.transaction, account=row.account, tenant=acme, amount_minor=5)


def test_the_database_refuses_an_account_of_another_seller(qingyu, acme):
    other = shop.seller("other", tax_number="91330106MA2B1C3D4G")
    ledger.post(
        [
            entry(qingyu, acme, ("cash", 1), ("receivable", -1)),
            entry(other, acme, ("cash", 1), ("receivable", -1), source_id=2),
        ]
    )
    mine, theirs = LedgerTransaction.objects.order_by("source_id")
    foreign = Posting.objects.filter(transaction=theirs).order_by("amount_minor")
    rows = [Posting(transaction=mine, account=p.account, tenant=acme, amount_minor=p.amount_minor) for p in foreign]
    with pytest.raises(IntegrityError, match="share seller and currency"), transaction.atomic():
        Posting.objects.bulk_create(rows)


@pytest.mark.parametrize(
    "statement", ["UPDATE billing_posting SET amount_minor = amount_minor + 1", "DELETE FROM billing_posting"]
)
def test_the_database_refuses_to_change_the_book(qingyu, acme, statement):
    ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])
    with pytest.raises(IntegrityError, match="is sealed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_it_finds_a_book_that_was_tampered_with(qingyu, acme):
    ledger.post([entry(qingyu, acme, ("cash", 1), ("receivable", -1))])
    assert not list(checking.faults())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE billing_posting DISABLE TRIGGER billing_posting_sealed")
        cursor.execute("UPDATE billing_posting SET amount_minor = 7 WHERE amount_minor > 0")
    wheres = [fault.where for fault in checking.faults()]
    assert any("invoice:1" in where for where in wheres)
    assert "trigger billing_posting_sealed" in wheres
