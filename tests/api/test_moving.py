"""Price migrations over the API: looked at, announced, counted; a customer sees what becomes of its own contract."""

import pytest

from billing import defining
from billing.models import Change, PriceMigration
from tests import shop
from tests.api.conftest import PRICES
from tests.api.test_writing import error

pytestmark = pytest.mark.django_db
DAY = {"on": "2100-01-01"}


@pytest.fixture
def path(billed) -> str:
    """The plan of the shop has a new version: 219.00 in place of 199.00."""
    version = billed.acme.subscriptions.get().version
    dearer = [PRICES[0] | {"amount": "219.00"}, *PRICES[1:]]
    data = {"code": version.plan.code, "family": version.plan.family.code, "prices": dearer}
    defining.define_plan(billed.seller, data, at=shop.at("2026-02-02 10:00"), by=None)
    return f"plans/{version.plan.code}/migrations"


def test_it_looks_announces_and_counts(billed, operator, path):
    seen = operator.post(f"{path}/previews", DAY)
    assert seen.status_code == 200, seen.content
    told = {move["tenant"]: move for move in seen.json()["moves"]}
    # 199.00 + 3 × 20.00 = 259.00
    assert (told["acme"]["before"], told["acme"]["after"], told["acme"]["difference"]) == ("259.00", "279.00", "20.00")
    assert (told["other"]["before"], told["other"]["usage_difference"], told["other"]["stays"]) == ("199.00", None, "")
    assert not PriceMigration.objects.exists()
    made = operator.post(path, DAY | {"reason": "Costs rose", "held": seen.json()["held"]})
    assert made.status_code == 201, made.content
    assert made.json()["moves"] == seen.json()["moves"]
    (row,) = operator.get(path).json()["results"]
    assert row == made.json()["migration"]
    assert (row["on"], row["reason"], row["moved"], row["waiting"], row["left"]) == (
        "2100-01-01",
        "Costs rose",
        0,
        2,
        0,
    )
    assert error(operator.post(path, DAY | {"reason": "again"}), 409)["code"] == "migration_already_announced"


def test_a_customer_sees_it_in_its_changes_and_cannot_take_it_back(billed, operator, customer, path):
    operator.post(path, DAY | {"reason": "Costs rose"})
    mine = billed.acme.subscriptions.get()
    (change,) = customer.get(f"subscriptions/{mine.pk}/changes").json()["results"]
    said = change["announced"]
    assert (said["reason"], said["before"], said["difference"]) == ("Costs rose", "259.00", "20.00")
    assert (change["status"], said["leaves_before"]) == ("scheduled", False)
    error(customer.post(f"subscriptions/{mine.pk}/changes", {"do": "keep"}), 409)
    assert Change.objects.get(subscription=mine).status == "scheduled"
    (row,) = customer.get(path).json()["results"]
    # Its own only, though two wait.
    assert (row["id"], row["waiting"]) == (change["migration"], 1)


def test_it_announces_only_what_was_shown(billed, operator, path):
    refused = operator.post(path, DAY | {"reason": "Costs rose", "held": "0" * 64})
    assert error(refused, 409)["code"] == "migration_changed"
    assert not PriceMigration.objects.exists()


def test_it_is_for_operators_and_told_in_time(billed, operator, customer, path):
    error(customer.post(f"{path}/previews", DAY), 403)
    error(customer.post(path, DAY | {"reason": "x"}), 403)
    soon = operator.post(f"{path}/previews", {"on": "2026-01-01"})
    assert error(soon, 400)["path"] == "on"
    error(operator.post("plans/nothing/migrations/previews", DAY), 404)
    assert customer.get(path).json()["results"] == []
