"""System checks: what the promises rest on is there. `manage.py check --database default` asks the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from tenants.printable import FONTS

FONT_FILES = ("MingzhangSans-Regular.ttf", "MingzhangSans-Bold.ttf", "coverage.txt")

PASSES_POLICIES = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
# Asked for the session's role: inside a customer's read the current one is `tenant` itself.
MAY_BECOME_TENANT = """
SELECT coalesce((SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'tenant'), false)
"""
# Each function that guards a table is named for its table, so a guard without its trigger tells that it was taken off.
LOOSE_GUARDS = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype AND NOT EXISTS (
  SELECT 1 FROM pg_trigger WHERE tgfoid = pg_proc.oid AND tgenabled IN ('O', 'A')
) ORDER BY proname
"""
OPEN_TABLES = """
SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND NOT relrowsecurity ORDER BY relname
"""


@register()
def fonts_are_there(**kwargs: Any) -> list[CheckMessage]:
    """E004: the documents' fonts are shipped."""
    missing = [name for name in FONT_FILES if not (FONTS / name).is_file()]
    hint = "They belong to the project: restore tenants/fonts from the repository."
    return [Error(f"The documents' font lacks {name}.", hint=hint, id="tenants.E004") for name in missing]


@register(Tags.database)
def database_holds(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E001–E003, E005: roles, seals and row policies are in force."""
    return [message for alias in databases or () for message in _complaints(alias)]


def _complaints(alias: str) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not _column(alias, MAY_BECOME_TENANT)[0]:
        hint = "Run config/roles.sql as an administrator of the server: psql -f config/roles.sql"
        found.append(Error("The database user may not become the role “tenant”.", hint=hint, id="tenants.E001"))
    if _column(alias, PASSES_POLICIES)[0]:
        hint = "Connect as the role app, which config/roles.sql makes; no row policy binds a superuser."
        found.append(Error("The database user passes every row policy.", hint=hint, id="tenants.E002"))
    for name in _column(alias, LOOSE_GUARDS):
        found.append(Error(f"The guard {name} is not on its table.", hint="Enable its trigger.", id="tenants.E003"))
    for name in _column(alias, OPEN_TABLES):
        hint = f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
        found.append(Error(f"The row policy of {name} is switched off.", hint=hint, id="tenants.E005"))
    return found


def _column(alias: str, query: str) -> Sequence[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]
