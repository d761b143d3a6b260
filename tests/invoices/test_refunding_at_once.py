"""Several people and workers at once at one refund: one decision, one call, one effect, and no deadlock."""

import pytest
from django.contrib.auth import get_user_model

from billing import wallets
from billing.models import LedgerTransaction
from invoices import checking, refund_plans, refunding, returning
from invoices.models import CreditNote, Refund
from invoices.providers import gateways
from invoices.providers.port import Returned, State
from tenants.errors import DomainError
from tests.invoices.at_provider import billed, simulation, sold
from tests.invoices.deducting import top_up
from tests.invoices.refunds import ASKED, SENT, fresh, paid_at_provider, provider_of
from tests.usage.test_at_once import at_once

__all__ = ["simulation"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]


@pytest.fixture
def bill(simulation):
    (made,) = billed(sold())
    paid_at_provider(made)
    return fresh(made)


@pytest.fixture
def people(db):
    make = get_user_model().objects.create_user
    return [make(f"{name}@qingyu.example", "-", name=name) for name in ("olivia", "oscar", "orla")]


def together(simulation, *work):
    """Do all of it at once; a refusal is an answer too."""

    def piece(do):
        def run():
            with gateways.using(simulation):
                try:
                    return do()
                except DomainError as refusal:
                    return refusal.code

        return run

    return at_once(*[piece(do) for do in work])


@pytest.fixture
def waiting(bill, people):
    type(bill.seller).objects.update(refund_limit_minor=0)
    (row,) = refunding.request(bill, reason="多收了", at=ASKED, by=people[0])
    return row


def test_two_operators_approve_once(simulation, waiting, people):
    def approve(person):
        return lambda: refunding.approve(waiting, at=ASKED, by=person)[0].approved_by.name

    done = together(simulation, approve(people[1]), approve(people[2]))
    assert sorted(done)[1] == "wrong_state"
    assert sorted(done)[0] == fresh(waiting).approved_by.name
    assert CreditNote.objects.count() == 1
    assert list(checking.faults()) == []


def test_it_is_approved_or_declined(simulation, waiting, people):
    done = together(
        simulation,
        lambda: refunding.approve(waiting, at=ASKED, by=people[1])[0].status,
        lambda: refunding.decline(waiting, reason="不用退", at=ASKED, by=people[2])[0].status,
    )
    assert "wrong_state" in done
    assert fresh(waiting).status in done
    assert CreditNote.objects.count() == (waiting.status == "approved")


def test_two_operators_refund_no_more_than_is_there(simulation, bill):
    def ask():
        return refunding.request(bill, reason="多收了", at=ASKED, by=None, amount_minor=150_00)[0].status

    done = together(simulation, ask, ask)
    assert sorted(done) == ["approved", "invalid"]
    assert list(checking.faults()) == []


def test_one_of_two_waits(simulation, bill, people):
    type(bill.seller).objects.update(refund_limit_minor=0)

    def ask(person):
        return lambda: refunding.request(bill, reason="多收了", at=ASKED, by=person)[0].status

    assert sorted(together(simulation, ask(people[0]), ask(people[1]))) == [
        refund_plans.AlreadyWaiting.code,
        "requested",
    ]


def test_two_workers_and_a_callback_have_one_effect(simulation, bill):
    (row,) = refunding.request(bill, reason="多收了", at=ASKED, by=None)
    simulation.behave("acme", "approve")

    def work():
        return returning.send(at=SENT)

    assert sorted(together(simulation, work, work, work)) == [0, 0, 1]
    assert [call for call, number in provider_of(row).calls if number == row.reference] == ["give_back"]
    report = Returned(State.SUCCEEDED, row.reference, amount_minor=row.amount_minor)

    def hear():
        return returning.settle(row.reference, "alipay", report, at=SENT).status

    assert set(together(simulation, hear, hear)) == {"succeeded"}
    assert LedgerTransaction.objects.filter(source="refund").count() == 1
    assert fresh(row.payment).returned_minor == 199_00
    assert list(checking.faults()) == []


def test_the_balance_is_withdrawn_once(simulation, bill):
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-06 10:00")
    wallet = bill.tenant.wallets.get()

    def withdraw():
        return refunding.withdraw(wallet, at=ASKED, by=None)[0].amount_minor

    assert sorted(map(str, together(simulation, withdraw, withdraw))) == ["3000", "invalid"]
    assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 0
    assert Refund.objects.count() == 1
    assert list(checking.faults()) == []
