"""Measure closed periods again now, without waiting for the next close: for a bill that is held and was put right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from billing import contracts, late
from billing.charges import write
from billing.models import Subscription
from tenants.bulk import among


@transaction.atomic
def remeasure(subscription_ids: Iterable[int], *, at: datetime) -> int:
    """Charge what changed in closed periods of these subscriptions since they were measured (CONTRACTS rule 14).

    The differences are asked for today. Subscriptions that another worker holds are passed over. Returns how many lines
    were charged; a second call finds nothing.
    """
    named = Subscription.objects.filter(among("pk", list(subscription_ids))).order_by("pk")
    locked = contracts.with_terms(named.select_for_update(no_key=True, skip_locked=True))
    if not locked:
        return 0
    changed = late.take(locked, at=at)
    late.draw(changed, at=at)
    lines = late.lines(changed, {}, closed_now=set(), regular=(), at=at)
    write(lines, periods={}, at=at)
    return len(lines)
