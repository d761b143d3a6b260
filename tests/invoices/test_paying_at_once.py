"""Several connections at once at one payment: whoever comes first, there is one effect, and no deadlock."""

import pytest

from invoices import asking, checking, collection, hearing, paying
from invoices.models import Allocation, Payment, ProviderMessage
from invoices.providers import gateways
from tests import shop
from tests.invoices.at_provider import NOW, again, begun, bill, billed, gateway, intend, simulation, sold
from tests.invoices.deducting import holds, top_up
from tests.invoices.test_hearing import LATER, account, effects, told
from tests.invoices.test_paying_by_debit import debit, mandate
from tests.usage.test_at_once import at_once

__all__ = ["bill", "mandate", "simulation"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]


def together(simulation, *work):
    """Do all of it at once; a refusal is an answer too."""

    def piece(do):
        def run():
            with gateways.using(simulation):
                try:
                    return do()
                except paying.UnderWay as refusal:
                    return refusal.code

        return run

    return at_once(*[piece(do) for do in work])


def test_callback_and_query_at_the_same_moment_have_one_effect(bill, simulation):
    payment = begun(bill)
    callback, known = told(payment), account(payment)

    def by_callback():
        return hearing.hear(known.pk, "alipay", callback).body

    def by_query():
        return asking.ask(at=LATER, payments=[payment])

    done = together(simulation, by_callback, by_query, by_callback, by_query)
    assert (done[0], done[2]) == ("success", "success")
    assert effects() == (1, 1, 1)
    verdicts = ProviderMessage.objects.order_by("pk").values_list("verdict", flat=True)
    assert list(verdicts) == ["accepted", "repeated"]
    assert again(bill).status == "paid"
    assert list(checking.faults()) == []


def test_of_two_payments_of_one_bill_one_is_begun(bill, simulation):
    done = together(simulation, lambda: intend(bill).status, lambda: intend(bill, method="wechat").status)
    assert sorted(done) == ["intended", "payment_under_way"]
    assert Payment.objects.count() == 1


def test_a_bill_is_paid_from_the_balance_or_at_a_provider(bill, simulation):
    top_up(bill.tenant, bill.seller, "500.00", "2026-02-03 09:00")

    def from_balance():
        return collection.pay_now(bill, at=NOW, by=None).status

    def at_provider():
        try:
            return intend(bill).status
        except paying.WrongState as refusal:
            return refusal.code

    done = together(simulation, from_balance, at_provider)
    assert sorted(done) in (["intended", "payment_under_way"], ["succeeded", "wrong_state"])
    assert list(checking.faults()) == []


def test_a_transfer_in_the_same_moment_leaves_the_rest_in_the_wallet(bill, simulation):
    payment = begun(bill)
    report = gateway(payment).pay(payment.reference)
    together(
        simulation,
        lambda: paying.settle(payment.pk, report, at=LATER),
        lambda: shop.pay(bill, "199.00", "2026-02-03 10:01"),
    )
    assert (again(bill).status, holds(bill.tenant), Allocation.objects.count()) == ("paid", 199_00, 1)
    assert list(checking.faults()) == []


def test_a_debit_is_called_for_once_by_two_workers(bill, mandate, simulation):
    payment = debit(bill, mandate)
    simulation.default = "approve"
    together(simulation, *[lambda: paying.begin(payment, at=NOW)] * 3)
    assert [call for call, _number in gateway(payment).calls] == ["debit"]
    assert effects() == (1, 1, 1)


def test_two_ticks_ask_for_different_payments(simulation):
    sold_by = sold()
    begun_all = [begun(bill) for n in range(4) for bill in billed(sold_by, f"acme{n}")]
    together(simulation, *[lambda: asking.ask(at=LATER)] * 3)
    asked = [number for call, number in gateway(begun_all[0]).calls if call == "ask"]
    assert sorted(asked) == sorted(payment.reference for payment in begun_all)
