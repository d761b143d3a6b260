"""How a credit comes about: of which charged lines it gives back how much, and what had been given back of them before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from billing import discounts
from billing.cap_lines import NARROW, WIDE
from billing.models import Charge, ChargeCredit
from billing.money import plain
from billing.terms import Stretch, seconds
from invoices.deriving.standing import Standing, instant
from tenants.bulk import among
from usage.periods import days, local_midnight

# Caps of single meters or prices, and caps of all usage; in this order they let go.
CAPS = (NARROW, WIDE)


def how(of: Standing) -> dict[str, Any]:
    """Return the parameters of a credit for time that is not used (CONTRACTS rule 5)."""
    charge = of.charge
    unit = "second" if "seconds" in charge.details else "day"
    left = charge.details.get("seconds") or charge.details.get("days") or [1, 1]
    change = of.change
    return {
        "type": "credit",
        "unit": unit,
        "unused": left[0],
        "since": instant(change.effective_at) if change else None,
        "share": _share(of),
        "gives_back": [_part(row, charge, of.stretch, unit) for row in _rows(charge)],
    }


def chain(charge: Charge) -> list[dict[str, Any]]:
    """Return the charged lines of a place that a later measure may undo: what is left of each (CONTRACTS rule 14)."""
    first = charge.corrects_id or charge.pk
    there = Charge.objects.filter(pk=first) | Charge.objects.filter(corrects=first)
    lines = list(there.filter(pk__lt=charge.pk, undiscounted_minor__gt=0).order_by("pk"))
    nets, given = discounts.nets(line.pk for line in lines), _given([line.pk for line in lines], charge)
    undone = {row.charge_id: row for row in _rows(charge)}
    return [
        {
            "charge": line.pk,
            "undiscounted_minor": line.undiscounted_minor,
            "net_minor": nets[line.pk],
            "earlier": [[row.amount_minor, row.undiscounted_minor] for row in given if row.charge_id == line.pk],
            "amount_minor": undone[line.pk].amount_minor if line.pk in undone else 0,
        }
        for line in lines
    ]


def capped(charge: Charge, chain: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what caps had taken off the lines of a chain, by kind of cap, and how much of it they let go with this charge.

    That much of a later measure below zero was never asked for, so it is undone whole before anything is given back
    (docs/rules.md). None where no cap had a part in it.
    """
    ids = [line["charge"] for line in chain]
    of_caps = ChargeCredit.objects.filter(among("charge", ids), credit__reason=Charge.Reason.CAP).select_related(
        "credit"
    )
    given: dict[str, dict[int, list[int]]] = {kind: defaultdict(lambda: [0, 0]) for kind in CAPS}
    freed = dict.fromkeys(CAPS, 0)
    for row in of_caps.exclude(undone_at__lte=charge.created_at).order_by("pk"):
        if row.credit_id < charge.pk:
            given[row.credit.kind][row.charge_id][0] += row.amount_minor
            given[row.credit.kind][row.charge_id][1] += row.undiscounted_minor
        elif row.credit.created_at == charge.created_at:
            freed[row.credit.kind] -= min(0, row.undiscounted_minor)
    if not any(freed.values()) and not any(before for kind in CAPS for _amount, before in given[kind].values()):
        return None
    return {"given": {kind: [[pk, *one] for pk, one in sorted(given[kind].items())] for kind in CAPS}, "freed": freed}


def _rows(charge: Charge) -> list[ChargeCredit]:
    return list(ChargeCredit.objects.filter(credit=charge.pk).select_related("charge").order_by("pk"))


def _given(charges: Sequence[int], before: Charge) -> list[ChargeCredit]:
    """Return what was given back of charges before a charge, without what was itself taken back by then."""
    rows = ChargeCredit.objects.filter(among("charge", charges), credit__lt=before.pk)
    rows = rows.exclude(undone_at__lte=before.created_at)
    return list(rows.select_related("credit").order_by("pk"))


def _part(row: ChargeCredit, credit: Charge, stretch: Stretch, unit: str) -> dict[str, Any]:
    line = row.charge
    net = discounts.nets([line.pk])[line.pk]
    return {
        "charge": line.pk,
        "code": line.code,
        "service": [str(line.service_start_on), str(line.service_end_on)],
        "undiscounted_minor": line.undiscounted_minor,
        "net_minor": net,
        "covered": _covered(line, stretch, unit),
        "earlier": [
            [one.amount_minor, one.undiscounted_minor, _covered(one.credit, stretch, unit)]
            for one in _given([line.pk], credit)
        ],
        "amount_minor": row.amount_minor,
    }


def _covered(line: Charge, stretch: Stretch, unit: str) -> int:
    if unit == "day":
        return days(line.service_start_on, line.service_end_on)
    if "seconds" in line.details:
        return int(line.details["seconds"][0])
    # Of its own days: the period may have been cut since.
    start, end = (local_midnight(day, stretch.span.zone) for day in (line.service_start_on, line.service_end_on))
    return seconds(start, end)


def _share(of: Standing) -> list[str]:
    """Return the quantity removed and the one held before, where only a part of the line went (rule 5)."""
    change = of.change
    if change is None or change.kind != "quantity" or not change.before:
        return ["1", "1"]
    return [plain(change.before - (change.after or 0)), plain(change.before)]
