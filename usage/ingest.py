"""Take usage events in: exactly once by their keys, an answer for each, counters changed in the same transaction.

The common path is one statement: the batch goes as one JSON parameter, `ON CONFLICT DO NOTHING` drops repeated keys, and
what was really inserted flows into the counters, members and marks. Keys and counters are taken in ascending order, so
two batches wait for each other and do not stop each other; a deadlock that voids make possible is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from tenants.models import Seller, Tenant
from usage import counting, decoding, meters, voiding
from usage.counting import FOLD, LEVELS, MARK, SEQUENCE, WEIGHTED
from usage.decoding import ACCEPTED, DUPLICATE, Answer, Event, Refusal, Row

TRIES = 4
AGAIN = {"40P01", "40001"}  # deadlock, serialization

_INSERT = f"""
WITH known AS MATERIALIZED (
  SELECT m.id, m.aggregation IN {LEVELS} AS level, m.aggregation = '{WEIGHTED}' AS weighted
  FROM unnest(%(meters)s::bigint[], %(versions)s::text[]) AS n(id, version)
  JOIN usage_meter m ON m.id = n.id AND m.xmin::text = n.version AND m.active
), given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS x(k text, m bigint, t timestamptz, q numeric, u text, d jsonb, p jsonb)
), added AS (
  INSERT INTO usage_usageevent
    (tenant_id, meter_id, key, kind, occurred_at, quantity, member, dimension, properties, received_at)
  SELECT %(tenant)s, x.m, x.k, 'use', coalesce(x.t, %(at)s), coalesce(x.q, 1), coalesce(x.u, ''),
    coalesce(x.d, '{{}}'), coalesce(x.p, '{{}}'), %(at)s
  FROM given x JOIN known ON known.id = x.m ORDER BY x.k COLLATE "C"
  ON CONFLICT (tenant_id, key) DO NOTHING
  RETURNING key, meter_id, occurred_at, quantity, member, dimension
), placed AS MATERIALIZED (
  SELECT a.*, known.level, known.weighted,
    date_trunc('hour', a.occurred_at, (SELECT timezone FROM tenants_tenant WHERE id = %(tenant)s)) AS bucket
  FROM added a JOIN known ON known.id = a.meter_id
), folded AS (
  SELECT meter_id, dimension, bucket, {FOLD}
  FROM ({SEQUENCE.format(rows="placed", series="r.meter_id")}) s
  GROUP BY meter_id, bucket, dimension
), counted AS (
  INSERT INTO usage_usagecounter AS c (tenant_id, meter_id, dimension, bucket, events, total, highest, first_at, last_at,
    last_key, last_value, area)
  SELECT %(tenant)s, meter_id, dimension, bucket, events, total, highest, first_at, last_at, last_key, last_value, area
  FROM folded ORDER BY meter_id, dimension, bucket
  ON CONFLICT (tenant_id, meter_id, dimension, bucket) DO UPDATE SET
    events = c.events + excluded.events,
    total = c.total + excluded.total,
    highest = greatest(c.highest, excluded.highest),
    first_at = least(c.first_at, excluded.first_at),
    last_at = greatest(c.last_at, excluded.last_at),
    last_key = CASE WHEN c.last_at IS NULL OR (excluded.last_at, excluded.last_key COLLATE "C") > (c.last_at, c.last_key)
      THEN excluded.last_key ELSE c.last_key END,
    last_value = CASE WHEN c.last_at IS NULL OR (excluded.last_at, excluded.last_key COLLATE "C") > (c.last_at, c.last_key)
      THEN excluded.last_value ELSE c.last_value END,
    area = CASE WHEN NOT excluded.meter_id = ANY(%(weighted)s) THEN 0
      WHEN c.last_at IS NULL THEN excluded.area
      WHEN excluded.first_at > c.last_at THEN c.area + excluded.area
        - c.last_value * extract(epoch FROM c.bucket + interval '1 hour' - excluded.first_at)
      ELSE -1 END
  RETURNING meter_id, dimension, bucket, area
), joined AS (
  INSERT INTO usage_usagemember AS u (tenant_id, meter_id, dimension, bucket, member, events)
  SELECT %(tenant)s, meter_id, dimension, bucket, member, count(*) FROM placed
  WHERE member <> '' AND (SELECT count(*) FROM counted) > 0
  GROUP BY meter_id, dimension, bucket, member ORDER BY meter_id, dimension, bucket, member COLLATE "C"
  ON CONFLICT (tenant_id, meter_id, bucket, dimension, member) DO UPDATE SET events = u.events + excluded.events
), marked AS ({MARK.format(hours="counted")})
SELECT k, NULL, NULL, NULL FROM given WHERE k NOT IN (SELECT key FROM added)
UNION ALL SELECT NULL, meter_id, dimension::text, bucket FROM counted WHERE area < 0
"""

# Which of the batch's keys are stored, and whether with the same content (CONTRACTS rule 13).
_COMPARE = """
SELECT x.i, e.kind = 'use' AND e.meter_id = x.m AND e.quantity = coalesce(x.q, 1) AND e.properties = coalesce(x.p, '{}')
  AND (x.t IS NULL OR e.occurred_at = x.t)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(i int, k text, m bigint, t timestamptz, q numeric, p jsonb)
