"""What programs change: by the product's own verbs, once per Idempotency-Key."""

import pytest

from billing.models import Subscription
from invoices.models import Payment
from tenants import agreements
from tenants.models import AuditEntry, Tenant
from tests import shop
from tests.api.conftest import program

pytestmark = pytest.mark.django_db


def error(answer, status: int) -> dict:
    assert answer.status_code == status, answer.content
    return answer.json()["error"]


def test_it_opens_and_amends_a_customer(operator):
    said = {
        "code": "new",
        "name": "新客户",
        "zone": "Asia/Tokyo",
        "contacts": [{"name": "王", "email": "w@new.example"}],
    }
    opened = operator.post("tenants", said)
    assert opened.status_code == 201
    assert opened.json()["contacts"][0]["email"] == "w@new.example"
    amended = operator.patch("tenants/new", {"name": "改名", "tags": ["vip"]}).json()
    assert (amended["name"], amended["tags"], amended["zone"]) == ("改名", ["vip"], "Asia/Tokyo")
    assert set(AuditEntry.objects.values_list("verb", flat=True)) >= {"tenant.opened", "tenant.amended"}


def test_it_names_every_mistake(operator):
    answer = operator.post("tenants", {"code": "new", "name": "酒店 😀", "tax_number": "91350100M000100Y44"})
    error(answer, 400)
    assert {mistake["path"] for mistake in answer.json()["errors"]} == {"name", "tax_number"}
    assert not Tenant.objects.exists()


def test_it_refuses_a_code_that_is_taken(billed, operator):
    assert error(operator.post("tenants", {"code": "acme", "name": "x"}), 409)["path"] == "code"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "tenants", {"code": "x", "name": "x"}),
        ("PATCH", "tenants/acme", {"name": "x"}),
        ("POST", "subscriptions", {"tenant": "acme", "plan": "standard"}),
        ("POST", "payments", {"tenant": "acme", "amount": "1.00", "reference": "x"}),
        ("POST", "credit-notes", {"invoice": "x", "reason": "x"}),
    ],
)
def test_it_keeps_operators_acts_from_customers(billed, customer, method, path, body):
    assert error(customer.call(method, path, body), 403)["code"] == "not_allowed"


def test_it_starts_a_subscription(billed, operator):
    shop.tenant("third")
    order = {
        "tenant": "third",
        "plan": "standard",
        "start": "2026-02-10",
        "quantities": {"seat": "2"},
        "modules": ["extra"],
    }
    answer = operator.post("subscriptions", order | {"prices": {"base": {"model": "flat", "amount": "99.00"}}})
    assert answer.status_code == 201, answer.content
    started = answer.json()
    assert (started["plan"], started["start"], started["auto_renew"]) == ("standard", "2026-02-10", False)
    items = {item["price"]: item["quantity"] for item in started["items"]}
    assert items == {"base": "1", "seat": "2", "extra": "1"}


@pytest.mark.parametrize(
    ("change", "status", "path"),
    [
        ({"plan": "none"}, 404, "plan"),
        ({"tenant": "none"}, 404, "tenant"),
        ({"seller": "none"}, 400, "seller"),
        ({"quantities": {"seat": "-1"}}, 400, "quantities.seat"),
        ({"quantities": {"chair": "1"}}, 400, "quantities.chair"),
        ({"modules": ["chair"]}, 400, "modules[0]"),
        ({"prices": {"base": {"model": "flat"}}}, 422, "prices.base.amount"),
        ({"start": "2026-02-30"}, 400, "start"),
        ({"end": "2026-01-01"}, 400, "end"),
        ({"consent": 999}, 404, "consent"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_it_refuses_a_bad_order_and_names_the_field(billed, operator, change, status, path):
    shop.tenant("third")
    order = {"tenant": "third", "plan": "standard", "start": "2026-02-10"}
    assert error(operator.post("subscriptions", order | change), status)["path"] == path
    assert not Subscription.objects.filter(tenant__code="third").exists()


def test_it_refuses_an_overlapping_subscription(billed, operator):
    answer = operator.post("subscriptions", {"tenant": "acme", "plan": "standard", "start": "2026-02-10"})
    assert error(answer, 409)["code"] == "overlapping_subscription"


def test_it_switches_renewal_under_a_consent_only(billed, customer):
    contract = Subscription.objects.get(tenant=billed.acme)
    path = f"subscriptions/{contract.pk}/auto-renew"
    assert customer.post(path, {"on": False}).json()["auto_renew"] is False
    assert error(customer.post(path, {"on": True}), 404)["path"] == "consent"
    foreign = agreements.authorise(
        billed.other, seller=billed.seller, text="好", text_version="1", at=shop.OPENED, by=None
    )
    assert error(customer.post(path, {"on": True, "consent": foreign.pk}), 404)["path"] == "consent"
    given = agreements.authorise(
        billed.acme, seller=billed.seller, text="好", text_version="1", at=shop.OPENED, by=None
    )
    assert customer.post(path, {"on": True, "consent": given.pk}).json()["auto_renew"] is True


def test_it_ends_a_subscription(billed, customer):
    contract = Subscription.objects.get(tenant=billed.acme)
    path = f"subscriptions/{contract.pk}/end"
    assert error(customer.post(path, {"on": "2026-02-02"}), 400)["path"] == "on"
    assert customer.post(path, {"on": "2026-04-01"}).json()["end"] == "2026-04-01"


def test_it_changes_nothing_of_another_customer(billed, customer):
    theirs = Subscription.objects.get(tenant=billed.other).pk
    assert error(customer.post(f"subscriptions/{theirs}/end", {}), 404)["code"] == "not_found"


def test_it_records_a_transfer_that_settles_the_bill(billed, operator, customer):
    said = {"tenant": "acme", "amount": "300.00", "reference": "bank-1", "received_at": "2026-02-03T10:00:00+08:00"}
    paid = operator.post("payments", said).json()
    assert paid["allocations"] == [{"invoice": billed.bill.number, "amount": "259.00"}]
    bill = customer.get(f"invoices/{billed.bill.number}").json()
    assert (bill["status"], bill["paid"], bill["due"]) == ("paid", "259.00", "0.00")
    assert error(operator.post("payments", said), 409)["path"] == "reference"
    assert [row["reference"] for row in customer.get("payments").json()["results"]] == ["bank-1"]


def test_it_allocates_as_told(billed, operator):
    said = {"tenant": "acme", "amount": "100.00", "reference": "bank-1", "allocate": {billed.bill.number: "60.00"}}
    assert operator.post("payments", said).json()["allocations"][0]["amount"] == "60.00"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"amount": "1.001"}, "amount"),
        ({"amount": "-1.00"}, "amount"),
        ({"amount": "much"}, "amount"),
        ({"amount": "1e99999999"}, "amount"),
        ({"amount": "10000000000000000000000.00"}, "amount"),
        ({"currency": "ABC"}, "currency"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"allocate": {"none": "1.00"}}, "invoice"),
        ({"tenant": "nobody"}, "tenant"),
    ],
)
def test_it_refuses_a_bad_transfer_and_names_the_field(billed, operator, change, path):
    said = {"tenant": "acme", "amount": "1.00", "reference": "bank-1"} | change
    answer = operator.post("payments", said)
    assert 400 <= answer.status_code < 500, answer.content
    assert answer.json()["error"]["path"] == path
    assert not Payment.objects.exists()


