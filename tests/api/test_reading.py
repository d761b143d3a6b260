"""What a key sees: its own customer's rows, or, as an operator, everything or one customer's."""

import pytest

from invoices import pdf, rendering
from tests import shop
from tests.api.conftest import program

pytestmark = pytest.mark.django_db

LISTS = ["tenants", "plans", "subscriptions", "invoices", "credit-notes", "payments"]


def codes(answer, name: str = "tenant") -> list[str]:
    assert answer.status_code == 200, answer.content
    return sorted(row[name] for row in answer.json()["results"])


def test_an_operator_sees_all(billed, operator):
    assert codes(operator.get("tenants"), "code") == ["acme", "other"]
    assert codes(operator.get("invoices")) == codes(operator.get("subscriptions")) == ["acme", "other"]


def test_an_operator_may_look_as_one_customer(billed, operator):
    assert codes(operator.get("invoices?tenant=other")) == ["other"]
    assert codes(operator.get("tenants?tenant=other"), "code") == ["other"]
    assert operator.get("invoices?tenant=nobody").json()["error"]["path"] == "tenant"


def test_a_customer_sees_its_own(billed, customer):
    assert codes(customer.get("tenants"), "code") == ["acme"]
    assert codes(customer.get("invoices")) == codes(customer.get("subscriptions")) == ["acme"]


def test_a_customer_may_not_look_as_another(billed, customer):
    assert customer.get("invoices?tenant=other").status_code == 404


def test_a_customer_cannot_read_what_is_of_another(billed, operator, customer):
    theirs = operator.get("invoices?tenant=other").json()["results"][0]["number"]
    contract = operator.get("subscriptions?tenant=other").json()["results"][0]["id"]
    paths = [f"invoices/{theirs}", f"invoices/{theirs}/pdf", f"subscriptions/{contract}", "tenants/other"]
    assert [customer.get(path).status_code for path in paths] == [404] * 4
    assert [operator.get(path).status_code for path in (paths[0], paths[2], paths[3])] == [200] * 3


def test_a_seller_key_sees_its_seller_only(billed):
    elsewhere = program(None, seller=type(billed.seller).objects.create(**copy_of(billed.seller)))
    for path in ("invoices", "subscriptions", "plans"):
        assert elsewhere.get(path).json()["results"] == []


def copy_of(seller) -> dict:
    facts = {f.attname: getattr(seller, f.attname) for f in seller._meta.concrete_fields}
    return facts | {"id": None, "code": "second", "number_prefix": "SECOND"}


def test_it_shows_the_operators_words_about_a_customer_to_operators_only(operator, customer):
    inner = {"group", "tags", "note"}
    assert not inner & set(operator.get("tenants/acme?tenant=acme").json())
    assert inner <= set(operator.get("tenants/acme").json())
    assert not inner & set(customer.get("tenants/acme").json())


def test_it_shows_a_bill_with_its_lines_and_steps(billed, customer):
    bill = customer.get(f"invoices/{billed.bill.number}").json()
    assert (bill["total"], bill["due"], bill["currency"], bill["status"]) == ("259.00", "259.00", "CNY", "open")
    base, seat = bill["lines"][:2]
    assert (base["price"], base["amount"], base["period"]) == ("base", "199.00", ["2026-02-01", "2026-03-01"])
    assert (seat["quantity"], seat["amount"]) == ("3", "60.00")  # 3 × 20.00
    assert seat["steps"][0] | {"text": ""} == {"text": "", "quantity": "3", "unit_amount": "20.00", "amount": "60.00"}
    assert bill["issued_at"].endswith("+08:00")


def test_it_explains_in_the_callers_language(billed, customer):
    path = f"invoices/{billed.bill.number}"
    english = customer.get(path).json()["lines"][1]["steps"][0]["text"]
    chinese = customer.get(path, Accept_Language="zh-hans").json()["lines"][1]["steps"][0]["text"]
    assert (english, chinese) == ("3 at ¥20.00 each", "数量 3，单价 ¥20.00")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=open", 1),
        ("status=paid", 0),
        ("from=2026-02-01&until=2026-02-02", 1),
        ("from=2026-02-02", 0),
        ("until=2026-02-01", 0),
    ],
)
def test_it_filters_bills(billed, customer, query, count):
    assert len(customer.get(f"invoices?{query}").json()["results"]) == count


def test_it_pages_by_cursor(billed, operator):
    first = operator.get("invoices?page_size=1").json()
    second = operator.get(first["next"].split("testserver")[1]).json()
    assert [len(page["results"]) for page in (first, second)] == [1, 1]
    assert first["results"] != second["results"]
    assert second["next"] is None


def test_it_shows_plans_with_the_prices_on_sale(billed, customer):
    [plan] = customer.get("plans?code=standard").json()["results"]
    [version] = plan["versions"]
    assert (version["number"], version["status"], version["currency"]) == (1, "published", "CNY")
    seat = version["prices"][1]
    assert seat["price"] == {"model": "per_unit", "unit_amount": "20.00"}
    assert customer.get(f"plans/{plan['id']}").json() == plan


def test_a_price_shown_can_be_rated(billed, customer):
    [plan] = customer.get("plans").json()["results"]
    price = plan["versions"][0]["prices"][1]["price"]
    rated = customer.post("rate", {"price": price, "quantity": "3", "currency": "CNY"}).json()
    assert rated["amount"] == "60.00"  # 3 × 20.00


def test_it_hides_the_operators_own_cost(billed, operator, customer):
    from_us = [{"code": "a", "kind": "base", "model": "flat", "amount": "5", "unit_cost": "1.00"}]
    shop.plan(billed.seller, from_us, code="costly")
    assert "unit_cost" not in customer.get("plans?code=costly").content.decode()


@pytest.mark.pdf
def test_it_fetches_the_pdf_that_was_made(billed, customer):
    path = f"invoices/{billed.bill.number}/pdf"
    assert customer.get(path).json()["error"]["code"] == "not_found"
    for paper in rendering.waiting(10):
        rendering.render(paper, pdf.render, at=billed.bill.issued_at)
    answer = customer.get(path, Accept="application/pdf")
    assert (answer.status_code, answer["Content-Type"], answer.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert customer.get(f"{path}?language=fr").status_code == 404


def test_every_list_can_be_read_by_both(billed, operator, customer):
    assert {path: (operator.get(path).status_code, customer.get(path).status_code) for path in LISTS} == dict.fromkeys(
        LISTS, (200, 200)
    )


def test_a_list_takes_the_same_statements_for_many_rows(billed, operator, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        operator.get(f"invoices/{billed.bill.number}")
