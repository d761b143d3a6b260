"""Operators move subscribers to new prices: everybody is shown first, exactly that is announced, and it can be taken back."""

import re

import pytest
import time_machine
from django.urls import reverse

from billing import catalogue
from billing.models import Change, Price, PriceMigration
from tenants.models import Notice
from tests import shop
from tests.admin.conftest import NOW, staff
from tests.admin.test_acts import ENGLISH, said, to

FORM = {"on": "2026-04-10", "reason": "Messages cost more"}


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def new(world, operator):
    """The next version is on sale: seats for 25.00 in place of 20.00."""
    Price.objects.filter(version=world.draft, code="seat").update(params={"unit_amount": "25.00"})
    return catalogue.publish(world.draft, at=NOW, by=operator)


def look(desk, new) -> dict[str, str]:
    page = said(desk.post(to("billing_planversion", "move", new), FORM, headers=ENGLISH))
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)) | {"page": page}


def announce(desk, new):
    seen = look(desk, new)
    seen.pop("page")
    return desk.post(to("billing_planversion", "move", new), seen, headers=ENGLISH)


def test_it_shows_who_moves_and_announces_exactly_that(desk, new, world):
    shop.subscribe(shop.tenant("leaving"), world.version, "2026-03-01", renews=False)
    page = look(desk, new)["page"]
    # The base was agreed at 99.00 and stays: 99.00 + 3 × 20.00 = 159.00, then 99.00 + 3 × 25.00 = 174.00
    for text in ("¥159.00", "¥174.00", "+¥15.00", "It ends before.", "1 move and are told by mail, 1 stay."):
        assert text in page
    assert f'href="{reverse("admin:compare_prices")}?prices=version:{new.pk}&amp;months=12"' in page
    assert not PriceMigration.objects.exists()
    answer = announce(desk, new)
    assert answer.status_code == 302, said(answer)
    change = Change.objects.get()
    assert (change.subscription.tenant, str(change.effective_at.date())) == (world.tenant, "2026-04-29")
    assert Notice.objects.get(kind="price_change_announced").payload["difference_minor"] == 15_00
    row = said(desk.get(to("billing_pricemigration", "change", PriceMigration.objects.get()), headers=ENGLISH))
    assert f"migration__id__exact={change.migration_id}" in row


def test_it_announces_nothing_that_was_not_shown(desk, new, world):
    seen = look(desk, new)
    seen.pop("page")
    shop.subscribe(shop.tenant("late"), older(world.version), "2026-03-01")
    answer = desk.post(to("billing_planversion", "move", new), seen, headers=ENGLISH)
    assert "Something changed since this was shown" in said(answer)
    assert not PriceMigration.objects.exists()
    assert not Notice.objects.filter(kind="price_change_announced").exists()


def older(version):
    """Return the version as it was on sale, for a customer who bought it then."""
    version.status = "published"
    return version


def test_it_refuses_a_day_that_is_too_near_at_its_field(desk, new):
    answer = desk.post(to("billing_planversion", "move", new), FORM | {"on": "2026-03-20"}, headers=ENGLISH)
    assert "Subscribers are told thirty days before" in said(answer)


def test_it_is_offered_once_and_taken_back(desk, new):
    announce(desk, new)
    page = desk.get(to("billing_planversion", "change", new), headers=ENGLISH)
    assert "Move subscribers" not in said(page)
    migration = PriceMigration.objects.get()
    asked = said(desk.get(to("billing_pricemigration", "take_back", migration), headers=ENGLISH))
    assert "Take it back" in asked
    desk.post(to("billing_pricemigration", "take_back", migration), headers=ENGLISH)
    migration.refresh_from_db()
    assert migration.withdrawn_at == NOW
    assert Change.objects.get().status == "withdrawn"
    assert "Move subscribers" in said(desk.get(to("billing_planversion", "change", new), headers=ENGLISH))


def test_only_who_edits_the_catalogue_may_announce_or_take_back(desk, client, new):
    announce(desk, new)
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(to("billing_planversion", "move", new)).status_code == 403
    migration = PriceMigration.objects.get()
    assert client.get(to("billing_pricemigration", "change", migration)).status_code == 200
    assert client.post(to("billing_pricemigration", "take_back", migration)).status_code == 403
    assert Change.objects.get().status == "scheduled"
