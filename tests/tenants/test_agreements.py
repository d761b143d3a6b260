"""Nothing is deducted without a recorded authorisation, and it ends when a member says so."""

from datetime import timedelta
from hashlib import sha256

import pytest

from tenants import agreements
from tenants.errors import WrongState
from tenants.models import AuditEntry
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def given(acme, seller, by=None, **more):
    return agreements.authorise(acme, seller=seller, text="同意自动扣款", text_version="1", at=NOW, by=by, **more)


def covered(acme, seller, *, amount: int = 100, scope: str = "subscription:1", at=LATER, currency: str = "CNY"):
    return agreements.covers(acme, seller=seller, amount_minor=amount, currency=currency, scope=scope, at=at)


def test_it_records_who_agreed_to_which_text(acme, seller, alice):
    row = given(acme, seller, alice, address="10.1.2.3")
    assert (row.given_by_name, row.address) == ("Alice", "10.1.2.3")
    assert row.text_sha256 == sha256("同意自动扣款".encode()).hexdigest()
    assert AuditEntry.objects.filter(verb="authorisation.given", by=alice).count() == 1


def test_nothing_is_covered_without_one(acme, seller):
    assert covered(acme, seller) is None


def test_it_covers_what_was_agreed(acme, seller):
    row = given(acme, seller, ceiling_minor=100)
    assert covered(acme, seller, amount=100) == row
    assert covered(acme, seller, amount=101) is None
    assert covered(acme, seller, currency="USD") is None
    assert covered(acme, seller, at=NOW - timedelta(seconds=1)) is None


def test_it_covers_its_scope_only(acme, seller):
    row = given(acme, seller, scope="subscription:7")
    assert covered(acme, seller, scope="subscription:7") == row
    assert covered(acme, seller, scope="subscription:8") is None


def test_it_covers_its_own_customer_only(acme, other, seller):
    given(acme, seller)
    assert covered(other, seller) is None


def test_it_covers_nothing_after_a_withdrawal(acme, seller, alice):
    row = given(acme, seller)
    agreements.withdraw(row, at=LATER, by=alice)
    assert covered(acme, seller, at=LATER - timedelta(seconds=1)) == row
    assert covered(acme, seller, at=LATER) is None
    assert AuditEntry.objects.filter(verb="authorisation.withdrawn", by=alice).count() == 1


def test_it_is_withdrawn_once(acme, seller):
    row = given(acme, seller)
    agreements.withdraw(row, at=LATER, by=None)
    with pytest.raises(WrongState):
        agreements.withdraw(row, at=LATER, by=None)
