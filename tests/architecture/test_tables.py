"""What the database itself says: whose each row is, and what a customer's role may see."""

import pytest
from django.apps import apps
from django.db import connection

from tests.architecture.source import APPS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# Tables without a tenant's key, and whose their rows are instead.
OTHERS = {
    "tenants_user": "a person; what joins it to companies is tenants_member",
    "tenants_user_groups": "an operator's roles",
    "tenants_user_user_permissions": "an operator's roles",
    "tenants_seller": "a legal entity of ours",
    "tenants_customergroup": "the seller's",
    "tenants_tag": "the seller's",
    "tenants_auditseal": "of the one log, which is about many tenants; a customer sees those of his own entries",
    "tenants_idempotencykey": "of a key, which knows its tenant",
    "usage_meter": "the seller's catalogue",
    "usage_usageimport": "an operator's file with rows of many tenants",
    "billing_family": "the seller's catalogue",
    "billing_plan": "the seller's catalogue",
    "billing_planversion": "the seller's catalogue",
    "billing_price": "the seller's catalogue",
    "billing_pricelist": "of a customer group",
    "billing_pricelistentry": "of a customer group",
    "billing_coupon": "the seller's",
    "billing_ledgerseal": "of a seller's book, which is about many tenants",
    "billing_pricemigration": "the seller's announcement; a customer sees those that move him",
    "invoices_peerfigure": "figures of at least ten customers; none of them is named",
    "invoices_bankfile": "an operator's file with rows of many tenants",
    "invoices_statementfile": "the seller's, of a provider",
    "invoices_statementrow": "of a statement; what it names knows its tenant",
    "invoices_reconciledday": "the seller's, at a provider",
    "invoices_billingrun": "a run over many tenants",
    "invoices_customerimport": "an operator's file with rows of many tenants",
    "invoices_disputeterms": "the seller's",
    "invoices_dunningstep": "of a schedule, which knows whose it is",
    "invoices_numberseries": "the seller's",
    "invoices_signingkey": "the seller's; its public half is on a page for everybody",
    "invoices_provideraccount": "the seller's, with his keys",
    "invoices_providermessage": "what a provider told a seller, also nonsense; the payment that it names knows its tenant",
}
# Tables that the role `tenant` may read as a whole.
PUBLIC = {
    "billing_family": "what is for sale is public",
    "billing_plan": "what is for sale is public",
    "invoices_peerfigure": "figures of at least ten customers; none of them is named",
    "tenants_seller": "a customer knows whom it buys from",
    "invoices_disputeterms": "what a seller promises of disputes",
    "usage_meter": "what is counted is public",
}


def rows(query: str) -> set:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def own_tables() -> set[str]:
    found = [model for app in APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    return {model._meta.db_table for model in found}


def tables_with_key() -> set[str]:
    """Tables with the column tenant_id; the tenant's own table is its own key."""
    return {"tenants_tenant"} | rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )


def readable() -> set[str]:
    """Every table that the role `tenant` may read, whoever made it."""
    return rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('tenant', oid, 'SELECT')"
    )


def with_policy() -> set[str]:
    return rows(
        "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid"
        " WHERE relrowsecurity AND 'tenant'::regrole = ANY (polroles)"
    )


def writable() -> set[str]:
    return rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('tenant', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )


def test_it_has_a_tenant_key_on_every_tenant_owned_table():
    assert own_tables() - tables_with_key() == set(OTHERS)


def test_it_shows_a_customer_only_tables_with_a_policy():
    assert readable() - with_policy() == set(PUBLIC)


def test_it_lets_a_customer_write_nothing():
    assert writable() == set()


def test_it_sees_a_table_without_a_tenant_key():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE billing_bad (id int)")
    assert "billing_bad" in ({"billing_bad"} | own_tables()) - tables_with_key()


def test_it_sees_a_table_that_every_customer_reads():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE billing_bad (id int); GRANT SELECT, UPDATE ON billing_bad TO tenant")
    assert "billing_bad" in readable() - with_policy()
    assert "billing_bad" in writable()


def test_it_connects_as_an_ordinary_role():
    assert rows("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") == {False}
