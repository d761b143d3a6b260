"""The queue of tenants that could not be billed: put in with the reason, taken out when it went well or a person saw to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from billing.models import Subscription
from invoices.models import BillingRun, Parked
from tenants import audit
from tenants.bulk import among
from tenants.errors import DomainError
from tenants.models import User


@transaction.atomic
def park(
    tenant_id: int,
    *,
    stage: str,
    refusal: Exception,
    at: datetime,
    run: BillingRun | None = None,
    subscription_id: int | None = None,
) -> Parked:
    """Put a tenant aside with the reason; a tenant that waits at this stage already keeps its place, tried once more."""
    code = refusal.code if isinstance(refusal, DomainError) else type(refusal).__name__
    reason = refusal.message if isinstance(refusal, DomainError) else str(refusal)
    parked, new = Parked.objects.select_for_update(no_key=True).get_or_create(
        tenant_id=tenant_id,
        stage=stage,
        resolved_at=None,
        defaults={"code": code, "reason": reason, "at": at, "run": run, "subscription_id": subscription_id},
    )
    if not new:
        Parked.objects.filter(pk=parked.pk).update(
            tries=F("tries") + 1, code=code, reason=reason, run=run, subscription=subscription_id
        )
    return parked


@transaction.atomic
def resolve_closed(tenant_ids: Iterable[int], *, at: datetime) -> int:
    """Take tenants out of the queue whose subscription could be closed after all; one that is still due stays."""
    waiting = Parked.objects.filter(among("tenant", tenant_ids), stage=Parked.Stage.CLOSE, resolved_at=None)
    still_due = Subscription.objects.due(at).filter(pk=OuterRef("subscription"))
    return waiting.filter(~Exists(still_due)).update(resolved_at=at)


@transaction.atomic
def resolve(tenant_ids: Iterable[int], *, stages: Iterable[str], at: datetime, by: User | None = None) -> int:
    """Take tenants out of the queue; return how many waited."""
    waiting = Parked.objects.filter(among("tenant", tenant_ids), stage__in=list(stages), resolved_at=None)
    locked = list(waiting.select_for_update(no_key=True).order_by("pk"))
    Parked.objects.filter(pk__in=[row.pk for row in locked]).update(resolved_at=at, resolved_by=by)
    if by is not None:
        for row in locked:
            audit.record("parked.resolved", tenant=row.tenant_id, target=f"parked:{row.pk}", at=at, by=by)
    return len(locked)
