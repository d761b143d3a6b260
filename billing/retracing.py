"""Keep the way back of a change that can be taken back: how the contract stood before it and right after, and its charges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from billing import standing
from billing.models import Change, Charge, Subscription, WayBack


def before(s: Subscription, undo_hours: int) -> Mapping[str, Any] | None:
    """Return how a locked contract stands now, where the version that is accepted has hours to undo; else nothing."""
    return standing.read(s.pk) if undo_hours else None


def keep(change: Change, stood: Mapping[str, Any] | None, undo_hours: int) -> None:
    """Write down the way back of a change that is in force now, after all that it moved and charged."""
    if stood is None:
        return
    mine = Charge.objects.filter(subscription=change.subscription_id, pk__gt=stood["beyond"]["charge"])
    WayBack.objects.create(
        tenant_id=change.tenant_id,
        change=change,
        until=change.at + timedelta(hours=undo_hours),
        before=stood,
        after=standing.read(change.subscription_id),
        charges=list(mine.order_by("pk").values_list("pk", flat=True)),
    )
