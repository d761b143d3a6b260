"""Count a stretch once more from the events themselves, without the counters: what a customer checks a bill with.

`usage.measuring` reads counters; this reads every living event. The two are separate statements on purpose, so that a
wrong counter shows. `known_at` asks what had arrived (events and voids) before an instant: what a close could know.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import msgspec
from django.db import connection

from usage import counting
from usage.decoding import text
from usage.measuring import PLACES, Measured, Want, plain

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)

# Events of a question that count: uses which no void has taken back, told before `known_at` where that is asked.
_TAKEN = """
  e.tenant_id = %(tenant)s AND e.meter_id = %(meter)s AND e.kind = 'use'
  AND CASE WHEN %(match)s::jsonb <> '{{}}' THEN e.dimension @> %(match)s::jsonb
    ELSE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(%(others)s::jsonb) o WHERE e.dimension @> o) END
  AND (%(known_at)s::timestamptz IS NULL OR e.received_at < %(known_at)s::timestamptz)
  AND NOT EXISTS (SELECT 1 FROM usage_usageevent v WHERE v.voids_id = e.id
    AND (%(known_at)s::timestamptz IS NULL OR v.received_at < %(known_at)s::timestamptz))
"""
_INSIDE = f"SELECT * FROM usage_usageevent e WHERE {_TAKEN} AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s"
_SUMS = f"""
SELECT count(*), coalesce(sum(quantity), 0), count(DISTINCT member COLLATE "C") FROM ({_INSIDE}) e
"""
_OPENING = f"""
SELECT DISTINCT ON (e.dimension) e.dimension, e.quantity FROM usage_usageevent e
WHERE {_TAKEN} AND e.occurred_at < %(start)s ORDER BY e.dimension, e.occurred_at DESC, e.key COLLATE "C" DESC
"""
_LEVELS = f"""
WITH inside AS (
  SELECT e.dimension, e.quantity, e.occurred_at,
    lead(e.occurred_at) OVER (PARTITION BY e.dimension ORDER BY e.occurred_at, e.key COLLATE "C") AS next_at
  FROM ({_INSIDE}) e
), opening AS (SELECT * FROM ({_OPENING}) o WHERE %(recurring)s), each AS (
  SELECT coalesce(i.dimension, o.dimension) AS dimension, coalesce(max(o.quantity), 0) AS opening,
    count(i.quantity) AS events, max(i.quantity) AS highest,
    max(i.quantity) FILTER (WHERE i.next_at IS NULL) AS latest, min(i.occurred_at) AS first_at,
    coalesce(sum(i.quantity * extract(epoch FROM coalesce(i.next_at, %(end)s) - i.occurred_at)), 0) AS area
  FROM inside i FULL JOIN opening o ON o.dimension = i.dimension GROUP BY 1
)
SELECT coalesce(sum(events), 0)::bigint, max(greatest(coalesce(highest, 0), opening)),
  sum(coalesce(latest, opening)),
  sum(area + opening * extract(epoch FROM coalesce(first_at, %(end)s) - %(start)s::timestamptz))
FROM each
"""


def count(want: Want, *, known_at: datetime | None = None) -> Measured:
    """Return what the events of a question say, with how many they are: to be held against `measuring.measure`."""
    if want.aggregation in counting.LEVELS:
        events, highest, latest, area = _ask(_LEVELS, want, known_at)[0]
        found = {"max": highest, "latest": latest, "time_weighted": _average(area, want)}[want.aggregation]
        return Measured(plain(found or Decimal(0)), events)
    events, total, members = _ask(_SUMS, want, known_at)[0]
    quantity = {"sum": plain(total), "count": Decimal(events), "unique": Decimal(members)}[want.aggregation]
    return Measured(quantity, events)


def openings(want: Want, *, known_at: datetime | None = None) -> list[tuple[dict[str, Any], Decimal]]:
    """Return the level with which a recurring meter begins the stretch, of each dimension; [] for any other."""
    if not want.recurring or want.aggregation not in counting.LEVELS:
        return []
    found = [(msgspec.json.decode(told), plain(quantity)) for told, quantity in _ask(_OPENING, want, known_at)]
    return sorted(found, key=lambda row: _json(row[0]))


def _average(area: Decimal | None, want: Want) -> Decimal:
    length = (want.over or want.end - want.start) // timedelta(microseconds=1)
    if not length:
        return Decimal(0)
    return _EXACT.divide((area or Decimal(0)).scaleb(6, _EXACT), Decimal(length)).quantize(
        PLACES, ROUND_HALF_UP, _EXACT
    )


def _ask(query: str, want: Want, known_at: datetime | None) -> list[tuple[Any, ...]]:
    told = {
        "tenant": want.tenant_id,
        "meter": want.meter_id,
        "match": _json({name: text(value) for name, value in want.match.items()}),
        "others": _json([{n: text(v) for n, v in other.items()} for other in want.others if other]),
        "start": want.start,
        "end": want.end,
        "recurring": want.recurring,
        "known_at": known_at,
    }
    with connection.wrap_database_errors:
        return counting.cursor().execute(query.format(), told).fetchall()


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
