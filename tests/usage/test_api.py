import json
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from tenants import keys
from tests.usage.conftest import AT
from usage import ingest
from usage.api import callers
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
EVENT = {"key": "a", "meter": "messages", "quantity": "3"}


@pytest.fixture(autouse=True)
def _noon():
    callers.forget()
    with time_machine.travel(AT, tick=False):
        yield


@pytest.fixture
def secret(tenant) -> str:
    return keys.issue(tenant, name="robot", scopes=["events", "read"], at=AT, by=None)[1]


@pytest.fixture
def operator(seller) -> str:
    return keys.issue(None, name="operator", scopes=["events", "read"], at=AT, by=None, seller=seller)[1]


@pytest.fixture
def send(client, meters):
    def post(secret, body):
        text = body if isinstance(body, bytes) else json.dumps(body)
        return client.post("/api/v1/events", text, content_type="application/json", headers=bearer(secret))

    return post


@pytest.fixture
def ask(client, meters):
    return lambda secret, path: client.get(f"/api/v1/{path}", headers=bearer(secret))


def bearer(secret):
    return {"Authorization": f"Bearer {secret}", "Accept-Language": "en"}


def test_it_takes_one_event(send, secret):
    response = send(secret, EVENT)
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1, "duplicate": 0, "refused": 0, "answers": [{"key": "a", "status": "accepted"}]
    }  # fmt: skip


@pytest.mark.parametrize("body", [[EVENT], {"events": [EVENT]}, {"tenant": "acme", "events": [EVENT]}])
def test_it_takes_every_shape_of_a_batch(send, secret, body):
    assert send(secret, body).json()["accepted"] == 1


def test_it_answers_for_each_event(send, secret):
    body = [EVENT, EVENT, EVENT | {"key": "b", "meter": "faxes"}]
    response = send(secret, body)
    assert response.status_code == 200
    assert [answer["status"] for answer in response.json()["answers"]] == ["accepted", "duplicate", "refused"]
    assert response.json()["answers"][2]["path"] == "meter"


def test_it_answers_422_when_every_event_is_refused(send, secret):
    response = send(secret, EVENT | {"quantity": "-1"})
    assert response.status_code == 422
    assert response.json()["answers"][0]["code"] == "negative"


