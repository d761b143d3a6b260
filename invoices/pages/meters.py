"""Bars: what is included, paid for and expected, as widths of an SVG, with the sentence that a reader hears."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from invoices.pages.wording import share


@dataclass(frozen=True)
class Part:
    """A stretch of a bar: `included`, `paid` or `coming` (hatched)."""

    kind: str
    start: str
    width: str


@dataclass(frozen=True)
class Meter:
    """One bar; `limit` is where the line of the allowance stands, empty for none."""

    label: str
    parts: tuple[Part, ...]
    limit: str


def meter(
    label: str, *, included: Decimal, paid: Decimal, coming: Decimal, whole: Decimal, limit: Decimal | None = None
) -> Meter:
    """Return a bar in which `whole` is the full width."""
    stretches, start = [], Decimal(0)
    for kind, size in (("included", included), ("paid", paid), ("coming", coming)):
        if size > 0:
            stretches.append(Part(kind, share(start, whole), share(min(size, whole - start), whole)))
        start += max(size, Decimal(0))
    return Meter(label, tuple(stretches), share(limit, whole) if limit is not None and limit < whole else "")
