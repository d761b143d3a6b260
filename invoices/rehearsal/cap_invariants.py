"""No hard cap is passed, whatever arrives and whenever: reckoned from the charges alone, not from what the close knows.

Each yields what breaks it, in words; nothing when it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from billing.models import BillingPeriod, Budget, Charge
from invoices.rehearsal.invariants import Invariant
from invoices.rehearsal.seen import Seen
from tenants.bulk import among
from usage.periods import local_day

# Customer and the local day on which periods end.
Window = tuple[int, date]


def no_cap_is_passed(seen: Seen) -> Iterator[str]:
    """The usage charged for the periods that end on one day, late usage and caps added up, is at most each cap in force then."""
    for window, charges, caps in _windows(seen):
        for cap in caps:
            amount = _under(cap, charges)
            if amount > cap.amount_minor:
                yield f"customer {window[0]}: {amount} is charged for {window[1]} under a cap of {cap.amount_minor}"


def caps_take_no_more(seen: Seen) -> Iterator[str]:
    """A cap takes off what is above it and nothing else: what is left is all usage, or comes to a cap exactly."""
    for window, charges, caps in _windows(seen):
        left = sum(row.undiscounted_minor for row in charges)
        usage = sum(row.undiscounted_minor for row in charges if row.reason != Charge.Reason.CAP)
        if left > usage or left < 0:
            yield f"customer {window[0]}: caps leave {left} of {usage} for {window[1]}"
        if left < usage and not any(_reached(cap, charges) for cap in caps):
            yield f"customer {window[0]}: {usage - left} is taken off for {window[1]}, and no cap is reached"


def _reached(cap: Budget, charges: Sequence[Charge]) -> bool:
    """Return whether a cap leaves exactly its amount; one for a part may leave less, where a wider one takes off more."""
    found = [row for row in charges if _holds(cap, row)]
    narrow = sum(row.undiscounted_minor for row in found if row.reason != Charge.Reason.CAP or row.kind == "usage")
    wide = bool(cap.price_code or cap.meter_id)
    return (narrow if wide else _under(cap, charges)) == cap.amount_minor


def _under(cap: Budget, charges: Iterable[Charge]) -> int:
    return sum(row.undiscounted_minor for row in charges if _holds(cap, row))


def _holds(cap: Budget, row: Charge) -> bool:
    if cap.subscription_id is not None:
        return row.subscription_id == cap.subscription_id
    if cap.price_code:
        return row.code == cap.price_code
    return cap.meter_id is None or (row.price is not None and row.price.meter_id == cap.meter_id)


def _windows(seen: Seen) -> Iterator[tuple[Window, list[Charge], list[Budget]]]:
    caps = list(Budget.objects.filter(among("tenant", seen.world.ids), hard=True).order_by("pk"))
    if not caps:
        return
    periods = {period.pk: period for life in seen.lives for period in life.periods}
    prices = {pk: price for life in seen.lives for pk, price in life.prices.items()}
    found: dict[Window, list[Charge]] = defaultdict(list)
    for row in seen.charges:
        if row.kind in ("usage", "cap") and row.period_id in periods:
            row.price = prices.get(row.price_id) if row.price_id else None
            found[row.tenant_id, _day(periods[row.period_id])].append(row)
    for window, charges in found.items():
        end = max(periods[row.period_id].end for row in charges)
        yield window, charges, [cap for cap in caps if cap.tenant_id == window[0] and _counts(cap, end)]


def _counts(cap: Budget, end: datetime) -> bool:
    return cap.set_at < end and (cap.ended_at is None or cap.ended_at >= end)


def _day(period: BillingPeriod) -> date:
    return local_day(period.end, period.zone)


ALWAYS: tuple[Invariant, ...] = (no_cap_is_passed, caps_take_no_more)
