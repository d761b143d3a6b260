"""A payment at a provider: intended, called with one number, settled once; and nothing else is taken meanwhile."""

from datetime import timedelta

import pytest
from django.db import transaction

from billing.models import LedgerTransaction, Posting, Subscription
from invoices import checking, collection, paying
from invoices.models import Allocation, Payment, ProviderMessage
from invoices.providers import gateways
from invoices.providers.port import Report, State
from tenants.errors import Invalid, WrongState
from tenants.models import AuditEntry, Notice
from tests import shop
from tests.invoices.at_provider import NOW, again, begun, bill, billed, deductible, gateway, intend, simulation, sold
from tests.invoices.deducting import holds, top_up

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db
LATER = shop.at("2026-02-03 10:05")
DEDUCTED, NOON = shop.at("2026-02-05 10:00"), shop.at("2026-02-05 12:00")


def paid(payment, at=LATER, **how):
    """Let the payer pay, and hear of it."""
    return paying.settle(payment.pk, gateway(payment).pay(payment.reference, **how), at=at)


def effects():
    """Return how often money was booked, allocated and told of."""
    return (
        LedgerTransaction.objects.filter(source="payment").count(),
        Allocation.objects.count(),
        Notice.objects.filter(kind="payment_received").count(),
        AuditEntry.objects.filter(verb__startswith="payment.received").count(),
    )


def sides(payment):
    rows = Posting.objects.filter(transaction__source="payment", transaction__source_id=payment.pk)
    return dict(rows.values_list("account__kind", "amount_minor"))


def test_the_intent_stands_before_anybody_is_called(bill):
    payment = intend(bill)
    assert (payment.status, payment.called_at, payment.amount_minor) == ("intended", None, 199_00)
    assert [(part.invoice, part.amount_minor, part.live) for part in payment.parts.all()] == [(bill, 199_00, True)]
    assert gateway(payment).calls == []


def test_the_number_suits_both_providers(bill):
    reference = intend(bill).reference
    assert reference.isalnum()
    assert 6 <= len(reference) <= 32


@pytest.mark.parametrize("method", ["alipay", "wechat"])
def test_it_is_paid_booked_at_its_provider_and_told(bill, method):
    payment = begun(bill, method=method)
    assert payment.status == "intended"
    assert payment.reference in payment.pay_address
    payment = paid(payment)
    assert (payment.status, payment.provider_number) == ("succeeded", f"T{payment.reference}")
    assert (payment.received_at, payment.finished_at, payment.ask_at) == (LATER, LATER, None)
    assert again(bill).status == "paid"
    assert sides(payment) == {f"cash_{method}": 199_00, "receivable": -199_00}
    assert Notice.objects.get(kind="payment_received").payload["bills"][0]["number"] == bill.number
    assert list(checking.faults()) == []


def test_the_time_is_the_provider_s(bill):
    payment = begun(bill)
    report = gateway(payment).pay(payment.reference, at=LATER)
    payment = paying.settle(payment.pk, report, at=shop.at("2026-02-03 11:00"))
    assert (payment.received_at, payment.finished_at) == (LATER, shop.at("2026-02-03 11:00"))


def test_a_second_report_of_the_same_has_no_effect(bill):
    payment = begun(bill)
    report = gateway(payment).pay(payment.reference)
    for _turn in range(3):
        paying.settle(payment.pk, report, at=LATER)
    for state in (State.WAITING, State.FAILED, State.CLOSED, State.MISSING):
        paying.settle(payment.pk, Report(state, payment.reference), at=LATER)
    assert effects() == (1, 1, 1, 1)
    assert again(payment).status == "succeeded"
    assert list(checking.faults()) == []


def test_it_restores_service(bill):
    collection.mark_overdue(at=shop.at("2026-03-20 00:00"))
    assert Subscription.objects.get().status == "past_due"
    paid(begun(bill, at=shop.at("2026-03-20 09:00")), at=shop.at("2026-03-20 09:01"))
    assert Subscription.objects.get().status == "active"


def test_a_part_settles_a_part(bill):
    paid(begun(bill, bills={bill.pk: 100_00}))
    assert (again(bill).status, bill.due_minor) == ("open", 99_00)
    paid(begun(bill))
    assert (again(bill).status, bill.due_minor) == ("paid", 0)
    assert list(checking.faults()) == []


@pytest.mark.parametrize("amount", [0, -1, 199_01])
def test_no_more_than_is_due_can_be_asked_for(bill, amount):
    with pytest.raises(Invalid, match=r"199\.00"):
        intend(bill, bills={bill.pk: amount})
    assert not Payment.objects.exists()


def test_one_payment_settles_several_bills(simulation):
    bills = billed(sold(), plans=3)
    payment = begun(*bills)
    assert (payment.amount_minor, payment.invoice) == (597_00, None)
    payment = paid(payment)
    assert {again(bill).status for bill in bills} == {"paid"}
    assert sides(payment) == {"cash_alipay": 597_00, "receivable": -597_00}
    assert list(checking.faults()) == []


