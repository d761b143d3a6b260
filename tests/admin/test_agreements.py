"""Operators read agreements with the consents that they stand on, and end one with a reason."""

import pytest
from django.urls import reverse

from invoices.models import Mandate
from tenants.models import AuditEntry
from tests.admin.conftest import staff
from tests.invoices.agreed import agreed
from tests.invoices.at_provider import simulated

ENGLISH = {"accept-language": "en"}


@pytest.fixture
def mandate(world) -> Mandate:
    with simulated("approve"):
        return agreed(world.tenant, world.seller)


def page(act: str, row: Mandate) -> str:
    return reverse(f"admin:invoices_mandate_{act}", args=[row.pk])


def test_it_shows_the_consent_beside_the_agreement(desk, mandate):
    text = desk.get(page("change", mandate), headers=ENGLISH).content.decode()
    consent = reverse("admin:tenants_authorisation_change", args=[mandate.authorisation_id])
    assert f'href="{consent}"' in text
    assert "¥500.00" in text


def test_an_operator_ends_it_with_a_reason(desk, mandate):
    desk.post(page("end", mandate), {"reason": "客户来电要求"}, headers=ENGLISH)
    mandate.refresh_from_db()
    assert (mandate.status, mandate.ended_by) == ("ended", "us")
    assert mandate.authorisation.withdrawn_at is not None
    assert mandate.ask_at == mandate.ended_at, "the provider is not told"
    said = AuditEntry.objects.get(verb="mandate.ended")
    assert (said.detail["reason"], said.by_name) == ("客户来电要求", "Olivia")


def test_it_is_not_ended_without_a_reason(desk, mandate):
    assert desk.post(page("end", mandate), {"reason": ""}, headers=ENGLISH).status_code == 200
    mandate.refresh_from_db()
    assert mandate.status == "active"


def test_what_has_ended_cannot_be_ended_again(desk, mandate):
    for reason in ("one", "two"):
        desk.post(page("end", mandate), {"reason": reason}, headers=ENGLISH)
    assert page("end", mandate) not in desk.get(page("change", mandate), headers=ENGLISH).content.decode()
    assert AuditEntry.objects.filter(verb="mandate.ended").count() == 1


@pytest.mark.parametrize(("role", "status"), [("Viewer", 403), ("Catalogue editor", 403), ("Billing operator", 200)])
def test_only_those_who_bill_end_one(client, mandate, role, status):
    client.force_login(staff(role), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(page("end", mandate)).status_code == status
