"""Is there a cheaper plan? The own last twelve months replayed under every plan on sale, once a day (REQUIREMENTS C11).

The replay is the operators' comparison of prices (`rehearsal.comparing`): the functions that charge, on recorded use, with
the seats and modules that were held. Before discount and tax; resource packs and credits are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from billing.models import Charge, PlanVersion, Price, Subscription, SubscriptionItem
from billing.models.catalogue import Status
from invoices.models import PlanAdvice
from invoices.rehearsal.comparing import Replayed, replay
from tenants.models import Tenant
from usage.models import UsageCounter
from usage.periods import local_day, local_midnight

MONTHS = 12
REPLAYED = (Charge.Reason.PERIOD, Charge.Reason.LATE, Charge.Reason.CHANGE, Charge.Reason.CAP)


def advise(tenant: Tenant, *, at: datetime) -> list[PlanAdvice]:
    """Return today's advice for each running contract of a company, reckoned now where it was not today yet."""
    found = []
    for s in _running(tenant):
        known = PlanAdvice.objects.filter(subscription=s, day=local_day(at, s.zone)).first()
        if (one := known or _reckon(s, at)) is not None:
            found.append(one)
    return found


def advise_all(*, at: datetime) -> int:
    """Reckon today's advice of all customers, so that nobody waits for it; return for how many contracts there is some."""
    ids = Subscription.objects.live().order_by("tenant").values_list("tenant", flat=True).distinct()
    return sum(len(advise(tenant, at=at)) for tenant in Tenant.objects.filter(pk__in=ids).order_by("pk").iterator())


def _running(tenant: Tenant) -> Sequence[Subscription]:
    mine = Subscription.objects.filter(tenant=tenant).live().exclude(status=Subscription.Status.TRIALING)
    return list(mine.select_related("version", "seller", "plan", "tenant", "price_list").order_by("pk"))


def on_sale(s: Subscription) -> list[PlanVersion]:
    """Return the published versions of the plans on sale of a contract's product, and its own, sold or not."""
    sold = PlanVersion.objects.filter(
        plan__family=s.family_id, plan__on_sale=True, status=Status.PUBLISHED, currency=s.currency
    )
    # A trial that just ends is no plan to change to.
    lasting = sold.exclude(trial_days__gt=0, after_trial="ends")
    others = [one for one in lasting.select_related("plan").order_by("pk") if one.plan_id != s.plan_id]
    return [PlanVersion.objects.select_related("plan").get(pk=s.version_id), *others]


@transaction.atomic
def _reckon(s: Subscription, at: datetime) -> PlanAdvice | None:
    versions = on_sale(s)
    replayed = replay(s, versions, at=at, months=MONTHS)
    if replayed is None:
        return None
    wanted = _wanted(s, replayed)
    plans = [_told(one, replayed.sums[one.pk], wanted, own=one.pk == s.version_id) for one in versions]
    # The own plan first among equals: nobody is told to change for nothing.
    plans.sort(key=lambda plan: (plan["total_minor"], not plan["own"], plan["plan"]))
    facts = {"day": local_day(at, s.zone), "first": replayed.first, "end": replayed.end, "currency": s.currency}
    facts |= {"billed_minor": _billed(s, replayed), "plans": plans}
    row, _new = PlanAdvice.objects.update_or_create(subscription=s, defaults={"tenant_id": s.tenant_id, **facts})
    return row


def _told(version: PlanVersion, total: int, wanted: dict[str, dict[str, str]], *, own: bool) -> dict[str, Any]:
    prices = list(version.prices.select_related("meter"))
    has = {price.code for price in prices} | {f"meter:{price.meter.code}" for price in prices if price.meter}
    return {
        "plan": version.plan.code,
        "version": version.pk,
        "name": version.plan.name,
        "name_en": version.plan.name_en,
        "interval": version.interval,
        "term": version.term,
        "total_minor": total,
        "lacks": [] if own else [names for code, names in sorted(wanted.items()) if code not in has],
        "own": own,
    }


def _wanted(s: Subscription, replayed: Replayed) -> dict[str, dict[str, str]]:
    """Return what the customer has, or used, that another plan may lack: modules and seats held, and meters, by code."""
    start, end = local_midnight(replayed.first, s.zone), local_midnight(replayed.end, s.zone)
    items = SubscriptionItem.objects.filter(
        subscription=s, during__contains=end - timedelta(seconds=1), quantity__gt=0
    ).exclude(price__kind=Price.Kind.BASE)
    rows = items.values_list("price__code", "price__name", "price__name_en")
    found = {code: {"name": name, "name_en": name_en} for code, name, name_en in rows}
    used = UsageCounter.objects.filter(tenant=s.tenant_id, bucket__gte=start, bucket__lt=end, events__gt=0)
    meters = set(used.values_list("meter", flat=True).distinct())
    mine = Price.objects.filter(version=s.version_id, meter__in=meters).select_related("meter")
    for price in mine:
        assert price.meter is not None
        found[f"meter:{price.meter.code}"] = {"name": price.name, "name_en": price.name_en}
    return found


def _billed(s: Subscription, replayed: Replayed) -> int:
    """Return what was charged for service within the days that were replayed, before discount and tax."""
    charges = Charge.objects.filter(
        subscription=s, reason__in=REPLAYED, service_start_on__gte=replayed.first, service_end_on__lte=replayed.end
    )
    return charges.aggregate(sum=Sum("undiscounted_minor"))["sum"] or 0


def best(plans: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the cheapest plan that lacks nothing of what the customer has; his own where none is cheaper."""
    return next((plan for plan in plans if not plan["lacks"]), None)
