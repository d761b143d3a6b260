"""Group what waits into bills to be: one per payer, seller, currency, way of payment and day, or per change (rule 9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from billing.granting import Applied
from billing.models import Charge, Subscription
from invoices.charge_days import Day, later
from invoices.tax import LineTax

# (payer, seller, currency, way of payment)
Side = tuple[int, int, str, str]
KINDS = {"base": 0, "seat": 1, "module": 2, "service": 3, "usage": 4, "cap": 5, "minimum": 6}
LATE, CHANGE, CAP = str(Charge.Reason.LATE), str(Charge.Reason.CHANGE), str(Charge.Reason.CAP)
# What usage that came or went after its period makes: its line, and what a cap takes off it.
AFTERWARDS = (LATE, CAP)


class Waiting(NamedTuple):
    """A charge that waits, with what its subscription says of the bill; a plain row, for a run has many."""

    pk: int
    tenant_id: int
    payer_id: int
    seller_id: int
    subscription_id: int
    period_id: int
    corrects_id: int | None
    currency: str
    code: str
    kind: str
    reason: str
    cause: str
    name: str
    name_en: str
    service_start_on: date
    service_end_on: date
    quantity: Decimal
    unit: str
    unit_en: str
    amount_minor: int
    tax_rate: Decimal
    tax_inclusive: bool
    due_on: date
    subscription__pays: str
    subscription__purchase_order: str
    subscription__cost_centre: str
    subscription__status: str
    subscription__next_at: datetime | None


@dataclass(slots=True)
class Group:
    """The charges of one document to be; `discounts` by charge and `taxes` in order of charges are reckoned later.

    `origin` names the change whose lines stand alone, or the notice of a bill that is announced for itself; empty for
    other periodic bills. `charge_at` is when it is deducted by itself.
    """

    side: Side
    charge_on: date
    charges: list[Waiting] = field(default_factory=list)
    origin: str = ""
    charge_at: datetime | None = None
    discounts: dict[int, list[Applied]] = field(default_factory=dict)
    taxes: list[LineTax] = field(default_factory=list)

    @property
    def amount_minor(self) -> int:
        """Their sum, before discount and tax."""
        return sum(charge.amount_minor for charge in self.charges)

    @property
    def discount_minor(self) -> int:
        """What coupons take off."""
        return sum(one.amount_minor for taken in self.discounts.values() for one in taken)

    @property
    def total_minor(self) -> int:
        """What is asked for, with tax; below zero, it is given back."""
        return sum(tax.gross for tax in self.taxes)

    def off(self, charge: Waiting) -> int:
        """Return what is taken off a charge."""
        return sum(one.amount_minor for one in self.discounts.get(charge.pk, ()))

    def sort(self) -> None:
        """Put the lines in order."""
        self.charges.sort(key=_place)


def group_up(charges: Sequence[Waiting], days: Mapping[int, Day] = MappingProxyType({})) -> Iterator[Group]:
    """Yield the documents of one side of charges, earliest day first.

    Lines of a change stand alone. Zero charges go with their change, else with the first bill of their day or later, and
    wait when there is none. What only late usage brought below zero goes on the next periodic bill (rule 14). `days` say
    when charges are deducted by themselves; others are asked for when they are due.
    """
    found: dict[tuple[date | None, str], Group] = {}
    for charge in sorted((c for c in charges if c.amount_minor), key=lambda c: c.due_on):
        cause, day = _alone(charge), _day(charge, days)
        key = (None, cause) if cause else (day.charge_on, day.origin)
        group = found.setdefault(key, Group(_side(charge), day.charge_on, origin=cause or day.origin))
        group.charge_on = charge.due_on if cause else day.charge_on
        # What a change brings that waited for its day was announced with that day, and is deducted then.
        group.charge_at = later(Day(day.charge_on, group.charge_at), day).charge_at
        group.charges.append(charge)
    zeros = [charge for charge in charges if not charge.amount_minor]
    bills = [group for (on, _origin), group in found.items() if on is not None]
    periodic = _late_on_the_next(sorted(bills, key=lambda g: g.charge_on), zeros)
    changes = {group.origin: group for (on, _origin), group in found.items() if on is None}
    for charge in zeros:
        home = changes.get(_alone(charge)) or _home(_day(charge, days), periodic)
        if home is not None:
            home.charges.append(charge)
    for group in sorted([*periodic, *changes.values()], key=lambda g: g.charge_on):
        group.sort()
        yield group


def goes_on(charge: Waiting) -> bool:
    """Return whether another periodic bill of its subscription follows."""
    return charge.subscription__next_at is not None and charge.subscription__status != Subscription.Status.ENDED


def _late_on_the_next(groups: list[Group], zeros: Sequence[Waiting]) -> list[Group]:
    """Carry late lines that come to less than nothing to the next periodic bill; without one yet, they wait."""
    done: list[Group] = []
    carried: list[Waiting] = []
    for group in groups:
        group.charges = carried + group.charges
        carried = []
        if _waits(group, zeros):
            carried = group.charges
        else:
            done.append(group)
    return done


def _waits(group: Group, zeros: Sequence[Waiting]) -> bool:
    if group.amount_minor >= 0 or any(charge.reason not in AFTERWARDS for charge in group.charges):
        return False
    billed = {z.subscription_id for z in zeros if z.reason not in AFTERWARDS and z.due_on <= group.charge_on}
    late = {charge.subscription_id for charge in group.charges}
    return not late & billed and any(goes_on(charge) for charge in group.charges)


def _home(day: Day, bills: Sequence[Group]) -> Group | None:
    """Return the bill that a zero line goes on: the one of its notice, else the first of its day or later."""
    same = (g for g in bills if day.origin and g.origin == day.origin)
    return next(same, None) or next((g for g in bills if g.charge_on >= day.charge_on), None)


def _day(charge: Waiting, days: Mapping[int, Day]) -> Day:
    return days.get(charge.pk, Day(charge.due_on))


def _alone(charge: Waiting) -> str:
    return charge.cause if charge.reason == CHANGE else ""


def _side(charge: Waiting) -> Side:
    return charge.payer_id, charge.seller_id, charge.currency, charge.subscription__pays


def _place(charge: Waiting) -> tuple[Any, ...]:
    """Where a charge stands on the bill: by subscription, what is paid ahead first, then by kind as in the price list.

    Of a change, what is given back stands before what is charged.
    """
    back = charge.reason == CHANGE and charge.amount_minor > 0
    kind = KINDS.get(charge.kind, 9)
    is_used = charge.kind in ("usage", "cap")
    return charge.subscription_id, is_used, charge.service_start_on, back, kind, charge.pk
