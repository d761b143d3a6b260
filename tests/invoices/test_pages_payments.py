"""The page of payments says why an attempt took nothing, and what to do."""

import pytest
from django.utils import translation

from invoices.models import Payment
from invoices.pages import payments
from invoices.providers.port import Failure

FAILED = Payment.Status.FAILED


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("wallet_too_low", "The balance was too low. Top it up"),
        (Failure.BANK, "Your bank declined the payment."),
        ("never heard of", "nothing was taken"),
    ],
)
def test_it_says_why(failure, said):
    with translation.override("en"):
        assert said in payments.why(Payment(status=FAILED, failure=failure))


def test_what_is_no_failure_has_no_reason():
    assert payments.why(Payment(status=Payment.Status.SUCCEEDED)) == ""
