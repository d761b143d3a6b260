"""What a credit gives back of the lines that were charged (CONTRACTS rules 5 and 14). Pure whole-number arithmetic.

A charged line is known by what it came to before and after discount, and by what was given back of it already. Today's price
plays no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from billing.money import divide_half_up


@dataclass(frozen=True, slots=True)
class Given:
    """What an earlier credit gave back of a line, in minor units, for the last `days` (or seconds) that it covered."""

    amount_minor: int
    undiscounted_minor: int
    covered: int


@dataclass(frozen=True, slots=True)
class Charged:
    """A line that was charged: minor units before and after discount, the days (or seconds) it covered, and how many of
    them are still to come."""

    charge_id: int
    undiscounted_minor: int
    net_minor: int
    covered: int = 1
    unused: int = 1
    given: tuple[Given, ...] = ()

    @property
    def left_minor(self) -> int:
        """What is left of it after discount."""
        return self.net_minor - sum(one.amount_minor for one in self.given)

    @property
    def left_undiscounted(self) -> int:
        """What is left of it before discount."""
        return self.undiscounted_minor - sum(one.undiscounted_minor for one in self.given)


@dataclass(frozen=True, slots=True)
class Back:
    """What one credit gives back of one line, after and before discount."""

    charge_id: int
    amount_minor: int
    undiscounted_minor: int


def give_back(lines: Iterable[Charged], share: Fraction = Fraction(1)) -> list[Back]:
    """Return the credit of the time that is still to come, line by line (rule 5).

    Of each line its amount after discount × unused ÷ covered, rounded; an earlier credit of the same time counts as a
    negative charge, so its part of that time comes off again; at most what is left of the line. `share` is the seats that are
    removed ÷ the seats that were held.
    """
    found = []
    for line in lines:
        amount = _part(line.net_minor, line.unused, line.covered, share)
        undiscounted = _part(line.undiscounted_minor, line.unused, line.covered, share)
        for one in line.given:
            unused = min(line.unused, one.covered)
            amount -= _part(one.amount_minor, unused, one.covered, share)
            undiscounted -= _part(one.undiscounted_minor, unused, one.covered, share)
        amount = max(0, min(amount, line.left_minor))
        undiscounted = max(0, min(undiscounted, line.left_undiscounted))
        if amount or undiscounted:
            found.append(Back(line.charge_id, amount, undiscounted))
    return found


def undo(lines: Sequence[Charged], undone_minor: int) -> list[Back]:
    """Return the credit for an amount that is undone, reckoned before discount, of lines from the newest to the oldest (rule 14).

    Of each line its net × the amount undone ÷ its amount, rounded, at most what is left of it. What no line is left for is
    given back by nobody.
    """
    found = []
    for line in sorted(lines, key=lambda line: line.charge_id, reverse=True):
        taken = min(undone_minor, line.left_undiscounted)
        if taken <= 0:
            continue
        amount = divide_half_up(line.net_minor * taken, line.undiscounted_minor)
        found.append(Back(line.charge_id, max(0, min(amount, line.left_minor)), taken))
        undone_minor -= taken
    return found


def _part(minor: int, unused: int, covered: int, share: Fraction) -> int:
    part = Fraction(minor) * Fraction(unused, covered) * share
    return divide_half_up(part.numerator, part.denominator)
