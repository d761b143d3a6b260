"""A customer's state moves along the table of transitions only."""

import pytest

from tenants import keys, lifecycle
from tenants.errors import WrongState
from tenants.models import AuditEntry, Tenant
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db
Status = Tenant.Status
VERBS = {
    Status.RESTRICTED: lifecycle.restrict,
    Status.SUSPENDED: lifecycle.suspend,
    Status.ACTIVE: lifecycle.restore,
    Status.CLOSED: lifecycle.close,
}


@pytest.mark.parametrize("now", Status.values)
@pytest.mark.parametrize("wanted", list(VERBS))
def test_it_follows_the_table(acme, now, wanted):
    Tenant.objects.filter(pk=acme.pk).update(status=now)
    if wanted in Tenant.TRANSITIONS[now]:
        assert VERBS[wanted](acme, at=NOW, by=None, reason="because").status == wanted
        entry = AuditEntry.objects.get(verb=f"tenant.{wanted}")
        assert entry.detail == {"before": now, "reason": "because"}
    else:
        with pytest.raises(WrongState):
            VERBS[wanted](acme, at=NOW, by=None)
    assert (Tenant.objects.get(pk=acme.pk).status == wanted) is (wanted in Tenant.TRANSITIONS[now] or now == wanted)


def test_it_ends_the_keys_of_a_closed_customer(acme):
    key, text = keys.issue(acme, name="k", scopes=["read"], at=NOW, by=None)
    lifecycle.close(acme, at=NOW, by=None)
    with pytest.raises(keys.BadKey):
        keys.verify(text, at=NOW)
