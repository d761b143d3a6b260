"""How a period's usage draws on resource packs: included units first, then packs, then what is paid. Pure (rule 21).

A period is cut where a pack begins or lapses, so that inside a piece the same packs are valid throughout. Then it does
not matter when inside the piece something was used, and the sums of the pieces are enough: exact to the instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

ZERO = Decimal(0)


class Piece(NamedTuple):
    """A half-open part of a period, and how much was used in it."""

    start: datetime
    end: datetime
    quantity: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Supply:
    """A pack as drawing sees it: for how long, in which order, and for which events it may be used."""

    pack: int
    priority: int
    valid_from: datetime
    expires: datetime
    granted_at: datetime
    match: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def turn(self) -> tuple[int, datetime, datetime, int]:
        """Its place in the order of use: lowest priority number, then first to lapse, then oldest."""
        return self.priority, self.expires, self.granted_at, self.pack

    def covers(self, piece: Piece) -> bool:
        """Return whether it is valid throughout a piece."""
        return self.valid_from <= piece.start and piece.end <= self.expires

    def serves(self, match: Mapping[str, str]) -> bool:
        """Return whether all events that a price takes have the properties that the pack asks for."""
        return all(match.get(name) == value for name, value in self.match.items())


def pieces(start: datetime, end: datetime, cuts: Iterable[datetime]) -> list[Piece]:
    """Return [start, end) cut at those of the instants that lie inside it."""
    edges = [start, *sorted({cut for cut in cuts if start < cut < end}), end]
    return [Piece(*both) for both in pairwise(edges)]


def edges(supplies: Iterable[Supply]) -> set[datetime]:
    """Return the instants at which packs begin or lapse."""
    return {edge for supply in supplies for edge in (supply.valid_from, supply.expires)}


def draw(
    used: Sequence[Piece], included: Decimal, supplies: Iterable[Supply], left: MutableMapping[int, Decimal]
) -> dict[int, Decimal]:
    """Return how much of each pack the pieces use, and take it off `left`.

    In order of time the first `included` units are free; of what exceeds them each unit comes from the packs valid when
    it was used, in their order, as far as there is something left.
    """
    taken: dict[int, Decimal] = {}
    ready = sorted(supplies, key=lambda supply: supply.turn)
    for piece in sorted(used):
        free = min(piece.quantity, included)
        included, over = included - free, piece.quantity - free
        for supply in ready:
            part = min(over, left.get(supply.pack, ZERO)) if supply.covers(piece) else ZERO
            if part > 0:
                taken[supply.pack] = taken.get(supply.pack, ZERO) + part
                left[supply.pack] -= part
                over -= part
    return taken


def spread(cut: Sequence[Piece], more: Decimal, since: datetime) -> list[Piece]:
    """Add what is still expected to the pieces that begin at or after `since`, by their length, in whole units."""
    ahead = [piece for piece in cut if piece.start >= since]
    whole, rest = sum((_seconds(piece) for piece in ahead), 0), more
    found = [piece for piece in cut if piece.start < since]
    for number, piece in enumerate(ahead, 1):
        part = rest if number == len(ahead) else more * _seconds(piece) // whole
        rest -= part
        found.append(piece._replace(quantity=piece.quantity + part))
    return found


def _seconds(piece: Piece) -> int:
    return (piece.end - piece.start) // timedelta(seconds=1)
