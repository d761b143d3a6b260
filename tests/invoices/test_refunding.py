"""What is given back: of which lines, on which ways, under whose approval; and the credit note with each."""

import pytest
from django.contrib.auth import get_user_model

from billing import wallets
from invoices import checking, collection, crediting, refund_plans, refunding, returnable
from invoices.models import CreditNote, Payment, Refund
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import AuditEntry
from tests import shop
from tests.invoices.at_provider import bill, simulation
from tests.invoices.deducting import top_up
from tests.invoices.refunds import ASKED, fresh, held, paid_at_provider, said

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def olivia(db):
    return get_user_model().objects.create_user("olivia@qingyu.example", "-", name="Olivia", is_staff=True)


@pytest.fixture
def oscar(db):
    return get_user_model().objects.create_user("oscar@qingyu.example", "-", name="Oscar", is_staff=True)


def ask(bill, by=None, **how):
    rows = refunding.request(fresh(bill), reason="多收了", at=ASKED, by=by, **how)
    assert not list(checking.faults())
    return rows


def test_a_full_refund_credits_the_bill_and_waits_to_be_sent(bill):
    paid_at_provider(bill)
    rows = ask(bill)
    assert said(rows) == [("alipay", "origin", "approved", 199_00)]
    note = CreditNote.objects.get()
    assert (note.total_minor, note.returned_minor, note.reason) == (199_00, 199_00, "多收了")
    assert rows[0].credit_note == note
    assert (fresh(bill).status, held(bill, "refund_payable")) == ("void", -199_00)
    assert rows[0].ask_at == ASKED


def test_a_part_leaves_the_bill_settled(bill):
    paid_at_provider(bill)
    assert said(ask(bill, amount_minor=50_00)) == [("alipay", "origin", "approved", 50_00)]
    assert (fresh(bill).status, bill.paid_minor, bill.due_minor) == ("paid", 149_00, 0)
    assert said(ask(bill)) == [("alipay", "origin", "approved", 149_00)]
    assert fresh(bill).status == "void"


def test_by_line_takes_of_that_line(bill):
    paid_at_provider(bill)
    line = bill.lines.get()
    assert sum(row.amount_minor for row in ask(bill, lines={line.pk: 30_00})) == 30_00
    assert fresh(line).credited_minor == 30_00
    with pytest.raises(Invalid) as refusal:
        ask(bill, lines={line.pk: 169_01})
    assert refusal.value.field == f"lines.{line.pk}"


def test_it_is_spread_over_the_payments_newest_first(bill):
    old = paid_at_provider(bill, "alipay", amount=100_00)
    new = paid_at_provider(bill, "wechat", amount=60_00, at=shop.at("2026-02-04 10:00"))
    shop.pay(fresh(bill), "39.00", "2026-02-05 10:00")
    rows = ask(bill, amount_minor=120_00)
    assert said(rows) == [
        ("transfer", "origin", "approved", 39_00),
        ("wechat", "origin", "approved", 60_00),
        ("alipay", "origin", "approved", 21_00),
    ]
    assert [row.first_id for row in rows] == [None, rows[0].pk, rows[0].pk]
    assert returnable.left_of([old, new]) == {old.pk: 79_00, new.pk: 0}
    assert said(ask(bill)) == [("alipay", "origin", "approved", 79_00)]


def test_balance_and_gifts_return_in_the_ratio_of_the_bill(bill):
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-02 10:00", gift=True)
    top_up(bill.tenant, bill.seller, "69.00", "2026-02-02 10:00")
    collection.pay_now(bill, at=shop.at("2026-02-02 11:00"), by=None, amount=99_00)
    paid_at_provider(fresh(bill))
    rows = ask(bill)
    assert said(rows) == [("alipay", "origin", "approved", 100_00), ("wallet", "wallet", "succeeded", 99_00)]
    assert wallets.balance(bill.tenant, bill.seller, "CNY") == wallets.Balance(paid=69_00, gift=30_00)
    assert Payment.objects.get(method="wallet").status == "refunded"


def test_to_the_wallet_puts_everything_there_at_once(bill):
    paid_at_provider(bill)
    assert said(ask(bill, to="wallet", amount_minor=50_00)) == [("", "wallet", "succeeded", 50_00)]
    assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 50_00
    assert Payment.objects.get().returned_minor == 0


def test_to_the_wallet_gifts_stay_gifts_and_the_payment_from_there_is_returned(bill):
    top_up(bill.tenant, bill.seller, "99.00", "2026-02-02 10:00", gift=True)
    top_up(bill.tenant, bill.seller, "50.00", "2026-02-02 10:00")
    collection.pay_now(bill, at=shop.at("2026-02-02 11:00"), by=None, amount=149_00)
    paid_at_provider(fresh(bill))
    assert said(ask(bill, to="wallet")) == [
        ("wallet", "wallet", "succeeded", 149_00),
        ("", "wallet", "succeeded", 50_00),
    ]
    assert wallets.balance(bill.tenant, bill.seller, "CNY") == wallets.Balance(paid=100_00, gift=99_00)
    assert {p.method: p.status for p in Payment.objects.all()} == {"wallet": "refunded", "alipay": "succeeded"}
    with pytest.raises(WrongState, match="没有可退的"):
        ask(bill)


