"""The operators' pages of rehearsals and comparisons."""

import json

import pytest
import yaml
from django.urls import reverse

from tests.admin.conftest import staff
from tests.invoices.rehearsal.conftest import BUY, story


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_it_plays_a_pasted_story(world, desk, language):
    said = {"act": "run", "months": 3, "story": yaml.safe_dump(story(BUY, {**BUY, "plan": "gold"}, name="a tale"))}
    page = desk.post(reverse("admin:rehearse"), said, headers={"accept-language": language}).content.decode()
    assert "a tale" in page
    assert "R-2026-000002" in page
    assert "not_found" in page


def test_the_example_of_the_page_can_be_played(world, desk):
    form = desk.get(reverse("admin:rehearse")).context["form"]
    answer = desk.post(reverse("admin:rehearse"), {"act": "download", "story": form["story"].initial})
    assert answer["Content-Disposition"].endswith('"rehearsal.json"')
    (told,) = json.loads(answer.content)
    assert (told["refused"], [bill["total"] for bill in told["invoices"]]) == ([], ["799.00", "809.00"])


def test_a_story_that_cannot_be_read_names_the_path(world, desk):
    page = desk.post(reverse("admin:rehearse"), {"act": "run", "story": "colour: red"}).content.decode()
    assert "<code>colour</code>" in page


def test_it_writes_a_story_of_a_draft_and_example_customers(world, desk):
    said = {"act": "write", "version": world.draft.pk, "customers": "acme", "months": 3}
    form = desk.post(reverse("admin:rehearse"), said).context["form"]
    (told,) = yaml.safe_load_all(form.initial["story"])
    assert told["catalogue"]["plans"][0]["code"] == world.version.plan.code
    assert told["steps"][0]["quantities"] == {"seat": "3"}
    unknown = desk.post(reverse("admin:rehearse"), {**said, "customers": "nobody"})
    assert "nobody" in str(unknown.context["form"].errors["customers"])


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_it_compares_a_draft_with_what_is_in_force(world, desk, language):
    world.draft.prices.filter(code="seat").update(params={"unit_amount": "40.00"})
    address = reverse("admin:compare_prices")
    asked = {"prices": f"version:{world.draft.pk}", "months": 12}
    page = desk.get(address, asked, headers={"accept-language": language}).content.decode()
    assert "<svg" in page
    (row,) = json.loads(desk.get(address, asked | {"as": "json"}).content)
    assert row["tenant"] == "acme"
    assert float(row["difference"]) > 0
    assert "acme" in desk.get(address, asked | {"as": "csv"}).content.decode("utf-8-sig")


def test_who_may_not_see_prices_does_not_rehearse(world, client):
    person = staff("Viewer")
    person.groups.clear()
    client.force_login(person, "allauth.account.auth_backends.AuthenticationBackend")
    for name in ("admin:rehearse", "admin:compare_prices"):
        assert client.get(reverse(name)).status_code == 403
