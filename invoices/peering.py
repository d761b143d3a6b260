"""What like customers pay: deciles among at least ten customers of one product and size, without a trace of who they are.

Reckoned by us in a tick and kept without tenants, so that a customer's page reads a public table and nobody else's rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet, Sum

from billing.models import Charge, Price, Subscription, SubscriptionItem
from billing.money import divide_half_up
from invoices.models import PeerFigure
from usage.periods import local_day

Band, Measure = PeerFigure.Band, PeerFigure.Measure
# The law knows no number; ten is ours (REQUIREMENTS C11).
LEAST = 10
# The last three months count.
SPAN = timedelta(days=91)


@transaction.atomic
def reckon(*, at: datetime) -> int:
    """Reckon all figures anew and drop those with too few customers; return how many there are."""
    found: dict[tuple[int, str, str, str], list[int]] = defaultdict(list)
    for s, month, seats in costs(at=at):
        found[s.family_id, band(seats), Measure.MONTH, s.currency].append(month)
        if seats:
            found[s.family_id, band(seats), Measure.SEAT, s.currency].append(divide_half_up(month, int(seats)))
    PeerFigure.objects.all().delete()
    rows = [
        PeerFigure(
            family_id=family,
            band=size,
            measure=measure,
            currency=currency,
            customers=len(values),
            deciles=deciles(values),
            at=at,
        )
        for (family, size, measure, currency), values in sorted(found.items())
        if len(values) >= LEAST
    ]
    return len(PeerFigure.objects.bulk_create(rows))


def costs(*, at: datetime, subscription: int | None = None) -> Iterable[tuple[Subscription, int, Decimal]]:
    """Yield each running contract with its cost a month (minor units, of the last three) and its seats now."""
    live = Subscription.objects.live().exclude(status=Subscription.Status.TRIALING)
    if subscription is not None:
        live = live.filter(pk=subscription)
    today = local_day(at, "Asia/Shanghai")
    begun = live.filter(start_on__lte=today - SPAN)
    # A year that was paid ahead counts by its days.
    sums: dict[int, int] = defaultdict(int)
    within = Charge.objects.filter(subscription__in=begun, service_end_on__gt=today - SPAN, service_start_on__lte=today)
    told = within.values_list("subscription_id", "amount_minor", "service_start_on", "service_end_on")
    for pk, amount, start, end in told.iterator():
        days = (min(end, today) - max(start, today - SPAN)).days
        if days > 0:
            sums[pk] += divide_half_up(amount * days, (end - start).days)
    seats = _seats(begun, at)
    for s in begun.order_by("pk"):
        yield s, divide_half_up(sums[s.pk], 3), seats.get(s.pk, Decimal(0))


def _seats(subscriptions: QuerySet[Subscription], at: datetime) -> dict[int, Decimal]:
    items = SubscriptionItem.objects.filter(
        subscription__in=subscriptions, during__contains=at, price__kind=Price.Kind.SEAT
    )
    return dict(items.values_list("subscription").annotate(sum=Sum("quantity")).values_list("subscription", "sum"))


def band(seats: Decimal) -> str:
    """Return the size that a number of seats belongs to."""
    for most, name in ((0, Band.NONE), (5, Band.FEW), (20, Band.SOME), (50, Band.MANY)):
        if seats <= most:
            return str(name)
    return str(Band.MOST)


def deciles(values: Sequence[int]) -> list[int]:
    """Return the 10th to 90th percentile, each the value at its rank: neither the lowest nor the highest is among them."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[min(max(1, -(-last * n // 10)), last - 1)] for n in range(1, 10)]


def percentile(figure: PeerFigure, value: int) -> int:
    """Return below which share of the like customers a value lies, in whole tens of percent: 0, 10 … 90."""
    return 10 * sum(one < value for one in figure.deciles)
