"""Programs read a balance and pay from it."""

import pytest

from billing import wallets
from billing.money import Money
from invoices.models import Invoice, Payment
from tests import shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(billed):
    for amount, gift in (("300.00", False), ("20.00", True)):
        wallets.top_up_by_hand(
            shop.Tenant.objects.get(code="acme"),
            seller=billed.seller,
            amount=Money.of(amount, "CNY"),
            reason="预存",
            key=amount,
            gift=gift,
            at=shop.at("2026-01-02 09:00"),
            by=None,
        )
    return Invoice.objects.filter(tenant__code="acme").first()


def test_a_customer_reads_its_balance(filled, customer):
    assert customer.get("wallet").json() == {
        "tenant": "acme",
        "seller": filled.seller.code,
        "currency": "CNY",
        "balance": "320.00",
        "paid": "300.00",
        "gift": "20.00",
    }


def test_an_operator_reads_whose_it_says(filled, operator):
    assert operator.get("wallet?tenant=other").json()["balance"] == "0.00"


def test_a_customer_reads_no_balance_of_another(filled, customer):
    assert customer.get("wallet?tenant=other").status_code == 404


def test_the_statement_runs_along(filled, customer):
    rows = customer.get("wallet/statement").json()["results"]
    assert [(row["kind"], row["paid"], row["gift"], row["balance"]) for row in rows] == [
        ("topped_up", "300.00", "0.00", "300.00"),
        ("topped_up", "0.00", "20.00", "320.00"),
    ]


def test_a_customer_pays_from_the_balance(filled, customer):
    part = customer.post(f"invoices/{filled.number}/pay", {"amount": "100.00"})
    assert (part.status_code, part.json()["amount"], part.json()["method"]) == (201, "100.00", "wallet")
    assert customer.get("wallet").json()["balance"] == "220.00"
    assert customer.get(f"invoices/{filled.number}").json()["paid"] == "100.00"


def test_a_repeat_pays_once(filled, customer):
    for _time in range(2):
        customer.post(f"invoices/{filled.number}/pay", {"amount": "100.00"}, Idempotency_Key="k-1")
    assert Payment.objects.count() == 1


def test_too_little_takes_nothing(filled, customer):
    wallets.spend(
        filled.tenant,
        seller=filled.seller,
        amount=Money.of("320.00", "CNY"),
        source="test",
        source_id=1,
        at=shop.at("2026-01-03 09:00"),
    )
    answer = customer.post(f"invoices/{filled.number}/pay", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wallet_too_low")


def test_nobody_pays_the_bill_of_another(filled, customer):
    theirs = Invoice.objects.filter(tenant__code="other").first()
    assert customer.post(f"invoices/{theirs.number}/pay", {}).status_code == 404


def test_a_customer_sets_below_which_balance_it_is_told(filled, customer):
    assert customer.get("wallet/alert").json() == {
        "below": None,
        "balance": "320.00",
        "announced": "0.00",
        "missing": "0.00",
        "until": None,
    }
    assert customer.put("wallet/alert", {"below": "500"}).json()["below"] == "500.00"
    assert customer.get("wallet/alert").json()["below"] == "500.00"
    assert customer.put("wallet/alert", {"below": "none"}).json()["error"]["path"] == "below"
    assert customer.put("wallet/alert", {"below": None}).json()["below"] is None
