"""What is printed on the notice of a deduction (扣费通知单): frozen values, complete before anything is typeset.

Amounts are minor units. The notice is no bill: it says what will be taken at most, when, by what right, and how to stop it.
A document that does not add up cannot be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from invoices.document import DoesNotAddUp, Party, Period, texts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """A part of what is announced: fixed, or at most."""

    name: str
    amount_minor: int
    fixed: bool
    period: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was deducted last, and by how much the notice may be above it (negative: it is surely below)."""

    day: date
    taken_minor: int
    more_minor: int

    @property
    def less_minor(self) -> int:
        return -self.more_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDocument:
    """A notice of a deduction, whole, in its reader's language.

    `charge_at` is when it is deducted at the earliest, in the reader's zone, and until when it can be stopped; `from_where`
    finishes the sentence “… taken from”; `facts` are label and value, twice in a row; `capitals` are Chinese only.
    """

    language: str
    number: str
    sent_on: date
    seller: Party
    email: str
    buyer: Party
    currency: str
    charge_at: datetime
    from_where: str
    facts: tuple[tuple[str, str, str, str], ...]
    lines: tuple[NoticeLine, ...]
    total_minor: int
    capitals: str
    tax_included: bool
    address: str
    before: Before | None
    verification_code: str

    def __post_init__(self) -> None:
        summed = sum(line.amount_minor for line in self.lines)
        if summed != self.total_minor:
            raise DoesNotAddUp(f"{self.number}: at most {self.total_minor}, its lines make {summed}")

    @property
    def charge_on(self) -> date:
        return self.charge_at.date()

    @property
    def fixed_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines if line.fixed)

    @property
    def open_minor(self) -> int:
        """What may vary: at most this much."""
        return self.total_minor - self.fixed_minor

    def texts(self) -> Iterator[str]:
        """Every text that somebody wrote and that will be printed."""
        yield from texts_of(self)
