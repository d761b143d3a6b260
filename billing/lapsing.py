"""What is left of resource packs, the running periods counted, and the warnings before one lapses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from billing import contracts, covering, packs
from billing.charging import is_metered
from billing.measures import Question, measure
from billing.models import Pack, Subscription
from tenants import notices
from tenants.models import Notice, Tenant
from tenants.notices import NewNotice
from usage.measuring import plain
from usage.periods import local_day

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A pack with what closed periods used of it, and what the running ones use by now (not yet written down)."""

    pack: Pack
    used: Decimal
    running: Decimal

    @property
    def left(self) -> Decimal:
        """What may still be used."""
        return self.pack.quantity - self.used - self.running


def standing(tenant: Tenant, *, at: datetime) -> list[Standing]:
    """Return a customer's packs as they stand at `at`, the next to be used first."""
    found = packs.left(tenant)
    running = _running(tenant, at) if found else {}
    return [Standing(pack, plain(pack.used), running.get(pack.pk, ZERO)) for pack in found]  # type: ignore[attr-defined]


def warn(*, at: datetime) -> int:
    """Announce each pack with something left that lapses within one of PACK_WARNING_DAYS, once for each; return how many.

    A pack that is valid for no longer than a warning's days is not warned about so early.
    """
    due = {pack.pk: key for pack in _soon(at) if (key := _key(pack, at))}
    said = set(Notice.objects.filter(key__in=due.values()).values_list("key", flat=True))
    fresh = {pk: key for pk, key in due.items() if key not in said}
    tenants = Tenant.objects.filter(packs__in=fresh).distinct().order_by("pk")
    return sum(_announce(tenant, fresh, at) for tenant in tenants)


@transaction.atomic
def _announce(tenant: Tenant, keys: dict[int, str], at: datetime) -> int:
    waiting = [one for one in standing(tenant, at=at) if one.pack.pk in keys and one.left > 0]
    notices.announce_many((_notice(tenant, one, keys[one.pack.pk]) for one in waiting), at=at)
    return len(waiting)


def _soon(at: datetime) -> Iterable[Pack]:
    within = timedelta(days=max(settings.PACK_WARNING_DAYS, default=0))
    return Pack.objects.valid(at).filter(expires__lte=at + within, valid_from__lte=at).order_by("pk")


def _key(pack: Pack, at: datetime) -> str:
    """Return the key of the warning that is due by now: of several the last one, so that nobody gets two at once."""
    for days in sorted(settings.PACK_WARNING_DAYS):
        length = timedelta(days=days)
        if pack.expires - at <= length < pack.expires - pack.valid_from:
            return f"pack-lapsing:{pack.pk}:{days}"
    return ""


def _notice(tenant: Tenant, one: Standing, key: str) -> NewNotice:
    pack, language = one.pack, tenant.language
    last = local_day(pack.expires - timedelta(microseconds=1), tenant.timezone)
    return NewNotice(
        tenant=tenant,
        seller=pack.seller,
        kind="pack_lapsing",
        key=key,
        payload={
            "tenant": tenant.name_in(language),
            "path": f"/c/{tenant.code}/subscription/packs/",
            "meter": pack.meter.name_in(language),
            "unit": pack.meter.unit_in(language),
            "left": f"{plain(one.left):f}",
            "quantity": f"{plain(pack.quantity):f}",
            "last_day": last.isoformat(),
        },
    )


def _running(tenant: Tenant, at: datetime) -> dict[int, Decimal]:
    """Return what the periods that are not closed yet use of each pack by now, of all subscriptions together."""
    questions = _questions(contracts.with_terms(Subscription.objects.filter(tenant=tenant).live().order_by("pk")), at)
    found = covering.expect(questions, measure(questions), at=at)
    used: dict[int, Decimal] = defaultdict(Decimal)
    for one in found.values():
        for pack, quantity in one.packs:
            used[pack] += quantity
    return used


def _questions(subscriptions: Sequence[Subscription], at: datetime) -> list[Question]:
    agreed, last = contracts.load(subscriptions), contracts.last_periods(subscriptions)
    return [
        Question((s.pk, stretch.id, clause.price_id, clause.since), s, stretch, clause)
        for s in subscriptions
        for stretch in last.get(s.pk, {}).values()
        if not stretch.closed and stretch.start <= at
        for clause in agreed[s.pk].all_clauses
        if is_metered(clause, stretch, first=agreed[s.pk].paid_from)
    ]
