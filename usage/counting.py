"""Counters: what events of one local hour fold into, counted again where order matters, and proven against the events.

The hour of an event is that of the tenant's zone (`date_trunc` with the zone keeps the event's own offset, so the two
hours of a night in autumn stay apart). Whoever changes a tenant's zone to one whose offset has another number of minutes
(Shanghai to Kolkata) repairs the counters in the same transaction: `recount([tenant], repair=True)`.

Every writer locks an hour's counter before its members and before the meter's mark, in ascending order of meter,
dimension and hour. So an hour that is counted again from its events, in a statement after the lock, holds every committed
event; one that is still on its way waits for the lock and is added on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from django.db import connection, transaction

from tenants.models import Tenant

# The aggregations that keep a level, and the one that weighs it by time.
LEVELS = ("max", "latest", "time_weighted")
WEIGHTED = "time_weighted"

# Adds the instant at which the next level of the hour takes over, as `next_at`; `{rows}` has tenant_id, meter_id, dimension, bucket, key,
# occurred_at, quantity, level, weighted. Equal instants: the greater key comes later.
SEQUENCE = """
  SELECT r.*, lead(r.occurred_at) OVER (
    PARTITION BY {series}, r.bucket, r.dimension ORDER BY r.occurred_at, r.key COLLATE "C") AS next_at
  FROM {rows} r WHERE r.level
  UNION ALL SELECT r.*, NULL FROM {rows} r WHERE NOT r.level"""

# The columns of a counter, out of a SEQUENCE.
FOLD = """
  count(*) AS events, sum(quantity) AS total,
  max(quantity) FILTER (WHERE level) AS highest,
  min(occurred_at) FILTER (WHERE level) AS first_at,
  max(occurred_at) FILTER (WHERE level) AS last_at,
  coalesce(max(key) FILTER (WHERE level AND next_at IS NULL), '') AS last_key,
  max(quantity) FILTER (WHERE level AND next_at IS NULL) AS last_value,
  coalesce(sum(quantity * extract(epoch FROM coalesce(next_at, bucket + interval '1 hour') - occurred_at))
    FILTER (WHERE weighted), 0) AS area"""

# An event that counts: a use that no void has taken back.
LIVING = "e.kind = 'use' AND NOT EXISTS (SELECT 1 FROM usage_usageevent v WHERE v.voids_id = e.id)"

KINDS = f"m.aggregation IN {LEVELS} AS level, m.aggregation = '{WEIGHTED}' AS weighted"

# OFFSET 0 keeps a subquery whole: hour by hour through the index, never all events at once whatever the statistics say.
_LOCK = """
INSERT INTO usage_usagecounter AS c (tenant_id, meter_id, dimension, bucket, events, total, last_key, area)
SELECT %(tenant)s, h.meter_id, h.dimension, h.bucket, 0, 0, '', 0
FROM jsonb_to_recordset(%(hours)s::jsonb) AS h(meter_id bigint, dimension jsonb, bucket timestamptz)
ORDER BY h.meter_id, h.dimension, h.bucket
ON CONFLICT (tenant_id, meter_id, dimension, bucket) DO UPDATE SET events = c.events
"""

MARK = """
INSERT INTO usage_usagemark AS k (tenant_id, meter_id, since, until)
SELECT %(tenant)s, meter_id, min(bucket), max(bucket) FROM {hours} GROUP BY meter_id ORDER BY meter_id
ON CONFLICT (tenant_id, meter_id) DO UPDATE
SET since = least(k.since, excluded.since), until = greatest(k.until, excluded.until)
WHERE k.since IS NULL OR excluded.since < k.since OR excluded.until > k.until
"""

_AGAIN = f"""
WITH hours AS MATERIALIZED (
  SELECT h.*, {KINDS} FROM jsonb_to_recordset(%(hours)s::jsonb)
    AS h(meter_id bigint, dimension jsonb, bucket timestamptz) JOIN usage_meter m ON m.id = h.meter_id
), living AS MATERIALIZED (
  SELECT e.meter_id, e.dimension, h.bucket, e.key, e.occurred_at, e.quantity, e.member, h.level, h.weighted
  FROM hours h CROSS JOIN LATERAL (
    SELECT * FROM usage_usageevent e WHERE e.tenant_id = %(tenant)s AND e.meter_id = h.meter_id
      AND e.occurred_at >= h.bucket AND e.occurred_at < h.bucket + interval '1 hour' AND e.dimension = h.dimension
      AND date_trunc('hour', e.occurred_at, (SELECT timezone FROM tenants_tenant WHERE id = %(tenant)s)) = h.bucket
      AND {LIVING} OFFSET 0) e
), folded AS (
  SELECT meter_id, dimension, bucket, {FOLD}
  FROM ({SEQUENCE.format(rows="living", series="r.meter_id")}) s GROUP BY meter_id, bucket, dimension
), members AS (
  SELECT meter_id, dimension, bucket, member, count(*) AS events
  FROM living WHERE member <> '' GROUP BY meter_id, dimension, bucket, member
), gone AS (
  UPDATE usage_usagemember u SET events = 0 FROM hours h
  WHERE u.tenant_id = %(tenant)s AND u.meter_id = h.meter_id AND u.bucket = h.bucket AND u.dimension = h.dimension
    AND NOT EXISTS (SELECT 1 FROM members n WHERE (n.meter_id, n.dimension, n.bucket, n.member)
      = (u.meter_id, u.dimension, u.bucket, u.member))
), kept AS (
  INSERT INTO usage_usagemember (tenant_id, meter_id, dimension, bucket, member, events)
  SELECT %(tenant)s, meter_id, dimension, bucket, member, events FROM members
  ORDER BY meter_id, dimension, bucket, member COLLATE "C"
  ON CONFLICT (tenant_id, meter_id, bucket, dimension, member) DO UPDATE SET events = excluded.events
)
UPDATE usage_usagecounter c SET events = coalesce(f.events, 0), total = coalesce(f.total, 0), highest = f.highest,
  first_at = f.first_at, last_at = f.last_at, last_key = coalesce(f.last_key, ''), last_value = f.last_value,
  area = coalesce(f.area, 0)
