"""A debit is a payment that ends with its call: called for once, under a right that is still in force."""

import pytest

from invoices import paying
from invoices.intending import Withdrawn
from invoices.models import Mandate
from invoices.providers.port import Failure
from tenants import agreements
from tests import shop
from tests.invoices.at_provider import NOW, again, bill, gateway, intend, simulation

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db
LATER = shop.at("2026-02-03 10:05")


@pytest.fixture
def mandate(bill):
    given = agreements.authorise(bill.tenant, seller=bill.seller, text="t", text_version="1", at=NOW, by=None)
    return Mandate.objects.create(
        tenant=bill.tenant,
        seller=bill.seller,
        currency="CNY",
        provider="alipay",
        authorisation=given,
        number="M1",
        provider_number="C1",
        status="active",
        single_minor=500_00,
        created_at=NOW,
        signed_at=NOW,
    )


def debit(bill, mandate):
    more = {"product": "debit", "mandate": mandate, "authorisation": mandate.authorisation, "basis": "confirmed"}
    return intend(bill, **more)


def test_a_debit_succeeds_with_its_call(bill, mandate, simulation):
    simulation.default = "approve"
    payment = paying.begin(debit(bill, mandate), at=NOW)
    assert (payment.status, payment.expires_at, again(bill).status) == ("succeeded", None, "paid")


def test_a_debit_is_called_for_once(bill, mandate, simulation):
    simulation.default = "timeout"
    payment = paying.begin(debit(bill, mandate), at=NOW)
    simulation.default = "approve"
    assert paying.begin(payment, at=LATER).status == "unknown"
    assert gateway(payment).calls == [("debit", payment.reference)]


def test_a_debit_that_is_accepted_is_under_way(bill, mandate):
    assert paying.begin(debit(bill, mandate), at=NOW).status == "intended"


def test_nothing_is_intended_under_a_withdrawn_authorisation(bill, mandate):
    agreements.withdraw(mandate.authorisation, at=NOW, by=None)
    with pytest.raises(Withdrawn):
        debit(bill, mandate)


@pytest.mark.parametrize("what", ["authorisation", "mandate"])
def test_nothing_is_debited_when_the_right_ended_before_the_call(bill, mandate, what):
    payment = debit(bill, mandate)
    if what == "authorisation":
        agreements.withdraw(mandate.authorisation, at=NOW, by=None)
    else:
        Mandate.objects.update(status="ended", ended_at=NOW, ended_by="customer")
    payment = paying.begin(payment, at=LATER)
    assert (payment.status, payment.failure) == ("failed", Failure.NO_CONTRACT)
    assert gateway(payment).calls == []
