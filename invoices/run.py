"""The billing run: close, draft, issue and collect all that is due, in chunks, by any number of workers at once.

A run keeps no state that matters: what is due stands on the shelves, so a killed run is resumed by the next one and two at
once share the work. A chunk that fails is halved until the one bad subscription is alone; its tenant is parked with the
reason and the rest are billed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from billing import closing
from billing.models import Subscription
from invoices import announcing, collection, drafting, examining, issuing, parking
from invoices.models import BillingRun, Invoice, Parked
from tenants.models import Tenant, User

Stage = Parked.Stage
CHUNK = 500
# A run that parks more than this share of all that is due (and at least so many) stops: the fault is then its own.
PARK_SHARE, PARK_LEAST = 0.01, 5
# Deadlock, serialization, timeout, lost connection: no fault of the data, so the chunk is tried again.
TRANSIENT = (OperationalError, InterfaceError)
TRIES = 3
# A chunk takes seconds; a run that has shown nothing for so long is dead.
SILENCE = timedelta(hours=1)

log = structlog.get_logger(__name__)
Progress = Callable[[BillingRun], None]
Clock = Callable[[], datetime]


class TooManyParked(Exception):
    """More tenants had to be parked than can be the tenants' fault."""


@dataclass(slots=True)
class _Tally:
    """What the run has done so far."""

    run: BillingRun
    clock: Clock
    progress: Progress
    tried: int = 0

    def add(self, **counts: int) -> None:
        """Add to the record and show it."""
        changes: dict[str, Any] = {name: F(name) + count for name, count in counts.items() if count}
        BillingRun.objects.filter(pk=self.run.pk).update(progress_at=self.clock(), **changes)
        for name, count in counts.items():
            setattr(self.run, name, getattr(self.run, name) + count)
        self.progress(self.run)

    def check(self) -> None:
        """Raise TooManyParked when the run should stop."""
        whole = max(self.tried, self.run.due)
        if self.run.parked >= PARK_LEAST and self.run.parked > whole * PARK_SHARE:
            raise TooManyParked


def bill(
    *,
    at: datetime,
    clock: Clock,
    by: User | None = None,
    tenants: Sequence[int] | None = None,
    progress: Progress = lambda run: None,
) -> BillingRun:
    """Bill all that is due at `at` (of `tenants` only, if named) and return the run's record.

    `clock` gives the present, for the record alone. Running it twice, or two at once, changes nothing.
    """
    announcing.take_deliveries(at=at)
    run = _begin(at, clock(), by, tenants)
    tally = _Tally(run, clock, progress)
    status = BillingRun.Status.DONE
    try:
        for chunk in _due(at, tenants):
            _close(chunk, at, tally)
        for payers in _chunks(drafting.waiting_payers(at), tenants):
            _draft(payers, at, tally)
        for drafts in _drafts(tenants):
            _issue(drafts, at, tally)
        for payers in _chunks(collection.payers_to_collect(at), tenants):
            _collect(payers, at, tally)
        collection.mark_overdue(at=at)
    except TooManyParked:
        status = BillingRun.Status.STOPPED
        log.error("billing run stopped", run=run.pk, parked=run.parked, tried=tally.tried)
    except BaseException:
        _finish(run, BillingRun.Status.STOPPED, clock())
        raise
    _finish(run, status, clock())
    progress(run)
    return run


def _finish(run: BillingRun, status: str, now: datetime) -> None:
    BillingRun.objects.filter(pk=run.pk).update(status=status, finished_at=now, progress_at=now)
    run.refresh_from_db()


def _begin(at: datetime, now: datetime, by: User | None, tenants: Sequence[int] | None) -> BillingRun:
    # A process that was killed could not say so; what it left is on the shelves.
    silent = BillingRun.objects.filter(status=BillingRun.Status.RUNNING, progress_at__lt=now - SILENCE)
    silent.update(status=BillingRun.Status.STOPPED, finished_at=F("progress_at"))
    due = Subscription.objects.due(at)
    if tenants is not None:
        due = due.filter(tenant__in=tenants)
    return BillingRun.objects.create(at=at, started_at=now, progress_at=now, started_by=by, due=due.count())


def _due(at: datetime, tenants: Sequence[int] | None) -> Iterator[list[tuple[int, int]]]:
    """Yield (subscription, tenant) of what is due, a chunk at a time, in the order of ids."""
    last = 0
    while True:
        due = Subscription.objects.due(at).filter(pk__gt=last).order_by("pk")
        if tenants is not None:
            due = due.filter(tenant__in=tenants)
        chunk = list(due.values_list("pk", "tenant_id")[:CHUNK])
        if not chunk:
            return
        yield chunk
        last = chunk[-1][0]


