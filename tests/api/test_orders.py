"""Programs pay through a provider."""

import pytest

from invoices import paying
from invoices.models import Invoice, Payment
from invoices.providers import gateways
from tests import shop
from tests.invoices.at_provider import simulated

pytestmark = pytest.mark.django_db


@pytest.fixture
def bill(billed):
    with simulated():
        yield Invoice.objects.filter(tenant__code="acme").first()


def body(bill, **more):
    return {"method": "alipay", "invoices": {bill.number: None}} | more


def test_a_customer_begins_a_payment_and_reads_where_it_is(bill, customer):
    begun = customer.post("orders", body(bill))
    assert begun.status_code == 201
    said = begun.json()
    assert (said["amount"], said["status"], said["product"]) == (str(bill.due_minor / 100) + "0", "intended", "qr")
    assert said["pay_address"]
    payment = Payment.objects.get(reference=said["reference"])
    provider = gateways.gateway_for(payment.seller, payment.provider)
    paying.settle(payment.pk, provider.pay(payment.reference), at=shop.at("2026-03-01 10:00"))
    assert customer.get(f"orders/{said['reference']}").json()["status"] == "succeeded"
    assert customer.get(f"invoices/{bill.number}").json()["due"] == "0.00"


def test_a_repeat_under_the_same_key_is_the_first_one(bill, customer):
    first = customer.post("orders", body(bill), Idempotency_Key="once")
    again = customer.post("orders", body(bill), Idempotency_Key="once")
    assert first.json()["reference"] == again.json()["reference"]
    assert Payment.objects.filter(method="alipay").count() == 1


def test_a_bill_that_is_being_paid_is_refused_until_it_is_stopped(bill, customer):
    first = customer.post("orders", body(bill)).json()
    assert customer.post("orders", body(bill, method="wechat")).status_code == 409
    assert customer.post(f"orders/{first['reference']}/stop", None).json()["status"] == "failed"
    assert customer.post("orders", body(bill, method="wechat")).status_code == 201


def test_the_balance_is_topped_up(bill, customer):
    said = customer.post("orders", {"method": "wechat", "top_up": "88.00"}).json()
    assert (said["purpose"], said["amount"], said["invoices"]) == ("top_up", "88.00", [])


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"invoices": {}}, "invoices"),
        ({"top_up": "5"}, "invoices"),
        ({"method": "cash"}, "method"),
        ({"odd": 1}, "odd"),
    ],
)
def test_it_names_what_is_wrong(bill, customer, more, field):
    answer = customer.post("orders", body(bill, **more))
    assert answer.status_code == 400
    assert field in answer.content.decode()
    assert not Payment.objects.filter(method="alipay").exists()


def test_nobody_pays_or_reads_what_is_another_s(bill, customer, operator):
    theirs = Invoice.objects.exclude(tenant=bill.tenant).first()
    assert customer.post("orders", body(theirs)).status_code == 404
    said = operator.post("orders", body(theirs, tenant=theirs.tenant.code)).json()
    assert customer.get(f"orders/{said['reference']}").status_code == 404
