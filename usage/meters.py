"""The meters that events may name, remembered for a short while by each process.

What is remembered is never trusted with a write: every event is inserted only where its meter's row still has the version
(`xmin`) that was read here, so an edited or ended meter takes effect with its commit, in every process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection

SECONDS = 60

_QUERY = """
SELECT id, code, xmin::text, active, aggregation, value_property, dimensions FROM usage_meter
WHERE %s::bigint IS NULL OR seller_id = %s ORDER BY id
"""
_remembered: dict[int | None, tuple[Any, dict[str, Known | None]]] = {}


@dataclass(frozen=True, slots=True)
class Known:
    """A meter as it was at one version of its row."""

    id: int
    code: str
    version: str
    active: bool
    aggregation: str
    value_property: str
    dimensions: tuple[str, ...]


def known(seller_id: int | None) -> dict[str, Known | None]:
    """Return the meters of a seller, or of all, by code; None where several sellers have the code.

    Inside a transaction, which may have made meters that nobody else will ever see, nothing is remembered.
    """
    if connection.in_atomic_block:
        return _read(seller_id)
    until, found = _remembered.get(seller_id, (0, {}))
    if time.monotonic() > until:
        found = _read(seller_id)
        _remembered[seller_id] = (time.monotonic() + SECONDS, found)
    return found


def forget() -> None:
    """Read the meters again at the next question."""
    _remembered.clear()


def _read(seller_id: int | None) -> dict[str, Known | None]:
    with connection.cursor() as at:
        at.execute(_QUERY, [seller_id, seller_id])
        rows = at.fetchall()
    found: dict[str, Known | None] = {}
    for number, code, version, active, aggregation, value_property, dimensions in rows:
        meter = Known(number, code, version, active, aggregation, value_property, tuple(dimensions))
        found[meter.code] = None if meter.code in found else meter
    return found
