"""Dun: for each overdue bill the steps whose day has come, in their order, each once.

What takes the service away is lifted at once when nothing is overdue any more (`withholding`, with each payment). A retry
or a reminder that a later one has overtaken is left out: nobody gets two on one day because a machine stood still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice

import structlog
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import wallets
from billing.models import Subscription
from invoices import checkout, collection, debiting, dunning_days, reminding, withholding, working_hours
from invoices.dunning_days import Schedule, Step
from invoices.models import DunningAct, Invoice, Payment
from invoices.models.documents import InvoiceQuerySet
from tenants import audit
from tenants.bulk import among
from tenants.errors import WrongState
from tenants.models import Tenant, User
from usage.periods import local_day

Verb, Outcome, Pays = DunningAct.Verb, DunningAct.Outcome, Subscription.Pays
CHUNK = 500
# Of these only the last of those whose day has come is done.
SAID_ONCE = (Verb.RETRY, Verb.REMIND)

Do = Callable[[Invoice, Step, datetime], bool]

log = structlog.get_logger(__name__)


def dun(*, at: datetime, tenants: Sequence[int] | None = None, pays: str | None = None) -> int:
    """Do what is due at `at` (for these payers and this way of payment only, if named), within working hours; return how many
    acts.

    Each step is a transaction of its own. A step that fails is logged and stays for the next tick, the others are done, and
    then the first fault is raised.
    """
    if not working_hours.within(at):
        return 0
    _let_paid_bills_be(at, tenants)
    done, faults = 0, list[Exception]()
    overdue = _overdue(at, tenants, pays)
    while bills := list(islice(overdue, CHUNK)):
        schedules, acted = dunning_days.schedules(bills), _acted(bills)
        for bill in bills:
            for step, do in _due(bill, schedules[bill.pk], acted.get((bill.pk, bill.due_again_on), set()), at):
                try:
                    done += do(bill, step, at)
                except Exception as fault:
                    log.exception("dunning failed", bill=bill.number, day=step.day, verb=step.verb)
                    faults.append(fault)
    if faults:
        raise faults[0]
    return done


def following(tenants: Sequence[int], *, at: datetime, pays: str | None = None) -> datetime | None:
    """Return when `dun` with the same payers and way of payment has something to do next, after `at`."""
    bills = list(_bills(tenants, pays))
    known = dunning_days.schedules(bills)
    moments = (dunning_days.moment(bill, known[bill.pk], step) for bill in bills for step in known[bill.pk].steps)
    return min((moment for moment in moments if moment > at), default=None)


def _bills(tenants: Sequence[int] | None, pays: str | None) -> InvoiceQuerySet:
    bills = Invoice.objects.claimable()
    bills = bills if tenants is None else bills.filter(among("tenant", list(tenants)))
    return bills if pays is None else bills.filter(pays=pays)


def _overdue(at: datetime, tenants: Sequence[int] | None, pays: str | None) -> Iterator[Invoice]:
    bills = _bills(tenants, pays)
    for zone in list(bills.order_by().values_list("zone", flat=True).distinct()):
        late = bills.overdue(local_day(at, zone)).filter(zone=zone).select_related("tenant", "seller")
        yield from late.order_by("pk").iterator(CHUNK)


def _acted(bills: Iterable[Invoice]) -> Mapping[tuple[int, date | None], set[Step]]:
    """Return the steps that were done, by bill and the day that a dispute moved its due day to (none: its own)."""
    found: dict[tuple[int, date | None], set[Step]] = {}
    acts = DunningAct.objects.filter(among("invoice", [bill.pk for bill in bills]))
    for bill, since, day, verb in acts.values_list("invoice", "since", "day", "verb"):
        found.setdefault((bill, since), set()).add(Step(day, verb))
    return found


def _due(bill: Invoice, schedule: Schedule, acted: set[Step], at: datetime) -> Iterator[tuple[Step, Do]]:
    """Yield the steps of a bill whose moment has come, each with what does it."""
    due = [step for step in schedule.steps if step not in acted and dunning_days.moment(bill, schedule, step) <= at]
    last = {step.verb: step for step in due}
    for step in due:
        overtaken = step.verb in SAID_ONCE and last[step.verb] != step
        yield step, _overtake if overtaken else VERBS[step.verb]


def _locked(bill: Invoice) -> Invoice | None:
    """Lock a bill and return it as it is, if something of it still is to be paid that is not in dispute."""
    rows = Invoice.objects.claimable().filter(pk=bill.pk).select_related("tenant", "seller")
    return rows.select_for_update(of=("self",), no_key=True).first()


def _act(bill: Invoice, step: Step, at: datetime, outcome: str) -> DunningAct | None:
    """Write down that a step is done; None when another worker has."""
    try:
        with transaction.atomic():
            return DunningAct.objects.create(
                tenant_id=bill.tenant_id,
                invoice=bill,
                since=bill.due_again_on,
                day=step.day,
                verb=step.verb,
                at=at,
                outcome=outcome,
            )
    except IntegrityError:
        return None


@transaction.atomic
def _overtake(bill: Invoice, step: Step, at: datetime) -> bool:
    owed = _locked(bill)
    return owed is not None and _act(owed, step, at, Outcome.OVERTAKEN) is not None


def _retry(bill: Invoice, step: Step, at: datetime) -> bool:
    """Try the deduction again. The act is there before the provider is called: what was begun is not tried twice."""
    with transaction.atomic():
        owed = _locked(bill)
        by_itself = owed is not None and owed.pays != Pays.MANUAL
        act = _act(owed, step, at, Outcome.BEGUN if by_itself else Outcome.NOTHING) if owed else None
    if act is None or owed is None or not by_itself:
        return act is not None
    _collect(owed, at)
    owed.refresh_from_db()
    act.outcome = Outcome.FAILED if owed.claimable_minor else Outcome.DONE
    last = reminding.last_attempt(owed)
    if owed.claimable_minor and last is not None:
        act.reason = last.failure
        act.outcome = Outcome.FAILED if last.status == Payment.Status.FAILED else Outcome.BEGUN
    act.save(update_fields=["outcome", "reason"])
    return True


def _collect(bill: Invoice, at: datetime) -> None:
    """Deduct what a bill owes, if it may be; a balance that has not changed is not asked again (rule 20)."""
    if bill.pays == Pays.MANDATE:
        debiting.retry([bill.pk], at=at)
    else:
        collection.collect(at=at, tenants=[bill.tenant_id])


@transaction.atomic
def _remind(bill: Invoice, step: Step, at: datetime) -> bool:
    owed = _locked(bill)
    if owed is None or _act(owed, step, at, Outcome.DONE) is None:
        return False
    reminding.remind(owed, step, at=at)
    return True


@transaction.atomic
def _call(bill: Invoice, step: Step, at: datetime) -> bool:
    owed = _locked(bill)
    return owed is not None and _act(owed, step, at, Outcome.OPEN) is not None


@transaction.atomic
def _take(bill: Invoice, step: Step, at: datetime) -> bool:
    """Restrict or suspend whom the bill serves, and say so."""
    ids = list(withholding.served(bill).values_list("pk", flat=True))
    list(Tenant.objects.filter(among("pk", ids)).select_for_update(no_key=True).order_by("pk"))
    owed = _locked(bill)
    if owed is None:
        return False
    act = _act(owed, step, at, Outcome.DONE)
    if act is None:
        return False
    if withholding.take(owed, step.verb, at=at):
        reminding.remind(owed, step, at=at)
    else:
        act.outcome = Outcome.NOTHING
        act.save(update_fields=["outcome"])
    return True


@transaction.atomic
def _end(bill: Invoice, step: Step, at: datetime) -> bool:
    """End the subscriptions that the bill is for, today; this is not taken back by a payment."""
    running = Subscription.objects.filter(charges__line__invoice=bill).live().distinct().order_by("pk")
    ids = list(running.values_list("pk", flat=True))
    Tenant.objects.select_for_update(no_key=True).get(pk=bill.tenant_id)
    subscriptions = list(Subscription.objects.filter(among("pk", ids)).select_for_update(no_key=True).order_by("pk"))
    wallets.lock(bill.tenant_id, bill.seller_id, bill.currency)
    owed = _locked(bill)
    if owed is None or _act(owed, step, at, Outcome.DONE if subscriptions else Outcome.NOTHING) is None:
        return False
    for subscription in subscriptions:
        checkout.end(subscription, at=at)
    if subscriptions:
        reminding.remind(owed, step, at=at)
    return True


VERBS: Mapping[str, Do] = {
    Verb.RETRY: _retry,
    Verb.REMIND: _remind,
    Verb.CALL: _call,
    Verb.RESTRICT: _take,
    Verb.SUSPEND: _take,
    Verb.END: _end,
}


def calls() -> QuerySet[DunningAct]:
    """Return the calls that wait for somebody, longest first."""
    waiting = DunningAct.objects.filter(verb=Verb.CALL, outcome=Outcome.OPEN)
    return waiting.filter(invoice__in=Invoice.objects.claimable()).order_by("at", "pk")


@transaction.atomic
def called(act: DunningAct, *, note: str, at: datetime, by: User) -> DunningAct:
    """Write down what came of a call. Raises WrongState when somebody did before."""
    row = DunningAct.objects.select_for_update(no_key=True).get(pk=act.pk)
    if row.outcome != Outcome.OPEN:
        raise WrongState(_("Somebody has settled this call before."))
    row.outcome, row.note, row.settled_at, row.settled_by = Outcome.DONE, note.strip(), at, by
    row.save(update_fields=["outcome", "note", "settled_at", "settled_by"])
    audit.record(
        "dunning.called", tenant=row.tenant_id, target=f"invoice:{row.invoice_id}", at=at, by=by, note=row.note
    )
    return row


def _let_paid_bills_be(at: datetime, tenants: Sequence[int] | None) -> None:
    """Nobody has to call because of a bill that is not to be paid any more."""
    waiting = DunningAct.objects.filter(verb=Verb.CALL, outcome=Outcome.OPEN)
    if tenants is not None:
        waiting = waiting.filter(among("tenant", tenants))
    waiting.exclude(invoice__status=Invoice.Status.OPEN).update(outcome=Outcome.NOTHING, settled_at=at)
