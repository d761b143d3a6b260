"""A story as it was read: frozen, checked in its form, and knowing nothing of the database (CONTRACTS §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A customer of the story; `pays` is the one way that is tried by itself."""

    code: str
    zone: str
    wallet: Decimal
    group: str | None
    parent: str | None
    pays: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that somebody does: `number` counts from 1 in the order written, `said` are the verb's own keys."""

    number: int
    at: datetime
    do: str
    tenant: str
    said: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was said of a key, or the default where nothing was."""
        return self.said.get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self.said[key]

    def __contains__(self, key: str) -> bool:
        return key in self.said


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Customers, what is sold to them, and what happens until an instant, which is still played.

    `meters`, `plans` and `coupons` are plain data as `billing.defining` takes them, each with its path. `steps` are in order
    of time; steps of one instant keep the order in which they were written.
    """

    name: str
    zone: str
    currency: str
    until: datetime
    strict: bool
    tax_rate: Decimal
    tax_inclusive: bool
    meters: Sequence[Mapping[str, Any]]
    plans: Sequence[tuple[str, Mapping[str, Any]]]
    coupons: Sequence[tuple[str, Mapping[str, Any]]]
    companies: Sequence[Company]
    steps: Sequence[Step]

    @property
    def begins(self) -> datetime:
        """The instant before which nothing happens."""
        return min(self.steps[0].at, self.until) if self.steps else self.until
