"""Voids: an event of its own takes an earlier one back, once, and the hours it belonged to are counted again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from django.utils.translation import gettext as _

from usage import counting
from usage.decoding import ACCEPTED, DUPLICATE, Answer, Refusal

# The void copies what it takes back, so that a reader of one event knows what went and from which hour.
# Any unique key may refuse a row: the void's own key, or the event that another void has taken back already.
_INSERT = """
WITH given AS MATERIALIZED (
  SELECT x.i, x.k, e.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(i int, k text, v text)
  CROSS JOIN LATERAL (SELECT * FROM usage_usageevent WHERE tenant_id = %(tenant)s AND key = x.v LIMIT 1) e
  WHERE e.kind = 'use' AND e.occurred_at >= %(oldest)s
), added AS (
  INSERT INTO usage_usageevent (tenant_id, meter_id, key, kind, occurred_at, quantity, member, dimension, properties,
    voids_id, received_at)
  SELECT tenant_id, meter_id, k, 'void', occurred_at, quantity, member, dimension, '{}', id, %(at)s
  FROM given ORDER BY id, i ON CONFLICT DO NOTHING
  RETURNING key, meter_id, dimension, occurred_at
)
SELECT key, meter_id, dimension::text,
  date_trunc('hour', occurred_at, (SELECT timezone FROM tenants_tenant WHERE id = %(tenant)s)) FROM added
"""

_STORED = """
SELECT x.i, own.id IS NOT NULL, coalesce(own.voids_id = target.id, false), target.kind, target.occurred_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(i int, k text, v text)
LEFT JOIN LATERAL (SELECT * FROM usage_usageevent WHERE tenant_id = %(tenant)s AND key = x.k LIMIT 1) own ON true
LEFT JOIN LATERAL (SELECT * FROM usage_usageevent WHERE tenant_id = %(tenant)s AND key = x.v LIMIT 1) target ON true
"""


def conflict() -> Refusal:
    """Return the refusal of a key that was used with other content (CONTRACTS rule 13)."""
    message = _("This key was used for another event. Give a new event a new key.")
    return Refusal("key_conflict", "key", message)


def take_back(
    at_cursor: psycopg.Cursor[Any],
    tenant_id: int,
    voids: list[tuple[int, str, str]],
    *,
    at: datetime,
    oldest: datetime,
) -> dict[int, Answer]:
    """Take back events of the tenant; return the answers by place.

    `voids` are (place in the batch, key, key of the event). Refused: an unknown key, a void, an event before `oldest`, one
    that another void has taken back. The repeat of a void is a duplicate.
    """
    first: dict[str, tuple[int, str, str]] = {}
    for one in voids:
        first.setdefault(one[1], one)
    told = {"tenant": tenant_id, "at": at, "oldest": oldest, "rows": _json(list(first.values()))}
    found = at_cursor.execute(_INSERT, told).fetchall()
    hours = dict.fromkeys((meter, dimension, bucket) for _key, meter, dimension, bucket in found)
    if hours:
        named = [{"meter_id": m, "dimension": msgspec.Raw(d.encode()), "bucket": b} for m, d, b in hours]
        counting.lock(at_cursor, tenant_id, named)
        counting.count_again(at_cursor, tenant_id, named)
    answers = {first[key][0]: Answer(key, ACCEPTED) for key, *_hour in found}
    rest = [one for one in voids if one[0] not in answers]
    return answers | (_explain(at_cursor, tenant_id, rest, oldest) if rest else {})


def _explain(
    at_cursor: psycopg.Cursor[Any], tenant_id: int, rest: list[tuple[int, str, str]], oldest: datetime
) -> dict[int, Answer]:
    """Return the answers to voids that were not inserted."""
    keys = {place: key for place, key, _void in rest}
    found = at_cursor.execute(_STORED, {"tenant": tenant_id, "rows": _json(rest)}).fetchall()
    return {
        place: Answer(keys[place], DUPLICATE) if same else _reason(is_used, kind, when, oldest).answer(keys[place])
        for place, is_used, same, kind, when in found
    }


def _reason(is_used: bool, kind: str | None, when: datetime | None, oldest: datetime) -> Refusal:
    if is_used:
        return conflict()
    if kind is None or when is None:
        return Refusal("unknown_event", "void", _("There is no event with this key to take back."))
    if kind == "void":
        return Refusal("not_voidable", "void", _("A void cannot be taken back. Send the event again under a new key."))
    if when < oldest:
        return Refusal("too_late", "void", _("The event is too old to be taken back."))
    return Refusal("already_void", "void", _("This event was taken back already."))


def _json(voids: list[tuple[int, str, str]]) -> str:
    return msgspec.json.encode([{"i": place, "k": key, "v": void} for place, key, void in voids]).decode()
