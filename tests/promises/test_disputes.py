"""What is in dispute is frozen: tries to take it, to dun for it, to claim more than there is, and to judge in one's own case."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import Subscription
from invoices import (
    answering_disputes,
    checking,
    dispute_evidence,
    dispute_rules,
    disputing,
    dunning,
    refunding,
    taking,
)
from invoices.claiming import Receipt
from invoices.models import CreditNote, Dispute, DisputeAnswer, DunningAct, Invoice, Payment, Refund
from invoices.taking import Basis, Right
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import Notice, User
from tests import portal, shop
from tests.invoices.deducting import BASE, tick, top_up
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "200.00"}


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def bill(qingyu, acme):
    """799.00 by hand, due on 1 February."""
    shop.subscribe(acme, shop.plan(qingyu, [BASE, SEAT]), "2026-02-01", pays="manual", quantities={"seat": Decimal(3)})
    shop.bill("2026-02-01 09:00")
    return Invoice.objects.get()


@pytest.fixture
def operator():
    return User.objects.create_user(email="op@mingzhang.example", password="x", is_staff=True)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def dispute(bill, code="seat", *, when="2026-02-01 10:00", by=None, **how):
    line = bill.lines.get(code=code) if code else None
    return disputing.open(bill, line=line, reason="多算了", at=shop.at(when), by=by, **how)


def settle(row, outcome="explain", *, when="2026-02-05 10:00", by=None, **how):
    return answering_disputes.settle(row, outcome=outcome, text="按合同", at=shop.at(when), by=by, **how)


def run(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def to_the_end(act):
    act()
    run("SET CONSTRAINTS ALL IMMEDIATE")


def refused_by(constraint, act):
    """The database refuses it by this name, at once or when the transaction ends."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        to_the_end(act)
    assert refusal.value.__cause__.diag.constraint_name == constraint


def nothing_moved(bill, frozen):
    row = fresh(bill)
    assert (row.paid_minor, row.credited_minor, row.frozen_minor) == (0, 0, frozen)
    assert not Payment.objects.filter(status="succeeded").exists()
    assert not list(checking.faults())


def test_it_refuses_to_deduct_what_is_in_dispute_from_the_balance(qingyu, acme):
    """The nightly run tries to deduct a bill that is wholly in dispute, with money there: the bill is held as frozen."""
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-02-01", pays="manual")
    shop.bill("2026-02-01 09:00")
    (bill,) = Invoice.objects.all()
    dispute(bill, "base")
    top_up(acme, qingyu, "500.00", "2026-02-01 11:00")
    for day in range(2, 8):
        tick(f"2026-02-{day:02d} 00:00")
    nothing_moved(bill, 199_00)


def test_it_refuses_a_program_that_takes_a_frozen_amount(bill, acme, qingyu):
    """A program of ours calls the taking verb itself with a confirmed right for the whole due: the trigger on payments stops it."""
    dispute(bill)
    top_up(acme, qingyu, "900.00", "2026-02-01 11:00")
    wallet = acme.wallets.get()
    refused_by(
        "payment_not_of_frozen",
        lambda: taking.take(
            fresh(bill), wallet, 799_00, Right(basis=Basis.CONFIRMED), at=shop.at("2026-02-02 10:00"), by=None
        ),
    )
    nothing_moved(bill, 600_00)


def test_it_refuses_a_frozen_amount_taken_by_raw_sql(bill, qingyu):
    """Somebody with the database's password inserts a confirmed payment over the frozen part: the trigger on payments stops him."""
    dispute(bill)
    refused_by(
        "payment_not_of_frozen",
        lambda: Payment.objects.create(
            tenant=bill.tenant,
            seller=qingyu,
            currency="CNY",
            amount_minor=199_01,
            method="wallet",
            provider="wallet",
            reference="X",
            status="succeeded",
            basis="confirmed",
            invoice=bill,
            received_at=shop.at("2026-02-02 10:00"),
            recorded_at=shop.at("2026-02-02 10:00"),
        ),
    )
    nothing_moved(bill, 600_00)


def test_it_refuses_to_thaw_by_raw_sql(bill):
    """Somebody sets what is frozen to zero so that it may be taken: the check at the end of the transaction stops him."""
    dispute(bill)
    refused_by(
        "invoice_frozen_is_disputed",
        lambda: run("UPDATE invoices_invoice SET frozen_minor = 0 WHERE id = %s", bill.pk),
    )
    nothing_moved(bill, 600_00)


def test_it_refuses_to_settle_without_an_answer_by_raw_sql(bill):
    """Somebody settles a dispute that nobody answered, so that nothing is frozen any more: the database asks for the answer."""
    dispute(bill)
    refused_by(
        "dispute_over_by_answer",
        lambda: run(
            "UPDATE invoices_dispute SET state = 'settled', closed_at = opened_at WHERE invoice_id = %s", bill.pk
        ),
    )
    nothing_moved(bill, 600_00)


