"""How much of a line is earned: by the local days of its service that have gone by; pure, no Django."""

from __future__ import annotations

from billing.money import divide_half_up


def earned(net_minor: int, days: int, elapsed: int) -> int:
    """Return the part of a net amount that is earned after `elapsed` of `days` of service: none before, all at the end.

    What is delivered once is earned at once: it has no days (0). The part never lies outside of 0 and the amount, and what
    is given back by a credit lowers all of it, also what was earned of it before.
    """
    if elapsed >= days:
        return net_minor
    return divide_half_up(net_minor * elapsed, days) if elapsed > 0 else 0
