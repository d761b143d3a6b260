"""Many rows in one statement: ids reserved, then COPY, several times as fast as one INSERT per batch of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from psycopg.adapt import Dumper

from tenants.errors import AskedWhileWriting, NoTransaction

# Anything a column of ours holds; JSON columns take dicts and lists.
Value = object


def reserve(model: type[models.Model], count: int) -> list[int]:
    """Return `count` fresh ids of `model`, in ascending order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


class _Json(Dumper):
    """Writes a dict or a list into a JSON column."""

    def dump(self, obj: Any) -> bytes:
        return msgspec.json.encode(obj)


class Among(models.Func):
    """`column = ANY(array)`: see `among`."""

    template, arg_joiner = "%(expressions)s)", " = ANY("
    output_field = models.BooleanField()


def among(column: str, ids: Iterable[int]) -> Among:
    """Return the condition that a column is one of many ids: one parameter, where `__in` would send one for each id."""
    return Among(models.F(column), models.Value(list(ids), ArrayField(models.BigIntegerField())))


def _nothing_is_asked(*_args: Any) -> Any:
    """Refuse a query: beside a COPY it would wait for its own connection for ever."""
    raise AskedWhileWriting


def copy_in(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write `rows` (values in the order of `columns`, which are database columns) in one COPY.

    Constraints and triggers apply as ever; column defaults of Python do not, so every column without a database
    default must be named. Raises NoTransaction outside a transaction, and AskedWhileWriting when `rows` ask the database.
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    connection.ensure_connection()
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        for kind in (dict, list):
            cursor.adapters.register_dumper(kind, _Json)
        statement = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
        with connection.execute_wrapper(_nothing_is_asked), cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def update_from(table: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Set `columns` of `table` for many ids at once; each row is (id, value, …). Returns how many rows changed."""
    if not rows:
        return 0
    names = ["id", *columns]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    shape = ", ".join(f'"{n}" {t}' for n, t in zip(names, ["bigint", *types], strict=True))
    fresh = ", ".join(f'"{n}" = fresh."{n}"' for n in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" SET {fresh} FROM jsonb_to_recordset(%s::jsonb) AS fresh({shape})'
            f' WHERE "{table}".id = fresh.id',
            [msgspec.json.encode(records).decode()],
        )
        return cursor.rowcount


def mark(model: type[models.Model], column: str, value: datetime, ids: Sequence[int]) -> int:
    """Set a column of many rows to one instant, the ids in one parameter; return how many rows changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{model._meta.db_table}" SET "{column}" = %s WHERE id = ANY(%s::bigint[])', [value, list(ids)]
        )
        return cursor.rowcount
