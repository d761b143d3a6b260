"""The audit log is written in the transaction of the act, and never changed."""

import pytest
from django.db import transaction

from tenants import audit
from tenants.errors import NoTransaction
from tenants.models import AuditEntry
from tests.tenants.conftest import NOW


@pytest.mark.django_db(transaction=True)
def test_it_refuses_outside_a_transaction():
    with pytest.raises(NoTransaction):
        audit.record("x", tenant=None, at=NOW, by=None)


@pytest.mark.django_db(transaction=True)
def test_it_does_not_survive_its_act():
    with transaction.atomic():
        audit.record("x", tenant=None, at=NOW, by=None)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_it_keeps_the_name_of_the_day(acme, alice):
    audit.record("x", tenant=acme, at=NOW, by=alice, target="tenant:1", amount="1.00")
    alice.name = "Alicia"
    alice.save()
    entry = AuditEntry.objects.get(verb="x")
    assert (entry.by_name, entry.target, entry.detail, entry.tenant) == ("Alice", "tenant:1", {"amount": "1.00"}, acme)