def test_it_refuses_to_freeze_what_nobody_disputes(bill):
    """Somebody freezes a bill without a dispute, to let it lie for ever: the check at the end of the transaction stops him."""
    refused_by(
        "invoice_frozen_is_disputed",
        lambda: run("UPDATE invoices_invoice SET frozen_minor = 100 WHERE id = %s", bill.pk),
    )
    nothing_moved(bill, 0)


def test_it_refuses_to_dun_for_what_is_wholly_in_dispute(bill):
    """The dunning run and raw SQL try to remind of a bill that is wholly in dispute: the run leaves it out, the trigger refuses."""
    dispute(bill, None)
    for day in range(2, 9):
        dunning.dun(at=shop.at(f"2026-02-{day:02d} 10:00"))
    refused_by(
        "dunning_not_of_frozen",
        lambda: DunningAct.objects.create(
            tenant=bill.tenant, invoice=bill, day=1, verb="remind", at=shop.at("2026-02-02 10:00"), outcome="done"
        ),
    )
    assert not DunningAct.objects.exists()
    assert not Notice.objects.filter(kind="payment_reminder").exists()
    assert Subscription.objects.get().status == "active"


def test_it_refuses_to_dispute_more_than_the_line(bill):
    """A customer disputes one fen more than the line came to: the verb says how much may be, and raw SQL meets the trigger."""
    with pytest.raises(Invalid) as refusal:
        dispute(bill, amount_minor=600_01)
    assert refusal.value.field == "amount"
    refused_by(
        "dispute_within_line",
        lambda: Dispute.objects.create(
            tenant=bill.tenant,
            seller=bill.seller,
            invoice=bill,
            line=bill.lines.get(code="seat"),
            amount_minor=600_01,
            reason="x",
            opened_at=shop.at("2026-02-01 10:00"),
            answer_due_on="2026-02-08",
        ),
    )
    nothing_moved(bill, 0)


def test_it_refuses_a_strangers_line(bill, qingyu):
    """A company disputes a line of another company's bill under its own: the verb, the page and the trigger refuse it."""
    other = shop.tenant("beta")
    shop.subscribe(other, shop.plan(qingyu, [BASE], code="b"), "2026-02-01", pays="manual")
    shop.bill("2026-02-01 09:00")
    theirs = Invoice.objects.get(tenant=other)
    with pytest.raises(Invalid) as refusal:
        disputing.open(bill, line=theirs.lines.get(), reason="x", at=shop.at("2026-02-01 10:00"), by=None)
    assert refusal.value.field == "line"
    refused_by(
        "dispute_of_own_bill",
        lambda: Dispute.objects.create(
            tenant=bill.tenant,
            seller=bill.seller,
            invoice=theirs,
            amount_minor=1,
            reason="x",
            opened_at=shop.at("2026-02-01 10:00"),
            answer_due_on="2026-02-08",
        ),
    )
    assert not Dispute.objects.exists()
    nothing_moved(theirs, 0)


def test_it_refuses_to_settle_an_appeal_alone(bill, operator):
    """The operator who answered answers the appeal too: the verb names the second person, the database has one answer of each."""
    made = settle(dispute(bill), by=operator)
    made = disputing.appeal(made, text="不对", at=shop.at("2026-02-06 10:00"), by=None)
    with pytest.raises(NotAllowed) as refusal:
        settle(made, "credit", when="2026-02-07 10:00", by=operator)
    assert refusal.value.code == "second_person_needed"
    refused_by(
        "dispute_answer_another_person",
        lambda: DisputeAnswer.objects.create(
            tenant=made.tenant, dispute=made, number=2, outcome="explain", text="x", at=made.appealed_at, by=operator
        ),
    )
    assert fresh(made).state == "appealed"
    nothing_moved(bill, 600_00)


def test_it_refuses_to_answer_ones_own_dispute(bill, operator):
    """Somebody of ours who is a member of the customer too gives himself money back: the verb and the trigger refuse him."""
    made = dispute(bill, by=operator)
    with pytest.raises(NotAllowed) as refusal:
        settle(made, "credit", by=operator)
    assert refusal.value.code == "second_person_needed"
    refused_by(
        "dispute_answer_of_other_side",
        lambda: DisputeAnswer.objects.create(
            tenant=made.tenant, dispute=made, number=1, outcome="explain", text="x", at=made.opened_at, by=operator
        ),
    )
    assert not CreditNote.objects.exists()
    nothing_moved(bill, 600_00)


def test_it_refuses_to_settle_twice(bill, operator):
    """A double click on the answer gives the money back twice: the second one meets a dispute that waits for nothing."""
    made = settle(dispute(bill), "credit", amount_minor=600_00, by=operator)
    with pytest.raises(WrongState):
        settle(made, "credit", amount_minor=600_00)
    assert [note.total_minor for note in CreditNote.objects.all()] == [600_00]
    refused_by(
        None,
        lambda: run("UPDATE invoices_dispute SET state = 'open', closed_at = NULL WHERE id = %s", made.pk),
    )
    assert fresh(made).state == "settled"


