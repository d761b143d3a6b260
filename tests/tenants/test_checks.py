"""The system checks see what is missing."""

import pytest
from django.core.checks import run_checks
from django.db import connection

from tenants import checks

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def found() -> list[str]:
    return [message.id for message in checks.database_holds(databases=["default"])]


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_it_finds_nothing_wrong_here():
    assert found() == []
    assert [m for m in run_checks(databases=["default"]) if m.id and m.id.startswith("tenants.")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER tenants_auditentry_sealed",
        "DROP TRIGGER tenants_notice_sealed ON tenants_notice",
        "ALTER TABLE billing_posting DISABLE TRIGGER USER",
    ],
)
def test_it_sees_a_seal_that_was_taken_off(statement):
    run(statement)
    assert set(found()) == {"tenants.E003"}


def test_it_sees_a_policy_that_was_switched_off():
    run("ALTER TABLE tenants_tenant DISABLE ROW LEVEL SECURITY")
    assert found() == ["tenants.E005"]


def test_it_sees_a_superuser_and_a_missing_role(monkeypatch):
    monkeypatch.setattr(checks, "PASSES_POLICIES", "SELECT true")
    monkeypatch.setattr(checks, "MAY_BECOME_TENANT", checks.MAY_BECOME_TENANT.replace("'tenant'", "'nobody here'"))
    assert found() == ["tenants.E001", "tenants.E002"]


def test_it_sees_a_missing_font(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "FONTS", tmp_path)
    assert [message.id for message in checks.fonts_are_there()] == ["tenants.E004"] * 3