def test_what_was_returned_to_the_balance_and_withdrawn_cannot_go_back_twice(bill):
    payment = paid_at_provider(bill)
    ask(bill, to="wallet", amount_minor=50_00)
    wallet = bill.tenant.wallets.get()
    rows = refunding.withdraw(wallet, at=ASKED, by=None)
    assert said(rows) == [("alipay", "origin", "approved", 50_00)]
    assert said(ask(bill)) == [("alipay", "origin", "approved", 149_00)]
    assert returnable.left_of([payment]) == {payment.pk: 0}


def test_a_bill_that_still_owes_is_credited_not_refunded(bill):
    with pytest.raises(WrongState):
        ask(bill)
    shop.pay(bill, "100.00", "2026-02-05 10:00")
    with pytest.raises(WrongState):
        ask(bill)
    assert not Refund.objects.exists()


@pytest.mark.parametrize("amount", [0, -1, 199_01])
def test_it_refuses_more_than_is_left(bill, amount):
    paid_at_provider(bill)
    with pytest.raises(Invalid) as refusal:
        ask(bill, amount_minor=amount)
    assert refusal.value.field == "amount"


def test_it_wants_a_reason(bill):
    paid_at_provider(bill)
    with pytest.raises(Invalid):
        refunding.request(fresh(bill), reason=" ", at=ASKED, by=None)


def limit(bill, minor):
    type(bill.seller).objects.filter(pk=bill.seller_id).update(refund_limit_minor=minor)


@pytest.mark.parametrize(("minor", "status"), [(199_00, "approved"), (198_99, "requested"), (0, "requested")])
def test_above_the_limit_a_second_person_approves(bill, olivia, minor, status):
    paid_at_provider(bill)
    limit(bill, minor)
    (row,) = ask(bill, olivia)
    assert row.status == status
    assert CreditNote.objects.exists() == (status == "approved")


def test_the_limit_is_not_passed_in_small_parts(bill, olivia, oscar):
    paid_at_provider(bill)
    limit(bill, 100_00)
    assert [row.status for _turn in range(2) for row in ask(bill, olivia, amount_minor=50_00)] == ["approved"] * 2
    (row,) = ask(bill, olivia, amount_minor=1)
    assert row.status == "requested"
    refunding.approve(row, at=ASKED, by=oscar)
    # What two people looked at does not count against what one may do alone, and what one did still does.
    assert [row.status for row in ask(bill, oscar, amount_minor=1)] == ["requested"]


def test_nobody_approves_what_he_asked_for(bill, olivia, oscar):
    paid_at_provider(bill)
    limit(bill, 0)
    (row,) = ask(bill, olivia)
    for somebody in (olivia, None):
        with pytest.raises(NotAllowed):
            refunding.approve(row, at=ASKED, by=somebody)
    refunding.approve(row, at=ASKED, by=oscar)
    assert (fresh(row).status, row.approved_by, row.credit_note.issued_by) == ("approved", oscar, oscar)
    assert not list(checking.faults())
    with pytest.raises(WrongState):
        refunding.approve(row, at=ASKED, by=oscar)
    verbs = AuditEntry.objects.filter(target=f"refund:{row.pk}").order_by("pk").values_list("verb", "by_name")
    assert list(verbs) == [("refund.requested", "Olivia"), ("refund.approved", "Oscar")]


def test_one_refund_of_a_bill_waits_at_a_time(bill, olivia, oscar):
    paid_at_provider(bill)
    limit(bill, 0)
    (row,) = ask(bill, olivia, amount_minor=10_00)
    with pytest.raises(refund_plans.AlreadyWaiting):
        ask(bill, oscar, amount_minor=10_00)
    refunding.decline(row, reason="没有多收", at=ASKED, by=oscar)
    assert (fresh(row).status, CreditNote.objects.count()) == ("declined", 0)
    ask(bill, oscar, amount_minor=10_00)


def test_what_changed_since_is_asked_for_again(bill, olivia, oscar):
    paid_at_provider(bill)
    limit(bill, 0)
    (row,) = ask(bill, olivia)
    crediting.credit(fresh(bill), reason="补偿", at=ASKED, by=oscar, amounts={bill.lines.get().pk: 100})
    with pytest.raises(refunding.Changed):
        refunding.approve(row, at=ASKED, by=oscar)
    assert fresh(row).status == "requested"


