"""The next bill: when it comes, what of it is fixed and what the use makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from billing.money import Money
from invoices import states
from invoices.pages import meters
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Coming:
    """The next bill. `ceiling` is a promise and only known once it was announced; `expected` is a guess."""

    day: date
    title: str
    reason: str
    fixed: Money
    used: Money
    expected: Money
    ceiling: Money | None
    state: states.State
    meter: meters.Meter
    costs_address: str


def coming_of(visit: Visit) -> Coming | None:
    """Return the bill that comes next, or None when nothing runs."""
    return None
