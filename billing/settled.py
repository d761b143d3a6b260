"""What was charged of a price, and given back of it: read from the shelf, for credits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing import discounts
from billing.models import Charge, ChargeCredit
from billing.terms import Stretch, seconds
from billing.undoing import Charged, Given
from tenants.bulk import among
from usage.periods import days, local_day


def lines_of(charges: Sequence[Charge]) -> dict[int, Charged]:
    """Return charges above zero as lines that may be given back, whole, by id; one query each for discounts and credits."""
    positive = [charge for charge in charges if charge.undiscounted_minor > 0]
    nets = discounts.nets(charge.pk for charge in positive)
    given = _given(charge.pk for charge in positive)
    return {
        charge.pk: Charged(charge.pk, charge.undiscounted_minor, nets[charge.pk], given=_all(given[charge.pk]))
        for charge in positive
    }


def still_to_come(
    stretch: Stretch,
    price_ids: Iterable[int],
    since: datetime,
    *,
    by_second: bool,
    in_force_since: datetime | None = None,
    once_moves: bool = False,
) -> dict[int, list[Charged]]:
    """Return, by price, the lines charged in a period that cover time from `since` on, with what of them is still to come.

    A plan that was left and taken again is in force since then: what was charged before was given back when it was left.
    `once_moves`: a coupon that gives once goes from their draft to the bill of this change (`discounts.nets`).
    """
    zone = stretch.span.zone
    lines = Charge.objects.filter(
        period=stretch.id,
        price__in=list(price_ids),
        undiscounted_minor__gt=0,
        service_end_on__gt=local_day(since, zone),
        # A credit that was taken back gives nothing back any more, and its counter-entry is no line of its own.
    ).exclude(reason=Charge.Reason.CORRECTION)
    if in_force_since:
        lines = lines.filter(service_start_on__gte=local_day(in_force_since, zone))
    charges = list(lines.order_by("pk"))
    nets = discounts.nets((charge.pk for charge in charges), once_moves=once_moves)
    given = _given(charge.pk for charge in charges)
    found: dict[int, list[Charged]] = defaultdict(list)
    for charge in charges:
        covered = _covered(charge.details, charge, stretch, by_second)
        left = _left(stretch, since, by_second)
        earlier = tuple(
            Given(amount, undiscounted, _covered(credit.details, credit, stretch, by_second))
            for amount, undiscounted, credit in given[charge.pk]
        )
        assert charge.price_id is not None
        found[charge.price_id].append(
            Charged(charge.pk, charge.undiscounted_minor, nets[charge.pk], covered, min(left, covered), earlier)
        )
    return found


def _covered(details: Mapping[str, Any], charge: Charge, stretch: Stretch, by_second: bool) -> int:
    if not by_second:
        return days(charge.service_start_on, charge.service_end_on)
    if "seconds" in details:
        return int(details["seconds"][0])
    return seconds(stretch.start, stretch.end)


def _left(stretch: Stretch, since: datetime, by_second: bool) -> int:
    if by_second:
        return seconds(since, stretch.end)
    return days(local_day(since, stretch.span.zone), stretch.span.end)


def _given(charge_ids: Iterable[int]) -> dict[int, list[tuple[int, int, Charge]]]:
    found: dict[int, list[tuple[int, int, Charge]]] = defaultdict(list)
    rows = ChargeCredit.objects.filter(among("charge", charge_ids), undone_at=None).select_related("credit")
    for row in rows.order_by("pk"):
        found[row.charge_id].append((row.amount_minor, row.undiscounted_minor, row.credit))
    return found


def _all(given: Iterable[tuple[int, int, Charge]]) -> tuple[Given, ...]:
    return tuple(Given(amount, undiscounted, 1) for amount, undiscounted, _credit in given)
