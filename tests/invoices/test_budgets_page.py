"""The page of budgets and caps: set, shown as it stands, released, ended; what was before stays in sight."""

import pytest
import time_machine

from billing.models import Budget, BudgetRelease
from tests import portal

pytestmark = pytest.mark.django_db


@pytest.fixture
def told():
    with time_machine.travel(portal.NOON, tick=False):
        yield portal.story()


@pytest.fixture
def alice(client, told):
    client.force_login(told.alice)
    return client


def text(client) -> str:
    answer = client.get("/c/acme/budgets/", headers={"accept-language": "en"})
    assert answer.status_code == 200
    return answer.content.decode()


def send(client, path: str, **said):
    return client.post(f"/c/acme/budgets/{path}", said, headers={"accept-language": "en"}, follow=True)


def test_a_cap_is_set_shown_released_and_ended(alice, told):
    assert "No budget" in text(alice)
    send(alice, "set/", what="meter:messages", amount="500.00", hard="on", on_reach="stop")
    row = Budget.objects.get()
    assert (row.amount_minor, row.hard, row.on_reach, row.meter.code) == (500_00, True, "stop", "messages")
    assert row.set_by == told.alice
    shown = text(alice)
    assert "¥500.00" in shown
    assert "Hard cap" in shown
    send(alice, f"{row.pk}/release/", amount="20")
    assert BudgetRelease.objects.get().extra_minor == 20_00
    assert "¥520.00" in text(alice)
    send(alice, f"{row.pk}/end/")
    assert "No budget" in text(alice)
    assert "ended by alice" in text(alice)


@pytest.mark.parametrize("amount", ["", "five", "-1", "1.005", "99999999999999999999"])
def test_what_is_no_amount_sets_nothing(alice, amount):
    send(alice, "set/", what="", amount=amount, on_reach="warn")
    assert not Budget.objects.exists()


def test_a_viewer_looks_and_another_company_sees_nothing(client, alice, told):
    send(alice, "set/", what="", amount="500", on_reach="warn")
    client.force_login(told.bob)
    assert "¥500.00" in text(client)
    assert "Set a budget" not in text(client)
    client.force_login(told.charlie)
    assert client.get("/c/acme/budgets/").status_code == 404
