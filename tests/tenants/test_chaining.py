"""The chain over the audit log: entries are sealed once, and the first that was changed, lost or put in is named."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from billing import checking
from tenants import audit, chaining
from tenants.models import AuditEntry, AuditSeal
from tests import shop

pytestmark = pytest.mark.django_db
TABLES = ("tenants_auditentry", "tenants_auditseal")
DAY = timedelta(days=1)


def note(day, count=1, at=None):
    with transaction.atomic():
        for _n in range(count):
            audit.record("wallet.topped_up", tenant=None, at=at or shop.OPENED + day * DAY, by=None, amount="1.00")


def grow(links):
    """Write one entry a day and seal it, `links` times."""
    for day in range(links):
        note(day)
        chaining.seal(at=shop.OPENED + day * DAY)
    return list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True))


@pytest.fixture
def log():
    return grow(5)


def tamper(statement):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for act in ("DISABLE", "ENABLE"):
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {act} TRIGGER USER")
            if act == "DISABLE":
                cursor.execute(statement)


def found():
    return list(chaining.faults())


def test_everything_is_sealed_once_in_a_chain(log):
    note(9, count=2)
    assert chaining.seal(at=shop.OPENED + 9 * DAY) == 2
    links = list(AuditSeal.objects.order_by("number"))
    assert [(link.number, link.count) for link in links] == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2)]
    assert [link.previous for link in links] == ["", *(link.sha256 for link in links[:-1])]
    assert chaining.seal(at=shop.OPENED + 9 * DAY) == 0
    assert found() == []
    assert list(checking.faults()) == []


def test_many_are_sealed_in_several_links(monkeypatch):
    monkeypatch.setattr(chaining, "LINK", 2)
    note(0, count=5)
    assert chaining.seal(at=shop.OPENED) == 5
    assert [link.count for link in AuditSeal.objects.order_by("number")] == [2, 2, 1]


def test_what_waits_for_the_next_tick_is_no_fault(log):
    note(9)
    assert found() == []


@pytest.mark.parametrize(
    "change",
    [
        "verb = 'other'",
        "target = 'x'",
        "by_name = 'x'",
        "at = at + interval '1 second'",
        "detail = jsonb_set(detail, '{amount}', '\"9.00\"')",
    ],
)
def test_it_names_the_entry_that_was_changed(log, change):
    tamper(f"UPDATE tenants_auditentry SET {change} WHERE id >= {log[2]}")
    assert found() == [(f"audit entry {log[2]}", "is not what was sealed by seal 3 of the audit log")]
    assert [fault.where for fault in checking.faults()] == [f"audit entry {log[2]}"]


def test_it_names_an_entry_that_is_gone(log):
    tamper(f"DELETE FROM tenants_auditentry WHERE id = {log[3]}")
    assert found() == [(f"audit entry {log[3]}", "is gone; seal 4 of the audit log holds it")]


def test_it_names_an_entry_that_was_put_under_a_seal(log):
    note(9)
    new = AuditEntry.objects.get(seal=None)
    AuditEntry.objects.filter(pk=new.pk).update(seal=AuditSeal.objects.get(number=2))
    assert found() == [(f"audit entry {new.pk}", "says it is under seal 2 of the audit log, which does not hold it")]


def test_it_names_an_entry_with_a_number_of_the_past(log):
    tamper(f"DELETE FROM tenants_auditentry WHERE id = {log[0]}")  # makes room for a forgery under the same number
    tamper(
        "INSERT INTO tenants_auditentry (id, verb, target, by_name, detail, at)"
        f" VALUES ({log[0]}, 'forged', '', '', '{{}}', '2025-01-01T00:00+08')"
    )
    assert found() == [(f"audit entry {log[0]}", "is not what was sealed by seal 1 of the audit log")]


def test_it_names_an_entry_put_in_between_numbers_before_and_after_it_is_sealed(log):
    tamper(f"UPDATE tenants_auditentry SET id = id + 100 WHERE id > {log[4]}")
    tamper("ALTER SEQUENCE tenants_auditentry_id_seq RESTART WITH 1000000")
    note(9)
    chaining.seal(at=shop.OPENED + 9 * DAY)
    forged = AuditEntry.objects.latest("pk").pk - 1
    tamper(
        f"INSERT INTO tenants_auditentry (id, verb, target, by_name, detail, at) VALUES ({forged}, 'forged', '', '', '{{}}', now())"
    )
    note(20)
    assert found() == []  # it may be one that commits late
    newer = AuditEntry.objects.latest("pk").pk
    tamper(f"UPDATE tenants_auditentry SET seal_id = NULL WHERE id = {newer}")
    AuditEntry.objects.filter(pk=newer).update(seal=None)
    tamper(f"DELETE FROM tenants_auditentry WHERE id = {forged}")
    chaining.seal(at=shop.OPENED + 20 * DAY)
    tamper(
        f"INSERT INTO tenants_auditentry (id, verb, target, by_name, detail, at) VALUES ({forged}, 'forged', '', '', '{{}}', now())"
    )
    assert found() == [(f"audit entry {forged}", "was put in afterwards; no seal holds it")]
    chaining.seal(at=shop.OPENED + 21 * DAY)
    assert found() == [
        (f"audit entry {forged}", "was put in afterwards; seal 8 of the audit log was the first to hold it")
    ]


def test_it_names_an_entry_that_says_it_is_older_than_it_can_be(log):
    note(0, at=shop.OPENED)
    chaining.seal(at=shop.OPENED + 9 * DAY)
    forged = AuditEntry.objects.latest("pk").pk
    assert found() == [
        (f"audit entry {forged}", "was put in afterwards; seal 6 of the audit log was the first to hold it")
    ]


def test_it_sees_a_seal_that_was_written_anew(log):
    tamper(f"UPDATE tenants_auditseal SET sha256 = '{'0' * 64}' WHERE number = 2")
    assert found() == [("seal 2 of the audit log", "does not follow from the seal before it")]


def test_it_sees_a_seal_that_is_gone(log):
    tamper(
        "UPDATE tenants_auditentry SET seal_id = NULL WHERE seal_id = (SELECT id FROM tenants_auditseal WHERE number = 2);"
        "DELETE FROM tenants_auditseal WHERE number = 2"
    )
    assert found() == [("seal 2 of the audit log", "is gone")]


def test_what_is_sealed_keeps_its_seal(log):
    with pytest.raises(IntegrityError, match="keeps its seal"), transaction.atomic():
        AuditEntry.objects.filter(pk=log[0]).update(seal=None)


@pytest.mark.connections
@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_make_one_chain():
    note(0)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(chaining.ALONE)
            assert chaining.seal(at=shop.OPENED) == 0
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert chaining.seal(at=shop.OPENED) == 1
