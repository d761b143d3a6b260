"""Is it reasonable: the cheapest plan for the own use, each price against its use, unused seats, and like customers (C11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum
from django.db.models.functions import TruncDay
from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Charge, Price, Subscription, SubscriptionItem
from billing.models.catalogue import Interval
from billing.money import Money, divide_half_up
from invoices import peering
from invoices.advising import best
from invoices.models import PeerFigure, PlanAdvice
from invoices.pages import plans, wording
from invoices.pages.visit import Visit
from usage.models import UsageCounter, UsageEvent
from usage.periods import local_midnight

DAYS = 90


@dataclass(frozen=True)
class PlanRow:
    """What one plan would have come to; `difference` against the own one; `switch` leads to the preview of the change."""

    name: str
    rhythm: str
    total: Money
    difference: Money
    lacks: str
    own: bool
    switch: str


@dataclass(frozen=True)
class UseRow:
    """What one price cost in 90 days, and what was used of it; `idle` where it was paid for and not used."""

    name: str
    cost: Money
    use: str
    idle: bool


@dataclass(frozen=True)
class Seats:
    """Seats bought and seats used; `share` is a width."""

    bought: Decimal
    used: int
    share: str
    sentence: str
    each: Money | None


@dataclass(frozen=True)
class Card:
    """All that is said of one contract."""

    name: str
    sentence: str
    under: str
    plans: tuple[PlanRow, ...]
    uses: tuple[UseRow, ...]
    seats: Seats | None
    peers: tuple[str, ...]
    change: str


@dataclass(frozen=True)
class AdvisorPage:
    """One card for each running contract."""

    cards: tuple[Card, ...]


def page(visit: Visit) -> AdvisorPage:
    """Return the page from what was reckoned today."""
    rows = PlanAdvice.objects.filter(tenant=visit.tenant, subscription__status__in=Subscription.Status.values)
    told = rows.select_related("subscription__plan", "subscription__family").order_by("pk")
    live = set(Subscription.objects.filter(tenant=visit.tenant).live().values_list("pk", flat=True))
    return AdvisorPage(tuple(_card(visit, row) for row in told if row.subscription_id in live))


def _card(visit: Visit, advice: PlanAdvice) -> Card:
    s = advice.subscription
    return Card(
        name=s.plan.name_in(visit.language),
        sentence=_sentence(visit, advice),
        under=_(
            "Reckoned from your use of %(first)s to %(last)s, before discounts and tax. Charged for it were %(billed)s."
        )
        % {
            "first": formatting.day(advice.first, visit.language, "long"),
            "last": formatting.day(advice.end - timedelta(days=1), visit.language, "long"),
            "billed": formatting.money(advice.billed_minor, advice.currency),
        },
        plans=tuple(_plan(visit, advice, plan) for plan in advice.plans),
        uses=tuple(_uses(visit, s)),
        seats=_seats(visit, s),
        peers=_peers(visit, s),
        change=visit.to("plans", s.pk),
    )


def _own(advice: PlanAdvice) -> dict[str, Any]:
    return next(plan for plan in advice.plans if plan["own"])


def _months(advice: PlanAdvice) -> int:
    return max(1, round((advice.end - advice.first).days / 30.4))


def _sentence(visit: Visit, advice: PlanAdvice) -> str:
    """Say first, and honestly, whether a change is worth it."""
    found, own = best(advice.plans), _own(advice)
    told: dict[str, object] = {"months": _months(advice)}
    if found is None or found["own"] or found["total_minor"] >= own["total_minor"]:
        return _("By your use of the last %(months)s months, no change is cheaper.") % told
    told["plan"] = _name(visit, found)
    told["less"] = formatting.money(own["total_minor"] - found["total_minor"], advice.currency)
    return _("By your use of the last %(months)s months, %(plan)s would have cost %(less)s less.") % told


def _name(visit: Visit, plan: dict[str, Any]) -> str:
    return (not formatting.is_chinese(visit.language) and plan["name_en"]) or plan["name"]


def _plan(visit: Visit, advice: PlanAdvice, plan: dict[str, Any]) -> PlanRow:
    own, total = _own(advice)["total_minor"], plan["total_minor"]
    english = not formatting.is_chinese(visit.language)
    lacks = [(english and one["name_en"]) or one["name"] for one in plan["lacks"]]
    switch = (
        "" if plan["own"] else plans.change_address(visit, advice.subscription, do="change_plan", plan=plan["plan"])
    )
    rhythm = _("billed every %(interval)s, term %(term)s") % {
        "interval": Interval(plan["interval"]).label,
        "term": Interval(plan["term"]).label,
    }
    return PlanRow(
        name=_name(visit, plan),
        rhythm=rhythm,
        total=Money(total, advice.currency),
        difference=Money(total - own, advice.currency),
        lacks=wording.joined(lacks),
        own=plan["own"],
        switch=switch if visit.member.may_pay else "",
    )


def _uses(visit: Visit, s: Subscription) -> list[UseRow]:
    """Return what each price cost in the last 90 days beside what was used of it."""
    first = visit.today - timedelta(days=DAYS)
    cost, names = _costs(s, first, visit)
    counted = _counted(s, first)
    return [
        UseRow(names[code], Money(cost[code], s.currency), *_use(visit, code, counted))
        for code in sorted(cost, key=lambda code: -cost[code])
    ]


def _costs(s: Subscription, first: date, visit: Visit) -> tuple[dict[str, int], dict[str, str]]:
    """Return by price what was charged for these days: of a year paid ahead the days that fell into them."""
    cost: dict[str, int] = defaultdict(int)
    names = {}
    english = not formatting.is_chinese(visit.language)
    rows = Charge.objects.filter(subscription=s, service_end_on__gt=first, service_start_on__lt=visit.today)
    told = rows.order_by("pk").values_list(
        "code", "name", "name_en", "amount_minor", "service_start_on", "service_end_on"
    )
    for code, name, name_en, amount, start, end in told:
        days = (min(end, visit.today) - max(start, first)).days
        cost[code] += divide_half_up(amount * days, (end - start).days)
        names[code] = (english and name_en) or name
    return cost, names


def _counted(s: Subscription, first: date) -> dict[str, tuple[Decimal, int]]:
    """Return (events, days with use) by price code; a module is counted by meters of its own name."""
    prices = list(Price.objects.filter(version=s.version_id))
    meters = {price.meter_id for price in prices if price.meter_id}
    since = local_midnight(first, s.zone)
    until = local_midnight(first + timedelta(days=DAYS), s.zone)
    counted = UsageCounter.objects.filter(tenant=s.tenant_id, meter__in=meters, events__gt=0)
    hours = counted.filter(bucket__gte=since, bucket__lt=until)
    sums = dict(hours.values_list("meter").annotate(sum=Sum("events")).values_list("meter", "sum"))
    days = hours.annotate(day=TruncDay("bucket", tzinfo=ZoneInfo(s.zone))).values_list("meter", "day").distinct()
    active: dict[int, int] = defaultdict(int)
    for meter, _day in days:
        active[meter] += 1
    found = {}
    for price in prices:
        mine = {one.meter_id for one in prices if one.meter_id and (one is price or _belongs(one, price))}
        if mine:
            events = sum((Decimal(sums.get(meter, 0)) for meter in mine if meter), Decimal(0))
            found[price.code] = events, max((active.get(meter, 0) for meter in mine if meter), default=0)
    return found


def _belongs(usage: Price, module: Price) -> bool:
    """Whether a usage price counts a module: its code begins with the module's, as analytics and analytics_queries."""
    if module.kind != Price.Kind.MODULE:
        return False
    return usage.code.startswith((f"{module.code}_", f"{module.code}-", f"{module.code}."))


