"""Processes that end in the middle: `os._exit` before and after each commit and each call of a provider.

The work runs in a real process of its own, on connections of its own. Ended at its first point, then at its second, and so
on until it reaches its end, it leaves behind what a crash there would; the database and the provider keep what they had.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from invoices.providers.simulated import Simulated, Simulation
from tenants.models import Seller

KILLED = 86
# Far more points than any work here has: one that is never done would be killed for ever.
MOST = 100


class Points:
    """The points that a process passes; it ends at the chosen one."""

    left: int | None = None

    def passed(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                os._exit(KILLED)


POINTS = Points()


def killed(point: int, work: Callable[[], object]) -> bool:
    """Do work in a process that ends at its nth point; return whether it did, or came to its end before."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _arm(point)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, KILLED), f"the process failed of itself: {code}"
    return code == KILLED


def points(work: Callable[[int], Callable[[], object]]) -> Iterator[int]:
    """Kill the work at each of its points in turn, made anew each time; yield the point after each, and after the end."""
    for point in range(MOST):
        died = killed(point, work(point))
        yield point
        if not died:
            return
    raise AssertionError("the work never ends")


def _arm(point: int) -> None:
    POINTS.left = point
    commit = BaseDatabaseWrapper.commit

    def commit_or_die(self: BaseDatabaseWrapper) -> None:
        POINTS.passed()
        commit(self)
        POINTS.passed()

    BaseDatabaseWrapper.commit = commit_or_die


class Outliving:
    """A simulated provider that outlives our process: what it was told stays told. Each call has a point on both sides."""

    def __init__(self, name: str, kept: Path, simulation: Simulation) -> None:
        self.name, self._kept, self._simulation = name, kept, simulation

    def __getattr__(self, call: str) -> Any:
        there = Simulated(self.name, self._simulation)
        if self._kept.exists():
            there.orders, there.refunds, there.refunded, there.contracts, there.calls = pickle.loads(
                self._kept.read_bytes()
            )
        found = getattr(there, call)
        if not callable(found):
            return found

        def do(*args: Any, **how: Any) -> Any:
            POINTS.passed()
            try:
                return found(*args, **how)
            finally:
                state = there.orders, there.refunds, there.refunded, there.contracts, there.calls
                self._kept.write_bytes(pickle.dumps(state))
                POINTS.passed()

        return do


class World:
    """The gateways of a test of faults: what `gateways.using` wants."""

    def __init__(self, folder: Path, behaviour: str = "wait") -> None:
        self.folder, self.simulation = folder, Simulation(default=behaviour)

    def __call__(self, seller: Seller, provider: str) -> Any:
        return Outliving(provider, self.folder / f"{seller.pk}-{provider}", self.simulation)
