"""The API tells what was told, and lets a customer's own key choose; nobody else, and nothing that the law needs."""

import pytest
from django.db import transaction

from tenants import notices, preferences
from tests.api.conftest import program
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db
PAYLOAD = {"tenant": "acme", "path": "/x/", "inviter": "Alice", "role": "viewer"}


def test_it_lists_notices_with_their_deliveries(acme, other, seller):
    with transaction.atomic():
        for who in (acme, other):
            notices.announce(who, kind="member_invited", key="k", payload=PAYLOAD, at=NOW, seller=seller)
    notices.deliver(at=NOW)
    (found,) = program(acme).get("/api/v1/notices").json()["results"]
    assert (found["kind"], found["status"], found["path"]) == ("member_invited", "delivered", "/x/")
    assert [(one["address"], one["accepted"]) for one in found["deliveries"]] == [("finance@acme.example", True)]


def test_a_customers_key_chooses(acme):
    answer = program(acme).put(
        "/api/v1/notice-preferences", {"kind": "balance_low", "mail": False, "reminder_days": [7]}
    )
    assert answer.status_code == 200
    assert preferences.chosen(acme)["balance_low"] == (False, True)
    assert answer.json()["reminder_days"] == [7]


def test_it_refuses_what_the_law_needs(acme):
    said = {"kind": "charge_announced", "mail": False, "wecom": False}
    answer = program(acme).put("/api/v1/notice-preferences", said)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "notice_needed")


def test_it_refuses_an_operators_key(acme):
    answer = program(None).put("/api/v1/notice-preferences", {"kind": "balance_low", "mail": False})
    assert answer.status_code == 403