def _use(visit: Visit, code: str, counted: dict[str, tuple[Decimal, int]]) -> tuple[str, bool]:
    if code not in counted:
        return _("No meter counts its use."), False
    events, days = counted[code]
    if not events:
        return _("Not used in the last %(days)s days.") % {"days": DAYS}, True
    told = {"events": formatting.quantity(events), "days": days, "of": DAYS}
    return _("%(events)s records on %(days)s of %(of)s days.") % told, False


def _seats(visit: Visit, s: Subscription) -> Seats | None:
    """Return the seats bought against those who used anything in the last 90 days, where meters tell who."""
    held = SubscriptionItem.objects.filter(
        subscription=s, during__contains=visit.at, price__kind=Price.Kind.SEAT
    ).aggregate(sum=Sum("quantity"))["sum"]
    if not held:
        return None
    since = local_midnight(visit.today - timedelta(days=DAYS), s.zone)
    people = UsageEvent.objects.filter(tenant=s.tenant_id, occurred_at__gte=since, kind="use").exclude(member="")
    used = people.aggregate(count=Count("member", distinct=True))["count"]
    told = {
        "bought": formatting.quantity(held),
        "used": used,
        "free": formatting.quantity(max(held - used, Decimal(0))),
    }
    if not used:
        sentence = _("You have %(bought)s seats. No meter tells who uses them, so we cannot say which are free.")
        return Seats(held, 0, "0%", sentence % told, None)
    sentence = _("%(used)s of %(bought)s seats were used in the last 90 days; %(free)s were not.")
    found = next(iter(peering.costs(at=visit.at, subscription=s.pk)), None)
    each = Money(divide_half_up(found[1], used), s.currency) if found else None
    return Seats(held, used, wording.share(Decimal(used), held), sentence % told, each)


def _peers(visit: Visit, s: Subscription) -> tuple[str, ...]:
    """Say where the own cost lies among like customers; nothing where there are fewer than ten."""
    found = next(iter(peering.costs(at=visit.at, subscription=s.pk)), None)
    if found is None:
        return ()
    _s, month, seats = found
    figures = PeerFigure.objects.filter(family=s.family_id, band=peering.band(seats), currency=s.currency)
    said = []
    for figure in figures.order_by("measure"):
        mine = month if figure.measure == PeerFigure.Measure.MONTH else divide_half_up(month, int(seats))
        told = {
            "mine": formatting.money(mine, s.currency),
            "middle": formatting.money(figure.deciles[4], s.currency),
            "count": figure.customers,
            "share": peering.percentile(figure, mine),
        }
        sentence = _(
            "You pay %(mine)s a month. Half of %(count)s like customers pay less than %(middle)s; about %(share)s%% pay less than you."
        )
        if figure.measure == PeerFigure.Measure.SEAT:
            sentence = _(
                "For each seat you pay %(mine)s a month. Half of %(count)s like customers pay less than %(middle)s; "
                "about %(share)s%% pay less than you."
            )
        said.append(sentence % told)
    return tuple(said)
