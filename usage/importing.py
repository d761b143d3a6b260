"""Import a file of usage: first look at every line of it, then take it in, batch by batch.

Keys make it exactly-once: a run that was killed is simply started again, and what it had taken is acknowledged as a
duplicate. The look is the real thing, undone after each batch, so it refuses what the import would refuse; only a key that the
file itself uses twice with other content, more than a batch apart, is found no earlier than by the import.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.models import Tenant
from usage import ingest, reading
from usage.decoding import ACCEPTED, DUPLICATE, REFUSED, Answer
from usage.models import UsageImport
from usage.reading import Line, Shape

BATCH = 1000
# Lines that wait for their customer's batch to fill, at most.
WAITING = 20_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is not taken: where, and what to do."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """What became of some lines."""

    rows: int
    accepted: int
    duplicate: int
    problems: tuple[Problem, ...]


def check(path: Path, shape: Shape, *, tenant: Tenant | None, at: datetime) -> Iterator[Step]:
    """Say what an import at `at` would do, and leave nothing behind. Without `tenant` each line names its own.

    Raises Invalid where the file's heading cannot be read.
    """
    earlier: set[tuple[str, str]] = set()
    for code, lines in _batches(reading.lines(path, shape, needs_tenant=tenant is None)):
        with transaction.atomic():
            step = _take(_tenant(tenant, code), lines, at, earlier)
            transaction.set_rollback(True)
        if shape.has_voids:
            earlier |= {(code, line.event.get("key", "")) for line in lines}
        yield step


def take(path: Path, shape: Shape, *, tenant: Tenant | None, at: datetime) -> Iterator[Step]:
    """Take every good line in and leave the bad ones; each step is kept when it is yielded, and recorded."""
    record = UsageImport.objects.create(file_name=path.name[-200:], sha256=shape.sha256, started_at=at)
    for code, lines in _batches(reading.lines(path, shape, needs_tenant=tenant is None)):
        with transaction.atomic():
            step = _take(_tenant(tenant, code), lines, at)
            record.rows += step.rows
            record.accepted += step.accepted
            record.duplicate += step.duplicate
            record.refused += len(step.problems)
            record.save()
        yield step


def finish(sha256: str, *, at: datetime) -> None:
    """Write down when the last import of a file ended; one without an end was interrupted."""
    latest = UsageImport.objects.filter(sha256=sha256).order_by("-id")[:1]
    UsageImport.objects.filter(pk__in=list(latest.values_list("pk", flat=True))).update(finished_at=at)


def _batches(lines: Iterable[Line]) -> Iterator[tuple[str, list[Line]]]:
    """Collect the lines of each customer, in order, into batches."""
    waiting: dict[str, list[Line]] = defaultdict(list)
    count = 0
    for line in lines:
        waiting[line.tenant].append(line)
        count += 1
        if len(waiting[line.tenant]) >= BATCH or count >= WAITING:
            fullest = max(waiting, key=lambda code: len(waiting[code]))
            batch = waiting.pop(fullest)
            count -= len(batch)
            yield fullest, batch
    yield from waiting.items()


def _names_earlier(line: Line, answer: Answer, earlier: Container[tuple[str, str]]) -> bool:
    return answer.code == "unknown_event" and (line.tenant, line.event.get("void", "")) in earlier


def _tenant(tenant: Tenant | None, code: str) -> Tenant | None:
    """Return the customer of a line: the one given, unless the line names another, or the one it names."""
    if tenant is not None:
        return tenant if code in ("", tenant.code) else None
    return Tenant.objects.filter(code=code).first()


def _take(tenant: Tenant | None, lines: list[Line], at: datetime, earlier: Container[tuple[str, str]] = ()) -> Step:
    """Take the lines of a customer; `earlier` are the lines' events that were taken and undone, which a void may name."""
    problems = [Problem(line.number, *problem) for line in lines for problem in line.problems]
    good = [line for line in lines if not line.problems]
    if tenant is None:
        message = _("There is no customer “%(code)s”, or the file is not for it.")
        problems += [Problem(line.number, "tenant", message % {"code": line.tenant}) for line in good]
        return Step(len(lines), 0, 0, tuple(problems))
    answers = ingest.accept(tenant, [line.event for line in good], at=at)
    refused = [(line, answer) for line, answer in zip(good, answers, strict=True) if answer.status == REFUSED]
    refused = [(line, answer) for line, answer in refused if not _names_earlier(line, answer, earlier)]
    problems += [Problem(line.number, answer.path, answer.message) for line, answer in refused]
    found = Counter(answer.status for answer in answers)
    return Step(
        len(lines), found[ACCEPTED], found[DUPLICATE], tuple(sorted(problems, key=lambda problem: problem.line))
    )
