"""How long a provider is left alone between two questions about the same payment, refund or agreement."""

from __future__ import annotations

from datetime import timedelta

# Ever more seldom, for a lost callback costs least soon after the call; the last pause repeats for ever.
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(days=1),
)


def pause(asks: int) -> timedelta:
    """Return how long to wait after having asked so many times before."""
    return PAUSES[min(asks, len(PAUSES) - 1)]