FROM hours h LEFT JOIN folded f ON (f.meter_id, f.dimension, f.bucket) = (h.meter_id, h.dimension, h.bucket)
WHERE c.tenant_id = %(tenant)s AND (c.meter_id, c.dimension, c.bucket) = (h.meter_id, h.dimension, h.bucket)
"""

_HOURS = "jsonb_to_recordset(%(hours)s::jsonb) AS h(meter_id bigint, dimension jsonb, bucket timestamptz)"


@dataclass(frozen=True, slots=True)
class Difference:
    """An hour whose counter is not what its events say; `column` is a counter's, or `member …`."""

    tenant_id: int
    meter_id: int
    dimension: str
    bucket: datetime
    column: str
    counted: str
    expected: str


def cursor() -> psycopg.Cursor[Any]:
    """Return a cursor of the driver on Django's connection: parameters go to the server apart from the statement."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def lock(at: psycopg.Cursor[Any], tenant_id: int, hours: list[dict[str, Any]]) -> None:
    """Lock the counters of `hours` (meter_id, dimension, bucket; distinct), made where they are missing, and mark them."""
    told = {"tenant": tenant_id, "hours": _json(hours)}
    at.execute(_LOCK, told)
    at.execute(MARK.format(hours=_HOURS), told)


def count_again(at: psycopg.Cursor[Any], tenant_id: int, hours: list[dict[str, Any]]) -> None:
    """Set the counters and members of `hours`, which this transaction has locked, to what their events say."""
    at.execute(_AGAIN, {"tenant": tenant_id, "hours": _json(hours)})


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


_EXPECTED = f"""
WITH living AS (
  SELECT e.tenant_id, e.meter_id, e.dimension, date_trunc('hour', e.occurred_at, t.timezone) AS bucket, e.key,
    e.occurred_at, e.quantity, e.member, {KINDS}
  FROM usage_usageevent e JOIN tenants_tenant t ON t.id = e.tenant_id JOIN usage_meter m ON m.id = e.meter_id
  WHERE {LIVING} AND (%(all)s OR e.tenant_id = ANY(%(tenants)s))
)"""

_COUNTERS = f"""{_EXPECTED}, folded AS (
  SELECT tenant_id, meter_id, dimension, bucket, {FOLD}
  FROM ({SEQUENCE.format(rows="living", series="r.tenant_id, r.meter_id")}) s
  GROUP BY tenant_id, meter_id, bucket, dimension
), counted AS (SELECT * FROM usage_usagecounter WHERE %(all)s OR tenant_id = ANY(%(tenants)s))
SELECT tenant_id, meter_id, dimension::text, bucket, v.name, v.counted, v.expected
FROM counted c FULL JOIN folded f USING (tenant_id, meter_id, dimension, bucket)
CROSS JOIN LATERAL (VALUES
  ('events', coalesce(c.events, 0)::text, coalesce(f.events, 0)::text),
  ('total', trim_scale(coalesce(c.total, 0))::text, trim_scale(coalesce(f.total, 0))::text),
  ('highest', trim_scale(c.highest)::text, trim_scale(f.highest)::text),
  ('first_at', c.first_at::text, f.first_at::text),
  ('last_at', c.last_at::text, f.last_at::text),
  ('last_key', coalesce(c.last_key, ''), coalesce(f.last_key, '')),
  ('last_value', trim_scale(c.last_value)::text, trim_scale(f.last_value)::text),
  ('area', trim_scale(coalesce(c.area, 0))::text, trim_scale(coalesce(f.area, 0))::text)
) AS v(name, counted, expected)
WHERE v.counted IS DISTINCT FROM v.expected
ORDER BY tenant_id, meter_id, dimension, bucket, v.name
"""

_MEMBERS = f"""{_EXPECTED}, folded AS (
  SELECT tenant_id, meter_id, dimension, bucket, member, count(*) AS events
  FROM living WHERE member <> '' GROUP BY tenant_id, meter_id, dimension, bucket, member
), counted AS (SELECT * FROM usage_usagemember WHERE %(all)s OR tenant_id = ANY(%(tenants)s))
SELECT tenant_id, meter_id, dimension::text, bucket, 'member ' || member, coalesce(c.events, 0)::text,
  coalesce(f.events, 0)::text
