"""Accounts at payment providers: their keys are pasted once, tried, and never shown again."""

import pytest
from django.urls import reverse

from invoices.models import ProviderAccount
from invoices.providers import accounts
from tenants.models import AuditEntry
from tests.admin.conftest import NOW, staff
from tests.sandbox import sandbox_keys

__all__ = ["sandbox_keys"]
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def wanted(sandbox_keys):
    return {
        "app_id": sandbox_keys.alipay_app,
        "merchant": sandbox_keys.alipay_seller,
        "plan": "",
        "gateway": "",
        "private_key": sandbox_keys.alipay_private_ours,
        "public_key": sandbox_keys.alipay_public_theirs,
    }


@pytest.fixture
def account(world, operator, wanted) -> ProviderAccount:
    ids = {name: wanted[name] for name in ("app_id", "merchant")}
    keys = {name: wanted[name] for name in ("private_key", "public_key")}
    return accounts.set_up(world.seller, "alipay", **ids, secrets=keys, at=NOW, by=operator)


def to(act: str, row=None) -> str:
    return reverse(f"admin:invoices_provideraccount_{act}", kwargs={"object_id": row.pk} if row else {})


def body_of(pem: str) -> str:
    """Return a line from the middle of a key."""
    return pem.splitlines()[3]


def test_it_sets_an_account_up(desk, world, wanted):
    sent = {"seller": world.seller.pk, "provider": "alipay", **wanted}
    answer = desk.post(to("set_up"), sent, headers=ENGLISH, follow=True)
    account = ProviderAccount.objects.get()
    text = answer.content.decode()
    assert account.fingerprint[:12] in text
    assert f"/callbacks/alipay/{account.pk}/" in text
    assert body_of(wanted["private_key"]) not in text + account.secrets
    assert accounts.gateway_of(account).account.private_key.strip() == wanted["private_key"].strip()
    assert AuditEntry.objects.get(verb="provider_account.set_up").by_name


def test_it_never_writes_a_key_back(desk, world, account, wanted):
    bad = wanted | {"public_key": "no key", "merchant": "x/y"}
    text = desk.post(to("amend", account), bad, headers=ENGLISH).content.decode()
    assert "Digits and letters only" in text
    assert body_of(wanted["private_key"]) not in text
    assert "no key" not in text
    for page in (to("amend", account), reverse("admin:invoices_provideraccount_change", args=[account.pk])):
        text = desk.get(page).content.decode()
        assert account.secrets not in text
        assert body_of(wanted["private_key"]) not in text


def test_it_says_which_key_is_wrong(desk, account, wanted):
    text = desk.post(to("amend", account), wanted | {"public_key": "no key"}, headers=ENGLISH).content.decode()
    assert "no public RSA key" in text


def test_it_keeps_keys_that_are_left_empty(desk, account, wanted):
    desk.post(to("amend", account), wanted | {"private_key": "", "public_key": "", "plan": "INDUSTRY|X"})
    after = ProviderAccount.objects.get()
    assert (after.plan, after.fingerprint) == ("INDUSTRY|X", account.fingerprint)


def test_it_is_put_out_of_use_and_used_again(desk, account):
    assert "No new payment" in desk.get(to("put_away", account), headers=ENGLISH).content.decode()
    desk.post(to("put_away", account))
    assert not ProviderAccount.objects.get().active
    desk.post(to("take_up", account))
    assert ProviderAccount.objects.get().active


@pytest.mark.parametrize(("role", "status"), [("Administrator", 200), ("Billing operator", 403), ("Viewer", 403)])
def test_only_administrators_touch_keys(client, account, role, status):
    client.force_login(staff(role), "allauth.account.auth_backends.AuthenticationBackend")
    for page in (to("set_up"), to("amend", account), to("put_away", account)):
        assert client.get(page).status_code == status
    assert client.get(reverse("admin:invoices_provideraccount_change", args=[account.pk])).status_code == 200
