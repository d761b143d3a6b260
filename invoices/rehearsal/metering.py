"""Usage of a story: steps that follow each other are told in one batch, with the answers of one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from invoices.rehearsal import acting
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from tenants.errors import DomainError
from tenants.models import Tenant
from usage import ingest
from usage.decoding import BATCH, REFUSED, Answer

VERBS = ("use", "void_use")


def batch(world: World, steps: Sequence[Step]) -> list[Step]:
    """Return the first steps of a row of usage, as many as mean together what they mean one by one.

    A batch is received at its last instant, so all are of one customer, and none of them may be too late by then.
    """
    first = steps[0]
    if _alone(world, first):
        return [first]
    told, taken, earliest = {_key(first)}, [first], _moment(first)
    for step in steps[1:BATCH]:
        if step.do not in VERBS or step.tenant != first.tenant or _alone(world, step) or _key(step) in told:
            break
        earliest = min(earliest, _moment(step))
        if step.at - earliest >= timedelta(days=settings.USAGE_LATE_DAYS):
            break
        told.add(_key(step))
        taken.append(step)
    return taken


def tell(world: World, steps: Sequence[Step]) -> None:
    """Tell the events of a batch and put down each that is refused; a strict story keeps nothing after its first refusal."""
    try:
        tenant = acting.tenant_of(world, steps[0])
    except DomainError as refusal:
        for step in steps[:1] if world.story.strict else steps:
            world.refuse(step, refusal.code, refusal.message)
        return
    if world.story.strict and len(steps) > 1 and (first := _first_refused(world, tenant, steps)) is not None:
        steps = steps[: first + 1]
    answers = _accept(world, tenant, steps)
    world.keys.update((step.tenant, _key(step)) for step in steps)
    for step, answer in zip(steps, answers, strict=True):
        if answer.status == REFUSED:
            world.refuse(step, answer.code, answer.message)


def _first_refused(world: World, tenant: Tenant, steps: Sequence[Step]) -> int | None:
    """Return the place of the first event that would be refused; tell none."""
    with transaction.atomic():
        answers = _accept(world, tenant, steps)
        transaction.set_rollback(True)
    return next((place for place, answer in enumerate(answers) if answer.status == REFUSED), None)


def _accept(world: World, tenant: Tenant, steps: Sequence[Step]) -> list[Answer]:
    return ingest.accept(tenant, [_event(world, step) for step in steps], at=steps[-1].at, seller=world.seller)


def _alone(world: World, step: Step) -> bool:
    """Return whether an event must be told at its own instant: a void, a repeat, and one too late or too early for it."""
    if step.do == "void_use" or (step.tenant, _key(step)) in world.keys:
        return True
    late, early = timedelta(days=settings.USAGE_LATE_DAYS), timedelta(minutes=settings.USAGE_EARLY_MINUTES)
    return not step.at - late <= _moment(step) <= step.at + early


def _moment(step: Step) -> datetime:
    return step.get("occurred_at") or step.at


def _key(step: Step) -> str:
    return step.get("key") or f"step-{step.number}"


def _event(world: World, step: Step) -> dict[str, Any]:
    if step.do == "void_use":
        return {"key": f"void-{step.number}", "void": step["key"]}
    event: dict[str, Any] = {
        "key": _key(step),
        "meter": step["meter"],
        "quantity": f"{step.get('quantity', Decimal(1)):f}",
        "properties": dict(step.get("properties", {})),
    }
    # A repeat that does not say when it was repeats the first one's instant (CONTRACTS rule 13).
    if step.get("occurred_at") is None and (step.tenant, _key(step)) in world.keys:
        return event
    return event | {"occurred_at": _moment(step).isoformat()}
