"""The database lets a customer see its own rows only, and change none; unset means no rows."""

import pytest
from django.db import ProgrammingError, connection, transaction

from tenants import access
from tenants.models import Tenant
from tests.rows import NOW, furnish

pytestmark = [pytest.mark.django_db, pytest.mark.database]

POLICIES = """
SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid WHERE relrowsecurity ORDER BY relname
"""
# Rows of these belong to the catalogue; every customer sees what is published.
SHARED = {"billing_planversion", "billing_price", "billing_pricelist", "billing_pricelistentry"}
# The usage app tells its own rows apart in its own tests.
UNFURNISHED = {"usage_usageevent", "usage_usagecounter", "usage_usagemember", "usage_usagemark"}


def ask(statement: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def tables() -> list[str]:
    return [row[0] for row in ask(POLICIES)]


def count(table: str) -> int:
    return ask(f"SELECT count(*) FROM {table}")[0][0]


def counts() -> dict[str, int]:
    return {table: count(table) for table in tables()}


@pytest.fixture
def stranger(db) -> Tenant:
    return Tenant.objects.create(code="stranger", name="Stranger", opened_at=NOW)


def test_it_has_a_row_in_each_table_with_a_policy():
    furnish()
    assert {table for table, rows in counts().items() if not rows} <= UNFURNISHED


def test_it_shows_nothing_when_no_customer_is_set(stranger):
    furnish()
    with transaction.atomic():
        access._switch("", "tenant")
        seen = {table for table, rows in counts().items() if rows}
        access._switch("", "none")
    assert seen <= SHARED


def test_it_shows_a_customer_its_own_rows():
    acme = furnish()
    there = counts()
    with access.as_tenant(acme):
        hidden = {table for table, rows in counts().items() if not rows and there[table]}
    assert hidden == {"billing_price", "billing_pricelistentry"}  # of drafts


def test_it_shows_a_customer_nothing_of_another(stranger):
    furnish()
    with access.as_tenant(stranger):
        seen = {table: rows for table, rows in counts().items() if rows and table not in SHARED}
    assert seen == {"tenants_tenant": 1}


def test_it_shows_drafts_and_others_lists_to_nobody(stranger):
    acme = furnish()
    with access.as_tenant(acme):
        assert ask("SELECT status FROM billing_planversion") == [("published",)]
        assert ask("SELECT status FROM billing_pricelist") == [("published",)]
    with access.as_tenant(stranger):
        assert count("billing_pricelist") == 0


def test_it_shows_a_parent_and_its_children_to_each_other(stranger):
    acme = furnish()
    child = Tenant.objects.create(code="child", name="Child", parent=acme, opened_at=NOW)
    with access.as_tenant(child):
        assert set(Tenant.objects.values_list("code", flat=True)) == {"acme", "child"}
    with access.as_tenant(acme):
        assert set(Tenant.objects.values_list("code", flat=True)) == {"acme", "child"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_tenant SET name = 'x'",
        "DELETE FROM invoices_invoice",
        "INSERT INTO tenants_tag (name) VALUES ('x')",
        "SELECT * FROM tenants_idempotencykey",
        "SELECT * FROM django_session",
    ],
)
def test_it_refuses_a_customer_to_write_and_to_look_elsewhere(statement):
    acme = furnish()
    with pytest.raises(ProgrammingError, match="permission denied"), access.as_tenant(acme):
        ask(statement)


def test_it_leaks_nothing_to_what_comes_next():
    acme = furnish()
    with access.as_tenant(acme):
        assert ask("SELECT current_user, current_setting('app.tenant')") == [("tenant", str(acme.pk))]
    assert ask("SELECT current_user, current_setting('app.tenant')") == [("app", "")]


def test_it_leaks_nothing_after_a_failure():
    acme = furnish()
    with pytest.raises(ProgrammingError), access.as_tenant(acme):
        ask("SELECT nonsense")
    assert ask("SELECT current_user, coalesce(current_setting('app.tenant', true), '')") == [("app", "")]


@pytest.mark.django_db(transaction=True)
def test_it_refuses_outside_a_transaction():
    with pytest.raises(RuntimeError, match="needs a transaction"):
        access.enter(1)
    assert ask("SELECT current_user") == [("app",)]


@pytest.mark.django_db(transaction=True)
def test_it_leaks_nothing_to_the_connections_next_transaction():
    acme = Tenant.objects.create(code="acme", name="Acme", opened_at=NOW)
    with access.as_tenant(acme):
        assert count("tenants_tenant") == 1
    with transaction.atomic():
        assert ask("SELECT current_user, coalesce(current_setting('app.tenant', true), '')") == [("app", "")]
