"""Preview: what the next close will charge, by the very functions that will charge it, without saving anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing import cap_previews, capping, contracts, countering, covering, planning, switching
from billing.cap_previews import NOTHING, Off, Use
from billing.charging import Measure, Worth, in_advance, in_arrears, is_metered, of_usage
from billing.entitlements import Running
from billing.measures import Question, measure
from billing.models import Change, Charge, Subscription
from billing.terms import Clause, Contract, Stretch
from tenants.bulk import among
from usage.periods import local_day, local_midnight

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """A usage price in its running period: the worth of what was measured, and of what is expected by its end."""

    clause: Clause
    stretch: Stretch
    measured: Decimal
    so_far: Worth
    expected_quantity: Decimal
    expected: Worth


@dataclass(frozen=True, slots=True)
class Preview:
    """The next bill of a subscription, in minor units before discount and with tax as the prices have it.

    `due_on` is the local day on which it is asked for. `fixed` will be charged whatever happens; `usage` is measured
    until then: `so_far_minor` is what it comes to now and `expected_minor` a guess for the period's end. A subscription
    that is over, or ends without anything to charge, has no lines.
    """

    due_on: date
    currency: str
    fixed: tuple[Worth, ...]
    usage: tuple[UsageSoFar, ...]
    # What the customer's hard caps take off usage.
    off: Off = NOTHING

    @property
    def fixed_minor(self) -> int:
        """What is fixed."""
        return sum(worth.amount_minor for worth in self.fixed)

    @property
    def so_far_minor(self) -> int:
        """What usage comes to by now, behind the caps."""
        return sum(use.so_far.amount_minor for use in self.usage) - self.off.so_far_minor

    @property
    def expected_minor(self) -> int:
        """What the bill comes to if usage goes on as it did."""
        return self.fixed_minor + sum(use.expected.amount_minor for use in self.usage) - self.off.expected_minor


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A usage charge measured and rated again, beside what was charged."""

    charged_minor: int
    amount_minor: int
    measured: Decimal
    events: int
    worth: Worth

    @property
    def agrees(self) -> bool:
        """Whether the books and the records say the same."""
        return self.charged_minor == self.amount_minor


def preview(subscriptions: Sequence[Subscription], *, at: datetime) -> dict[int, Preview]:
    """Return the next bill of each subscription that has one, by its id.

    Expects `version` and `seller` to be selected along.
    """
    agreed, last = _foreseen(subscriptions, at), contracts.last_periods(subscriptions)
    found = {}
    for subscription in subscriptions:
        if subscription.next_at is None or subscription.status == Subscription.Status.ENDED:
            continue
        found[subscription.pk] = _preview(subscription, agreed[subscription.pk], last.get(subscription.pk, {}), at)
    off = cap_previews.off((use for s in subscriptions if s.pk in found for use in uses(s, found[s.pk].usage)), at=at)
    return {pk: replace(one, off=off[pk]) if pk in off else one for pk, one in found.items()}


def uses(subscription: Subscription, found: Sequence[UsageSoFar]) -> list[Use]:
    """Return usage that runs as caps and budgets count it."""
    return [
        Use(subscription, use.clause, use.stretch, use.so_far.cause, use.so_far.amount_minor, use.expected.amount_minor)
        for use in found
    ]


def _foreseen(subscriptions: Sequence[Subscription], at: datetime) -> dict[int, Contract]:
    """Return the contracts as they will be when the next bill is due: a change that waits may come before it."""
    agreed = contracts.load(subscriptions)
    turning = [
        s
        for s in subscriptions
        if (day := agreed[s.pk].changes_on) and s.next_at and local_midnight(day, s.zone) <= max(s.next_at, at)
    ]
    if turning:
        waiting = Change.objects.filter(
            among("subscription", (s.pk for s in turning)), kind=Change.Kind.PLAN, status=Change.Status.SCHEDULED
        ).select_related("version__plan")
        changes = {change.subscription_id: change for change in waiting}
        agreed |= {s.pk: switching.foreseen(s, agreed[s.pk], changes[s.pk]) for s in turning}
    return agreed


def running(subscription: Subscription, *, at: datetime) -> list[UsageSoFar]:
    """Return the usage prices of the periods that run at `at`: what allowance gauges show."""
    contract = contracts.load([subscription])[subscription.pk]
    current = contracts.last_periods([subscription]).get(subscription.pk, {})
    stretches = [stretch for stretch in current.values() if stretch.start <= at < stretch.end]
    return _usage(subscription, contract, stretches, at)


def grown(one: Running, *, at: datetime) -> Running:
    """Return a running usage price as it will stand at its period's end, if it goes on as it did; packs as they stand."""
    q = one.question
    ahead = _forecast(q.clause, q.stretch, one.measured, at)
    more = {q.key: ahead.quantity - one.measured.quantity}
    found = covering.expect([q], {q.key: ahead}, at=at, more=more)[q.key]
    worth = of_usage(q.clause, q.stretch, found, currency=one.subscription.currency)
    return replace(one, now_minor=worth.amount_minor, measured=found)


