"""Issuing: gapless numbers, frozen copies, booked, and sealed for good."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing import closing, ledger
from billing.money import Money
from invoices import checking, crediting, drafting, issuing, payments
from invoices.models import CreditNote, Invoice, NumberSeries
from tenants.errors import Invalid, WrongState
from tests import shop
from usage import ingest

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "106.00"}
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "53.00"}
NOW = shop.at("2026-01-01 09:00")


@pytest.fixture
def invoice(qingyu):
    qingyu.tax_rate = "0.06"
    qingyu.save()
    who = shop.tenant()
    subscription = shop.subscribe(who, shop.plan(qingyu, [BASE, SEAT]), "2026-01-01", quantities={"seat": Decimal(2)})
    closing.close([subscription.pk], at=NOW)
    (pk,) = issuing.issue(drafting.draft([who.pk], at=NOW), at=NOW)
    return Invoice.objects.get(pk=pk)


def balance(kind: str, invoice: Invoice) -> int:
    return ledger.balance(seller_id=invoice.seller_id, currency="CNY", kind=kind)


def test_it_gives_gapless_numbers_in_each_series(qingyu):
    version = shop.plan(qingyu, [BASE])
    ids = [shop.subscribe(shop.tenant(f"t{n}"), version, "2026-01-01").pk for n in range(3)]
    closing.close(ids, at=NOW)
    shop.bill("2026-01-01 09:00")
    assert list(Invoice.objects.order_by("sequence").values_list("number", flat=True)) == [
        f"QINGYU-2026-00000{n}" for n in (1, 2, 3)
    ]
    assert NumberSeries.objects.get().last_number == 3


def test_it_freezes_seller_and_buyer(invoice):
    invoice.seller.legal_name = "别的公司"
    invoice.seller.save()
    invoice.refresh_from_db()
    assert invoice.seller_copy["legal_name"] == "杭州青屿软件有限公司"
    assert invoice.buyer_copy["code"] == "acme"


def test_it_books_what_it_issues(invoice):
    # 212.00 with 6 %: 6.00 + 6.00 tax
    assert (invoice.total_minor, invoice.tax_minor) == (212_00, 12_00)
    assert balance("receivable", invoice) == 212_00
    assert balance("tax_payable", invoice) == -12_00
    assert balance("revenue_deferred", invoice) == -200_00
    assert not list(checking.faults())


def test_it_issues_no_draft_before_its_day(qingyu):
    who = shop.tenant()
    subscription = shop.subscribe(who, shop.plan(qingyu, [BASE]), "2026-01-01")
    closing.close([subscription.pk], at=NOW)
    drafts = drafting.draft([who.pk], at=NOW)
    assert issuing.issue(drafts, at=shop.at("2025-12-31 23:59")) == []


def test_it_is_paid_at_once_when_it_comes_to_nothing(qingyu):
    who = shop.tenant()
    used = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}
    shop.subscribe(who, shop.plan(qingyu, [used]), "2026-01-01")
    shop.use(who, "200", "2026-01-10 12:00", key="wrong")
    shop.bill("2026-02-01 00:00")
    ingest.accept(who, [{"key": "undo", "void": "wrong"}], at=shop.at("2026-02-03 12:00"))
    shop.use(who, "200", "2026-02-10 12:00")
    shop.bill("2026-03-01 00:00")
    # 10.00 of February less 10.00 of January
    newest = shop.bills(who)[-1]
    assert (newest.lines.count(), newest.total_minor, newest.status) == (2, 0, "paid")
    assert not list(checking.faults())


@pytest.mark.parametrize(
    "change",
    [
        "total_minor = 1",
        "number = 'X'",
        "seller_copy = '{}'",
        "due_on = '2030-01-01'",
        "currency = 'USD'",
        "tax_minor = 0",
    ],
)
def test_the_database_seals_an_issued_bill(invoice, change):
    with pytest.raises(IntegrityError, match="is sealed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_invoice SET {change} WHERE id = {invoice.pk}")


def test_the_database_keeps_an_issued_bill(invoice):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM invoices_invoiceline")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM invoices_invoice")


def test_the_database_wants_settlement_to_have_a_cause(invoice):
    Invoice.objects.filter(pk=invoice.pk).update(paid_minor=1)
    with pytest.raises(IntegrityError, match="must come from allocations"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def pay(invoice: Invoice, amount: str, reference: str = "r1"):
    return payments.receive_transfer(
        invoice.tenant,
        seller=invoice.seller,
        amount=Money.of(amount, "CNY"),
        reference=reference,
        received_at=NOW,
        at=NOW,
        by=None,
    )


def test_it_settles_a_bill_with_a_transfer(invoice):
    pay(invoice, "212.00")
    invoice.refresh_from_db()
    assert (invoice.status, invoice.due_minor) == ("paid", 0)
    assert (balance("cash", invoice), balance("receivable", invoice)) == (212_00, 0)


def test_it_keeps_what_was_paid_too_much(invoice):
    pay(invoice, "300.00")
    assert balance("wallet", invoice) == -88_00
    assert not list(checking.faults())


def test_it_records_a_transfer_once(invoice):
    pay(invoice, "100.00")
    with pytest.raises(payments.AlreadyRecorded) as refusal:
        pay(invoice, "100.00", reference=" r1 ")
    assert refusal.value.field == "reference"
    invoice.refresh_from_db()
    assert invoice.due_minor == 112_00


def test_it_credits_a_bill_that_is_owed(invoice):
    note = crediting.void(invoice, reason="开错了", at=NOW, by=None)
    invoice.refresh_from_db()
    assert (note.total_minor, note.tax_minor, note.returned_minor) == (212_00, 12_00, 0)
    assert (invoice.status, invoice.due_minor, balance("receivable", invoice)) == ("void", 0, 0)
    assert not list(checking.faults())


def test_it_returns_only_what_was_paid(invoice):
    pay(invoice, "200.00")
    line = invoice.lines.get(code="seat")
    note = crediting.credit(invoice, reason="席位多算", amounts={line.pk: 53_00}, at=NOW, by=None)
    invoice.refresh_from_db()
    # 12.00 were still owed; 41.00 of the 53.00 had been paid
    assert (note.returned_minor, invoice.due_minor, invoice.status) == (41_00, 0, "paid")
    assert balance("wallet", invoice) == -41_00
    assert not list(checking.faults())


def test_it_credits_no_more_than_is_left(invoice):
    line = invoice.lines.get(code="seat")
    crediting.credit(invoice, reason="一", amounts={line.pk: 100_00}, at=NOW, by=None)
    with pytest.raises(Invalid) as refusal:
        crediting.credit(invoice, reason="二", amounts={line.pk: 6_01}, at=NOW, by=None)
    assert refusal.value.field == f"lines.{line.pk}"
    assert CreditNote.objects.count() == 1


def test_it_returns_exactly_the_tax_in_parts(invoice):
    line = invoice.lines.get(code="seat")
    parts = [33_33, 33_33, 39_34]
    notes = [crediting.credit(invoice, reason="部分", amounts={line.pk: part}, at=NOW, by=None) for part in parts]
    assert sum(note.tax_minor for note in notes) == line.tax_minor == 6_00


def test_it_wants_a_reason_and_an_issued_bill(invoice):
    with pytest.raises(Invalid):
        crediting.void(invoice, reason=" ", at=NOW, by=None)
    crediting.void(invoice, reason="开错了", at=NOW, by=None)
    with pytest.raises(WrongState):
        crediting.void(invoice, reason="再来一次", at=NOW, by=None)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("status = 'paid', paid_at = now()", "owes nothing"),
        ("status = 'void'", "credited whole"),
        ("status = 'draft', number = null, sequence = null, issued_at = null", "sealed"),
    ],
)
def test_the_database_keeps_the_state_true(invoice, change, match):
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_invoice SET {change}")


def test_the_database_opens_no_void_bill(invoice):
    crediting.void(invoice, reason="开错了", at=NOW, by=None)
    with pytest.raises(IntegrityError, match="from this state"), transaction.atomic():
        Invoice.objects.update(status="open")


def test_the_database_takes_bills_as_drafts_only(invoice):
    invoice.pk, invoice.sequence, invoice.number = None, 2, "QINGYU-2026-000002"
    with pytest.raises(IntegrityError, match="begins as a draft"), transaction.atomic():
        invoice.save(force_insert=True)


@pytest.mark.parametrize("column", ["subtotal_minor", "tax_minor", "total_minor"])
def test_the_database_issues_the_sums_of_the_lines_only(qingyu, column):
    who = shop.tenant()
    subscription = shop.subscribe(who, shop.plan(qingyu, [BASE]), "2026-01-01")
    closing.close([subscription.pk], at=NOW)
    drafts = drafting.draft([who.pk], at=NOW)
    Invoice.objects.update(**{column: 1})
    with pytest.raises(IntegrityError, match="sums of its lines"), transaction.atomic():
        issuing.issue(drafts, at=NOW)


def test_it_credits_on_the_side_of_the_bill_when_the_seller_changes_his(invoice):
    invoice.seller.tax_inclusive = False
    invoice.seller.save()
    note = crediting.void(Invoice.objects.get(pk=invoice.pk), reason="开错了", at=NOW, by=None)
    assert (note.total_minor, note.seller_copy["tax_inclusive"]) == (212_00, True)
    assert not list(checking.faults())
