"""Packs for programs: granted by operators' keys, seen by their customer with what is left."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import defining
from billing.models import Pack
from tests import shop
from tests.api.test_writing import error

pytestmark = pytest.mark.django_db
SMS = {"code": "sms", "name": "短信", "aggregation": "sum", "unit": "条", "dimensions": ["region"]}
LEVEL = {"code": "disk", "name": "存储", "aggregation": "latest", "unit": "GB"}


@pytest.fixture
def metered(billed):
    defining.define_meters(billed.seller, [SMS, LEVEL], at=shop.OPENED)
    return billed


def wanted(**changes) -> dict:
    expires = (timezone.now() + timedelta(days=90)).isoformat()
    return {"tenant": "acme", "meter": "sms", "quantity": "500.5", "expires": expires, "reason": "开户赠送"} | changes


def test_it_grants_a_pack_once(metered, operator):
    body = wanted()
    first, again = (operator.post("packs", body, Idempotency_Key="grant-1") for _call in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    said = first.json()
    assert (said["tenant"], said["meter"], said["reason"]) == ("acme", "sms", "开户赠送")
    assert (said["quantity"], said["used"], said["left"]) == ("500.5", "0", "500.5")
    assert Pack.objects.count() == 1


def test_it_shows_a_customer_its_own(metered, operator, customer):
    operator.post("packs", wanted())
    operator.post("packs", wanted(tenant="other"))
    assert [row["tenant"] for row in customer.get("packs").json()["results"]] == ["acme"]
    assert len(operator.get("packs").json()["results"]) == 2
    assert operator.get("packs?meter=disk").json()["results"] == []


def test_it_keeps_granting_from_customers(metered, customer):
    assert error(customer.post("packs", wanted()), 403)["code"] == "not_allowed"
    assert not Pack.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        ({"meter": "disk"}, 400, "meter"),
        ({"meter": "nothing"}, 404, "meter"),
        ({"quantity": "-1"}, 400, "quantity"),
        ({"expires": "2020-01-01T00:00:00Z"}, 400, "expires"),
        ({"valid_from": "2020-01-01T00:00:00Z"}, 400, "valid_from"),
        ({"match": {"colour": "red"}}, 400, "match.colour"),
        ({"reason": "  "}, 400, "reason"),
        ({"units": "5"}, 400, "units"),
        ({"tenant": "nobody"}, 404, "tenant"),
    ],
)
def test_it_says_what_is_wrong(metered, operator, changes, status, path):
    assert error(operator.post("packs", wanted(**changes)), status)["path"] == path
