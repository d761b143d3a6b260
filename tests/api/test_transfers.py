"""Programs tell of transfers; operators' programs read what came in at the bank."""

import pytest

from invoices.models import TransferClaim
from tests import shop
from tests.invoices.bank_samples import bank, row

pytestmark = pytest.mark.django_db
BODY = {"amount": "259.00", "paid_on": "2026-02-01", "payer_name": "苏州acme家居有限公司", "last_digits": "5678"}


@pytest.fixture(autouse=True)
def _now(time_machine, billed):
    time_machine.move_to(shop.at("2026-02-02 09:00"), tick=False)


def test_a_customer_tells_of_a_transfer_and_reads_its_state(billed, customer):
    made = customer.post("transfer-claims", BODY)
    assert (made.status_code, made.json()["amount"], made.json()["state"]) == (201, "259.00", "open")
    (one,) = customer.get("transfer-claims").json()["results"]
    assert (one["tenant"], one["payer_name"]) == ("acme", "苏州acme家居有限公司")


def test_a_repeat_is_one_claim(billed, customer):
    for _time in range(2):
        customer.post("transfer-claims", BODY, Idempotency_Key="k-1")
    assert TransferClaim.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [({"last_digits": "12"}, "last_digits"), ({"paid_on": "2026-02-03"}, "paid_on"), ({"colour": "red"}, "colour")],
)
def test_it_says_what_is_wrong(billed, customer, change, path):
    answer = customer.post("transfer-claims", BODY | change)
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, path)


def test_a_customer_sees_no_claim_of_another(billed, customer, operator):
    assert operator.post("transfer-claims", BODY | {"tenant": "other"}).status_code == 201
    assert customer.get("transfer-claims").json()["results"] == []
    assert customer.post("transfer-claims", BODY | {"tenant": "other"}).status_code == 404


def test_operators_read_what_came_in_without_account_numbers(billed, operator, customer):
    bank(billed.seller, row("A1", day="2026-02-01 10:00:00"), at=shop.at("2026-02-02 09:00"))
    (one,) = operator.get("bank-credits").json()["results"]
    assert (one["amount"], one["payer_account"], one["state"], one["payment"]) == ("199.00", "*5678", "unmatched", None)
    assert customer.get("bank-credits").status_code == 403
