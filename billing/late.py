"""Late usage: measure again every closed period that gained or lost an event, and charge the difference (rule 14)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import contracts, covering, packs, settled
from billing.charges import Line
from billing.charging import Worth, is_metered, of_usage
from billing.measures import Question, measure
from billing.models import BillingPeriod, Charge, Subscription
from billing.money import plain
from billing.terms import Clause, Contract, Stretch
from billing.undoing import Charged, undo
from tenants.bulk import among
from usage import measuring
from usage.periods import local_day

# A price in a part of a period: the period's id, the price, and what tells the part apart.
Place = tuple[int | None, int | None, str]


@dataclass(slots=True)
class Billed:
    """What the charges of one price in one part of a period come to, before discount."""

    charges: list[Charge] = field(default_factory=list)

    @property
    def amount_minor(self) -> int:
        """Their sum before discount."""
        return sum(charge.undiscounted_minor for charge in self.charges)

    @property
    def exact(self) -> Decimal:
        """Their sum, unrounded."""
        return sum((charge.exact for charge in self.charges), Decimal(0))

    @property
    def quantity(self) -> Decimal:
        """The quantity that they charge."""
        return sum((charge.quantity for charge in self.charges), Decimal(0))

    @property
    def times(self) -> int:
        """How often it was measured again with a difference."""
        return sum(charge.reason == Charge.Reason.LATE for charge in self.charges)

    @property
    def first(self) -> int | None:
        """The charge of the period's close."""
        return self.charges[0].pk if self.charges else None


@dataclass(frozen=True, slots=True)
class Changed:
    """Hours of meters that gained or lost events, and the subscriptions whose closed periods may hold them."""

    marks: Sequence[measuring.Mark]
    subscriptions: Sequence[Subscription]


def take(subscriptions: Sequence[Subscription], *, at: datetime) -> Changed:
    """Take the marks of what changed, of the customers of `subscriptions`, which the caller has locked.

    A mark is a customer's, and several of his subscriptions may ask about its meter: all of them are measured again by
    whoever takes it. Where another worker holds one of them, the customer's marks stay for a later close. To be called
    before anything is measured, so that an event that arrives meanwhile is measured or leaves its mark again.
    """
    tenants = {s.tenant_id for s in subscriptions}
    others = Subscription.objects.filter(among("tenant", tenants), ~among("pk", [s.pk for s in subscriptions]))
    there = dict(others.values_list("pk", "tenant_id"))
    free = list(others.select_for_update(no_key=True, skip_locked=True).order_by("pk")) if there else []
    held = {there[pk] for pk in there.keys() - {s.pk for s in free}}
    marks = measuring.take_marks(tenants - held, before=at)
    marked = {mark.tenant_id for mark in marks}
    return Changed(
        marks,
        [s for s in subscriptions if s.tenant_id in marked]
        + contracts.with_terms(s for s in free if s.tenant_id in marked),
    )


def draw(changed: Changed, *, at: datetime) -> None:
    """Let resource packs cover what periods measured again show, before the periods that close now ask for the rest.

    Only of customers who have packs; `lines` then charges what they leave over.
    """
    holders = packs.holders({s.tenant_id for s in changed.subscriptions}) if changed.subscriptions else set()
    theirs = [s for s in changed.subscriptions if s.tenant_id in holders]
    if theirs:
        questions = _questions(_touched(theirs, contracts.load(theirs), changed.marks, set()))
        covering.cover(questions, measure(questions), period_of=covering.stored, at=at)


def lines(
    changed: Changed, agreed: Mapping[int, Contract], *, closed_now: set[int], regular: Sequence[Line], at: datetime
) -> list[Line]:
    """Return the charges for usage that came or went after its period was closed; `agreed` are contracts read before.

    They are asked for with the next periodic charges of their subscription (`regular`), else today. `closed_now` are
    periods that this close measures anyhow.
    """
    if not changed.subscriptions:
        return []
    others = [s for s in changed.subscriptions if s.pk not in agreed]
    known = {**agreed, **(contracts.load(others) if others else {})}
    touched = _touched(changed.subscriptions, known, changed.marks, closed_now)
    if not touched:
        return []
    billed = _billed({stretch.id for _s, stretch, _c in touched})
    questions = _questions(touched)
    found = covering.again(questions, measure(questions))
    worths = [of_usage(c, stretch, found[n], currency=s.currency) for n, (s, stretch, c) in enumerate(touched)]
    differing = [
        (s, worth, billed[place])
        for (s, stretch, clause), worth in zip(touched, worths, strict=True)
        if worth.amount_minor != billed[place := (stretch.id, clause.price_id, worth.cause)].amount_minor
    ]
    undone = settled.lines_of(
        [
            charge
            for _s, worth, before in differing
            if worth.amount_minor < before.amount_minor
            for charge in before.charges
        ]
    )
    dues = _due_days(regular)
    return [
        _difference(s, worth, before, undone, dues.get(s.pk) or local_day(at, s.zone)) for s, worth, before in differing
    ]


