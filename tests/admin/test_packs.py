"""Operators grant resource packs with a reason; everything else of a pack is read only."""

import pytest
import time_machine
from django.urls import reverse

from billing.models import Pack
from invoices.models import OperatorAct
from tenants.models import AuditEntry
from tests import shop
from tests.admin.conftest import staff
from tests.admin.test_acts import twice
from usage.models import Meter

pytestmark = pytest.mark.django_db
GRANT = "admin:billing_pack_grant"
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def today():
    with time_machine.travel(shop.at("2026-03-02 09:00"), tick=False):
        yield


def wanted(**changes) -> dict:
    meter = Meter.objects.get(code="messages").pk
    return (
        {"tenant": "acme", "meter": meter, "quantity": "500", "last_on": "2026-06-30", "priority": "0"}
        | {"reason": "Christmas"}
        | changes
    )


def test_it_grants_a_pack_to_the_end_of_the_last_day(world, desk, operator, today):
    before = Pack.objects.count()
    answer = twice(desk, reverse(GRANT), wanted())
    pack = Pack.objects.latest("pk")
    assert answer.headers["Location"] == reverse(
        "admin:invoices_operatoract_change", args=[OperatorAct.objects.first().pk]
    )
    assert (Pack.objects.count(), pack.tenant, pack.quantity) == (before + 1, world.tenant, 500)
    assert (pack.valid_from, pack.expires) == (shop.at("2026-03-02 09:00"), shop.at("2026-07-01 00:00"))
    entry = AuditEntry.objects.filter(verb="pack.granted").latest("pk")
    assert (entry.by, entry.detail["reason"]) == (operator, "Christmas")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"last_on": "2026-03-01"}, "A pack lapses after it begins."),
        ({"quantity": "0"}, "A pack holds more than zero units"),
        ({"tenant": "nobody"}, "There is no such customer."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_it_says_what_is_wrong_with_a_grant(world, desk, today, changes, said):
    before = Pack.objects.count()
    answer = desk.post(reverse(GRANT), wanted(**changes), headers=ENGLISH)
    assert said in answer.content.decode()
    assert Pack.objects.count() == before


def test_it_offers_only_meters_that_add_up(world, desk):
    form = desk.get(reverse(GRANT)).context["form"]
    assert {meter.code for meter in form.fields["meter"].queryset} == {"messages", "turnover", "sms"}


@pytest.mark.parametrize(("role", "status"), [("Viewer", 403), ("Catalogue editor", 403), ("Billing operator", 200)])
def test_it_lets_those_who_bill_grant(world, client, role, status):
    client.force_login(staff(role), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(reverse(GRANT)).status_code == status
    assert client.get(reverse("admin:billing_pack_changelist")).status_code == 200


def test_it_shows_what_is_left(world, desk):
    page = desk.get(reverse("admin:billing_pack_changelist"), headers=ENGLISH).content.decode()
    assert "90\u00a0messages" in page  # 10 of 100 are used
