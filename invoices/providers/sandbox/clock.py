"""The sandbox's calendar, which may be moved, and its waiting, which may be compressed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
# A request or a callback that is older, or from the future by more, is not believed.
FRESH = timedelta(minutes=5)

Read = Callable[[], datetime]


class Clock(Protocol):
    """What the sandbox asks of a clock. Instants are aware."""

    def now(self) -> datetime:
        """Return the instant that the rules go by: days, windows, validity."""

    def stamp(self) -> datetime:
        """Return the instant that goes into the headers of callbacks: receivers compare it with their own clock."""

    def after(self, seconds: int) -> datetime:
        """Return when a wait of so many of the provider's seconds, begun now, is over."""

    def fresh(self, at: datetime) -> bool:
        """Say whether a request that was signed at this instant is still believed."""

    def move(self, at: datetime) -> None:
        """Let it be this instant; it goes on from there."""


class RunningClock:
    """The real time, possibly on another day; waits are `speed` times shorter."""

    def __init__(self, read: Read, speed: int = 1) -> None:
        if speed < 1:
            raise ValueError("The speed of the sandbox is a whole number from 1.")
        self._read, self.speed, self._ahead = read, speed, timedelta(0)

    def now(self) -> datetime:
        return self._read() + self._ahead

    def stamp(self) -> datetime:
        return self._read()

    def after(self, seconds: int) -> datetime:
        return self.now() + timedelta(seconds=seconds) / self.speed

    def fresh(self, at: datetime) -> bool:
        return abs(self._read() - at) <= FRESH

    def move(self, at: datetime) -> None:
        self._ahead = at - self._read()


class StandingClock:
    """A clock that stands until somebody moves it, for tests. Requests may be signed by it or by the real time."""

    def __init__(self, at: datetime, read: Read) -> None:
        self._at, self._read = at, read

    def now(self) -> datetime:
        return self._at

    def stamp(self) -> datetime:
        return self._at

    def after(self, seconds: int) -> datetime:
        return self._at + timedelta(seconds=seconds)

    def fresh(self, at: datetime) -> bool:
        return min(abs(self._read() - at), abs(self._at - at)) <= FRESH

    def move(self, at: datetime) -> None:
        self._at = at
