"""On which day which step of dunning comes: of the customer's own schedule, his plan's or his seller's, else of the usual one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from invoices import working_hours
from invoices.models import DunningSchedule, Invoice, InvoiceLine
from invoices.models.dunning import VERBS, Verb
from tenants.bulk import among

# What takes something away, and waits for the days of grace.
TAKING = (Verb.RESTRICT, Verb.SUSPEND, Verb.END)
NINE = time(9)


@dataclass(frozen=True, slots=True)
class Step:
    """One verb, so many days after the due day."""

    day: int
    verb: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps in the order in which they come, and for how many days nothing is taken away."""

    steps: tuple[Step, ...]
    grace_days: int = 0

    def day(self, step: Step) -> int:
        """Return on which day after the due day a step comes."""
        return max(step.day, self.grace_days + 1) if step.verb in TAKING else step.day


def in_order(steps: Iterable[Step], grace_days: int = 0) -> Schedule:
    """Return a schedule of steps: by their days, on one day in the order of the verbs."""
    loose = Schedule(tuple(steps), grace_days)
    return Schedule(
        tuple(sorted(loose.steps, key=lambda step: (loose.day(step), VERBS.index(step.verb), step.day))), grace_days
    )


# Of a seller who has set none: nobody loses his service without a word of the seller.
USUAL = in_order(Step(day, verb) for day in (1, 3, 5, 7, 14, 30) for verb in (Verb.RETRY, Verb.REMIND))


def schedules(bills: Iterable[Invoice]) -> Mapping[int, Schedule]:
    """Return the schedule of each bill, by id: the most particular there is. Of several plans on a bill its first line's."""
    bills = list(bills)
    rows = DunningSchedule.objects.filter(among("seller", list({bill.seller_id for bill in bills})))
    known = {(row.seller_id, row.plan_id, row.tenant_id): _read(row) for row in rows.prefetch_related("steps")}
    plans = _plans(bills) if any(plan for _seller, plan, _tenant in known) else {}
    return {bill.pk: _of(bill, plans.get(bill.pk, ()), known) for bill in bills}


def _of(bill: Invoice, plans: Iterable[int], known: Mapping[tuple[int, int | None, int | None], Schedule]) -> Schedule:
    wanted: list[tuple[int, int | None, int | None]] = [(bill.seller_id, None, bill.tenant_id)]
    wanted += [(bill.seller_id, plan, None) for plan in plans]
    wanted += [(bill.seller_id, None, None)]
    return next((known[key] for key in wanted if key in known), USUAL)


def _read(row: DunningSchedule) -> Schedule:
    return in_order((Step(step.day, step.verb) for step in row.steps.all()), row.grace_days)


def _plans(bills: Iterable[Invoice]) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    lines = InvoiceLine.objects.filter(among("invoice", [bill.pk for bill in bills])).order_by("invoice", "position")
    for bill, plan in lines.values_list("invoice", "charge__subscription__plan"):
        found.setdefault(bill, []).append(plan)
    return found


def moment(bill: Invoice, schedule: Schedule, step: Step) -> datetime:
    """Return when a step comes: at the hour of the bill's deduction where that lies in working hours, else from nine local on."""
    assert bill.payable_on is not None
    day, zone = bill.payable_on + timedelta(days=schedule.day(step)), ZoneInfo(bill.zone)
    if bill.charge_at is not None:
        same = datetime.combine(day, bill.charge_at.astimezone(zone).timetz().replace(tzinfo=None), zone)
        if working_hours.within(same):
            return same.astimezone(UTC)
    return working_hours.from_then_on(datetime.combine(day, NINE, zone)).astimezone(UTC)
