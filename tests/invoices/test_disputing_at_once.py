"""A dispute beside a deduction, and two disputes of one line, at the same moment: one comes first, and nothing frozen is taken."""

import pytest

from invoices import answering_disputes, checking, collection, disputing
from invoices.models import CreditNote, Dispute, Invoice, Payment
from tenants.errors import DomainError
from tests import shop
from tests.invoices.at_provider import sold
from tests.invoices.deducting import BASE, deliver, tick, top_up
from tests.usage.test_at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
AT = shop.at("2026-02-06 00:00")


def said(do):
    def run():
        try:
            return do()
        except DomainError as refusal:
            return refusal.code

    return run


@pytest.fixture
def bill():
    """199.00 that may be deducted from 5 February on, and is not yet."""
    acme, qingyu = shop.tenant(), sold()
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31", pays="wallet")
    for day in ("2026-01-31 00:00", "2026-02-05 00:00"):
        tick(day)
        deliver(day)
    (made,) = Invoice.objects.all()
    assert (made.status, made.paid_minor) == ("open", 0)
    top_up(acme, qingyu, "500.00", "2026-02-05 12:00")
    return made


def open_one(bill):
    return disputing.open(bill, reason="多算了", at=AT, by=None).state


def test_a_dispute_beside_a_deduction(bill):
    """Either it was deducted before, and the dispute freezes nothing; or it is frozen, and nothing was taken."""
    done = at_once(said(lambda: collection.collect(at=AT).paid), said(lambda: open_one(bill)))
    bill.refresh_from_db()
    taken = Payment.objects.filter(status="succeeded").count()
    assert done[1] == "open"
    assert (taken, bill.paid_minor, bill.frozen_minor) in ((1, 199_00, 0), (0, 0, 199_00))
    collection.collect(at=AT)
    bill.refresh_from_db()
    assert bill.paid_minor + bill.frozen_minor == 199_00
    assert list(checking.faults()) == []


def test_of_two_disputes_of_one_bill_one_is_opened(bill):
    done = at_once(*[said(lambda: open_one(bill))] * 3)
    assert sorted(done) == ["already_disputed", "already_disputed", "open"]
    bill.refresh_from_db()
    assert bill.frozen_minor == 199_00


def test_two_answers_at_once_give_back_once(bill):
    open_one(bill)
    row = Dispute.objects.get()

    def settle():
        return answering_disputes.settle(row, outcome="credit", text="对", at=AT, by=None).state

    done = at_once(said(settle), said(settle))
    assert sorted(done) == ["settled", "wrong_state"]
    assert [note.total_minor for note in CreditNote.objects.all()] == [199_00]
    assert list(checking.faults()) == []