def recompute(charge: Charge) -> Recomputed | None:
    """Measure and rate a usage charge's period again from its counters; None for a charge that no usage made.

    The line of a cap is reckoned again from the usage that it bounds.

    What was charged for the period is the charge with its later differences (reason `late`).
    """
    if charge.reason == Charge.Reason.CAP:
        worth, charged = capping.again(charge)
        return Recomputed(charged, worth.amount_minor, Decimal(1), 0, worth)
    subscription = Subscription.objects.select_related("version", "seller").get(pk=charge.subscription_id)
    contract = contracts.load([subscription])[subscription.pk]
    first = Charge.objects.get(pk=charge.corrects_id) if charge.corrects_id else charge
    stretch = contracts.stretch(charge.period)
    if stretch.again and not stretch.closed:
        # Opened again, because the change that closed it was taken back: it is reckoned when it closes.
        return None
    questions = _questions(subscription, contract, [stretch])
    wanted = [q for q in questions if q.clause.price_id == first.price_id]
    measured = covering.again(questions, measure(questions)) if wanted else {}
    for q in wanted:
        worth = of_usage(q.clause, stretch, measured[q.key], currency=charge.currency)
        if worth.cause == first.cause:
            return _compared(first, worth, measured[q.key])
    return None


def _compared(first: Charge, worth: Worth, found: Measure) -> Recomputed:
    parts = Charge.objects.filter(among("pk", countering.together(first)))
    total = sum(parts.values_list("undiscounted_minor", flat=True))
    return Recomputed(total, worth.amount_minor, found.quantity, found.events, worth)


def _preview(
    subscription: Subscription, contract: Contract, current: dict[planning.Interval, Stretch], at: datetime
) -> Preview:
    assert subscription.next_at is not None
    next_at = max(subscription.next_at, at)
    due = planning.plan(contract, current, at=next_at)
    first, currency = contract.paid_from, contract.currency
    fixed = [
        worth
        for stretch in due.opened
        for clause in contract.clauses
        if (worth := in_advance(clause, stretch, currency=currency, first=first))
    ]
    fixed += [
        worth
        for stretch in due.closed
        for clause in contract.all_clauses
        if clause.meter is None
        for worth in in_arrears(clause, stretch, currency=currency, first=first, measured=None)
    ]
    return Preview(
        due_on=local_day(next_at, contract.zone),
        currency=contract.currency,
        fixed=tuple(fixed),
        usage=tuple(_usage(subscription, contract, due.closed, at)),
    )


def _usage(
    subscription: Subscription, contract: Contract, stretches: Sequence[Stretch], at: datetime
) -> list[UsageSoFar]:
    questions = _questions(subscription, contract, stretches)
    measured = measure(questions)
    forecasts = {q.key: _forecast(q.clause, q.stretch, measured[q.key], at) for q in questions}
    found = covering.expect(questions, measured, at=at)
    ahead = {key: one.quantity - measured[key].quantity for key, one in forecasts.items()}
    later = covering.expect(questions, forecasts, at=at, more=ahead)
    return [_so_far(q.clause, q.stretch, found[q.key], later[q.key], contract) for q in questions]


def _questions(subscription: Subscription, contract: Contract, stretches: Sequence[Stretch]) -> list[Question]:
    asked = (
        (stretch, clause)
        for stretch in stretches
        for clause in contract.all_clauses
        if is_metered(clause, stretch, first=contract.paid_from)
    )
    return [Question(n, subscription, stretch, clause) for n, (stretch, clause) in enumerate(asked)]


def _so_far(clause: Clause, stretch: Stretch, found: Measure, expected: Measure, contract: Contract) -> UsageSoFar:
    return UsageSoFar(
        clause=clause,
        stretch=stretch,
        measured=found.quantity,
        so_far=of_usage(clause, stretch, found, currency=contract.currency),
        expected_quantity=expected.quantity,
        expected=of_usage(clause, stretch, expected, currency=contract.currency),
    )


def _forecast(clause: Clause, stretch: Stretch, found: Measure, at: datetime) -> Measure:
    """Return what a period will measure if it goes on as it did; levels stay where they are.

    Under one day elapsed counts as one, so that the first hours of a month promise nothing absurd.
    """
    assert clause.meter is not None
    if clause.meter.aggregation not in ("sum", "count"):
        return found
    elapsed = max(min(at, stretch.end) - stretch.start, DAY)
    whole = max(stretch.end - stretch.start, elapsed)
    grown = found.quantity * Decimal(whole // timedelta(seconds=1)) / Decimal(elapsed // timedelta(seconds=1))
    quantity = grown.quantize(Decimal(1)) if found.quantity == found.quantity.to_integral_value() else round(grown, 2)
    if found.transactions is None:
        return Measure(quantity, events=found.events, before=found.before)
    # Of prices per transaction: one more transaction of what is still expected.
    return Measure(quantity, (*found.transactions, quantity - found.quantity), found.events, found.before)