def test_it_takes_an_empty_batch(send, secret):
    assert send(secret, []).json() == {"accepted": 0, "duplicate": 0, "refused": 0, "answers": []}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"3", b'"a"', b"[", b"\xff", b'{"events": 3}', b"null", b"\x00"]
)
def test_it_refuses_a_body_that_is_no_batch(send, secret, body):
    response = send(secret, body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"


def test_it_names_an_unknown_field_of_the_envelope(send, secret):
    response = send(secret, {"events": [EVENT], "customer": "acme"})
    assert (response.status_code, response.json()["error"]["path"]) == (400, "customer")


def test_it_refuses_more_than_5000_events(send, secret):
    response = send(secret, [{"key": str(n), "meter": "messages"} for n in range(5001)])
    assert (response.status_code, response.json()["error"]["code"]) == (413, "batch_too_large")
    assert not UsageEvent.objects.exists()


def test_it_refuses_a_body_that_is_too_long(send, secret, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert send(secret, EVENT).status_code == 413


def test_it_refuses_an_unknown_key(send):
    assert send("mz_00000000.nothing", EVENT).status_code == 401


def test_it_refuses_a_call_without_a_key(client, meters):
    assert client.post("/api/v1/events", json.dumps(EVENT), content_type="application/json").status_code == 401


def test_it_refuses_a_key_without_the_scope(send, tenant):
    _key, text = keys.issue(tenant, name="reader", scopes=["read"], at=AT, by=None)
    assert send(text, EVENT).status_code == 403


def test_it_refuses_another_customers_name(send, secret, other_tenant):
    response = send(secret, {"tenant": "beta", "events": [EVENT]})
    assert (response.status_code, response.json()["error"]["path"]) == (404, "tenant")


def test_it_asks_an_operators_key_for_the_customer(send, operator, tenant):
    assert send(operator, [EVENT]).status_code == 404
    assert send(operator, {"tenant": "acme", "events": [EVENT]}).json()["accepted"] == 1
    assert UsageEvent.objects.get().tenant == tenant


def test_it_names_an_unknown_seller(send, secret):
    response = send(secret, {"seller": "nobody", "events": [EVENT]})
    assert (response.status_code, response.json()["error"]["path"]) == (404, "seller")


def test_it_forgets_a_revoked_key_after_some_seconds(send, secret, tenant, monkeypatch):
    send(secret, EVENT)
    keys.revoke(tenant.api_keys.get(), at=AT, by=None)
    soon = callers.time.monotonic() + callers.SECONDS + 1
    monkeypatch.setattr(callers.time, "monotonic", lambda: soon)
    assert send(secret, EVENT).status_code == 401


def test_it_limits_the_calls_of_a_key(send, secret, settings, monkeypatch):
    monkeypatch.setattr(callers.time, "monotonic", lambda: 1200.0)
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": {"key": "2/min"}}
    assert [send(secret, EVENT).status_code for _n in range(3)] == [200, 200, 429]


def test_it_lists_the_customers_own_events_only(ask, secret, tenant, other_tenant):
    ingest.accept(tenant, [EVENT, {"key": "b", "void": "a"}], at=AT)
    ingest.accept(other_tenant, [EVENT | {"key": "theirs"}], at=AT)
    found = ask(secret, "events").json()["results"]
    assert [(event["key"], event["kind"], event["void"]) for event in found] == [("b", "void", "a"), ("a", "use", None)]


def test_it_lists_events_in_pages(ask, secret, tenant):
    ingest.accept(tenant, [EVENT | {"key": str(n)} for n in range(3)], at=AT)
    page = ask(secret, "events?page_size=2").json()
    assert [event["key"] for event in page["results"]] == ["2", "1"]
    after = page["next"].split("/api/v1/")[1]
    assert [event["key"] for event in ask(secret, after).json()["results"]] == ["0"]


def test_it_filters_events(ask, secret, tenant):
    early = EVENT | {"key": "early", "occurred_at": AT - timedelta(hours=2)}
    ingest.accept(tenant, [EVENT, early, EVENT | {"key": "c", "meter": "calls"}], at=AT)
    found = ask(secret, "events?meter=messages&from=2026-03-10T03:00:00Z&until=2026-03-10T05:00:00Z").json()["results"]
    assert [event["key"] for event in found] == ["a"]


def test_it_reports_usage_by_local_day(ask, secret, tenant):
    # 15:30 UTC is 23:30 of the 9th in Shanghai, half an hour later is the 10th.
    late = [EVENT | {"key": "b", "occurred_at": AT.replace(day=9, hour=15, minute=30)}]
    ingest.accept(tenant, [EVENT, *late, EVENT | {"key": "c", "occurred_at": AT.replace(day=9, hour=16)}], at=AT)
    told = ask(secret, "usage?meter=messages&from=2026-03-09&until=2026-03-12").json()
    assert told["quantity"] == "9"
    assert [(day["day"], Decimal(day["quantity"])) for day in told["days"]] == [
        ("2026-03-09", 3), ("2026-03-10", 6), ("2026-03-11", 0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("meter=faxes&from=2026-03-09&until=2026-03-12", "meter"),
        ("meter=messages&until=2026-03-12", "from"),
        ("meter=messages&from=2026-03-12&until=2026-03-12", "until"),
        ("meter=messages&from=2025-03-09&until=2026-03-12", "until"),
    ],
)
def test_it_names_what_is_wrong_with_a_question(ask, secret, query, path):
    response = ask(secret, f"usage?{query}")
    assert response.status_code in (400, 404)
    assert response.json()["error"]["path"] == path