CROSS JOIN LATERAL (SELECT * FROM usage_usageevent WHERE tenant_id = %(tenant)s AND key = x.k LIMIT 1) e
"""


def accept(
    tenant: Tenant, events: bytes | Sequence[Any], *, at: datetime, seller: Seller | None = None
) -> list[Answer]:
    """Take a batch of one tenant's events and return an answer for each, in order (CONTRACTS rules 13 and 14).

    An event is `{"key", "meter", "quantity", "occurred_at", "properties"}`, or `{"key", "void"}` to take the event of that
    key back; `events` is the JSON text of an array of them or a sequence of dicts. A refused event changes nothing and
    harms no other. `seller` says whose meter is meant where several sellers have one of that code.
    Raises Invalid when `events` is no array, TooMany for more than 5,000.
    """
    batch = decoding.read(events)
    seller_id = seller.pk if seller else None
    known = meters.known(seller_id)
    for tries in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return _Batch(tenant.pk, batch, at, seller_id, known).take()
        except OperationalError as wrong:
            code = getattr(wrong.__cause__, "sqlstate", "")
            if connection.in_atomic_block or code not in AGAIN or tries == TRIES:
                raise
    raise AssertionError


def segments(batch: Iterable[Event | Answer]) -> list[list[tuple[int, Event]]]:
    """Cut a batch so that in each part uses may go before voids, without changing what the order of the batch says.

    A part ends before an event whose key an earlier void of the part has or takes back; the plain repeat of a void
    may stay.
    """
    parts: list[list[tuple[int, Event]]] = [[]]
    claimed: dict[str, str | None] = {}
    for place, event in enumerate(batch):
        if isinstance(event, Answer):
            continue
        if event.key in claimed and (event.void is None or claimed[event.key] != event.void):
            parts.append([])
            claimed = {}
        if event.void is not None:
            claimed[event.key] = event.void
            claimed.setdefault(event.void, None)
        parts[-1].append((place, event))
    return parts


class _Batch:
    """One batch on its way in."""

    def __init__(
        self,
        tenant_id: int,
        batch: list[Event | Answer],
        at: datetime,
        seller_id: int | None,
        known: dict[str, meters.Known | None],
    ) -> None:
        self.tenant_id, self.seller_id = tenant_id, seller_id
        self.batch, self.at = batch, at
        self.answers: list[Any] = [event if isinstance(event, Answer) else None for event in batch]
        self.oldest = at - timedelta(days=settings.USAGE_LATE_DAYS)
        self.newest = at + timedelta(minutes=settings.USAGE_EARLY_MINUTES)
        self.meters, self.is_fresh = known, False

    def take(self) -> list[Answer]:
        """Take every part in, uses before voids."""
        with connection.wrap_database_errors:
            self.cursor = counting.cursor()
            for part in segments(self.batch):
                self._uses([(place, event) for place, event in part if event.void is None])
                voids = [(place, event) for place, event in part if event.void is not None]
                if voids:
                    self._voids(voids)
        return self.answers

    def _uses(self, events: list[tuple[int, Event]]) -> None:
        """Insert the uses that may be; what is not inserted repeats a key, contradicts one, or is refused."""
        rows: list[Row] = []
        first: dict[str, Row] = {}
        reasons: dict[int, Refusal] = {}
        for place, event in events:
            try:
                made, reason = self._row(place, event)
            except Refusal as refusal:
                self.answers[place] = refusal.answer(event.key)
                continue
            rows.append(made)
            if reason:
                reasons[place] = reason
            else:
                first.setdefault(made.k, made)
        added = self._insert(list(first.values())) if first else set()
        rest = []
        for made in rows:
            if made.k in added and first[made.k] is made:
                self.answers[made.i] = Answer(made.k, ACCEPTED)
            elif made.k in added and made.repeats(first[made.k]):
                self.answers[made.i] = Answer(made.k, DUPLICATE)
            else:
                rest.append(made)
        if rest:
            self._compare(rest, reasons, {k: first[k].i for k in added})

    def _row(self, place: int, event: Event) -> tuple[Row, Refusal | None]:
        """Return the use's row, and why it is refused unless it repeats a stored event."""
        meter, reason = self._meter(event)
        made = decoding.row(place, event, meter)
        when = event.occurred_at
        if reason is None and when is not None and not self.oldest <= when <= self.newest:
            reason = self._untimely(when)
        return made, reason

    def _meter(self, event: Event) -> tuple[meters.Known | None, Refusal | None]:
        code = event.meter
        if code not in self.meters and not self.is_fresh:
            self._read_meters()
        meter = self.meters.get(code)
        if meter is not None and not meter.active:
            return meter, Refusal(
                "ended_meter", "meter", _("The meter “%(code)s” is no longer in use.") % {"code": code}
            )
        if meter is not None:
            return meter, None
        if code in self.meters:
            message = _("Several sellers have a meter “%(code)s”: name the seller.")
            return None, Refusal("ambiguous_meter", "meter", message % {"code": code})
        message = _("There is no meter “%(code)s”. Compare it with the list of meters.")
        return None, Refusal("unknown_meter", "meter", message % {"code": code[:60]})

    def _untimely(self, when: datetime) -> Refusal:
        if when < self.oldest:
            message = _("The event is older than %(days)d days, which is as late as one may be told.")
            return Refusal("too_late", "occurred_at", message % {"days": settings.USAGE_LATE_DAYS})
        message = _("The event is more than %(minutes)d minutes ahead. Check the clock of the sender.")
        return Refusal("too_early", "occurred_at", message % {"minutes": settings.USAGE_EARLY_MINUTES})

    def _insert(self, rows: list[Row]) -> set[str]:
        """Insert and count what is new; return its keys. The statement answers with the others, which are few."""
        used = {meter.id: meter for meter in self.meters.values() if meter}
        chosen = [used[number] for number in {made.m for made in rows} if number in used]
        found = self.cursor.execute(
            _INSERT,
            {
                "tenant": self.tenant_id,
                "at": self.at,
                "rows": decoding.encoder.encode(rows).decode(),
                "meters": [meter.id for meter in chosen],
                "versions": [meter.version for meter in chosen],
                "weighted": [meter.id for meter in chosen if meter.aggregation == WEIGHTED],
            },
        ).fetchall()
        again = [hour(*place) for key, *place in found if key is None]
        if again:
            counting.count_again(self.cursor, self.tenant_id, again)
        return {made.k for made in rows} - {key for key, *_place in found}

    def _compare(self, rows: list[Row], reasons: dict[int, Refusal], taken: dict[str, int]) -> None:
        """Answer for what was not inserted; `taken` says which place of the batch each new key went to."""
        told = {"tenant": self.tenant_id, "rows": decoding.encoder.encode(rows).decode()}
        stored = dict(self.cursor.execute(_COMPARE, told).fetchall())
        stale: list[tuple[int, Event]] = []
        for made in rows:
            if made.i in stored and made.i > taken.get(made.k, -1):
                same = stored[made.i]
                self.answers[made.i] = Answer(made.k, DUPLICATE) if same else voiding.conflict().answer(made.k)
            elif made.i in reasons:
                self.answers[made.i] = reasons[made.i].answer(made.k)
            elif isinstance(event := self.batch[made.i], Event):
                stale.append((made.i, event))
        if stale:
            # Their meter was changed since it was read.
            self._read_meters()
            self._uses(stale)

    def _read_meters(self) -> None:
        meters.forget()
        self.meters, self.is_fresh = meters.known(self.seller_id), True

    def _voids(self, events: list[tuple[int, Event]]) -> None:
        rest = []
        for place, event in events:
            try:
                decoding.check_void(event)
            except Refusal as refusal:
                self.answers[place] = refusal.answer(event.key)
            else:
                rest.append((place, event.key, event.void or ""))
        answers = voiding.take_back(self.cursor, self.tenant_id, rest, at=self.at, oldest=self.oldest)
        for place, answer in answers.items():
            self.answers[place] = answer


def hour(meter_id: int, dimension: str, bucket: datetime) -> dict[str, Any]:
    """Return a counter's name for `counting`."""
    return {"meter_id": meter_id, "dimension": msgspec.Raw(dimension.encode()), "bucket": bucket}