def test_it_credits_a_bill(billed, operator, customer):
    part = operator.post(
        "credit-notes", {"invoice": billed.bill.number, "reason": "少用一席", "lines": {"2": "20.00"}}
    ).json()
    assert (part["total"], part["returned"], part["lines"][0]["price"]) == ("20.00", "0.00", "seat")
    rest = operator.post("credit-notes", {"invoice": billed.bill.number, "reason": "全部"}).json()
    assert rest["total"] == "239.00"  # 259.00 − 20.00
    assert customer.get(f"invoices/{billed.bill.number}").json()["status"] == "void"
    assert len(customer.get("credit-notes").json()["results"]) == 2
    assert customer.get(f"credit-notes/{part['number']}").json() == part


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"invoice": "none"}, "invoice"),
        ({"lines": {"9": "1.00"}}, "lines.9"),
        ({"lines": {"2": "x"}}, "lines.2"),
        ({"reason": ""}, "reason"),
    ],
)
def test_it_refuses_a_bad_credit(billed, operator, change, path):
    said = {"invoice": billed.bill.number, "reason": "r"} | change
    answer = operator.post("credit-notes", said)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["path"] == path


def test_it_does_a_repeated_request_once(billed, operator):
    said = {"tenant": "acme", "amount": "9.00", "reference": "bank-1"}
    first = operator.post("payments", said, Idempotency_Key="k-1")
    again = operator.post("payments", said, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Payment.objects.count() == 1


def test_it_refuses_a_key_for_another_request(billed, operator):
    said = {"tenant": "acme", "amount": "9.00", "reference": "bank-1"}
    operator.post("payments", said, Idempotency_Key="k-1")
    refusal = error(operator.post("payments", said | {"amount": "8.00"}, Idempotency_Key="k-1"), 409)
    assert (refusal["code"], refusal["path"], "k-1" in refusal["message"]) == (
        "idempotency_key_reused",
        "Idempotency-Key",
        True,
    )


def test_a_refused_request_may_be_mended_under_its_key(billed, operator):
    bad = {"tenant": "acme", "amount": "x", "reference": "bank-1"}
    assert operator.post("payments", bad, Idempotency_Key="k-1").status_code == 400
    assert operator.post("payments", bad | {"amount": "9.00"}, Idempotency_Key="k-1").status_code == 201


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [(["read"], "POST", "tenants"), (["write"], "GET", "tenants"), (["read"], "POST", "rate")],
)
def test_it_asks_for_the_scope(db, scopes, method, path):
    assert error(program(None, *scopes).call(method, path, {}), 403)["code"] == "not_allowed"


def test_it_rates_and_answers_mistakes_with_their_path(operator):
    price = {"model": "per_unit", "unit_amount": "0.05", "included": "1000"}
    rated = operator.post("rate", {"price": price, "quantity": "1200", "currency": "CNY"}).json()
    assert (rated["amount"], rated["exact"]) == ("10.00", "10.0000") or rated["amount"] == "10.00"  # 200 × 0.05
    bad = error(operator.post("rate", {"price": price | {"unit_amount": 1}, "quantity": "1", "currency": "CNY"}), 400)
    assert bad["path"] == "price.unit_amount"
    assert error(operator.post("rate", '{"price": {}, "price": {}}'), 400)["code"] == "duplicate_key"
