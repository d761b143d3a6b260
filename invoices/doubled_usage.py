"""Find usage that was told twice: the same events under other keys, as two sources of one thing send them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from billing import contracts
from billing.models import Subscription
from billing.money import round_half_up
from billing.rating import rate
from invoices.models import DuplicateFlag
from invoices.suspects import Suspect
from tenants.models import Tenant
from usage.models import Meter
from usage.periods import local_day

WINDOW = timedelta(hours=24)
# So many events must have a twin, and so great a share of all, before two sources are suspected (of one source alone, equal
# events of one instant are rare).
LEAST, SHARE = 10, Decimal("0.4")
# What adds up; a level that is told twice is the same level.
ADDED = ("sum", "count")
# Events of one meter with the same instant, quantity and properties, told by different keys and not taken back.
TWINS = """
WITH alive AS (
  SELECT e.id, e.tenant_id, e.meter_id, e.quantity, count(*) OVER twins AS times, row_number() OVER (twins ORDER BY e.id) AS nth
  FROM usage_usageevent e
  WHERE e.kind = 'use' AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s {more}
    AND NOT EXISTS (SELECT 1 FROM usage_usageevent v WHERE v.voids_id = e.id)
  WINDOW twins AS (PARTITION BY e.tenant_id, e.meter_id, e.occurred_at, e.quantity, e.member, e.properties))
"""
SHARES = (
    TWINS.format(more="")
    + """
SELECT tenant_id, meter_id, count(*), count(*) FILTER (WHERE nth > 1), sum(quantity), sum(quantity) FILTER (WHERE nth > 1)
FROM alive GROUP BY 1, 2 HAVING count(*) FILTER (WHERE nth > 1) >= %(least)s
  AND count(*) FILTER (WHERE nth > 1) >= %(share)s * count(*) ORDER BY 1, 2
"""
)
DOUBLES = (
    TWINS.format(more="AND e.tenant_id = %(tenant)s AND e.meter_id = %(meter)s")
    + "SELECT u.key FROM alive JOIN usage_usageevent u USING (id) WHERE alive.nth > 1 ORDER BY u.id"
)


class Share(NamedTuple):
    """How many events of a customer's meter there are in a window, how many are doubles, and the quantities of both."""

    tenant_id: int
    meter_id: int
    events: int
    doubles: int
    quantity: Decimal
    doubled: Decimal


def find(at: datetime) -> Iterator[Suspect]:
    """Yield the meters of customers whose events of the last day were told twice, above the thresholds."""
    given: dict[str, datetime | int | Decimal] = {"since": at - WINDOW, "until": at, "least": LEAST, "share": SHARE}
    with connection.cursor() as cursor:
        cursor.execute(SHARES, given)
        rows = [Share(*row) for row in cursor.fetchall()]
    for row in rows:
        yield _suspect(row, at)


def keys(detail: dict[str, Any], tenant: Tenant) -> list[str]:
    """Return the keys of the doubles that a flag is about, oldest first; of each group of twins the first one stays."""
    span = {"since": detail["since"], "until": detail["until"], "tenant": tenant.pk, "meter": detail["meter_id"]}
    with connection.cursor() as cursor:
        cursor.execute(DOUBLES, span)
        return [key for (key,) in cursor.fetchall()]


def _suspect(row: Share, at: datetime) -> Suspect:
    tenant, meter = Tenant.objects.get(pk=row.tenant_id), Meter.objects.get(pk=row.meter_id)
    return Suspect(
        tenant=tenant,
        seller_id=meter.seller_id,
        kind=DuplicateFlag.Kind.SOURCE,
        of=("source", tenant.pk, meter.pk, str(local_day(at, tenant.timezone))),
        currency=tenant.currency,
        amount_minor=_worth(row),
        detail={
            "meter": meter.code,
            "meter_id": meter.pk,
            "name": meter.name,
            "name_en": meter.name_en,
            "events": row.events,
            "doubles": row.doubles,
            "quantity": f"{row.doubled.normalize():f}",
            "since": (at - WINDOW).isoformat(),
            "until": at.isoformat(),
        },
    )


def _worth(row: Share) -> int:
    """Return what the doubles come to at the customer's prices, by the window alone: an estimate, in minor units."""
    live = list(Subscription.objects.live().filter(tenant=row.tenant_id).select_related("version", "seller"))
    found = 0
    clauses = [(s, clause) for s in live for clause in contracts.load([s])[s.pk].clauses]
    for s, clause in clauses:
        if clause.meter is None or clause.meter.meter_id != row.meter_id:
            continue
        if clause.meter.aggregation in ADDED:
            counts = clause.meter.aggregation == "count"
            whole, double = (Decimal(row.events), Decimal(row.doubles)) if counts else (row.quantity, row.doubled)
            rated = (rate(clause.price, quantity, s.currency).exact for quantity in (whole, whole - double))
            found += max(0, round_half_up(next(rated) - next(rated), s.currency))
    return found