def _questions(touched: Sequence[tuple[Subscription, Stretch, Clause]]) -> list[Question]:
    return [Question(n, s, stretch, clause) for n, (s, stretch, clause) in enumerate(touched)]


def _touched(
    subscriptions: Sequence[Subscription],
    agreed: Mapping[int, Contract],
    marks: Sequence[measuring.Mark],
    closed_now: set[int],
) -> list[tuple[Subscription, Stretch, Clause]]:
    """Return the usage prices of closed periods that hold a marked hour; of a recurring meter, of later periods too."""
    by_meter: dict[tuple[int, int], list[measuring.Mark]] = defaultdict(list)
    for mark in marks:
        by_meter[mark.tenant_id, mark.meter_id].append(mark)
    by_id = {s.pk: s for s in subscriptions}
    first = min(mark.since for mark in marks)
    periods = BillingPeriod.objects.filter(
        ~among("pk", closed_now), among("subscription", by_id), closed_at__isnull=False, trial=False, end__gt=first
    )
    found = []
    for period in periods.order_by("start", "pk"):
        contract, stretch = agreed[period.subscription_id], contracts.stretch(period)
        found += [
            (by_id[period.subscription_id], stretch, clause)
            for clause in contract.all_clauses
            if is_metered(clause, stretch, first=contract.paid_from) and _holds(period, clause, by_meter)
        ]
    return found


def _holds(period: BillingPeriod, clause: Clause, by_meter: Mapping[tuple[int, int], Sequence[measuring.Mark]]) -> bool:
    assert clause.meter is not None
    marks = by_meter.get((period.tenant_id, clause.meter.meter_id), ())
    if clause.meter.recurring:
        return any(mark.since < period.end for mark in marks)
    return any(mark.touches(period.start, period.end) for mark in marks)


def _billed(periods: set[int | None]) -> Mapping[Place, Billed]:
    found: dict[Place, Billed] = defaultdict(Billed)
    places: dict[int, Place] = {}
    # What a cap took off is reckoned behind it (`capping`).
    usage = Charge.objects.filter(period__in=periods, kind="usage").exclude(reason=Charge.Reason.CAP)
    for charge in usage.order_by("pk"):
        if charge.reason == Charge.Reason.PERIOD:
            places[charge.pk] = (charge.period_id, charge.price_id, charge.cause)
        place = places.get(charge.corrects_id or charge.pk)
        if place is not None:
            found[place].charges.append(charge)
    return found


def _difference(s: Subscription, worth: Worth, before: Billed, undone: Mapping[int, Charged], due_on: date) -> Line:
    """Return the line of what changed; below zero it is a credit after discount (rule 14)."""
    details: dict[str, Any] = {
        **worth.details,
        "billed": {
            "quantity": plain(before.quantity),
            "exact": plain(before.exact),
            "amount_minor": before.amount_minor,
        },
    }
    changed = worth.amount_minor - before.amount_minor
    known = [undone[charge.pk] for charge in before.charges if charge.pk in undone]
    backs = undo(known, -changed) if changed < 0 else []
    rest = replace(
        worth,
        quantity=worth.quantity - before.quantity,
        exact=worth.exact - before.exact,
        amount_minor=-sum(back.amount_minor for back in backs) if changed < 0 else changed,
        undiscounted_minor=changed,
        details=details,
    )
    assert worth.stretch.id is not None
    cause = f"{worth.cause}#{before.times + 1}" if worth.cause else f"{before.times + 1}"
    return Line(s, rest, due_on, worth.stretch.id, Charge.Reason.LATE, cause, before.first, backs)


def _due_days(regular: Sequence[Line]) -> dict[int, date]:
    days: dict[int, date] = {}
    for line in regular:
        pk = line.subscription.pk
        days[pk] = min(days.get(pk, line.due_on), line.due_on)
    return days
