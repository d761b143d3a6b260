"""How lines without a meter come about: a price × a quantity × a part of the period; a raised quantity; a commitment."""

from __future__ import annotations

from typing import Any

from billing.models import Charge
from billing.money import plain
from billing.terms import Part
from invoices.deriving.standing import Standing, instant
from usage.periods import days, local_day

KIND = "minimum"


def how(of: Standing) -> dict[str, Any]:
    """Return the parameters of a price by quantity: how many, and which days (or seconds) of how many."""
    charge, change = of.charge, of.change
    found = {"type": "share", "quantity": plain(charge.quantity), "share": share(of)}
    if change and change.kind == "quantity" and change.before is not None and change.after is not None:
        found |= {"type": "raised", "before": plain(change.before), "after": plain(change.after)}
        found["quantity"] = plain(change.after)
    return found


def share(of: Standing) -> dict[str, Any]:
    """Return the part of the whole period that a line covers, and how the contract splits one."""
    charge, period = of.charge, of.charge.period
    seconds, counted = charge.details.get("seconds"), charge.details.get("days")
    part = seconds or counted
    return {
        "proration": of.clause.proration if of.clause else "day",
        "one_off": bool(of.clause and of.clause.one_off),
        "unit": "second" if seconds else "day" if counted else "whole",
        "used": part[0] if part else 1,
        "whole": part[1] if part else 1,
        "since": instant(of.change.effective_at) if of.change else None,
        "whole_period": [
            str(local_day(period.whole_start, period.zone)),
            str(local_day(period.whole_end, period.zone)),
        ],
    }


def minimum(of: Standing) -> dict[str, Any]:
    """Return the parameters of a commitment's true-up: the least by days, and every charge that was held against it."""
    charge, stretch = of.charge, of.stretch
    beside = Charge.objects.filter(
        subscription=charge.subscription_id,
        period__start__gte=stretch.start,
        period__start__lt=stretch.end,
        pk__lt=charge.pk,
    ).order_by("pk")
    rows = list(beside.values_list("pk", "code", "kind", "undiscounted_minor"))
    return {
        "type": "minimum",
        "least_minor": charge.details.get("minimum_minor", 0),
        "commitments": _commitments(of),
        "charged": [[pk, code, minor] for pk, code, kind, minor in rows if kind != KIND],
        "billed_minor": sum(minor for _pk, _code, kind, minor in rows if kind == KIND),
    }


def _commitments(of: Standing) -> list[dict[str, int]]:
    stretch, found = of.stretch, []
    for one in of.contract.commitments:
        start = max(stretch.start, one.since) if one.since else stretch.start
        end = min(stretch.end, one.until) if one.until else stretch.end
        if one.interval == stretch.interval and start < end and not stretch.trial:
            part = Part(start, end, stretch.span.zone)
            last = local_day(end, stretch.span.zone) if end < stretch.end else part.end_on
            used = min(days(part.start_on, last), stretch.span.days)
            found.append({"minimum_minor": one.minimum_minor, "used": used, "whole": stretch.span.whole_days})
    return found
