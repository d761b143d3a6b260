"""Programs of customers dispute their bills and follow them; ours only read."""

import base64

import pytest

from invoices import answering_disputes
from invoices.models import Dispute
from tests import shop
from tests.api.conftest import program

pytestmark = pytest.mark.django_db


def ask(caller, billed, **body):
    return caller.post("disputes", {"invoice": billed.bill.number, "reason": "多算了"} | body)


def test_a_customer_disputes_a_line_and_follows_it(billed, customer):
    answer = ask(customer, billed, line=2, amount="20.00")
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert (row["amount"], row["frozen"], row["line"], row["state"], row["days"]) == ("20.00", "20.00", 2, "open", None)
    assert customer.get(f"disputes/{row['id']}").json() == row
    assert program(billed.other).get(f"disputes/{row['id']}").status_code == 404
    assert program(billed.other).get("disputes").json()["results"] == []


def test_the_answer_and_an_appeal(billed, customer):
    row = ask(customer, billed).json()
    found = Dispute.objects.get()
    answering_disputes.settle(found, outcome="explain", text="按合同", at=found.opened_at, by=None)
    told = customer.get(f"disputes/{row['id']}").json()
    assert [(one["outcome"], one["amount"], one["text"]) for one in told["answers"]] == [("explain", "0.00", "按合同")]
    again = customer.post(f"disputes/{row['id']}/appeal", {"text": "重复计数"})
    assert (again.status_code, again.json()["state"]) == (200, "appealed")
    assert customer.post(f"disputes/{row['id']}/appeal", {"text": "x"}).status_code == 409
    assert customer.post(f"disputes/{row['id']}/withdraw", None).json()["state"] == "settled"


def test_evidence_is_a_text_or_a_checked_file(billed, customer):
    row = ask(customer, billed).json()
    pdf = base64.b64encode(b"%PDF-1.7 x").decode()
    where = f"disputes/{row['id']}/evidence"
    assert customer.post(where, {"text": "见附件", "file": pdf, "file_name": "a.pdf"}).status_code == 201
    for body in ({}, {"file": "no base64!"}, {"file": base64.b64encode(b"MZ\x90").decode(), "file_name": "a.pdf"}):
        refused = customer.post(where, body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid")
    assert Dispute.objects.get().evidence.count() == 1


def test_what_is_refused(billed, customer, operator):
    assert ask(customer, billed, line=9).json()["error"]["path"] == "line"
    assert ask(customer, billed, amount="9999.00").json()["error"]["path"] == "amount"
    assert ask(customer, billed, line=1, days=["2026-02-01", "2026-02-01"]).json()["error"]["path"] == "days"
    assert ask(operator, billed).status_code == 403
    assert ask(program(billed.other), billed).status_code in (403, 404)
    assert ask(customer, billed).status_code == 201
    again = ask(customer, billed)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_disputed")
    found = Dispute.objects.get()
    assert operator.post(f"disputes/{found.pk}/withdraw", None).status_code == 403
    assert found.opened_at > shop.OPENED
