"""API keys: shown once, verified by hash, ended at once."""

from datetime import timedelta

import pytest

from tenants import keys
from tenants.models import ApiKey, AuditEntry
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db


def test_it_issues_a_key_and_keeps_no_secret(acme, alice):
    key, text = keys.issue(acme, name="ERP", scopes=["read"], at=NOW, by=alice)
    assert keys.verify(text, at=NOW) == key
    secret = text.partition(".")[2]
    assert all(secret not in str(value) for value in ApiKey.objects.values().get().values())
    assert AuditEntry.objects.get(verb="api_key.issued").detail == {"scopes": ["read"]}


@pytest.mark.parametrize(
    "change", [lambda text: text + "x", lambda text: text.partition(".")[0], lambda text: "mz_no.x", str.upper]
)
def test_it_refuses_a_wrong_key(acme, change):
    _key, text = keys.issue(acme, name="ERP", scopes=["read"], at=NOW, by=None)
    with pytest.raises(keys.BadKey):
        keys.verify(change(text), at=NOW)


def test_it_ends_a_key(acme):
    key, text = keys.issue(acme, name="ERP", scopes=["read"], at=NOW, by=None)
    keys.revoke(key, at=NOW, by=None)
    with pytest.raises(keys.BadKey):
        keys.verify(text, at=NOW)


def test_a_key_expires(acme):
    _key, text = keys.issue(acme, name="ERP", scopes=["read"], at=NOW, by=None, expires_at=NOW + timedelta(days=1))
    assert keys.verify(text, at=NOW + timedelta(hours=23))
    with pytest.raises(keys.BadKey):
        keys.verify(text, at=NOW + timedelta(days=1))