def test_a_refund_in_several_ways_is_approved_and_declined_as_one(bill, olivia, oscar):
    paid_at_provider(bill, "alipay", amount=100_00)
    shop.pay(fresh(bill), "99.00", "2026-02-05 10:00")
    limit(bill, 0)
    rows = ask(bill, olivia)
    refunding.decline(rows[1], reason="等客户确认", at=ASKED, by=olivia)
    assert {fresh(row).status for row in rows} == {"declined"}
    rows = ask(bill, olivia)
    refunding.approve(rows[1], at=ASKED, by=oscar)
    assert {fresh(row).status for row in rows} == {"approved"}
    assert CreditNote.objects.get().total_minor == 199_00


def test_the_balance_goes_back_to_the_payments_that_brought_it(bill):
    shop.pay(bill, "299.00", "2026-02-05 10:00")
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-06 10:00")
    top_up(bill.tenant, bill.seller, "5.00", "2026-02-06 10:00", gift=True)
    wallet = bill.tenant.wallets.get()
    rows = refunding.withdraw(wallet, at=ASKED, by=None)
    assert said(rows) == [("transfer", "origin", "approved", 130_00)]
    assert wallets.balance(bill.tenant, bill.seller, "CNY") == wallets.Balance(gift=5_00)
    assert held(bill, "refund_payable") == -130_00
    assert not list(checking.faults())


def test_no_more_than_was_paid_in_is_withdrawn(bill):
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-06 10:00")
    top_up(bill.tenant, bill.seller, "5.00", "2026-02-06 10:00", gift=True)
    wallet = bill.tenant.wallets.get()
    with pytest.raises(wallets.NotEnough):
        refunding.withdraw(wallet, amount_minor=30_01, at=ASKED, by=None)
    # What was topped up by hand has no payment: it goes by bank.
    assert said(refunding.withdraw(wallet, at=ASKED, by=None)) == [("", "origin", "approved", 30_00)]
    with pytest.raises(Invalid):
        refunding.withdraw(wallet, at=ASKED, by=None)


def test_the_limit_of_one_person_is_not_passed_in_small_withdrawals(bill, olivia):
    seller = bill.seller
    seller.refund_limit_minor = 50_00
    seller.save()
    top_up(bill.tenant, seller, "200.00", "2026-02-06 10:00")
    wallet = bill.tenant.wallets.get()
    rows = [refunding.withdraw(fresh(wallet), amount_minor=30_00, at=ASKED, by=olivia)[0] for _turn in range(3)]
    assert [row.status for row in rows] == ["approved", "requested", "requested"]
    later = ASKED + refunding.TOGETHER
    assert refunding.withdraw(fresh(wallet), amount_minor=30_00, at=later, by=olivia)[0].status == "approved"


def test_a_withdrawal_that_is_declined_is_in_the_balance_again(bill, olivia):
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-06 10:00")
    (row,) = refunding.withdraw(bill.tenant.wallets.get(), at=ASKED, by=None, waits=True)
    assert (row.status, wallets.balance(bill.tenant, bill.seller, "CNY").paid) == ("requested", 0)
    refunding.decline(row, reason="账号不符", at=ASKED, by=olivia)
    assert (fresh(row).status, wallets.balance(bill.tenant, bill.seller, "CNY").paid) == ("declined", 30_00)
    assert not list(checking.faults())


def test_what_is_left_after_the_newest_payment_is_withdrawn_from_the_ones_before(bill):
    first = paid_at_provider(bill)
    refunding.request(fresh(bill), to="wallet", reason="降价", at=ASKED, by=None, amount_minor=40_00)
    shop.pay(bill, "20.00", "2026-02-08 10:00", reference="over")
    rows = refunding.withdraw(bill.tenant.wallets.get(), at=ASKED, by=None)
    assert said(rows) == [("transfer", "origin", "approved", 20_00), ("alipay", "origin", "approved", 40_00)]
    assert rows[1].payment == first


def test_the_preview_is_what_is_done(bill):
    paid_at_provider(bill, "alipay", amount=100_00)
    shop.pay(fresh(bill), "99.00", "2026-02-05 10:00")
    seen = refund_plans.plan(fresh(bill), amount_minor=150_00)
    rows = ask(bill, amount_minor=150_00)
    assert [(way.payment, way.amount_minor, way.to) for way in seen.ways] == [
        (row.payment, row.amount_minor, row.to) for row in rows
    ]
    assert {str(pk): amount for pk, amount in seen.takes.items()} == rows[0].lines


def test_all_of_a_payment_goes_back_once(bill):
    payment = paid_at_provider(bill)
    assert said(refunding.return_payment(payment, reason="撤回", at=ASKED)) == [
        ("alipay", "origin", "approved", 199_00)
    ]
    assert refunding.return_payment(payment, reason="撤回", at=ASKED) == []
    assert Refund.objects.count() == 1
