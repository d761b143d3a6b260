"""Make the documents of the demo's year and send its mails, each dated as if it had been done on the day."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.synchronize import Event

from django.db import connection, connections
from django.db.models import Max, Min

from invoices import pdf, rendering, rendering_notices
from invoices.models import ChargeNotice, Quote
from tenants import notices
from tenants.models import Notice

AFTER_ISSUE = timedelta(minutes=2)
AFTER_NOTICE = timedelta(minutes=5)
ALL, FEW = 1_000_000, 20
# Of the demo's year the notices of so long have their file.
PRINTED = timedelta(days=21)
# Children by fork share what is loaded, and open connections of their own.
FORKED = multiprocessing.get_context("fork")


def print_all(part: tuple[int, int] = (0, 1)) -> None:
    """Typeset every paper that has no document yet; `part` (n, of) shares the work by id."""
    hurry()
    for paper in rendering.waiting(ALL, part=part):
        _print(paper)
    for notice in rendering_notices.waiting(ALL, part=part):
        _print_notice(notice)


def _print_notice(notice: ChargeNotice) -> None:
    """Typeset a notice of the last weeks; the mails of those before go as they are, for a year of them takes minutes."""
    newest = ChargeNotice.objects.aggregate(newest=Max("announced_at"))["newest"]
    made = notice.announced_at + AFTER_ISSUE
    if notice.announced_at > newest - PRINTED:
        rendering_notices.render(notice, pdf.render, at=made)
    else:
        notices.give_file(Notice.objects.get(tenant=notice.tenant_id, key=notice.key), [], at=made)


def _print(paper: rendering.Paper) -> None:
    made = paper.sent_at if isinstance(paper, Quote) else paper.issued_at
    assert made is not None
    rendering.render(paper, pdf.render, at=made + AFTER_ISSUE)


@contextmanager
def meanwhile(jobs: int) -> Iterator[None]:
    """Let another process typeset what is issued while this one goes on; what it has not done yet is left at the end."""
    if jobs == 1:
        yield
        return
    connections.close_all()  # a connection is no process's but its maker's
    over = FORKED.Event()
    child = FORKED.Process(target=_follow, args=(over,))
    child.start()
    try:
        yield
    finally:
        over.set()
        child.join()
    if child.exitcode:
        raise ChildProcessError(f"typesetting failed: {child.exitcode}")


def _follow(over: Event) -> None:
    hurry()
    while not over.is_set():
        for paper in rendering.waiting(FEW):
            _print(paper)
            if over.is_set():
                return
        over.wait(0.5)


def send_all(now: datetime) -> None:
    """Deliver what waits in the outbox, in order of time, so that each mail bears the date of its day.

    One process alone: for another whose clock is some days ahead, every claim of this one would have run out.
    """
    first = Notice.objects.filter(status=Notice.Status.PENDING).aggregate(first=Min("created_at"))["first"]
    moment = first or now
    while moment < now:
        notices.deliver(at=moment + AFTER_NOTICE, limit=ALL)
        waiting = Notice.objects.filter(status=Notice.Status.PENDING, next_try_at__gt=moment + AFTER_NOTICE)
        moment = waiting.aggregate(first=Min("next_try_at"))["first"] or now
    notices.deliver(at=now, limit=ALL)


def hurry() -> None:
    """Let this connection's commits not wait for the disk: what a crash loses of a demo is made again."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")


def share(work: Callable[[tuple[int, int]], None], jobs: int) -> None:
    """Do `work` in so many processes; raise ChildProcessError when one of them failed."""
    if jobs == 1:
        work((0, 1))
        return
    connections.close_all()
    children = [FORKED.Process(target=work, args=((number, jobs),)) for number in range(jobs)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        raise ChildProcessError(f"a part of the work failed: {[child.exitcode for child in children]}")


def cores() -> int:
    """Return how many processes are worth having here."""
    return max(1, min(len(os.sched_getaffinity(0)), 4))
