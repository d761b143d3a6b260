"""Programs ask for refunds and follow them: operators' of any settled bill, customers' as far as their plan lets them."""

import pytest

from billing import wallets
from billing.money import Money
from invoices.models import Refund
from tests import shop
from tests.api.conftest import program

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(billed):
    shop.pay(billed.bill, "259.00", "2026-02-03 10:00", reference="T-1")
    billed.bill.refresh_from_db()
    return billed


def ask(caller, body, **headers):
    return caller.post("refunds", body, **headers)


def test_an_operator_refunds_a_part_of_a_bill(paid, operator, customer):
    answer = ask(operator, {"invoice": paid.bill.number, "amount": "59.00", "reason": "补偿"})
    assert answer.status_code == 201, answer.content
    (row,) = answer.json()["results"]
    assert (row["amount"], row["status"], row["way"], row["to"]) == ("59.00", "approved", "transfer", "origin")
    assert (row["invoice"], row["payment"], row["reason"]) == (paid.bill.number, "T-1", "补偿")
    assert customer.get("refunds").json()["results"][0]["reference"] == row["reference"]
    assert customer.get(f"refunds/{row['reference']}").json()["credit_note"]
    other = program(paid.other)
    assert other.get("refunds").json()["results"] == []
    assert other.get(f"refunds/{row['reference']}").status_code == 404


def test_by_line_and_into_the_balance(paid, operator):
    body = {"invoice": paid.bill.number, "lines": {"1": "9.00"}, "to": "wallet", "reason": "补偿"}
    (row,) = ask(operator, body).json()["results"]
    assert (row["amount"], row["status"], row["to"], row["way"]) == ("9.00", "succeeded", "wallet", "wallet")
    assert wallets.balance(paid.acme, paid.seller, "CNY").paid == 9_00


def test_a_repeat_asks_once(paid, operator):
    body = {"invoice": paid.bill.number, "amount": "1.00", "reason": "补偿"}
    for _time in range(2):
        ask(operator, body, Idempotency_Key="k-1")
    assert Refund.objects.count() == 1


def test_above_the_limit_it_waits_for_a_person(paid, operator):
    type(paid.seller).objects.update(refund_limit_minor=0)
    (row,) = ask(operator, {"invoice": paid.bill.number, "reason": "补偿"}).json()["results"]
    assert row["status"] == "requested"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount": "260.00", "reason": "x"}, 400),
        ({"amount": "1.00"}, 400),
        ({"amount": "1.00", "lines": {"1": "1.00"}, "reason": "x"}, 400),
        ({"lines": {"9": "1.00"}, "reason": "x"}, 400),
    ],
)
def test_it_says_what_is_wrong(paid, operator, body, status):
    assert ask(operator, {"invoice": paid.bill.number} | body).status_code == status
    assert not Refund.objects.exists()


def test_a_customer_asks_for_what_its_plan_promises_and_no_more(paid, customer):
    answer = ask(customer, {"invoice": paid.bill.number, "reason": "不用了"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    answer = ask(customer, {"invoice": paid.bill.number, "amount": "1.00", "reason": "不用了"})
    assert answer.status_code == 403
    theirs = shop.bills(paid.other)[0]
    assert ask(customer, {"invoice": theirs.number, "reason": "x"}).status_code == 404


def test_a_customer_takes_its_balance_back(paid, customer):
    shop.pay(paid.bill, "41.00", "2026-02-04 10:00", reference="T-2")
    (row,) = ask(customer, {"amount": "40.00"}).json()["results"]
    assert (row["amount"], row["invoice"], row["payment"], row["status"]) == ("40.00", None, "T-2", "approved")
    answer = ask(customer, {"amount": "1.01"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wallet_too_low")


def test_a_key_that_only_reads_asks_for_nothing(paid):
    reader = program(paid.acme, "read")
    assert ask(reader, {"amount": "1.00"}).status_code == 403


def test_nobody_asks_for_the_balance_of_another(paid, customer):
    wallets.top_up_by_hand(
        paid.other,
        seller=paid.seller,
        amount=Money.of("5.00", "CNY"),
        reason="r",
        key="k",
        at=shop.at("2026-02-03 10:00"),
        by=None,
    )
    assert ask(customer, {"tenant": "other", "amount": "1.00"}).status_code == 404
