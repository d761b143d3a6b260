"""What hard caps will take off usage that still runs, by the very arithmetic of the close (CONTRACTS rule 19)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing import budgets
from billing.models import Subscription
from billing.relief import Cap, Spot, spread
from billing.terms import Clause, Stretch


@dataclass(frozen=True, slots=True)
class Use:
    """A usage price in a period that runs: what it comes to now, and what is expected at its end, in minor units."""

    subscription: Subscription
    clause: Clause
    stretch: Stretch
    cause: str
    so_far_minor: int
    expected_minor: int

    def spot(self, number: int, *, expected: bool) -> Spot:
        """Return it as caps know it."""
        meter = self.clause.meter.meter_id if self.clause.meter else None
        amount = self.expected_minor if expected else self.so_far_minor
        return Spot(number, self.subscription.pk, self.clause.code, meter, amount)


@dataclass(frozen=True, slots=True)
class Off:
    """What caps take off the usage of one subscription's next bill: by now, and if usage goes on as it did."""

    so_far_minor: int = 0
    expected_minor: int = 0


NOTHING = Off()


def off(uses: Iterable[Use], *, at: datetime) -> Mapping[int, Off]:
    """Return what the hard caps in force at `at` take off, by subscription; those that are not named count nothing."""
    days: dict[tuple[int, int, str, date], list[Use]] = defaultdict(list)
    for use in uses:
        s = use.subscription
        days[s.tenant_id, s.seller_id, s.currency, use.stretch.over_on].append(use)
    caps = _caps({tenant for tenant, *_rest in days}, at) if days else {}
    found: dict[int, Off] = {}
    for (tenant, _seller, currency, _day), mine in days.items():
        if theirs := caps.get((tenant, currency)):
            for pk, one in _of_day(mine, theirs).items():
                before = found.get(pk, Off())
                found[pk] = Off(before.so_far_minor + one.so_far_minor, before.expected_minor + one.expected_minor)
    return found


def _of_day(uses: Sequence[Use], caps: Sequence[Cap]) -> Mapping[int, Off]:
    now = spread([use.spot(n, expected=False) for n, use in enumerate(uses)], caps)
    then = spread([use.spot(n, expected=True) for n, use in enumerate(uses)], caps)
    found: dict[int, Off] = {}
    for number, use in enumerate(uses):
        before = found.get(use.subscription.pk, Off())
        found[use.subscription.pk] = Off(
            before.so_far_minor + now[number].total, before.expected_minor + then[number].total
        )
    return found


def _caps(tenants: set[int], at: datetime) -> Mapping[tuple[int, str], list[Cap]]:
    found: dict[tuple[int, str], list[Cap]] = defaultdict(list)
    for row in budgets.in_force(tenants, at=at):
        if row.hard:
            found[row.tenant_id, row.currency].append(budgets.cap_of(row, at=at))
    return found
