"""A process ends at any moment of a refund; the worker runs again, and nothing is lost and nothing is paid out twice."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from billing import wallets
from invoices import checking, hearing, refunding, returning
from invoices.models import CreditNote, Refund
from invoices.providers import gateways
from invoices.providers.port import Kind, State
from tests.faults.killing import World, points
from tests.faults.test_paying import account, bill_of
from tests.invoices.at_provider import NOW, sold
from tests.invoices.refunds import fresh, paid_at_provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
MINUTE = timedelta(minutes=1)
LATER = (MINUTE, 15 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    with gateways.using(made):
        yield made


@pytest.fixture
def qingyu(world):
    return sold()


def behave(world, behaviour):
    world.simulation.default = behaviour


def paid(sold_by, point):
    bill = bill_of(sold_by, point)
    paid_at_provider(bill, at=NOW)
    return fresh(bill)


def asked(bill):
    """Return the refund of the bill, asked for anew where nobody remembers that it was."""
    rows = Refund.objects.filter(invoice=bill)
    if not rows:
        refunding.request(bill, reason="多收了", at=NOW, by=None)
    (row,) = rows.all()
    return row


def worker():
    for after in LATER:
        returning.send(at=NOW + after)


def paid_out(row):
    """Return what the provider paid out in all for a bill's payment."""
    there = gateways.gateway_for(row.seller, "alipay")
    return sum(
        one.amount_minor
        for one in there.refunds.values()
        if one.state is State.SUCCEEDED and there.refunded[one.reference] == row.payment.reference
    )


def nothing_lost_nothing_twice(bill):
    row = asked(bill)
    worker()
    row.refresh_from_db()
    assert (row.status, row.to, row.payment.returned_minor, paid_out(row)) == ("succeeded", "origin", 199_00, 199_00)
    assert CreditNote.objects.filter(invoice=bill).count() == 1
    assert list(checking.faults()) == []


def test_a_refund_from_its_request_to_its_arrival(world, qingyu):
    made = {}

    def work(point):
        behave(world, "wait")
        bill = made["bill"] = paid(qingyu, point)
        behave(world, "approve")

        def refund():
            refunding.request(bill, reason="多收了", at=NOW, by=None)
            returning.send(at=NOW)

        return refund

    for _point in points(work):
        nothing_lost_nothing_twice(made["bill"])


def test_a_refund_whose_answer_is_lost(world, qingyu):
    made = {}

    def work(point):
        behave(world, "wait")
        bill = made["bill"] = paid(qingyu, point)
        refunding.request(bill, reason="多收了", at=NOW, by=None)
        behave(world, "timeout_then_approve")

        def send():
            returning.send(at=NOW)
            returning.send(at=NOW + MINUTE)

        return send

    for _point in points(work):
        nothing_lost_nothing_twice(made["bill"])


def test_a_callback_of_a_refund(world, qingyu):
    account(qingyu)
    made = {}

    def work(point):
        behave(world, "wait")
        bill = made["bill"] = paid(qingyu, point)
        refunding.request(bill, reason="多收了", at=NOW, by=None)
        returning.send(at=NOW)
        behave(world, "approve")

        def hear():
            row = Refund.objects.get(invoice=bill)
            there = gateways.gateway_for(row.seller, "alipay")
            report = there.ask_refund(returning._asked(row))
            told = there.told(report, at=NOW + MINUTE, kind=Kind.REFUND)
            assert hearing.hear(account(qingyu).pk, "alipay", told).body == "success"

        return hear

    for _point in points(work):
        nothing_lost_nothing_twice(made["bill"])


def test_a_way_that_is_gone(world, qingyu):
    made = {}

    def work(point):
        behave(world, "wait")
        bill = made["bill"] = paid(qingyu, point)
        refunding.request(bill, reason="多收了", at=NOW, by=None)
        behave(world, "decline")
        return lambda: returning.send(at=NOW)

    for _point in points(work):
        bill = made["bill"]
        worker()
        row = Refund.objects.get(invoice=bill)
        assert (row.status, row.to, row.payment.returned_minor) == ("succeeded", "wallet", 0)
        assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 199_00
        assert list(checking.faults()) == []


def test_an_approval_by_a_second_person(world, qingyu):
    type(qingyu).objects.update(refund_limit_minor=0)
    people = [get_user_model().objects.create_user(f"{name}@qingyu.example", "-") for name in ("olivia", "oscar")]
    made = {}

    def work(point):
        behave(world, "wait")
        bill = made["bill"] = paid(qingyu, point)
        (row,) = refunding.request(bill, reason="多收了", at=NOW, by=people[0])
        behave(world, "approve")
        return lambda: refunding.approve(row, at=NOW, by=people[1])

    for _point in points(work):
        row = Refund.objects.get(invoice=made["bill"])
        if row.status == "requested":
            assert not CreditNote.objects.filter(invoice=made["bill"]).exists()
            refunding.approve(row, at=NOW, by=people[1])
        nothing_lost_nothing_twice(made["bill"])