def test_a_top_up_goes_into_the_wallet(bill):
    payment = begun(bill, bills=None, top_up_minor=500_00)
    assert payment.purpose == "top_up"
    payment = paid(payment)
    assert holds(bill.tenant) == 500_00
    assert sides(payment) == {"cash_alipay": 500_00, "wallet": -500_00}
    assert again(bill).due_minor == 199_00
    assert list(checking.faults()) == []


def test_bills_and_a_top_up_go_together(bill):
    payment = paid(begun(bill, top_up_minor=1_00))
    assert (payment.amount_minor, again(bill).status, holds(bill.tenant)) == (200_00, "paid", 1_00)
    assert list(checking.faults()) == []


def test_what_a_bill_owes_no_more_goes_into_the_wallet(bill):
    payment = begun(bill)
    shop.pay(bill, "150.00", "2026-02-03 10:01")
    paid(payment)
    assert (again(bill).status, holds(bill.tenant)) == ("paid", 150_00)
    assert list(checking.faults()) == []


def test_nothing_is_paid_of_a_bill_that_is_settled_or_of_another_customer(bill):
    (other,) = billed(bill.seller, "other")
    with pytest.raises(WrongState):
        intend(bill, bills={other.pk: None})
    shop.pay(bill, "199.00", "2026-02-03 10:01")
    with pytest.raises(WrongState):
        intend(bill)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"bills": None}, Invalid),
        ({"bills": None, "top_up_minor": 0}, Invalid),
        ({"method": "paypal"}, gateways.NoProvider),
        ({"product": "debit"}, Invalid),
    ],
)
def test_it_refuses_what_makes_no_sense(bill, asked, error):
    with pytest.raises(error):
        intend(bill, **asked)


def test_a_seller_without_an_account_has_no_such_way():
    (bill,) = billed(sold())
    with pytest.raises(gateways.NoProvider):
        intend(bill)


def test_providers_take_yuan_only(bill):
    asked = {"seller": bill.seller, "method": "alipay", "product": "qr", "at": NOW, "by": None}
    with pytest.raises(Invalid) as refusal:
        paying.intend(bill.tenant, currency="USD", top_up_minor=100, **asked)
    assert refusal.value.field == "currency"


def test_one_payment_at_a_time_for_a_bill(bill):
    first = intend(bill)
    with pytest.raises(paying.UnderWay) as refusal:
        intend(bill)
    assert refusal.value.context["payment"] == first.pk
    assert refusal.value.code == "payment_under_way"


def test_the_balance_is_not_taken_for_a_bill_under_way(bill):
    top_up(bill.tenant, bill.seller, "500.00", "2026-02-03 09:00")
    payment = begun(bill)
    with pytest.raises(paying.UnderWay):
        collection.pay_now(bill, at=LATER, by=None)
    assert paying.abandon(payment, at=LATER, by=None).status == "failed"
    collection.pay_now(bill, at=LATER, by=None)
    assert (again(bill).status, holds(bill.tenant)) == ("paid", 301_00)


@pytest.mark.parametrize("status", ["intended", "unknown"])
def test_nothing_is_deducted_while_a_payment_is_under_way(simulation, status):
    bill = deductible(sold())
    simulation.default = "timeout" if status == "unknown" else "wait"
    payment = begun(bill, at=DEDUCTED)
    assert payment.status == status
    top_up(bill.tenant, bill.seller, "500.00", "2026-02-05 11:00")
    done = collection.collect(at=NOON)
    assert (done.paid, done.held, holds(bill.tenant)) == (0, 1, 500_00)
    simulation.default = "wait"
    paying.abandon(payment, at=NOON, by=None)
    assert collection.collect(at=NOON).paid == 1
    assert holds(bill.tenant) == 301_00


def test_a_confirmed_purchase_is_not_paid_twice(simulation):
    bill = deductible(sold())
    top_up(bill.tenant, bill.seller, "500.00", "2026-02-05 09:00")
    payment = begun(bill, at=DEDUCTED)
    assert collection.pay_confirmed([bill.pk], at=bill.issued_at, by=None) == []
    paying.abandon(payment, at=NOON, by=None)
    assert collection.pay_confirmed([bill.pk], at=bill.issued_at, by=None) == [bill.pk]


def test_a_refusal_is_a_failure_and_frees_the_bill(bill, simulation):
    simulation.default = "decline"
    payment = begun(bill)
    assert (payment.status, payment.failure, payment.ask_at) == ("failed", "declined", None)
    simulation.default = "wait"
    assert begun(bill).status == "intended"


