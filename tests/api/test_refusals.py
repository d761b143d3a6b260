"""Every operation says no in the one shape, whatever it is sent; it never breaks."""

import json

import pytest
from django.test import Client

from tests.api.conftest import program

pytestmark = pytest.mark.django_db

DEEP = "[" * 900 + "]" * 900
BODIES = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "1",
    "{}",
    DEEP,
    '{"colour": 1}',
    '{"a": "\\u0000"}',
    '{"code": {}, "name": [], "tenant": 1, "plan": null, "amount": 1.5, "on": "maybe", "invoice": {}, "price": 7}',
    json.dumps(
        {"code": "x" * 5000, "name": "\x00", "tenant": "\x00", "amount": "9" * 400, "reference": "\x00", "on": "x"}
    ),
    json.dumps(
        {"tenant": "acme", "plan": "standard", "prices": {"base": {"amount": "1"}}, "quantities": {"seat": "NaN"}}
    ),
    json.dumps({"tenant": "acme", "plan": "standard", "start": "9999-12-31", "quantities": {"seat": "1e9"}}),
    json.dumps({"on": "9999-12-31"}),
    json.dumps({"on": True, "consent": 10**40}),
]
QUERIES = [
    "page_size=x",
    "cursor=x",
    "cursor=cD0lMDA%3D",
    "cursor=cD1hYmM%3D",
    "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk%3D",
    "tenant=%00",
    "tenant=nobody",
    "status=lost",
    "from=x&until=2026-99-99",
    "code=%00&plan=%00&%00=1",
    "language=%00",
]
ONE = {
    "{id}": "99999999999999999999",
    "{code}": "no-body",
    "{number}": "NO-2026-1",
    "{reference}": "MZ20260101ab",
    "{position}": "999999",
    "{sha256}": "0" * 64,
}


@pytest.fixture
def described(client):
    return client.get("/api/schema?format=json").json()


def operations(described) -> list[tuple[str, str]]:
    return [(method.upper(), path) for path, found in described["paths"].items() for method in found]


def filled(path: str) -> str:
    for name, value in ONE.items():
        path = path.replace(name, value)
    return path


def refused(answer, what: str) -> None:
    """Every refusal is of the one shape; what is in order passes."""
    assert answer.status_code < 500, what
    if answer.status_code < 400:
        return
    said = answer.json()
    assert set(said) <= {"error", "errors", "results"}, what
    if "error" in said:
        assert set(said["error"]) == {"code", "path", "message"}, what
        assert all(isinstance(value, str) for value in said["error"].values()), what
        assert said["error"]["message"], what


def test_it_describes_every_operation(described):
    assert len(operations(described)) >= 19


def test_no_body_breaks_it(billed, operator, described):
    for method, path in operations(described):
        for body in BODIES if method != "GET" else []:
            refused(operator.call(method, filled(path), body), f"{method} {path} {body[:60]}")


@pytest.mark.parametrize("key", ["", "k" * 121, "\x7f", "ключ"])
def test_no_idempotency_key_breaks_it(operator, described, key):
    for method, path in operations(described):
        if method == "POST" and "events" not in path:
            refused(operator.call(method, filled(path), "{}", Idempotency_Key=key), f"{path} {key}")


def test_no_body_breaks_what_is_there(billed, operator):
    contract = operator.get("subscriptions?tenant=acme").json()["results"][0]["id"]
    for body in BODIES:
        refused(operator.patch("tenants/acme", body), body[:60])
        refused(operator.post(f"subscriptions/{contract}/auto-renew", body), body[:60])
        refused(operator.post(f"subscriptions/{contract}/end", body), body[:60])


def test_no_query_breaks_it(billed, operator, customer, described):
    for method, path in operations(described):
        for query in QUERIES if method == "GET" else []:
            for caller in (operator, customer):
                refused(caller.call(method, f"{filled(path)}?{query}"), f"{path}?{query}")


def test_every_operation_asks_for_a_key(db, described):
    for method, path in operations(described):
        answer = Client().generic(method, filled(path), "{}", "application/json")
        refused(answer, f"{method} {path}")
        assert answer.status_code == 401, f"{method} {path}"


@pytest.mark.parametrize("secret", ["", "mz_", "mz_1.x", "ß\x7f", "x" * 9000])
def test_it_refuses_a_wrong_key(described, secret):
    for method, path in operations(described):
        answer = Client().generic(
            method, filled(path), "{}", "application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        refused(answer, path)
        assert answer.status_code == 401


def test_every_operation_asks_for_its_scope(described, db):
    nothing = program(None, "none")
    for method, path in operations(described):
        answer = nothing.call(method, filled(path), "{}")
        refused(answer, f"{method} {path}")
        assert answer.status_code == 403, f"{method} {path}"


def test_it_refuses_other_methods_and_kinds_of_body(operator):
    assert operator.call("DELETE", "tenants").json()["error"]["code"] == "method_not_allowed"
    answer = operator.client.post(
        "/api/v1/tenants", "a=1", "text/csv", headers={"Authorization": f"Bearer {operator.secret}"}
    )
    assert answer.json()["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize("path", ["/api/", "/api/v2/tenants", "/api/v1/nothing", "/api/v1/tenants/a%20b"])
def test_it_says_in_the_one_shape_that_there_is_nothing(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_it_slows_down_a_key_that_asks_too_often(operator, monkeypatch):
    monkeypatch.setattr("config.api.KeyThrottle.get_rate", lambda self: "2/min")
    answers = [operator.get("plans") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "too_many_requests"
    assert int(answers[2]["Retry-After"]) > 0