def _chunks(query: Any, tenants: Sequence[int] | None) -> Iterator[list[int]]:
    last = 0
    # A payer of several companies is billed for all of them.
    if tenants is not None:
        query = query.filter(Q(pk__in=tenants) | Q(children__in=tenants)).distinct()
    while chunk := list(query.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield chunk
        last = chunk[-1]


def _drafts(tenants: Sequence[int] | None) -> Iterator[list[tuple[int, int]]]:
    last = 0
    drafts = Invoice.objects.filter(status=Invoice.Status.DRAFT).order_by("pk")
    if tenants is not None:
        payers = Tenant.objects.filter(Q(pk__in=tenants) | Q(children__in=tenants))
        drafts = drafts.filter(tenant__in=payers)
    while chunk := list(drafts.filter(pk__gt=last).values_list("pk", "tenant_id")[:CHUNK]):
        yield chunk
        last = chunk[-1][0]


def _close(chunk: list[tuple[int, int]], at: datetime, tally: _Tally) -> None:
    def work(part: Sequence[tuple[int, int]]) -> None:
        done = closing.close([pk for pk, _tenant in part], at=at)
        parking.resolve_closed((tenant for _pk, tenant in part), at=at)
        tally.add(charges=done.charges, done=done.subscriptions)

    def alone(item: tuple[int, int], error: Exception) -> None:
        parking.park(item[1], stage=Stage.CLOSE, refusal=error, at=at, run=tally.run, subscription_id=item[0])

    _halving(chunk, work, alone, tally)


def _draft(payers: list[int], at: datetime, tally: _Tally) -> None:
    def work(part: Sequence[int]) -> None:
        # Held as soon as it is known: a deduction may wait five days for its notice.
        examining.examine(drafting.draft(part, at=at), at=at)
        parking.resolve(part, stages=[Stage.DRAFT], at=at)

    _halving(
        payers, work, lambda pk, error: parking.park(pk, stage=Stage.DRAFT, refusal=error, at=at, run=tally.run), tally
    )


def _issue(drafts: list[tuple[int, int]], at: datetime, tally: _Tally) -> None:
    def work(part: Sequence[tuple[int, int]]) -> None:
        issued = issuing.issue([pk for pk, _tenant in part], at=at)
        parking.resolve({tenant for _pk, tenant in part}, stages=[Stage.ISSUE], at=at)
        tally.add(invoices=len(issued))

    def alone(item: tuple[int, int], error: Exception) -> None:
        parking.park(item[1], stage=Stage.ISSUE, refusal=error, at=at, run=tally.run)

    _halving(drafts, work, alone, tally)


def _collect(payers: list[int], at: datetime, tally: _Tally) -> None:
    def work(part: Sequence[int]) -> None:
        collection.collect(at=at, tenants=part)
        parking.resolve(part, stages=[Stage.COLLECT], at=at)

    _halving(
        payers,
        work,
        lambda pk, error: parking.park(pk, stage=Stage.COLLECT, refusal=error, at=at, run=tally.run),
        tally,
    )


def _halving(
    items: Sequence[Any],
    work: Callable[[Sequence[Any]], None],
    alone: Callable[[Any, Exception], object],
    tally: _Tally,
) -> None:
    """Do `work` on the items in one transaction; when it fails, on each half; give a bad single one to `alone`."""
    try:
        _patiently(work, items)
    except TRANSIENT:
        raise
    except Exception as error:
        if len(items) > 1:
            middle = len(items) // 2
            for half in (items[:middle], items[middle:]):
                _halving(half, work, alone, tally)
            return
        log.warning("parked", item=items[0], error=str(error), kind=type(error).__name__)
        alone(items[0], error)
        tally.tried += 1
        tally.add(parked=1)
        tally.check()
        return
    tally.tried += len(items)


def _patiently(work: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                work(items)
            return
        except TRANSIENT:
            if attempt == TRIES:
                raise


def run_for(tenant_ids: Iterable[int], *, at: datetime, clock: Clock, by: User | None) -> BillingRun:
    """Bill these tenants now: the button is the run, on a batch of one."""
    return bill(at=at, clock=clock, by=by, tenants=list(tenant_ids))
