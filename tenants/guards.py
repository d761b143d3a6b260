"""SQL that migrations use to make the database hold a rule: append-only tables, sealed rows, row-level security."""

from __future__ import annotations

# Which tenant a customer's transaction is for; unset means no rows.
CURRENT = "nullif(current_setting('app.tenant', true), '')::bigint"


def refuse_changes(table: str, *, only: tuple[str, ...] = (), unless: str = "", delete_when: str = "false") -> str:
    """Return SQL for a trigger that refuses updates and deletes of `table`.

    `only` names the columns that may still change; `unless` is a condition on OLD under which anything may change;
    `delete_when` one under which the row may go. Arrives in Python as IntegrityError (restrict_violation).
    """
    # The row as it would be with the free columns as they were: `*=` compares two rows byte for byte.
    restored = " ".join(f'kept."{column}" := OLD."{column}";' for column in only)
    free = f"IF {unless} THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;" if unless else ""
    return f"""
    CREATE FUNCTION {table}_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      kept {table};
    BEGIN
      {free}
      IF TG_OP = 'DELETE' AND ({delete_when}) THEN RETURN OLD; END IF;
      IF TG_OP = 'UPDATE' THEN
        kept := NEW; {restored}
        IF kept *= OLD THEN RETURN NEW; END IF;
      END IF;
      RAISE EXCEPTION '{table} is sealed: row % may not be changed', OLD.id USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER {table}_sealed BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_sealed();
    """


def restore_changes(table: str) -> str:
    """Return SQL that takes `refuse_changes` back."""
    return f"DROP TRIGGER {table}_sealed ON {table}; DROP FUNCTION {table}_sealed();"


def own_rows(table: str, *, rows: str = f"tenant_id = {CURRENT}") -> str:
    """Return SQL that lets the role `tenant` read `table`, and of it only the rows that `rows` admits."""
    return (
        f"GRANT SELECT ON {table} TO tenant; ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY {table}_own ON {table} FOR SELECT TO tenant USING ({rows});"
    )


def take_own_rows_back(table: str) -> str:
    """Return SQL that takes `own_rows` back."""
    return (
        f"DROP POLICY {table}_own ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        f"REVOKE SELECT ON {table} FROM tenant;"
    )


def everyone_reads(table: str) -> str:
    """Return SQL that lets the role `tenant` read all of `table`: catalogue and sellers, which are public."""
    return f"GRANT SELECT ON {table} TO tenant;"


def nobody_reads(table: str) -> str:
    """Return SQL that takes `everyone_reads` back."""
    return f"REVOKE SELECT ON {table} FROM tenant;"
