"""Every rule that the database holds has a row that breaks it, in tests/<app>/test_constraints.py."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from tests.architecture.source import APPS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# Tried by tests of their own, because one copied row cannot break them alone.
ELSEWHERE = {
    "tenant_not_its_own_parent",
    "invoice_one_draft_per_group",
    "invoice_total_not_negative",
    "payment_one_live_attempt",
    "payment_provider_number_once",
    "payment_tried_once_per_state",
}

RULES = """
SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u', 'x') AND conrelid::regclass::text = ANY (%(tables)s)
UNION SELECT indexrelid::regclass::text FROM pg_index
WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text = ANY (%(tables)s)
"""


def held(app: str) -> set[str]:
    tables = [m._meta.db_table for m in apps.get_app_config(app).get_models(include_auto_created=True)]
    with connection.cursor() as cursor:
        cursor.execute(RULES, {"tables": tables})
        return {row[0] for row in cursor.fetchall()}


def tried(app: str) -> set[str]:
    return {name for name, *_rest in import_module(f"tests.{app}.test_constraints").BREAKS}


@pytest.mark.parametrize("app", APPS)
def test_every_rule_is_broken_by_some_test(app):
    assert held(app) - tried(app) - ELSEWHERE == set()
    assert tried(app) <= held(app)
