"""A line computed again from its records, and whether it agrees with the bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Again:
    """The answer: a sentence that names when, from how many records, and the amount."""

    name: str
    sentence: str
    agrees: bool
    back: str


def again(visit: Visit, pk: int, line: int, *, at: datetime) -> Again:
    raise NotImplementedError
