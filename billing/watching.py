"""Watch what runs: tell at 50, 80 and 100 % of an allowance or a budget, once each, and when the forecast passes a budget (C4).

Looked at are the customers for whom usage arrived since their last close. Of several levels passed at once the highest is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from billing import budgets, contracts, entitlements, previewing
from billing.charging import included_in
from billing.entitlements import Running
from billing.models import Budget, Subscription
from billing.relief import Cap
from tenants import notices
from tenants.bulk import among
from tenants.models import Notice, Seller, Tenant
from tenants.notices import NewNotice
from usage.measuring import plain
from usage.models import UsageMark

LEVELS = (100, 80, 50)
BATCH = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands on one billing day: what is used of it, what is expected by then, and what it allows, in minor units."""

    budget: Budget
    seller: Seller
    over_on: date
    used_minor: int
    expected_minor: int
    most_minor: int

    @property
    def percent(self) -> int:
        """How much of it is used, in whole per cent; of a budget of nothing all is used once anything is."""
        if not self.most_minor:
            return 100 if self.used_minor else 0
        return self.used_minor * 100 // self.most_minor


def tell(*, at: datetime) -> int:
    """Announce what has reached a level since the last tick; return how many notices."""
    ids = list(
        UsageMark.objects.filter(since__isnull=False).order_by("tenant").values_list("tenant", flat=True).distinct()
    )
    return sum(_tell(ids[first : first + BATCH], at) for first in range(0, len(ids), BATCH))


def standings(tenant: Tenant, *, at: datetime) -> list[Standing]:
    """Return how a customer's budgets stand, those of the next billing day first; one that bounds nothing that runs is left out."""
    rows = budgets.in_force([tenant.pk], at=at)
    return _standings(rows, entitlements.used(tenant, at=at), at) if rows else []


def _tell(tenants: Sequence[int], at: datetime) -> int:
    mine = Subscription.objects.filter(among("tenant", tenants), status__in=entitlements.RUNNING).order_by("pk")
    running = entitlements.running(contracts.with_terms(mine), at=at)
    by_tenant: dict[int, list[Running]] = defaultdict(list)
    for one in running:
        by_tenant[one.subscription.tenant_id].append(one)
    owners = Tenant.objects.in_bulk(by_tenant)
    rows = defaultdict(list)
    for row in budgets.in_force(by_tenant, at=at):
        rows[row.tenant_id].append(row)
    found = [
        notice
        for pk, theirs in by_tenant.items()
        for notice in (*_allowances(owners[pk], theirs), *_budgets(owners[pk], _standings(rows[pk], theirs, at)))
    ]
    fresh = _unsaid(found)
    with transaction.atomic():
        notices.announce_many(fresh, at=at)
    return len(fresh)


def _standings(rows: Sequence[Budget], running: Sequence[Running], at: datetime) -> list[Standing]:
    days: dict[tuple[date, int, str], list[Running]] = defaultdict(list)
    for one in running:
        days[one.question.stretch.over_on, one.subscription.seller_id, one.subscription.currency].append(one)
    found = []
    for (day, _seller, currency), mine in sorted(days.items(), key=lambda item: item[0]):
        caps = {row.pk: budgets.cap_of(row, at=at) for row in rows if row.currency == currency}
        hard = [caps[row.pk] for row in rows if row.hard and row.pk in caps]
        bounding = [row for row in rows if row.pk in caps and any(caps[row.pk].holds(one.spot()) for one in mine)]
        ahead = _expected(mine, at) if bounding else []
        for row in bounding:
            cap = caps[row.pk]
            found.append(_standing(row, day, mine, ahead, cap, hard))
    return found


def _standing(
    row: Budget, day: date, mine: Sequence[Running], ahead: Sequence[Running], cap: Cap, hard: Sequence[Cap]
) -> Standing:
    used, expected = (entitlements.used_of(cap, those, hard) for those in (mine, ahead))
    return Standing(row, mine[0].subscription.seller, day, used, max(used, expected), cap.most_minor)


