"""How much was used in a period, for as many questions as a chunk of a billing run has, in a constant number of queries.

Whole hours are read from counters; the parts of hours at a period's ends, if its ends are not on the tenant's local hours, are
read from events. The events that a price's `match` takes are read dimension by dimension: each dimension of a meter is a
level of its own, and levels (latest, time_weighted) of several dimensions add up; a maximum is the highest single level,
a unique count is distinct over all of them.

A period without events has the level 0; a recurring meter begins it with the last level before it. Averages are exact
fractions, rounded once to ten decimals, half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import connection, transaction

from usage import counting
from usage.counting import FOLD, LIVING, SEQUENCE
from usage.decoding import text
from usage.periods import local_day, local_midnight

PLACES = Decimal("1E-10")
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Want:
    """One question: how much of a meter in [start, end), of the events that a price takes.

    `match` is the price's; `others` are those of the prices beside it, which an empty match leaves their events to.
    `over` is the length by which an average is divided where it is not the period's own (the part of a period).
    """

    key: Any
    tenant_id: int
    meter_id: int
    aggregation: str
    recurring: bool
    start: datetime
    end: datetime
    match: dict[str, Any] = field(default_factory=dict)
    others: Sequence[dict[str, Any]] = ()
    over: timedelta | None = None


class Measured(NamedTuple):
    """The answer: the quantity, and from how many events of the period."""

    quantity: Decimal
    events: int


class Mark(NamedTuple):
    """The hours of a meter, from `since` to the one beginning at `until`, between which events came or went."""

    tenant_id: int
    meter_id: int
    since: datetime
    until: datetime

    def touches(self, start: datetime, end: datetime) -> bool:
        """Return whether an hour of the mark lies, even in part, in [start, end)."""
        return self.since < end and self.until + timedelta(hours=1) > start


# The dimensions of each question: every one the meter has, found by hopping over the unique index, then those it takes.
_SERIES = """
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT w.*, t.timezone AS zone, w.starts + interval '1 hour' AS after_first, w.ends - interval '1 hour' AS last_whole,
    date_trunc('hour', w.starts, t.timezone) < w.starts AS cut_first,
    date_trunc('hour', w.ends, t.timezone) < w.ends AS cut_last
  FROM jsonb_to_recordset(%(wants)s::jsonb) AS w(n int, tenant_id bigint, meter_id bigint, kind text, recurring boolean,
    starts timestamptz, ends timestamptz, taken jsonb, others jsonb) JOIN tenants_tenant t ON t.id = w.tenant_id
), pairs AS (SELECT DISTINCT tenant_id, meter_id FROM asked
), hops(tenant_id, meter_id, dimension) AS (
  SELECT p.tenant_id, p.meter_id, d.dimension FROM pairs p CROSS JOIN LATERAL (
    SELECT c.dimension FROM usage_usagecounter c WHERE c.tenant_id = p.tenant_id AND c.meter_id = p.meter_id
    ORDER BY c.dimension LIMIT 1) d
  UNION ALL
  SELECT h.tenant_id, h.meter_id, d.dimension FROM hops h CROSS JOIN LATERAL (
    SELECT c.dimension FROM usage_usagecounter c WHERE c.tenant_id = h.tenant_id AND c.meter_id = h.meter_id
      AND c.dimension > h.dimension ORDER BY c.dimension LIMIT 1) d
), series AS MATERIALIZED (
  SELECT a.*, h.dimension FROM asked a JOIN hops h USING (tenant_id, meter_id)
  WHERE CASE WHEN a.taken <> '{}' THEN h.dimension @> a.taken
    ELSE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(a.others) o WHERE h.dimension @> o) END
)"""

_OF_SERIES = "e.tenant_id = s.tenant_id AND e.meter_id = s.meter_id AND e.dimension = s.dimension"
_BUCKET = "date_trunc('hour', e.occurred_at, s.zone)"

# Living events in the parts of hours at a question's ends.
_EDGES = f"""
edges AS (
  SELECT s.n, s.kind, s.starts, s.ends, s.dimension, {_BUCKET} AS bucket, e.key, e.occurred_at, e.quantity, e.member,
    true AS level, true AS weighted
  FROM series s CROSS JOIN LATERAL (
    SELECT * FROM usage_usageevent e WHERE {_OF_SERIES} AND s.cut_first AND e.occurred_at >= s.starts
      AND e.occurred_at < least(s.ends, s.after_first) AND {_BUCKET} < s.starts AND {LIVING} OFFSET 0) e
  UNION ALL
  SELECT s.n, s.kind, s.starts, s.ends, s.dimension, {_BUCKET}, e.key, e.occurred_at, e.quantity, e.member, true, true
  FROM series s CROSS JOIN LATERAL (
    SELECT * FROM usage_usageevent e WHERE {_OF_SERIES} AND s.cut_last AND e.occurred_at >= greatest(s.starts, s.last_whole)
      AND e.occurred_at < s.ends AND {_BUCKET} >= s.starts AND {_BUCKET} > s.last_whole AND {LIVING} OFFSET 0) e
)"""

# Through the unique index, series by series, whatever the statistics say: OFFSET 0 keeps a subquery whole.
_WHOLE = """CROSS JOIN LATERAL (
    SELECT * FROM {table} c WHERE c.tenant_id = s.tenant_id AND c.meter_id = s.meter_id AND c.dimension = s.dimension
      AND c.bucket >= s.starts AND c.bucket <= s.last_whole AND c.events > 0 OFFSET 0) c"""
_COUNTERS, _MEMBERS = _WHOLE.format(table="usage_usagecounter"), _WHOLE.format(table="usage_usagemember")

_SUMS = f"""{_SERIES}, {_EDGES}, pieces AS (
  SELECT s.n, c.events, c.total FROM series s {_COUNTERS}
  UNION ALL SELECT n, 1, quantity FROM edges
)
SELECT n, sum(events)::bigint, sum(total) FROM pieces GROUP BY n
"""

_UNIQUE = f"""{_SERIES}, {_EDGES}, pieces AS (
  SELECT s.n, c.events, c.member FROM series s {_MEMBERS}
  UNION ALL SELECT n, 1, member FROM edges
)
SELECT n, sum(events)::bigint, count(DISTINCT member COLLATE "C")::numeric FROM pieces GROUP BY n
"""

# The level with which a recurring meter begins, then each hour's levels and the gap before its first one. An hour's area
# runs to its end, so the gap of the next is measured from there; the last one's is cut or drawn out to the period's end.
_LEVELS = f"""{_SERIES}, {_EDGES}, folded AS (
  SELECT n, dimension, bucket, {FOLD} FROM ({SEQUENCE.format(rows="edges", series="r.n")}) q
  GROUP BY n, bucket, dimension
), pieces AS (
  SELECT s.n, c.dimension, c.bucket, c.events::bigint, c.highest, c.first_at, c.last_value, c.area
  FROM series s {_COUNTERS}
  UNION ALL SELECT n, dimension, bucket, events, highest, first_at, last_value, area FROM folded
), opened AS MATERIALIZED (
  SELECT s.n, s.dimension, s.kind, s.starts, s.ends, coalesce(before.last_value, 0) AS opening
  FROM series s LEFT JOIN LATERAL (
    SELECT last_value FROM (
      (SELECT c.last_at, c.last_key, c.last_value FROM usage_usagecounter c
       WHERE c.tenant_id = s.tenant_id AND c.meter_id = s.meter_id AND c.dimension = s.dimension
         AND c.bucket <= s.starts - interval '1 hour' AND c.last_at IS NOT NULL ORDER BY c.bucket DESC LIMIT 1)
      UNION ALL
      (SELECT e.occurred_at, e.key, e.quantity FROM usage_usageevent e
       WHERE {_OF_SERIES} AND s.cut_first AND e.occurred_at >= s.starts - interval '1 hour' AND e.occurred_at < s.starts
         AND {_BUCKET} > s.starts - interval '1 hour' AND {LIVING}
       ORDER BY e.occurred_at DESC, e.key COLLATE "C" DESC LIMIT 1)
    ) z ORDER BY last_at DESC, last_key COLLATE "C" DESC LIMIT 1
  ) before ON s.recurring
), walked AS (
  SELECT p.*, lag(last_value) OVER w AS held, lag(bucket + interval '1 hour') OVER w AS since,
    lead(bucket) OVER w IS NULL AS is_last
  FROM pieces p WINDOW w AS (PARTITION BY n, dimension ORDER BY bucket)
), levels AS (
  SELECT o.n, o.kind, coalesce(sum(w.events), 0) AS events,
    greatest(max(w.highest), o.opening) AS highest,
    coalesce(max(w.last_value) FILTER (WHERE w.is_last), o.opening) AS latest,
    coalesce(sum(w.area + coalesce(w.held, o.opening) * extract(epoch FROM w.first_at - coalesce(w.since, o.starts)))
      + max(w.last_value) FILTER (WHERE w.is_last)
        * extract(epoch FROM o.ends - max(w.bucket + interval '1 hour')),
      o.opening * extract(epoch FROM o.ends - o.starts)) AS area
  FROM opened o LEFT JOIN walked w USING (n, dimension) GROUP BY o.n, o.dimension, o.kind, o.opening, o.starts, o.ends
)
SELECT n, sum(events)::bigint,
  CASE kind WHEN 'max' THEN max(highest) WHEN 'latest' THEN sum(latest) ELSE sum(area) END