FROM counted c FULL JOIN folded f USING (tenant_id, meter_id, dimension, bucket, member)
WHERE coalesce(c.events, 0) <> coalesce(f.events, 0)
ORDER BY tenant_id, meter_id, dimension, bucket, member COLLATE "C"
"""


def recount(tenants: Iterable[Tenant | int] | None = None, *, repair: bool = False) -> list[Difference]:
    """Return every difference between counters and events, of `tenants` or of all; none proves that they are equal.

    Each comparison is one statement, so it is right beside running ingestion. With `repair` the differing hours are
    then locked, counted again from their events and marked as changed; what is returned is what was found before.
    """
    chosen = None if tenants is None else [t.pk if isinstance(t, Tenant) else t for t in tenants]
    with transaction.atomic(), connection.wrap_database_errors:
        at = cursor()
        told = {"all": chosen is None, "tenants": chosen or []}
        found = [Difference(*row) for query in (_COUNTERS, _MEMBERS) for row in at.execute(query, told)]
        if repair:
            _repair(at, found)
    return found


def _repair(at: psycopg.Cursor[Any], found: list[Difference]) -> None:
    wrong: dict[int, dict[tuple[int, str, datetime], None]] = {}
    for one in found:
        wrong.setdefault(one.tenant_id, {})[one.meter_id, one.dimension, one.bucket] = None
    for tenant_id, keys in sorted(wrong.items()):
        hours = [{"meter_id": m, "dimension": msgspec.Raw(d.encode()), "bucket": b} for m, d, b in keys]
        lock(at, tenant_id, hours)
        count_again(at, tenant_id, hours)
