"""What a customer is worth and how he is: paid so far, growth, use, opinion, health, and what would be lost (REQUIREMENTS D4).

Health is a sum of four parts, each explained beside its figure: use 40, growth 20, opinion 20, payment 20.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, DecimalField, F, Min, Q, Sum
from django.db.models.functions import TruncDay

from billing.models import Price, Subscription
from billing.money import divide_half_up
from invoices.models import Invoice, Survey
from tenants.models import Tenant
from usage.models import UsageCounter
from usage.periods import local_day

QUARTER, MONTH, YEAR = timedelta(days=91), timedelta(days=30), timedelta(days=365)
# Twenty days of thirty are every working day; who says nothing counts as content.
BUSY, CONTENT = 20, Decimal("3.4")
LATE = timedelta(days=30)
MEAN = Avg("score", output_field=DecimalField(max_digits=30, decimal_places=10))


@dataclass(frozen=True, slots=True)
class Health:
    """The four parts of a score of 0 to 100."""

    use: int
    growth: int
    opinion: int
    payment: int

    @property
    def score(self) -> int:
        return self.use + self.growth + self.opinion + self.payment


@dataclass(frozen=True, slots=True)
class Value:
    """One customer in one currency; amounts are minor units with tax."""

    tenant: Tenant
    currency: str
    lifetime_minor: int
    recent_minor: int
    before_minor: int
    active_days: int
    meters_used: int
    meters_bought: int
    score: Decimal | None
    overdue_minor: int
    health: Health

    @property
    def growth(self) -> int | None:
        """The last three months against the three before, in percent; None without the latter."""
        if self.before_minor <= 0:
            return None
        return divide_half_up((self.recent_minor - self.before_minor) * 100, self.before_minor)

    @property
    def yearly_minor(self) -> int:
        """What a year brings at the pace of the last three months."""
        return self.recent_minor * 4

    @property
    def at_risk_minor(self) -> int:
        """What of a year is at risk: the more, the worse the health."""
        return divide_half_up(self.yearly_minor * (100 - self.health.score), 100)


def values(*, at: datetime, tenants: Iterable[int] | None = None) -> list[Value]:
    """Return the customers who ever had a bill, who is most worth keeping first (by value at risk).

    A constant number of queries, whatever the number of customers.
    """
    bills = Invoice.objects.issued().exclude(status=Invoice.Status.VOID)
    if tenants is not None:
        bills = bills.filter(tenant__in=list(tenants))
    sums = _sums(bills, at)
    ids = {row["tenant"] for row in sums}
    known = Tenant.objects.in_bulk(ids)
    days, used, bought = _use(ids, at)
    scores = dict(
        Survey.objects.filter(tenant__in=ids, at__gt=at - YEAR, at__lte=at)
        .order_by()
        .values_list("tenant")
        .annotate(mean=MEAN)
        .values_list("tenant", "mean")
    )
    found = [_value(row, known[row["tenant"]], days, used, bought, scores.get(row["tenant"]), at) for row in sums]
    return sorted(found, key=lambda value: (-value.at_risk_minor, value.tenant.code))


def _sums(bills: Any, at: datetime) -> list[dict[str, Any]]:
    today = local_day(at, "Asia/Shanghai")
    kept = F("total_minor") - F("credited_minor")
    recent = Q(issued_at__gt=at - QUARTER, issued_at__lte=at)
    before = Q(issued_at__gt=at - 2 * QUARTER, issued_at__lte=at - QUARTER)
    overdue = Q(status=Invoice.Status.OPEN, due_on__lt=today)
    return list(
        bills.order_by()
        .values("tenant", "currency")
        .annotate(
            lifetime=Sum("paid_minor"),
            recent=Sum(kept, filter=recent),
            before=Sum(kept, filter=before),
            overdue=Sum("due_minor", filter=overdue),
            since=Min("due_on", filter=overdue),
        )
    )


def _use(ids: set[int], at: datetime) -> tuple[dict[int, int], dict[int, set[int]], dict[int, set[int]]]:
    """Return by paying customer the days with use of the last thirty, the meters used, and the meters that he pays for."""
    live = Subscription.objects.live().filter(payer__in=ids).values_list("payer", "tenant", "version")
    payers: dict[int, set[int]] = defaultdict(set)
    versions: dict[int, set[int]] = defaultdict(set)
    for payer, tenant, version in live:
        payers[tenant].add(payer)
        versions[version].add(payer)
    bought: dict[int, set[int]] = defaultdict(set)
    for version, meter in Price.objects.filter(version__in=versions, meter__isnull=False).values_list(
        "version", "meter"
    ):
        for payer in versions[version]:
            bought[payer].add(meter)
    hours = UsageCounter.objects.filter(tenant__in=payers, bucket__gt=at - MONTH, bucket__lte=at, events__gt=0)
    rows = hours.order_by().annotate(day=TruncDay("bucket")).values_list("tenant", "meter", "day").distinct()
    days: dict[int, set[Any]] = defaultdict(set)
    used: dict[int, set[int]] = defaultdict(set)
    for tenant, meter, day in rows:
        for payer in payers[tenant]:
            days[payer].add(day)
            if meter in bought[payer]:
                used[payer].add(meter)
    return {payer: len(one) for payer, one in days.items()}, used, bought


def _value(
    row: Mapping[str, Any],
    tenant: Tenant,
    days: Mapping[int, int],
    used: Mapping[int, set[int]],
    bought: Mapping[int, set[int]],
    mean: Decimal | None,
    at: datetime,
) -> Value:
    recent, before = int(row["recent"] or 0), int(row["before"] or 0)
    score = None if mean is None else round(mean, 1)
    active, has = days.get(tenant.pk, 0), len(bought.get(tenant.pk, ()))
    since = row["since"]
    return Value(
        tenant=tenant,
        currency=row["currency"],
        lifetime_minor=int(row["lifetime"] or 0),
        recent_minor=recent,
        before_minor=before,
        active_days=active,
        meters_used=len(used.get(tenant.pk, ())),
        meters_bought=has,
        score=score,
        overdue_minor=int(row["overdue"] or 0),
        health=Health(use_part(active, has), growth_part(recent, before), opinion_part(score), payment_part(since, at)),
    )


def use_part(active_days: int, meters: int) -> int:
    """Return 0 to 40: twenty days of thirty are full; without a meter nothing can be said, which counts as 24."""
    return 24 if not meters else 40 * min(active_days, BUSY) // BUSY


def growth_part(recent: int, before: int) -> int:
    """Return 0 to 20: 10 as before, 20 from a half more, 0 from a half less; 10 without a quarter before."""
    if before <= 0:
        return 10
    return max(0, min(20, 10 + divide_half_up((recent - before) * 20, before)))


def opinion_part(score: Decimal | None) -> int:
    """Return 0 to 20: 1 is 0, 5 is 20; who has said nothing counts as 3.4, which is 12."""
    return int(((CONTENT if score is None else score) - 1) * 5)


def payment_part(since: date | None, at: datetime) -> int:
    """Return 20 with nothing overdue, 10 with something overdue for up to thirty days, else 0."""
    if since is None:
        return 20
    return 10 if local_day(at, "Asia/Shanghai") - since <= LATE else 0


def opinions(tenant: Tenant) -> list[Survey]:
    """Return what somebody of a customer said, newest first."""
    return list(Survey.objects.filter(tenant=tenant).select_related("by")[:20])


def answered(*, at: datetime) -> dict[str, Any]:
    """Return how many answers there are of the last year and what they come to."""
    return Survey.objects.filter(at__gt=at - YEAR).aggregate(count=Count("pk"), mean=MEAN)