FROM levels GROUP BY n, kind
"""

_QUERIES = {
    "sum": _SUMS,
    "count": _SUMS,
    "unique": _UNIQUE,
    "max": _LEVELS,
    "latest": _LEVELS,
    "time_weighted": _LEVELS,
}

_EACH = f"""{_SERIES}
SELECT e.quantity FROM series s CROSS JOIN LATERAL (
  SELECT * FROM usage_usageevent e WHERE {_OF_SERIES} AND e.occurred_at >= s.starts AND e.occurred_at < s.ends AND {LIVING}
  OFFSET 0) e
ORDER BY e.occurred_at, e.key COLLATE "C"
"""

_TAKE = """
WITH taken AS (
  SELECT id, tenant_id, meter_id, since, until FROM usage_usagemark
  WHERE tenant_id = ANY(%(tenants)s) AND since < %(before)s ORDER BY tenant_id, meter_id FOR NO KEY UPDATE
)
UPDATE usage_usagemark k SET since = NULL, until = NULL FROM taken WHERE k.id = taken.id
RETURNING taken.tenant_id, taken.meter_id, taken.since, taken.until
"""


def measure(wanted: Iterable[Want]) -> dict[Any, Measured]:
    """Return the answer to every question, by its key.

    Reads at most three statements, whatever the number of questions. Ten decimals; an average is rounded half up.
    """
    questions = list(wanted)
    found = {want.key: Measured(Decimal(0), 0) for want in questions}
    for query in dict.fromkeys(_QUERIES[want.aggregation] for want in questions):
        chosen = {n: want for n, want in enumerate(questions) if _QUERIES[want.aggregation] is query}
        for n, events, quantity in _rows(query, chosen.items()):
            want = chosen[n]
            found[want.key] = Measured(_quantity(want, events, quantity), events)
    return found


def transactions(want: Want) -> list[Decimal]:
    """Return the quantity of each living event of a question, in order of instant and key (prices per transaction)."""
    return [plain(quantity) for (quantity,) in _rows(_EACH, [(0, want)])]


def by_day(want: Want, zone: str) -> list[tuple[date, Decimal]]:
    """Return what was measured on each local day that begins or lies in [start, end), first day first."""
    days = list(_days(want, zone))
    found = measure(
        Want(day, want.tenant_id, want.meter_id, want.aggregation, want.recurring, start, end, want.match, want.others)
        for day, start, end in days
    )
    return [(day, found[day].quantity) for day, _start, _end in days]


def take_marks(tenant_ids: Iterable[int], before: datetime) -> list[Mark]:
    """Take the marks of the tenants' meters that have hours before `before`, and empty them; for a close, in its transaction.

    Nothing is missed: whoever inserts an event locks its meter's mark until he commits. So either this call waits for
    him and a measure in a later statement sees his event, or he waits for this transaction and marks the hour again.
    A mark is a range, so it may name hours in between that did not change; measuring those again changes nothing.
    """
    with transaction.atomic(), connection.wrap_database_errors:
        told = {"tenants": sorted(set(tenant_ids)), "before": before}
        return sorted(Mark(*row) for row in counting.cursor().execute(_TAKE, told))


def plain(quantity: Decimal) -> Decimal:
    """Return the number without zeros at its end: 1200 and not 1200.0000000000."""
    digits = f"{quantity:f}"
    return Decimal(digits.rstrip("0").rstrip(".") if "." in digits else digits)


def _quantity(want: Want, events: int, found: Decimal | None) -> Decimal:
    if want.aggregation == "count":
        return Decimal(events)
    if want.aggregation != "time_weighted":
        return plain(found or Decimal(0))
    length = (want.over or want.end - want.start) // timedelta(microseconds=1)
    if not length:
        return Decimal(0)
    share = _EXACT.divide((found or Decimal(0)).scaleb(6, _EXACT), Decimal(length))
    return plain(share.quantize(PLACES, ROUND_HALF_UP, _EXACT))


def _rows(query: str, wanted: Iterable[tuple[int, Want]]) -> Iterator[tuple[Any, ...]]:
    told = msgspec.json.encode([_asked(n, want) for n, want in wanted]).decode()
    with connection.wrap_database_errors:
        yield from counting.cursor().execute(query, {"wants": told}).fetchall()


def _asked(n: int, want: Want) -> dict[str, Any]:
    return {
        "n": n,
        "tenant_id": want.tenant_id,
        "meter_id": want.meter_id,
        "kind": want.aggregation,
        "recurring": want.recurring,
        "starts": want.start,
        "ends": want.end,
        "taken": _texts(want.match),
        "others": [_texts(other) for other in want.others if other],
    }


def _texts(match: dict[str, Any]) -> dict[str, str]:
    return {name: text(value) for name, value in match.items()}


def _days(want: Want, zone: str) -> Iterator[tuple[date, datetime, datetime]]:
    day = local_day(want.start, zone)
    while (start := max(local_midnight(day, zone), want.start)) < want.end:
        following = day + timedelta(days=1)
        end = min(local_midnight(following, zone), want.end)
        if start < end:
            yield day, start, end
        day = following
