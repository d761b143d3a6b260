"""Who is a member of what, and whom a key acts for."""

import pytest

from tenants import access, accounts, keys
from tenants.errors import NotAllowed, NotFound
from tenants.models import User
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db


def test_it_finds_a_membership(acme, alice):
    assert access.member(alice).tenant == acme
    assert access.member(alice, "acme").role == "owner"


def test_it_hides_a_company_from_strangers(acme, other, alice, charlie):
    for person, code in ((charlie, "acme"), (charlie, ""), (alice, "other"), (alice, "nothing")):
        with pytest.raises(NotFound):
            access.member(person, code)


def test_it_names_those_who_may(acme, alice, bob):
    access.require(access.member(alice), ["owner"])
    with pytest.raises(NotAllowed, match="Alice"):
        access.require(access.member(bob), ["owner"])


def test_a_customers_key_acts_for_it_alone(acme, other):
    key, _text = keys.issue(acme, name="k", scopes=[], at=NOW, by=None)
    assert access.tenant_of_key(key) == access.tenant_of_key(key, "acme") == acme
    with pytest.raises(NotFound):
        access.tenant_of_key(key, "other")


def test_an_operators_key_names_the_customer(acme):
    key, _text = keys.issue(None, name="k", scopes=[], at=NOW, by=None)
    assert access.tenant_of_key(key, "acme") == acme
    for code in ("", "nobody", "\x00"):
        with pytest.raises(NotFound):
            access.tenant_of_key(key, code)


def test_only_operators_who_may_look_as_a_customer(alice, bob):
    root = User.objects.create_superuser("root@seller.example", "x")
    plain = User.objects.create_user("staff@seller.example", "x", is_staff=True)
    assert accounts.may_view_as(hijacker=root, hijacked=alice)
    assert not accounts.may_view_as(hijacker=plain, hijacked=alice)
    assert not accounts.may_view_as(hijacker=bob, hijacked=alice)
    assert not accounts.may_view_as(hijacker=root, hijacked=plain)


def test_nobody_signs_up_by_himself(client):
    answer = client.post("/account/signup/", {"email": "eve@elsewhere.example", "password1": "a long passphrase"})
    assert not User.objects.filter(email="eve@elsewhere.example").exists()
    assert answer.status_code == 200
