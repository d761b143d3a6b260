"""The books are proven: each thing that can be wrong beside the database's own rules is found, and said where."""

import pytest
from django.db import connection

from billing.models import Account, Charge, LedgerTransaction, Posting
from invoices import checking
from invoices.models import Allocation, Invoice, InvoiceLine
from tests import shop

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}


@pytest.fixture
def invoice(qingyu):
    shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, BASE | {"code": "free", "amount": "0"}]), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    return Invoice.objects.get()


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def found() -> list[str]:
    return [fault.where for fault in checking.faults()]


def test_it_finds_a_charge_that_was_taken_by_no_bill(invoice, qingyu):
    shop.subscribe(invoice.tenant, shop.plan(qingyu, [BASE | {"amount": "0"}], code="other"), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    lost = Charge.objects.get(taken_at=None)
    Charge.objects.filter(pk=lost.pk).update(taken_at=lost.created_at)
    assert found() == [f"place of charge base {lost.pk}"]


def test_it_finds_a_credit_without_a_credit_note(invoice):
    InvoiceLine.objects.filter(code="base").update(credited_minor=5)
    assert found() == [f"credit of line {invoice.number} line 1"]


def test_it_finds_a_payment_that_settles_more_than_it_is(invoice):
    payment = shop.pay(invoice, "100.00", "2026-01-02 10:00")
    shop.bill("2026-02-01 00:00")
    second = shop.bills(invoice.tenant)[1]
    part = {"tenant": invoice.tenant, "payment": payment, "amount_minor": 100_00, "at": payment.received_at}
    Allocation.objects.create(invoice=second, **part)
    Invoice.objects.filter(pk=second.pk).update(paid_minor=100_00, status="paid")
    assert f"parts of payment {payment.reference}" in found()


def test_it_finds_a_booking_of_nothing(invoice):
    owed, deferred = (Account.objects.get(kind=kind) for kind in ("receivable", "revenue_deferred"))
    said = {"seller": invoice.seller, "currency": "CNY", "tenant": invoice.tenant, "at": invoice.issued_at}
    entry = LedgerTransaction.objects.create(source="invoice", source_id=0, kind="issued", **said)
    sides = [Posting(transaction=entry, account=a, amount_minor=m) for a, m in ((owed, 7), (deferred, -7))]
    Posting.objects.bulk_create(sides)
    assert "source of booking invoice:0" in found()
    assert "receivable of customer acme CNY" in found()


def test_it_finds_a_seal_that_is_off(invoice):
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("ALTER TABLE invoices_invoice DISABLE TRIGGER invoices_invoice_sealed")
    assert found() == ["trigger invoices_invoice_sealed"]


def test_it_finds_a_bill_over_other_sums_than_its_lines(invoice):
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("ALTER TABLE invoices_invoice DISABLE TRIGGER USER")
    run("UPDATE invoices_invoice SET subtotal_minor = 5, tax_minor = 1")
    run("ALTER TABLE invoices_invoice ENABLE TRIGGER USER")
    assert found() == [
        f"tax of invoice {invoice.number}",
        f"lines of invoice {invoice.number}",
        "revenue of seller qingyu CNY",
    ]
