"""POST /api/v1/rehearsals: stories by programs, for operators."""

import pytest

from tests.api.conftest import program
from tests.invoices.rehearsal.conftest import BUY, story

pytestmark = pytest.mark.django_db


def test_an_operator_rehearses_one_story_or_a_list(operator):
    one = operator.post("rehearsals", story(BUY, name="one"))
    assert one.status_code == 200
    assert [bill["total"] for bill in one.json()["invoices"]] == ["199.00", "199.00"]
    many = operator.post(
        "rehearsals", [story(BUY, name="a"), {"name": "b", "until": "2026-01-01T00:00:00"}, story(BUY, name="c")]
    )
    assert [told["name"] for told in many.json()] == ["a", "b", "c"]
    assert many.json()[1]["error"]["path"] == "tenants"


def test_a_story_that_cannot_be_read_is_refused_with_its_path(operator):
    refused = operator.post("rehearsals", story({**BUY, "quantities": {"seat": 1.5}}))
    assert refused.status_code == 400
    assert refused.json()["error"]["path"] == "steps[0].quantities.seat"
    assert operator.post("rehearsals", "{").json()["error"]["code"] == "malformed_json"
    assert operator.post("rehearsals", '{"a": 1, "a": 2}').json()["error"]["code"] == "duplicate_key"


def test_too_many_stories_are_refused(operator):
    assert operator.post("rehearsals", [{}] * 201).status_code == 400


def test_customers_do_not_rehearse(billed, customer):
    assert customer.post("rehearsals", story(BUY)).status_code == 403
    assert program(None, "read").post("rehearsals", story(BUY)).status_code == 403
