"""Simulate: play invented stories, and look after everything that happens in them whether every invariant still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.db import connection

from billing import previewing
from billing.models import Charge, Subscription
from invoices.rehearsal import (
    agreed_invariants,
    cap_invariants,
    dispute_invariants,
    due,
    invariants,
    money_invariants,
    playing,
    seen,
    tiling,
    undo_invariants,
)
from invoices.rehearsal.inventing import invent
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from tenants.bulk import among
from usage import counting
from usage.models import UsageMark

# Where the invariants are that are asked after every step.
ROOMS = (invariants, cap_invariants, agreed_invariants, money_invariants, dispute_invariants, tiling, undo_invariants)
ALL = (due.ASK, due.CLOSE, due.ISSUE, due.COLLECT, due.OVERDUE, due.DUN, due.ANNOUNCE)


class Broken(Exception):
    """An invariant does not hold: which, after which step, and what was seen."""

    def __init__(self, invariant: str, sentence: str, found: str, world: World, step: Step | None) -> None:
        self.invariant, self.found = invariant, found
        self.step = step.number if step else None
        after = f"step {step.number}: {step.do}" if step else "what was due"
        super().__init__(f"{invariant} after {after} at {world.now.isoformat()}: {found} ({sentence})")


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed whose story broke an invariant, or a verb."""

    seed: int
    what: str
    story: Mapping[str, Any]

    def as_yaml(self) -> str:
        """Return the story, ready for `manage.py rehearse`."""
        return yaml.safe_dump(dict(self.story), allow_unicode=True, sort_keys=False, width=160)


class Enough(Exception):
    """A story has been looked at as often as it was to be."""


@dataclass(slots=True)
class Watcher:
    """Looks at the world whenever something happened in it, at most `most` times: then the story ends early.

    Of `every` looks one also does again all that is due, and so does the last.
    """

    most: int | None = None
    every: int = 1
    looks: int = 0
    last: tuple[str, ...] = field(default=())

    def __call__(self, world: World, step: Step | None = None, *, over: bool = False) -> None:
        """Raise Broken for the first invariant that does not hold, and Enough where all did for `most` times."""
        if over:
            world.now = max(world.now, world.story.until)
            self._end(world, step)
        elif seen.traces(world) != self.last:
            self.looks += 1
            self._look(world, step, again=self.looks % self.every == 0)
            if self.looks == self.most:
                self._end(world, step)
                raise Enough

    def _end(self, world: World, step: Step | None) -> None:
        """Look once more at an end, which is the story's or was called here."""
        _end(world)
        self._look(world, step, again=True)

    def _look(self, world: World, step: Step | None, *, again: bool) -> None:
        self.last = seen.traces(world)
        _constraints()
        if again:
            self._again(world, step)
        found = seen.see(world)
        for check in (check for room in ROOMS for check in room.ALWAYS):
            for wrong in check(found):
                raise Broken(check.__name__, check.__doc__ or "", wrong, world, step)

    def _again(self, world: World, step: Step | None) -> None:
        """All that is due, done again at the same instant, changes nothing."""
        due.do(world, ALL)
        after = seen.traces(world)
        for kind, one, other in zip(seen.TRACES, self.last, after, strict=True):
            if one != other:
                told = f"{kind}: {one} became {other}"
                raise Broken("doing_it_again_changes_nothing", self._again.__doc__ or "", told, world, step)


def simulate(
    seeds: range, *, steps: int | None = None, looks: int | None = None, every: int = 1
) -> Iterator[tuple[int, Failure | None]]:
    """Yield each seed with its failure, or None when every invariant held to the end.

    A story of `steps` steps (10 to 25 by default) ends early once it was looked at `looks` times; at one of `every` looks, and
    at the end, all that is due is done again.
    """
    for seed in seeds:
        yield seed, play(seed, steps=steps, looks=looks, every=every)


def play(seed: int, *, steps: int | None = None, looks: int | None = None, every: int = 1) -> Failure | None:
    """Play the story of one seed; nothing of it is kept."""
    story = invent(seed, steps=steps)
    try:
        playing.rehearse(story, watch=Watcher(looks, every))
    except Enough:
        return None
    except Exception as fault:
        return Failure(seed, f"{type(fault).__name__}: {fault}", story)
    return None


def _constraints() -> None:
    """Let the database ask now what it would ask when the story is committed; raise IntegrityError for what does not hold."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def _end(world: World) -> None:
    """Close all that late usage touched; counters and charges are what the events say."""
    Subscription.objects.filter(among("tenant", world.ids)).update(next_at=world.now)
    due.do(world, ALL)
    for difference in counting.recount(world.ids):
        raise Broken("counters_are_the_events", "Counters say what the events say.", str(difference), world, None)
    if Subscription.objects.filter(among("tenant", world.ids)).exists():
        for mark in UsageMark.objects.filter(among("tenant", world.ids), since__lt=world.now):
            raise Broken("late_usage_is_measured", "A last close leaves no mark.", str(mark.__dict__), world, None)
    measured = Charge.objects.filter(among("tenant", world.ids), kind="usage", reason="period")
    # A period that a change closed runs on once the change is taken back.
    for charge in measured.filter(period__closed_at__isnull=False).order_by("pk"):
        told = previewing.recompute(charge)
        if told is None or not told.agrees:
            sentence = "Every closed part of usage comes to what it was charged for."
            raise Broken("usage_recomputes", sentence, f"charge {charge.pk} {charge}: {told}", world, None)
