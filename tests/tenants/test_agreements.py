"""Nothing is deducted without a recorded authorisation, and it ends when a member says so."""

from datetime import timedelta
from hashlib import sha256

import pytest

from tenants import agreements
from tenants.errors import Invalid, WrongState
from tenants.models import AuditEntry
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def given(acme, seller, by=None, **more):
    return agreements.authorise(acme, seller=seller, text="同意自动扣款", text_version="1", at=NOW, by=by, **more)


def covered(acme, seller, *, amount=100, items=("subscription:1",), at=LATER, currency="CNY", way="wallet"):
    needs = [frozenset({"all", item}) for item in items]
    found = agreements.covering(
        acme, seller=seller, amount_minor=amount, currency=currency, items=needs, at=at, way=way
    )
    return found.first()


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
    assert covered(acme, seller, items=["subscription:7"]) == row
    assert covered(acme, seller, items=["subscription:8"]) is None
    assert covered(acme, seller, items=["subscription:7", "subscription:8"]) is None


def test_it_covers_each_thing_by_one_of_its_items(acme, seller):
    row = given(acme, seller, scope=agreements.scope_of(["overage", "module:crm", "overage"]))
    assert row.scope == "module:crm,overage"
    assert covered(acme, seller, items=["overage", "module:crm"]) == row
    assert covered(acme, seller, items=["overage", "renewal"]) is None
    assert covered(acme, seller, items=["module:cr"]) is None


def test_a_consent_to_renew_lets_nothing_be_deducted(acme, seller):
    given(acme, seller, scope="renews")
    assert covered(acme, seller, items=()) is None


def test_it_covers_its_way_only(acme, seller):
    row = given(acme, seller, way="alipay")
    assert covered(acme, seller, way="alipay") == row
    assert covered(acme, seller, way="wallet") is None


def test_it_covers_its_days_only(acme, seller):
    begins, ends = NOW + timedelta(days=2), NOW + timedelta(days=3)
    row = given(acme, seller, valid_from=begins, valid_until=ends)
    instants = (begins - timedelta(seconds=1), begins, ends - timedelta(seconds=1), ends)
    assert [covered(acme, seller, at=at) for at in instants] == [None, row, row, None]
    assert [agreements.is_in_force(row, at) for at in instants] == [False, True, True, False]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": ""}, "scope"),
        ({"scope": "everything"}, "scope"),
        ({"scope": "renews,all"}, "scope"),
        ({"scope": "module:"}, "scope"),
        ({"scope": "overage, renewal"}, "scope"),
        ({"scope": "top_up"}, "scope"),
        ({"way": "cash"}, "way"),
        ({"ceiling_minor": 0}, "ceiling"),
        ({"per_month_minor": -1}, "ceiling"),
        ({"valid_until": NOW}, "valid_until"),
        ({"valid_from": LATER, "valid_until": LATER}, "valid_until"),
    ],
)
def test_it_refuses_what_cannot_be_agreed(acme, seller, wrong, field):
    with pytest.raises(Invalid) as refusal:
        given(acme, seller, **wrong)
    assert refusal.value.field == field


def test_all_stands_for_every_bill():
    assert agreements.scope_of(["renewal", "all", "overage"]) == "all"


def test_it_covers_its_own_customer_only(acme, other, seller):
    given(acme, seller)
    assert covered(other, seller) is None


def test_it_covers_nothing_after_a_withdrawal(acme, seller, alice):
    row = given(acme, seller)
    agreements.withdraw(row, at=LATER, by=alice)
    assert covered(acme, seller, at=LATER) is None
    # Not at an earlier instant either: a clock that is behind deducts nothing under it.
    assert covered(acme, seller, at=LATER - timedelta(seconds=1)) is None
    assert AuditEntry.objects.filter(verb="authorisation.withdrawn", by=alice).count() == 1


def test_it_is_withdrawn_once(acme, seller):
    row = given(acme, seller)
    agreements.withdraw(row, at=LATER, by=None)
    with pytest.raises(WrongState):
        agreements.withdraw(row, at=LATER, by=None)
