"""Somebody tells us that money came in: nobody is believed whose word cannot be proven."""

from dataclasses import replace
from datetime import timedelta

import pytest

from invoices import checking
from invoices.models import Payment
from invoices.providers.port import Report, State
from tests.invoices.at_provider import again, begun, bill, simulation
from tests.invoices.test_hearing import LATER, account, effects, hear, kept, told

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(bill):
    return begun(bill)


def refused(payment, callback, reason):
    """The message is answered with a failure, kept with its reason, and has no effect at all."""
    assert hear(payment, callback).body == "failure"
    assert kept()[-1] == ("refused", reason)
    assert effects() == (0, 0, 0)
    assert again(payment).invoice.due_minor == 199_00
    assert list(checking.faults()) == []


def test_it_refuses_a_forged_callback(payment):
    """Somebody who knows the address of our callbacks says that a bill was paid; the signature is not the provider's."""
    refused(payment, replace(told(payment), headers={"Signature": "0"}), "signature")


def test_it_refuses_a_callback_that_was_changed_on_its_way(payment):
    """Somebody on the way turns 199.00 into 199.01 in a true message; what was signed is no longer what is said."""
    true = told(payment)
    refused(payment, replace(true, body=true.body.replace(b"19900", b"19901")), "signature")


@pytest.mark.parametrize("moved", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_it_refuses_a_callback_at_a_shifted_clock(payment, moved):
    """A true message is played again later, or comes from a clock that runs ahead: more than five minutes are not fresh."""
    refused(payment, replace(told(payment), at=LATER + moved), "stale")


def test_it_refuses_a_callback_for_another_merchant(payment):
    """A true payment to somebody else is shown to us as ours; the merchant is another one."""
    refused(payment, told(payment, merchant="another"), "merchant")


def test_it_refuses_a_callback_of_another_amount(payment):
    """One fen less was paid than the bill asks for; nothing is settled, and somebody looks at it."""
    refused(payment, told(payment, Report(State.SUCCEEDED, payment.reference, "T1", 198_99)), "other_amount")
    assert again(payment).status == Payment.Status.UNKNOWN


def test_it_refuses_a_callback_for_an_order_that_was_never_begun(payment):
    """Somebody pays a number that we never gave out; there is no such order."""
    refused(payment, told(payment, Report(State.SUCCEEDED, "never-begun", "T1", 199_00)), "unknown_order")


def test_it_refuses_to_book_one_payment_twice(payment):
    """The provider says three times that a bill was paid; it is booked once, and the repeats are only answered."""
    callback = told(payment)
    assert [hear(payment, callback).body for _turn in range(3)] == ["success"] * 3
    assert [verdict for verdict, _reason in kept()] == ["accepted", "repeated", "repeated"]
    assert effects() == (1, 1, 1)
    assert account(payment).provider == "alipay"
