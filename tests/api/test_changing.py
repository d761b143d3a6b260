"""Programs change subscriptions as members do: look, confirm what was shown, once per Idempotency-Key."""

import pytest
import time_machine

from billing.models import Change, Subscription
from invoices.models import Invoice
from tests import shop
from tests.api.conftest import program
from tests.api.test_writing import error

pytestmark = pytest.mark.django_db
NOON = shop.at("2026-02-15 12:00")
SEATS = {"do": "set_quantity", "price": "seat", "quantity": "5"}


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def path(billed) -> str:
    return f"subscriptions/{Subscription.objects.get(tenant=billed.acme).pk}"


def test_it_previews_and_confirms_exactly_that(customer, path):
    seen = customer.post(f"{path}/previews", SEATS)
    assert seen.status_code == 200, seen.content
    said = seen.json()
    # Two more seats for 14 of 28 days: 100.00 × 14 ÷ 28 − 60.00 × 14 ÷ 28.
    assert (said["total"], said["credited"], said["currency"]) == ("20.00", "0.00", "CNY")
    assert [(line["price"], line["amount"], line["period"]) for line in said["lines"]] == [
        ("seat", "20.00", ["2026-02-15", "2026-03-01"])
    ]
    assert said["next_bill"] == {"on": "2026-03-01", "total": "299.00"}
    assert said["next_bill_before"] == {"on": "2026-03-01", "total": "259.00"}
    assert not Change.objects.exists()
    done = customer.post(f"{path}/changes", SEATS | {"held": said["held"]})
    assert done.status_code == 201, done.content
    (number,) = done.json()["invoices"]
    assert Invoice.objects.get(number=number).total_minor == 2000
    assert done.json()["change"]["effective"] == "2026-02-15"


def test_it_refuses_what_was_not_shown(customer, path):
    held = customer.post(f"{path}/previews", SEATS).json()["held"]
    customer.post(f"{path}/changes", {"do": "add_module", "price": "extra"})
    refused = error(customer.post(f"{path}/changes", SEATS | {"held": held}), 409)
    assert refused["code"] == "stale_preview"
    assert Change.objects.count() == 1


def test_it_does_a_repeated_request_once(customer, path):
    for _time in range(2):
        answer = customer.post(f"{path}/changes", {"do": "add_module", "price": "extra"}, Idempotency_Key="k-1")
        assert answer.status_code == 201, answer.content
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert Change.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"do": "dance"}, 400, "do"),
        ({}, 400, "do"),
        ({"do": "set_quantity", "price": "seat"}, 400, "quantity"),
        ({"do": "set_quantity", "price": "none", "quantity": "1"}, 400, "price"),
        ({"do": "set_quantity", "price": "seat", "quantity": "-1"}, 400, "quantity"),
        ({"do": "set_quantity", "price": "seat", "quantity": "many"}, 400, "quantity"),
        ({"do": "keep", "plan": "standard"}, 400, "plan"),
        ({"do": "change_plan", "plan": "none"}, 404, "plan"),
        ({"do": "change_plan", "plan": "standard", "when": "soon"}, 400, "when"),
        ({"do": "redeem", "coupon": "NONE"}, 404, "coupon"),
        ({"do": "cancel", "why": "x"}, 400, "why"),
    ],
)
@pytest.mark.parametrize("at", ["changes", "previews"])
def test_it_names_what_is_wrong(customer, path, body, status, where, at):
    assert error(customer.post(f"{path}/{at}", body), status)["path"] == where
    assert not Change.objects.exists()


def test_it_lists_changes_and_those_that_wait(customer, path):
    customer.post(f"{path}/changes", {"do": "add_module", "price": "extra"})
    customer.post(f"{path}/changes", {"do": "cancel"})
    kinds = [row["kind"] for row in customer.get(f"{path}/changes").json()["results"]]
    assert kinds == ["cancel", "quantity"]
    (waits,) = customer.get(f"{path}/changes?status=scheduled").json()["results"]
    assert (waits["kind"], waits["effective"], waits["settled_at"]) == ("cancel", "2026-03-01", None)


def test_a_stranger_can_neither_see_nor_change(billed, path):
    other = program(billed.other)
    assert other.get(f"{path}/changes").status_code == 404
    for at in ("changes", "previews"):
        assert error(other.post(f"{path}/{at}", {"do": "cancel"}), 404)["code"] == "not_found"
    assert not Change.objects.exists()


def test_reading_alone_does_not_change(billed, path):
    reader = program(billed.acme, "read")
    assert reader.get(f"{path}/changes").status_code == 200
    assert reader.post(f"{path}/changes", {"do": "cancel"}).status_code == 403


def test_an_operators_key_confirms_no_deduction(operator, path):
    assert operator.post(f"{path}/changes", SEATS).status_code == 201
    Subscription.objects.update(pays="wallet")
    assert operator.post(f"{path}/previews", {"do": "cancel"}).status_code == 200
    assert error(operator.post(f"{path}/changes", {"do": "cancel"}), 403)["code"] == "not_allowed"
    assert Change.objects.count() == 1
