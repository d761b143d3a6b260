"""Play a story: the clock goes from one thing that is due, or one step, to the next, and everything is taken back at the end.

At one instant what is due goes before the steps, in the order of the river; `until` is still played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import structlog
from django.db import Error, connection, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.rating.errors import InputError
from invoices.providers import gateways
from invoices.rehearsal import acting, due, metering, reading, sources, staging, telling
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step, Story
from tenants.errors import DomainError

log = structlog.get_logger(__name__)

# Called after each thing that was due and each step (none: what was due), and, with `over`, at the story's end.
Watch = Callable[..., None]


def _nobody(world: World, step: Step | None = None, *, over: bool = False) -> None:
    """Watch nothing."""


class Unreadable(DomainError):
    """A story cannot be read; `field` is the exact path, `code` says what is wrong."""

    code: ClassVar[str] = "invalid"
    status = 400

    @classmethod
    def of(cls, wrong: InputError) -> Unreadable:
        """Return the refusal of what `reading` found, in the reader's language."""
        refusal = cls(wrong.text(get_language() or "en"), field=wrong.path)
        refusal.code = wrong.code  # type: ignore[misc]
        return refusal


def rehearse(data: Mapping[str, Any], *, watch: Watch = _nobody) -> dict[str, Any]:
    """Return what comes of one story (CONTRACTS §2); whatever it wrote is rolled back, and nothing is told to anybody.

    `watch` sees the world after everything that happens in it; what it raises ends the story.
    Raises a DomainError, whose `field` is the path, for a story that cannot be read or whose catalogue cannot be sold.
    """
    try:
        story = reading.read(data)
    except InputError as wrong:
        raise Unreadable.of(wrong) from None
    with transaction.atomic():
        try:
            return _play(story, watch)
        finally:
            transaction.set_rollback(True)


def rehearse_all(stories: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each story; one that cannot be read, or that breaks, answers so and harms no other."""
    return (_answer(data) for data in stories)


def rehearse_text(text: str, *, most: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the answer to each story of a text, YAML or JSON; a text that is neither, or has too many, one error."""
    try:
        found = sources.stories(text, most=most)
    except InputError as wrong:
        return iter([{"name": None, "error": Unreadable.of(wrong).as_dict()}])
    return rehearse_all(found)


def _answer(data: Any) -> dict[str, Any]:
    try:
        return rehearse(data)
    except DomainError as refusal:
        return {"name": reading.name_of(data), "error": refusal.as_dict()}
    except Exception as fault:
        # A fault of ours; the other stories of the call are played all the same.
        log.exception("a rehearsal broke", story=reading.name_of(data))
        told = {"code": "failed", "path": "", "message": f"{type(fault).__name__}: {fault}"}
        return {"name": reading.name_of(data), "error": told}


def _play(story: Story, watch: Watch) -> dict[str, Any]:
    world = staging.stage(story)
    with gateways.using(world.simulation):
        _walk(world, list(story.steps), watch)
        watch(world, over=True)
    told = telling.tell(world)
    try:
        # In the transaction that is rolled back, not in one inside it: PostgreSQL would forget to take that back.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Error as broken:
        # No story may break the books: this is a fault of ours, said aloud.
        log.error("a rehearsal broke a constraint", story=story.name, error=str(broken))
        message = _("The books do not hold together: %(error)s") % {"error": str(broken).splitlines()[0]}
        return told | {"ledger_balanced": False, "message": message}
    return told


def _walk(world: World, steps: list[Step], watch: Watch) -> None:
    """Go through time until the story's end, or until a strict story is stopped."""
    until = world.story.until
    following, kinds = due.after(world)
    place = 0
    while not world.stopped:
        step = steps[place] if place < len(steps) else None
        if step is None or step.at > until or (following is not None and following <= step.at):
            if following is None or following > until:
                return
            world.now = following
            due.do(world, kinds)
            watch(world)
            following, kinds = due.after(world)
        elif step.do in metering.VERBS:
            run = metering.batch(world, steps[place : _until(steps, place, following, until)])
            metering.tell(world, run)
            world.now = run[-1].at
            watch(world, run[-1])
            place += len(run)
        else:
            world.now = step.at
            _act(world, step)
            due.do(world)
            watch(world, step)
            following, kinds = due.after(world)
            place += 1


def _until(steps: Sequence[Step], place: int, following: datetime | None, until: datetime) -> int:
    """Return the place of the first step, from `place` on, that does not come before what is due next."""
    end = place
    limit = metering.BATCH
    while end < len(steps) and end - place < limit and steps[end].at <= until:
        if following is not None and following <= steps[end].at:
            break
        end += 1
    return end


def _act(world: World, step: Step) -> None:
    try:
        with transaction.atomic():
            acting.act(world, step)
    except DomainError as refusal:
        world.refuse(step, refusal.code, refusal.message)
