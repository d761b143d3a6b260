"""Health and metrics: open to those who watch, closed to the rest."""

import pytest

from tests import shop
from tests.api.conftest import program


@pytest.mark.django_db(transaction=True)
def test_it_is_healthy_while_the_database_answers(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert b"OK" in answer.content


@pytest.mark.django_db(transaction=True)
def test_it_says_when_the_database_does_not_answer(client, monkeypatch):
    monkeypatch.setattr("config.watching.Health.checks", [("health_check.checks.Database", {"alias": "nowhere"})])
    assert client.get("/healthz").status_code == 500


@pytest.mark.django_db
def test_it_shows_metrics_to_its_own_machine_only(client):
    assert b"django_http_requests" in client.get("/metrics").content
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("write", 403)])
def test_it_shows_metrics_to_an_operators_key(client, scope, status):
    secret = program(None, scope).secret
    answer = client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize("secret", ["", "mz_1.x"])
def test_it_shows_metrics_to_no_wrong_key(client, secret):
    answer = client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


@pytest.mark.django_db
def test_it_shows_metrics_to_no_customers_key(client):
    secret = program(shop.tenant("acme"), "read").secret
    answer = client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
