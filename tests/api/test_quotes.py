"""Quotes over the API: operators offer, customers answer; amounts are decimal strings, nothing is decided for anybody."""

import pytest
import time_machine

from billing.models import Subscription
from invoices.models import Quote
from tests.api.conftest import program
from tests.invoices import quotes_samples as samples


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(samples.NOW, tick=False):
        yield


OFFER = {
    "tenant": "acme",
    "plan": "standard",
    "start": "2026-12-01",
    "end": "2027-12-01",
    "valid_until": "2026-11-30",
    "label": "second",
    "quantities": {"seat": "5"},
    "modules": ["extra"],
    "prices": {"seat": {"model": "per_unit", "unit_amount": "10.00"}},
    "minimum": "300.00",
    "ramp_percent": "0.5",
    "ramp_months": 3,
}


@pytest.fixture
def quote(billed, operator):
    made = operator.post("quotes", OFFER)
    assert made.status_code == 201, made.content
    return operator.post(f"quotes/{made.json()['id']}/send", None).json()


def test_it_drafts_and_sends_a_quote_with_its_whole_cost(quote):
    # a month: 199 + 5 × 10 + 50 = 299, topped up to 300; three months are half
    assert quote["status"] == "sent"
    assert quote["minimum"] == "300.00"
    assert quote["estimate"]["months"][0]["fixed"] == "299.00"
    assert quote["estimate"]["total"] == quote["total"]
    assert "¥299.00" not in quote["total"]


def test_it_shows_a_customer_what_was_sent_and_no_draft(billed, operator, customer, quote):
    operator.post("quotes", OFFER | {"label": "third"})
    found = customer.get("quotes").json()["results"]
    assert [row["id"] for row in found] == [quote["id"]]
    whole = customer.get(f"quotes/{quote['id']}").json()
    assert quote["sha256"] in whole["text"]
    assert program(billed.other).get(f"quotes/{quote['id']}").status_code == 404


def test_it_accepts_for_a_member_who_may_pay(billed, customer, quote):
    samples.buyer(billed.acme)
    body = {"seen": quote["sha256"], "member": "alice@acme.example", "confirmed": True}
    answer = customer.post(f"quotes/{quote['id']}/accept", body).json()
    begun = Subscription.objects.get(pk=answer["subscription"])
    assert (answer["status"], answer["answered_by"], begun.label) == ("accepted", "alice", "second")
    again = customer.post(f"quotes/{quote['id']}/accept", body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("changes", "status", "code", "path"),
    [
        ({"seen": "0"}, 409, "quote_changed", ""),
        ({"confirmed": False}, 400, "invalid", "confirmed"),
        ({"member": "nobody@acme.example"}, 404, "not_found", "member"),
        ({"member": "bob@acme.example"}, 403, "not_allowed", ""),
        ({"extra": 1}, 400, "invalid", "extra"),
    ],
)
def test_it_says_why_nothing_was_accepted(billed, customer, quote, changes, status, code, path):
    samples.buyer(billed.acme)
    samples.buyer(billed.acme, "bob", "viewer")
    body = {"seen": quote["sha256"], "member": "alice@acme.example", "confirmed": True}
    answer = customer.post(f"quotes/{quote['id']}/accept", body | changes)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("path") or "") == (status, code, path)
    assert Quote.objects.get(pk=quote["id"]).status == "sent"


def test_it_lets_no_operator_answer_for_a_customer(billed, operator, quote):
    samples.buyer(billed.acme)
    body = {"seen": quote["sha256"], "member": "alice@acme.example", "confirmed": True}
    assert operator.post(f"quotes/{quote['id']}/accept", body).status_code == 403


def test_it_lets_no_customer_offer_itself_something(billed, customer, quote):
    assert customer.post("quotes", OFFER).status_code == 403
    assert customer.post(f"quotes/{quote['id']}/withdraw", {"reason": "x"}).status_code == 403


def test_it_declines_and_withdraws(billed, operator, customer, quote):
    samples.buyer(billed.acme)
    body = {"member": "alice@acme.example", "reason": "too dear"}
    assert customer.post(f"quotes/{quote['id']}/decline", body).json()["reason"] == "too dear"
    late = operator.post(f"quotes/{quote['id']}/withdraw", {"reason": "typo"})
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"quantities": {"nothing": "1"}}, "quantities.nothing"),
        ({"prices": {"seat": {"model": "per_unit", "unit_amount": "-1"}}}, "prices.seat.unit_amount"),
        ({"valid_until": "2026-11-01"}, "valid_until"),
        ({"ramp_months": None}, "ramp_months"),
        ({"expected": {"seat": "5"}}, "expected.seat"),
        ({"coupons": ["NOBODY"]}, "coupons[0]"),
    ],
)
def test_it_names_what_is_wrong(billed, operator, changes, path):
    answer = operator.post("quotes", OFFER | changes)
    assert answer.status_code in (400, 404, 422), answer.content
    assert answer.json()["error"]["path"] == path
    assert not Quote.objects.exists()
