"""What caps take off the usage charges of one billing day. Pure whole-number arithmetic (CONTRACTS rule 19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.money import allocate


@dataclass(frozen=True, slots=True)
class Spot:
    """What one usage price came to in one part of a period, in minor units before discount, late usage included."""

    key: Any
    subscription_id: int
    code: str
    meter_id: int | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that usage may cost: all of a customer's, or of one subscription, one price or one meter."""

    most_minor: int
    subscription_id: int | None = None
    price_code: str = ""
    meter_id: int | None = None
    budget_id: int | None = None

    @property
    def wide(self) -> bool:
        """Whether it bounds several prices together: its line is then one of its own, of code `cap`."""
        return not self.price_code and self.meter_id is None

    @property
    def rank(self) -> int:
        """Narrow caps go first: a price, a meter, a subscription, everything."""
        return 0 if self.price_code else 1 if self.meter_id is not None else 2 if self.subscription_id else 3

    def holds(self, spot: Spot) -> bool:
        """Return whether it bounds this price of this subscription."""
        return (
            self.subscription_id in (None, spot.subscription_id)
            and self.price_code in ("", spot.code)
            and self.meter_id in (None, spot.meter_id)
        )


@dataclass(frozen=True, slots=True)
class Relief:
    """What caps take off a spot, in minor units: those of its price or meter, and the wide ones."""

    narrow: int = 0
    wide: int = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.narrow + self.wide


def spread(spots: Sequence[Spot], caps: Sequence[Cap]) -> Mapping[Any, Relief]:
    """Return what the caps take off each spot: narrow caps first, each spread by what is left, by largest remainder.

    It depends on the amounts alone, so any order of arrival of the same usage gives the same.
    """
    ordered = sorted(spots, key=lambda spot: spot.key)
    found = {spot.key: Relief() for spot in ordered}
    for cap in sorted(caps, key=lambda cap: (cap.rank, cap.price_code, cap.meter_id or 0, cap.subscription_id or 0)):
        mine = [spot for spot in ordered if cap.holds(spot)]
        left = [max(0, spot.amount_minor - found[spot.key].total) for spot in mine]
        above = sum(left) - cap.most_minor
        if above <= 0:
            continue
        for spot, part in zip(mine, allocate(above, left), strict=True):
            one = found[spot.key]
            found[spot.key] = Relief(one.narrow, one.wide + part) if cap.wide else Relief(one.narrow + part, one.wide)
    return found


def room(spots: Sequence[Spot], cap: Cap, caps: Sequence[Cap]) -> int:
    """Return what is used of a cap or budget: what its spots come to after the other, narrower caps."""
    after = spread(spots, [one for one in caps if one.rank < cap.rank])
    return sum(max(0, spot.amount_minor - after[spot.key].total) for spot in spots if cap.holds(spot))
