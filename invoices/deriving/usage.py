"""How a usage line comes about: which events of which stretch, what is included, what packs covered, what was billed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from billing.models import Charge, PackUse
from billing.money import plain
from billing.rating import Price
from billing.terms import part_of
from invoices.deriving import credits
from invoices.deriving.standing import Standing, instant
from tenants.bulk import among
from usage import recounting
from usage.measuring import Want

ZERO = Decimal(0)


def how(of: Standing) -> dict[str, Any]:
    """Return the parameters of a usage charge: with them and the events anybody measures and rates it again."""
    charge, details = of.charge, of.charge.details
    until, part = want(of), part_of(of.clause, of.stretch) if of.clause else None
    assert charge.price is not None
    assert charge.price.meter is not None
    assert part is not None
    found: dict[str, Any] = {
        "type": "usage",
        "meter": charge.price.meter.code,
        "aggregation": until.aggregation,
        "recurring": until.recurring,
        "match": dict(until.match),
        "others": [dict(other) for other in until.others],
        "counted_from": instant(until.start),
        "part": [instant(part.start), instant(part.end)],
        "whole": [instant(of.stretch.start), instant(of.stretch.end)],
        "known_at": instant(charge.created_at),
        "measured": details.get("measured", "0"),
        "included": details.get("included", "0"),
        "paid_above": details.get("paid", "0"),
        "before": details.get("before"),
        "covered": details.get("covered", "0"),
        "packs": _packs(charge, details.get("packs", [])),
        "covered_before": plain(_covered_before(of, part.start)),
        "opening": [[d, plain(level)] for d, level in recounting.openings(until, known_at=charge.created_at)],
    }
    if charge.reason == Charge.Reason.LATE:
        chain = credits.chain(charge)
        found |= {"billed": details.get("billed", {}), "chain": chain, "again": _backs(charge)}
        found["capped"] = credits.capped(charge, chain)
    return found


def want(of: Standing) -> Want:
    """Return the question whose answer a usage charge is rated by, from the period's start to the end of its part."""
    meter, part = (of.clause.meter, part_of(of.clause, of.stretch)) if of.clause else (None, None)
    assert meter is not None
    assert part is not None
    whole = part.start == of.stretch.start and part.end == of.stretch.end
    return Want(
        key="until",
        tenant_id=of.charge.tenant_id,
        meter_id=meter.meter_id,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        start=of.stretch.start,
        end=part.end,
        match=dict(meter.match),
        others=[dict(match) for match in meter.others],
        over=None if whole else of.stretch.end - of.stretch.start,
    )


def wants(of: Standing) -> dict[str, Want]:
    """Return the same with `before`, where the part begins later than its period, and `own`, the part alone."""
    until = want(of)
    part = part_of(of.clause, of.stretch) if of.clause else None
    assert part is not None
    found = {"until": until, "own": replace(until, key="own", start=part.start)}
    if part.start > until.start:
        found["before"] = replace(until, key="before", end=part.start)
    return found


def included(price: Price, how: Mapping[str, Any]) -> Price:
    """Return a price with what is paid for by another price left free besides, as it was when the line was reckoned."""
    paid = Decimal(how["paid_above"])
    return replace(price, included=price.included + paid) if paid else price


def _packs(charge: Charge, used: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the packs of a charge, each with what it holds, until when, and its name."""
    rows = PackUse.objects.filter(period=charge.period_id, price=charge.price_id).select_related("pack")
    known = {row.pack_id: row.pack for row in rows}
    return [
        {
            "pack": one["pack"],
            "quantity": one["quantity"],
            "holds": plain(pack.quantity),
            "valid_from": instant(pack.valid_from),
            "expires": instant(pack.expires),
            "source": pack.source,
            "reason": pack.reason,
        }
        for one in used
        if (pack := known.get(one["pack"])) is not None
    ]


def _covered_before(of: Standing, start: datetime) -> Decimal:
    """Return what packs covered of the part of the period that was over before this charge's part began."""
    if start == of.stretch.start or "before" not in of.charge.details:
        return ZERO
    assert of.clause is not None
    assert of.clause.meter is not None
    meter, match = of.clause.meter.meter_id, of.clause.meter.match
    sisters = [
        clause.price_id
        for clause in of.contract.all_clauses
        if clause.price_id and clause.meter and (clause.meter.meter_id, clause.meter.match) == (meter, match)
    ]
    uses = PackUse.objects.filter(among("price", sisters), period=of.charge.period_id, at__lte=of.charge.created_at)
    earlier = [row for row in uses if _begins(row.part, of.stretch.start) < start]
    return sum((row.quantity for row in earlier), ZERO)


def _begins(part: str, first: datetime) -> datetime:
    """Return when the part of a period begins that a pack was used in; it is named by its first instant."""
    return datetime.fromisoformat(part.removeprefix("from:")) if part else first


def _backs(charge: Charge) -> dict[str, Any]:
    """Return how often the place was charged, and what they came to, before this charge."""
    first = charge.corrects_id or charge.pk
    earlier = Charge.objects.filter(pk__lt=charge.pk).filter(pk=first) | Charge.objects.filter(
        pk__lt=charge.pk, corrects=first
    )
    return {
        "charges": list(earlier.order_by("pk").values_list("pk", flat=True)),
        "amount_minor": earlier.aggregate(sum=Sum("undiscounted_minor"))["sum"] or 0,
    }
