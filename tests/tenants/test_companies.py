"""Opening and amending companies: many at once, each mistake named by its field, each act in the audit log."""

import pytest
from django.db import IntegrityError, connection, transaction

from tenants import companies
from tenants.companies import NewContact
from tenants.errors import Mistakes
from tenants.models import AuditEntry, CustomerGroup, Tag, Tenant
from tests.tenants.conftest import NOW, company, opened

pytestmark = pytest.mark.django_db


def paths(outcome) -> list[str]:
    return [mistake.field for mistake in outcome.mistakes]


def test_it_opens_many_and_answers_in_order(django_assert_max_num_queries):
    asked = [company(f"c{number}") for number in range(60)]
    with django_assert_max_num_queries(14):
        outcomes = companies.open(asked, at=NOW, by=None)
    assert [o.tenant.code for o in outcomes] == [c.code for c in asked]
    assert AuditEntry.objects.filter(verb="tenant.opened").count() == 60


def test_it_keeps_everything_that_was_said():
    CustomerGroup.objects.create(code="gold", name="Gold")
    tenant = opened(
        "acme",
        zone="Europe/Berlin",
        group="gold",
        tags=["a", "b", "a"],
        contacts=[NewContact(name="林", email="a@b.example")],
    )
    tenant = Tenant.objects.get(pk=tenant.pk)
    assert (tenant.timezone, tenant.group.code, tenant.opened_at) == ("Europe/Berlin", "gold", NOW)
    assert sorted(tag.name for tag in tenant.tags.all()) == ["a", "b"]
    assert [contact.email for contact in tenant.contacts.all()] == ["a@b.example"]


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"code": "a b"}, "code"),
        ({"name": ""}, "name"),
        ({"name": "酒店 😀"}, "name"),
        ({"tax_number": "91350100M000100Y44"}, "tax_number"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"currency": "rmb"}, "currency"),
        ({"language": "fr"}, "language"),
        ({"group": "none"}, "group"),
        ({"parent": "none"}, "parent"),
        ({"parent": "bad"}, "parent"),
        ({"tags": ["ok", ""]}, "tags[1]"),
        ({"note": "a\x00b"}, "note"),
        ({"contacts": [NewContact(name="林")]}, "contacts[0].email"),
        ({"contacts": [NewContact(name="林", email="a@b.example", role="boss")]}, "contacts[0].role"),
        ({"contacts": [NewContact(name="林", email="a@b.example")] * 2}, "contacts"),
    ],
)
def test_it_refuses_a_mistake_and_names_its_field(said, path):
    good, bad = companies.open([company("good"), company(**({"code": "bad"} | said))], at=NOW, by=None)
    assert good.tenant is not None
    assert bad.tenant is None
    assert path in paths(bad)
    assert list(Tenant.objects.values_list("code", flat=True)) == ["good"]


def test_it_says_which_check_digit_is_wrong():
    [bad] = companies.open([company("bad", tax_number="91350100M000100Y44")], at=NOW, by=None)
    assert "91350100M000100Y44" in bad.mistakes[0].message


def test_it_refuses_a_code_that_is_taken_or_here_twice(acme):
    taken, first, second = companies.open([company("acme"), company("x"), company("x")], at=NOW, by=None)
    assert [paths(o) for o in (taken, first, second)] == [["code"]] * 3
    assert Tenant.objects.count() == 1


def test_it_opens_a_child_with_its_parent():
    child, parent = companies.open([company("child", parent="top"), company("top")], at=NOW, by=None)
    assert child.tenant.parent_id == parent.tenant.pk


def test_it_refuses_a_child_of_a_refused_parent():
    child, parent = companies.open([company("child", parent="top"), company("top", name="")], at=NOW, by=None)
    assert (paths(child), paths(parent)) == (["parent"], ["name"])


def test_it_refuses_a_grandchild():
    opened("top")
    opened("middle", parent="top")
    [low] = companies.open([company("low", parent="middle")], at=NOW, by=None)
    assert paths(low) == ["parent"]


def test_it_holds_one_level_in_the_database():
    top, middle, low = opened("top"), opened("middle", parent="top"), opened("low")
    for child, parent in ((low, middle), (top, low), (top, middle)):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_tenant SET parent_id = %s WHERE id = %s", [parent.pk, child.pk])


def test_it_amends_and_audits_before_and_after(acme, alice):
    companies.amend(acme, {"name": "新名", "tags": ["vip"], "zone": "Asia/Tokyo"}, at=NOW, by=alice)
    entry = AuditEntry.objects.get(verb="tenant.amended")
    assert entry.detail["changes"] == {
        "name": ["acme 公司", "新名"],
        "tags": [[], ["vip"]],
        "zone": ["Asia/Shanghai", "Asia/Tokyo"],
    }
    assert (entry.by, entry.by_name) == (alice, "Alice")


def test_it_amends_nothing_when_one_change_is_wrong(acme):
    with pytest.raises(Mistakes) as refusal:
        companies.amend(acme, {"name": "新名", "currency": "x", "colour": "red"}, at=NOW, by=None)
    assert {mistake.field for mistake in refusal.value.mistakes} == {"currency", "colour"}
    assert Tenant.objects.get(pk=acme.pk).name == "acme 公司"
    assert not Tag.objects.exists()


def test_it_writes_no_audit_entry_for_no_change(acme):
    companies.amend(acme, {"name": acme.name}, at=NOW, by=None)
    assert not AuditEntry.objects.filter(verb="tenant.amended").exists()


@pytest.mark.parametrize(("child", "parent"), [("top", "low"), ("low", "middle"), ("low", "low"), ("low", "none")])
def test_it_refuses_a_wrong_parent(child, parent):
    rows = {"top": opened("top"), "middle": opened("middle", parent="top"), "low": opened("low")}
    with pytest.raises(Mistakes) as refusal:
        companies.amend(rows[child], {"parent": parent}, at=NOW, by=None)
    assert refusal.value.field == "parent"


def test_it_moves_a_company_below_another_and_back(acme, other):
    assert companies.amend(acme, {"parent": "other"}, at=NOW, by=None).payer_id == other.pk
    assert companies.amend(acme, {"parent": None}, at=NOW, by=None).payer_id == acme.pk


def test_it_replaces_contacts(acme):
    companies.amend(acme, {"contacts": [NewContact(name="王", email="w@acme.example")]}, at=NOW, by=None)
    assert [c.email for c in acme.contacts.all()] == ["w@acme.example"]
    assert AuditEntry.objects.filter(verb="tenant.contacts_set").count() == 1