def test_no_answer_is_a_state_of_its_own(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    assert (payment.status, payment.ask_at) == ("unknown", NOW + timedelta(seconds=30))
    with pytest.raises(paying.UnderWay):
        intend(bill)


def test_an_order_without_an_address_may_be_begun_again_under_its_number(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    simulation.default = "wait"
    again_begun = paying.begin(payment, at=LATER)
    assert (again_begun.status, again_begun.reference) == ("intended", payment.reference)
    assert again_begun.pay_address
    assert [call for call in gateway(payment).calls if call[0] == "begin"] == [("begin", payment.reference)] * 2


def test_a_refusal_of_a_second_call_does_not_say_what_the_first_one_did(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    simulation.default = "decline"
    gateway(payment).orders.clear()
    assert paying.begin(payment, at=LATER).status == "unknown"


def test_an_address_is_not_asked_for_twice(bill):
    payment = begun(bill)
    assert paying.begin(payment, at=LATER).pay_address == payment.pay_address
    assert [name for name, _number in gateway(payment).calls] == ["begin"]


def test_it_does_not_call_inside_a_transaction(bill):
    payment = intend(bill)
    token = gateways.instead.set(None)
    try:
        with transaction.atomic(), pytest.raises(paying.InsideTransaction):
            paying.begin(payment, at=NOW)
    finally:
        gateways.instead.reset(token)


def test_a_foreign_amount_settles_nothing_and_raises_the_alarm(bill):
    payment = begun(bill)
    for _turn in range(2):
        payment = paid(payment, amount_minor=198_99)
        assert payment.status == "unknown"
    assert again(bill).due_minor == 199_00
    kept = ProviderMessage.objects.get()
    assert (kept.verdict, kept.reason, kept.payment) == ("refused", "other_amount", payment)
    with pytest.raises(paying.UnderWay):
        intend(bill)
    assert list(checking.faults()) == []


def test_a_success_without_an_amount_or_of_another_order_is_not_believed(bill):
    payment = begun(bill)
    for report in (
        Report(State.SUCCEEDED, payment.reference, "T1", None),
        Report(State.SUCCEEDED, "other", "T1", 199_00),
    ):
        assert paying.settle(payment.pk, report, at=LATER).status == "unknown"
    assert set(ProviderMessage.objects.values_list("reason", flat=True)) == {"other_amount", "other_order"}


def test_one_payment_of_the_provider_pays_one_of_ours(bill):
    (other,) = billed(bill.seller, "other")
    paid(begun(bill))
    number = Payment.objects.get().provider_number
    second = begun(other)
    said = Report(State.SUCCEEDED, second.reference, number, 199_00)
    assert paying.settle(second.pk, said, at=LATER).status == "unknown"
    assert ProviderMessage.objects.get().reason == "number_of_another"


def test_what_was_closed_here_and_paid_there_is_booked(bill):
    payment = begun(bill)
    paying.settle(payment.pk, Report(State.CLOSED, payment.reference), at=LATER)
    assert (again(payment).status, payment.failure) == ("failed", "closed")
    payment = paid(payment)
    assert (payment.status, payment.failure, again(bill).status) == ("succeeded", "", "paid")
    assert AuditEntry.objects.filter(verb="payment.received_late").count() == 1
    assert list(checking.faults()) == []


def test_what_was_closed_here_and_paid_twice_goes_into_the_wallet(bill):
    first = begun(bill)
    paying.abandon(first, at=LATER, by=None)
    paid(begun(bill, method="wechat"))
    paid(first)
    assert (again(bill).status, holds(bill.tenant)) == ("paid", 199_00)
    assert list(checking.faults()) == []


def test_what_was_closed_while_another_is_under_way_does_not_touch_that_one(bill):
    first = begun(bill)
    paying.abandon(first, at=LATER, by=None)
    second = begun(bill, method="wechat")
    paid(first)
    assert [part.live for part in second.parts.all()] == [True]
    paid(second)
    assert (again(bill).status, holds(bill.tenant)) == ("paid", 199_00)


def test_abandoning_what_was_paid_meanwhile_books_it(bill):
    payment = begun(bill)
    gateway(payment).pay(payment.reference)
    assert paying.abandon(payment, at=LATER, by=None).status == "succeeded"
    assert again(bill).status == "paid"


def test_abandoning_without_an_answer_keeps_it_under_way(bill, simulation):
    payment = begun(bill)
    simulation.default = "timeout"
    assert paying.abandon(payment, at=LATER, by=None).status == "unknown"
    with pytest.raises(paying.UnderWay):
        intend(bill)


def test_abandoning_what_was_never_called_calls_nobody(bill):
    payment = paying.abandon(intend(bill), at=LATER, by=None)
    assert (payment.status, payment.failure) == ("failed", "closed")
    assert gateway(payment).calls == []
    assert paying.begin(payment, at=LATER).status == "failed"
    with pytest.raises(WrongState):
        paying.abandon(payment, at=LATER, by=None)


def test_an_adapter_that_breaks_leaves_it_to_be_asked_for(bill, monkeypatch):
    payment = intend(bill)
    monkeypatch.setattr(type(gateway(payment)), "begin", lambda self, order: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        paying.begin(payment, at=NOW)
    assert (again(payment).status, payment.ask_at is not None) == ("intended", True)
