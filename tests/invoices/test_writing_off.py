"""A debt is given up by two people; what comes in for it later takes the loss back."""

import pytest

from billing import ledger
from billing.models import Account
from invoices import checking, collection, crediting, writing_off
from invoices.models import Invoice, WriteOff
from tenants.errors import Invalid, WrongState
from tenants.models import AuditEntry, User
from tests import shop
from tests.invoices.deducting import BASE, top_up

pytestmark = pytest.mark.django_db
Kind = Account.Kind


@pytest.fixture
def people():
    return [User.objects.create_user(email=f"{name}@mingzhang.example", password="x") for name in ("one", "two")]


@pytest.fixture
def bill(qingyu):
    shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-31", pays="manual")
    shop.bill("2026-01-31 09:00")
    return Invoice.objects.get()


def written_off(bill, people, when="2026-03-01 09:00"):
    asked = writing_off.request(bill, reason="客户已注销", at=shop.at(when), by=people[0])
    return writing_off.approve(asked, at=shop.at(when), by=people[1])


def book(bill):
    """Return (receivable of the customer, loss)."""
    page = {"seller_id": bill.seller_id, "currency": "CNY"}
    owed = ledger.balance(**page, kind=Kind.RECEIVABLE, tenant_id=bill.tenant_id)
    return owed, ledger.balance(**page, kind=Kind.WRITE_OFF)


def state(bill):
    now = Invoice.objects.get(pk=bill.pk)
    return now.status, now.due_minor


def right():
    return not list(checking.faults())


def test_two_people_write_a_bill_off(bill, people):
    asked = writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])
    assert (state(bill), book(bill)) == (("open", 199_00), (199_00, 0))
    writing_off.approve(asked, at=shop.at("2026-03-02 09:00"), by=people[1])
    assert (state(bill), book(bill)) == (("uncollectible", 199_00), (0, 199_00))
    assert right()
    said = AuditEntry.objects.filter(verb__startswith="write_off").order_by("pk")
    assert [(e.verb, e.by) for e in said] == [("write_off.requested", people[0]), ("write_off.approved", people[1])]


def test_nobody_approves_what_he_asked_for(bill, people):
    asked = writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])
    with pytest.raises(writing_off.SamePerson):
        writing_off.approve(asked, at=shop.at("2026-03-02 09:00"), by=people[0])
    assert state(bill) == ("open", 199_00)


def test_a_request_has_a_reason_and_stands_alone(bill, people):
    with pytest.raises(Invalid):
        writing_off.request(bill, reason=" ", at=shop.at("2026-03-01 09:00"), by=people[0])
    writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])
    with pytest.raises(writing_off.AlreadyAsked):
        writing_off.request(bill, reason="再一次", at=shop.at("2026-03-01 10:00"), by=people[1])


def test_a_declined_request_changes_nothing_and_lets_another_be_made(bill, people):
    asked = writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])
    writing_off.decline(asked, at=shop.at("2026-03-01 10:00"), by=people[1])
    assert (state(bill), book(bill)) == (("open", 199_00), (199_00, 0))
    with pytest.raises(WrongState):
        writing_off.approve(asked, at=shop.at("2026-03-01 11:00"), by=people[1])
    written_off(bill, people)
    assert right()


def test_what_is_written_off_is_what_was_asked_for(bill, people):
    asked = writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])
    shop.pay(bill, "99.00", "2026-03-01 10:00")
    with pytest.raises(WrongState, match="100"):
        writing_off.approve(asked, at=shop.at("2026-03-02 09:00"), by=people[1])


def test_a_paid_bill_is_not_written_off(bill, people):
    shop.pay(bill, "199.00", "2026-02-01 10:00")
    with pytest.raises(WrongState):
        writing_off.request(bill, reason="客户已注销", at=shop.at("2026-03-01 09:00"), by=people[0])


def named(bill, amount, when):
    """Record a transfer that names the bill."""
    return shop.payments.receive_transfer(
        bill.tenant,
        seller=bill.seller,
        amount=shop.Money.of(amount, "CNY"),
        reference=f"{amount} {when}",
        received_at=shop.at(when),
        at=shop.at(when),
        by=None,
        allocate={bill.pk: shop.Money.of(amount, "CNY").minor},
    )


def test_a_later_payment_takes_the_loss_back(bill, people):
    written_off(bill, people)
    named(bill, "50.00", "2026-05-01 09:00")
    assert (state(bill), book(bill)) == (("uncollectible", 149_00), (0, 149_00))
    assert right()
    named(bill, "149.00", "2026-05-02 09:00")
    assert (state(bill), book(bill)) == (("paid", 0), (0, 0))
    assert right()


def test_a_transfer_that_does_not_name_it_goes_into_the_balance(bill, people):
    written_off(bill, people)
    shop.pay(bill, "199.00", "2026-05-01 09:00")
    assert state(bill) == ("uncollectible", 199_00)
    assert bill.tenant.wallets.get().paid_minor == 199_00
    assert right()


def test_it_is_paid_from_the_balance_by_hand(bill, people, qingyu):
    written_off(bill, people)
    top_up(bill.tenant, qingyu, "500.00", "2026-05-01 09:00")
    collection.pay_now(bill, at=shop.at("2026-05-01 10:00"), by=None)
    assert (state(bill), book(bill)) == (("paid", 0), (0, 0))
    assert right()


@pytest.mark.parametrize("paid", ["0.00", "20.00"])
def test_a_credit_note_takes_the_loss_back_too(bill, people, paid):
    if paid != "0.00":
        shop.pay(bill, paid, "2026-02-01 10:00")
    written_off(bill, people)
    crediting.void(bill, reason="误开", at=shop.at("2026-05-01 09:00"), by=None)
    assert (state(bill)[0], book(bill)) == ("void", (0, 0))
    assert right()


def test_credit_and_payment_settle_it_together(bill, people):
    written_off(bill, people)
    named(bill, "50.00", "2026-05-01 09:00")
    line = bill.lines.get()
    crediting.credit(bill, reason="折让", at=shop.at("2026-05-02 09:00"), by=None, amounts={line.pk: 149_00})
    assert (state(bill), book(bill)) == (("paid", 0), (0, 0))
    assert right()


def test_the_check_sees_a_bill_that_nobody_wrote_off(bill):
    Invoice.objects.filter(pk=bill.pk).update(status="uncollectible")
    assert any("loss of write-off" in fault.where for fault in checking.faults())
    assert not WriteOff.objects.exists()