def test_it_refuses_a_program_as_evidence(bill):
    """A customer uploads an executable that is called invoice.pdf: its first bytes say what it is, and nothing is kept."""
    made = dispute(bill)
    for content in (b"MZ\x90\x00" + b"\0" * 64, b"<html><script>", b"#!/bin/sh\nrm -rf /"):
        with pytest.raises(Invalid) as refusal:
            dispute_evidence.add(
                made, side="customer", file=Receipt("invoice.pdf", content), at=shop.at("2026-02-02 10:00"), by=None
            )
        assert refusal.value.field == "file"
    big = Receipt("x.pdf", b"%PDF-" + b"0" * (5 * 1024 * 1024))
    with pytest.raises(Invalid):
        dispute_evidence.add(made, side="customer", file=big, at=shop.at("2026-02-02 10:00"), by=None)
    assert not made.evidence.exists()


def test_it_refuses_to_dodge_a_bill_for_ever(bill):
    """A customer opens, withdraws and opens again so that nothing ever falls due: after the second time he is sent to a person."""
    for number in (1, 2):
        made = dispute(bill, None, when=f"2026-02-0{number} 10:00")
        disputing.withdraw(made, at=shop.at(f"2026-02-0{number} 18:00"), by=None)
    with pytest.raises(dispute_rules.AlreadyDisputed) as refusal:
        dispute(bill, None, when="2026-02-03 10:00")
    assert refusal.value.code == "already_disputed"
    refused_by(
        "dispute_twice_at_most",
        lambda: Dispute.objects.create(
            tenant=bill.tenant,
            seller=bill.seller,
            invoice=bill,
            amount_minor=1,
            reason="x",
            opened_at=made.opened_at,
            answer_due_on=made.answer_due_on,
        ),
    )
    nothing_moved(bill, 0)
    assert fresh(bill).claimable_minor == 799_00


def test_it_refuses_the_same_line_again_after_its_answer(bill):
    """A customer disputes again what was explained, line by line and as a whole bill, to freeze it anew: only an appeal freezes it."""
    settle(dispute(bill))
    for code in ("seat", None):
        with pytest.raises((dispute_rules.AlreadyDisputed, Invalid)):
            dispute(bill, code, when="2026-02-06 10:00", amount_minor=600_00)
    nothing_moved(bill, 0)


def test_it_refuses_a_second_appeal_and_a_late_one(bill, operator):
    """A customer appeals once more, or a day after the time for it: both are refused with the words whom to call."""
    made = settle(dispute(bill), by=operator)
    with pytest.raises(WrongState):
        disputing.appeal(made, text="不对", at=shop.at("2026-02-20 00:00"), by=None)
    made = disputing.appeal(made, text="不对", at=shop.at("2026-02-19 23:59"), by=None)
    made = settle(made, when="2026-02-21 10:00")
    with pytest.raises(WrongState):
        disputing.appeal(made, text="还是不对", at=shop.at("2026-02-21 11:00"), by=None)
    nothing_moved(bill, 0)


def test_it_refuses_to_change_what_was_said(bill, operator):
    """Somebody rewrites the reason, an answer, or a piece of evidence after the fact: the seals refuse each."""
    made = dispute(bill)
    dispute_evidence.add(made, side="seller", text="清单", at=shop.at("2026-02-02 10:00"), by=operator)
    settle(made, by=operator)
    for table, change in (
        ("invoices_dispute", "reason = 'x'"),
        ("invoices_disputeanswer", "text = 'x'"),
        ("invoices_disputeevidence", "text = 'x'"),
    ):
        with pytest.raises(IntegrityError, match="sealed"), transaction.atomic():
            run(f"UPDATE {table} SET {change}")
        with pytest.raises(IntegrityError, match="sealed"), transaction.atomic():
            run(f"DELETE FROM {table}")
    assert fresh(made).reason == "多算了"


def test_it_refuses_a_refund_above_the_limit_by_one_person(bill, qingyu, operator):
    """An operator answers with a refund above the limit and lets it out himself: it waits for somebody else, and so does the money."""
    qingyu.refund_limit_minor = 100_00
    qingyu.save()
    shop.pay(bill, "799.00", "2026-02-01 09:30")
    settle(dispute(bill), "refund", by=operator)
    (row,) = Refund.objects.all()
    with pytest.raises(NotAllowed):
        refunding.approve(row, at=shop.at("2026-02-05 11:00"), by=operator)
    assert (fresh(row).status, CreditNote.objects.count(), fresh(bill).paid_minor) == ("requested", 0, 799_00)


def test_it_refuses_a_viewer_and_a_stranger(db):
    """A viewer and a member of another company open a dispute by the page: the one is told who may, the other finds nothing."""
    told = portal.story()
    bill = told.bills[1]
    sent = {"reason": "x", "amount": "1.00"}
    assert logged_in(told.bob, "en").post(f"/c/acme/bills/{bill.pk}/dispute/", sent).status_code == 403
    assert logged_in(told.charlie, "en").post(f"/c/acme/bills/{bill.pk}/dispute/", sent).status_code == 404
    assert logged_in(told.charlie, "en").post(f"/c/beta/bills/{bill.pk}/dispute/", sent).status_code == 404
    assert not Dispute.objects.exists()
