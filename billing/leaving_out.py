"""What a usage charge comes to without the usage of some of its days: how much of it these days are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from billing import contracts, covering
from billing.charging import is_metered, of_usage
from billing.measures import Question, asks_for_transactions, measure
from billing.models import Charge, Subscription
from billing.packs import ADDING
from billing.terms import Contract, Stretch, part_of
from usage import measuring
from usage.periods import local_midnight


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was measured on some days, and what the period's charge comes to with them and without them (minor units)."""

    quantity: Decimal
    whole_minor: int
    rest_minor: int

    @property
    def share_minor(self) -> int:
        """How much of the charge these days are."""
        return self.whole_minor - self.rest_minor


def without(charge: Charge, first: date, after: date) -> LeftOut | None:
    """Measure and rate a usage charge again, and once more without the days from `first` until before `after` (local days).

    What is included stays with the days that remain, so the days that are left out were the dearest of the period. None for
    a charge that is not the sum of its days: no usage, a peak, an average, a level, or single transactions.
    """
    subscription = Subscription.objects.select_related("version", "seller").get(pk=charge.subscription_id)
    contract, stretch = contracts.load([subscription])[subscription.pk], contracts.stretch(charge.period)
    questions = _questions(subscription, contract, stretch)
    found = covering.again(questions, measure(questions)) if questions else {}
    for question in questions:
        clause, part = question.clause, part_of(question.clause, stretch)
        meter = clause.meter
        if clause.price_id != charge.price_id or part is None or meter is None or asks_for_transactions(clause):
            continue
        whole = of_usage(clause, stretch, found[question.key], currency=charge.currency)
        if whole.cause != charge.cause or meter.aggregation not in ADDING:
            continue
        start = max(part.start, local_midnight(first, stretch.span.zone))
        end = min(part.end, local_midnight(after, stretch.span.zone))
        used = _used(question, start, end) if start < end else Decimal(0)
        rest = replace(found[question.key], quantity=max(Decimal(0), found[question.key].quantity - used))
        less = of_usage(clause, stretch, rest, currency=charge.currency)
        return LeftOut(used, whole.amount_minor, less.amount_minor)
    return None


def _questions(subscription: Subscription, contract: Contract, stretch: Stretch) -> list[Question]:
    """Return what the period's usage prices ask, all of them: packs are spread over them in order."""
    asked = [clause for clause in contract.all_clauses if is_metered(clause, stretch, first=contract.paid_from)]
    return [Question(n, subscription, stretch, clause) for n, clause in enumerate(asked)]


def _used(question: Question, start: datetime, end: datetime) -> Decimal:
    meter = question.clause.meter
    assert meter is not None
    want = measuring.Want(
        key=0,
        tenant_id=question.subscription.tenant_id,
        meter_id=meter.meter_id,
        aggregation=meter.aggregation,
        recurring=False,
        start=start,
        end=end,
        match=dict(meter.match),
        others=[dict(match) for match in meter.others],
    )
    return measuring.measure([want])[0].quantity