def _expected(running: Sequence[Running], at: datetime) -> list[Running]:
    """Return what runs as it will stand at the period's end if it goes on as it did."""
    return [previewing.grown(one, at=at) for one in running]


def _allowances(tenant: Tenant, running: Iterable[Running]) -> Iterator[NewNotice]:
    for one in running:
        clause, stretch = one.question.clause, one.question.stretch
        included = included_in(clause, stretch)
        used = one.measured.quantity + (one.measured.before or Decimal(0))
        level = next((level for level in LEVELS if included and used * 100 >= included * level), None)
        if level is None:
            continue
        part = one.measured.before is None
        key = f"allowance:{one.subscription.pk}:{clause.price_id}:{stretch.span.start}:{'' if part else 'b:'}{level}"
        payload = {
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/usage/",
            "name": _named(clause.name, clause.name_en, tenant),
            "unit": _named(clause.unit, clause.unit_en, tenant),
            "level": level,
            "used": str(plain(used)),
            "included": str(plain(included)),
            "until": stretch.over_on.isoformat(),
        }
        yield NewNotice(tenant=tenant, seller=one.subscription.seller, kind="allowance_used", key=key, payload=payload)


def _budgets(tenant: Tenant, standings: Iterable[Standing]) -> Iterator[NewNotice]:
    for one in standings:
        payload = _payload(tenant, one)
        key = f"{one.budget.pk}:{one.most_minor}:{one.over_on}"
        level = next((level for level in LEVELS if one.percent >= level), None)
        if level == 100 and one.budget.on_reach != Budget.Reach.WARN:
            yield NewNotice(
                tenant=tenant, seller=one.seller, kind="cap_reached", key=f"cap-reached:{key}", payload=payload
            )
        elif level is not None:
            said = payload | {"level": level}
            yield NewNotice(
                tenant=tenant, seller=one.seller, kind="budget_used", key=f"budget:{key}:{level}", payload=said
            )
        if one.expected_minor > one.most_minor > one.used_minor:
            yield NewNotice(
                tenant=tenant, seller=one.seller, kind="budget_forecast", key=f"forecast:{key}", payload=payload
            )


def _payload(tenant: Tenant, one: Standing) -> dict[str, Any]:
    return {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/budgets/",
        "currency": one.budget.currency,
        "what": what(one.budget, tenant.language),
        "used_minor": one.used_minor,
        "expected_minor": one.expected_minor,
        "cap_minor": one.most_minor,
        "hard": one.budget.hard,
        "on_reach": one.budget.on_reach,
        "until": one.over_on.isoformat(),
    }


def what(row: Budget, language: str) -> str:
    """Return what a budget bounds, by name; empty for all usage."""
    if row.meter:
        return row.meter.name_in(language)
    return row.price_code or (f"#{row.subscription_id}" if row.subscription_id else "")


def _named(chinese: str, english: str, tenant: Tenant) -> str:
    return english if tenant.language == "en" and english else chinese


def _unsaid(found: Sequence[NewNotice]) -> list[NewNotice]:
    """Return the notices whose level, or a higher one of the same thing, was not told yet."""
    said = _said(found)
    return [one for one in found if not _higher(one, said)]


def _said(found: Sequence[NewNotice]) -> Mapping[int, set[str]]:
    keys: dict[int, set[str]] = defaultdict(set)
    wanted = {key for one in found for key in _keys(one.key)}
    rows = Notice.objects.filter(Q(key__in=wanted)) if wanted else Notice.objects.none()
    for tenant, key in rows.values_list("tenant", "key"):
        keys[tenant].add(key)
    return keys


def _keys(key: str) -> list[str]:
    """Return a key with those of the higher levels of the same thing."""
    head, _colon, last = key.rpartition(":")
    if not last.isdecimal() or int(last) not in LEVELS:
        return [key]
    return [f"{head}:{level}" for level in LEVELS if level >= int(last)]


def _higher(one: NewNotice, said: Mapping[int, set[str]]) -> bool:
    return any(key in said[one.tenant.pk] for key in _keys(one.key))
