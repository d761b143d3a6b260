"""A customer's state: restricted, suspended, restored, closed, along Tenant.TRANSITIONS."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tenants import audit
from tenants.errors import WrongState
from tenants.models import ApiKey, Tenant, User

Status = Tenant.Status


def restrict(tenant: Tenant, *, at: datetime, by: User | None, reason: str = "") -> Tenant:
    """Take away what costs extra; what is there can still be read. Raises WrongState."""
    return _move(tenant, Status.RESTRICTED, at=at, by=by, reason=reason)


def suspend(tenant: Tenant, *, at: datetime, by: User | None, reason: str = "") -> Tenant:
    """Stop the service until it is restored. Raises WrongState."""
    return _move(tenant, Status.SUSPENDED, at=at, by=by, reason=reason)


def restore(tenant: Tenant, *, at: datetime, by: User | None, reason: str = "") -> Tenant:
    """Make everything work again. Raises WrongState."""
    return _move(tenant, Status.ACTIVE, at=at, by=by, reason=reason)


@transaction.atomic
def close(tenant: Tenant, *, at: datetime, by: User | None, reason: str = "") -> Tenant:
    """End the relation for good: billing looks away and the customer's API keys end. Raises WrongState."""
    closed = _move(tenant, Status.CLOSED, at=at, by=by, reason=reason)
    ApiKey.objects.filter(tenant=tenant, revoked_at=None).update(revoked_at=at)
    return closed


@transaction.atomic
def _move(tenant: Tenant, to: str, *, at: datetime, by: User | None, reason: str) -> Tenant:
    """Move the tenant in one conditional statement, so that of two at once one is refused."""
    sources = [status for status, targets in Tenant.TRANSITIONS.items() if to in targets]
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    before = row.status
    if not Tenant.objects.filter(pk=row.pk, status__in=sources).update(status=to):
        states = {"now": row.get_status_display(), "wanted": Status(to).label}
        raise WrongState(_("This customer is %(now)s and cannot become %(wanted)s.") % states, field="status")
    audit.record(f"tenant.{to}", tenant=row, target=f"tenant:{row.pk}", at=at, by=by, before=before, reason=reason)
    row.status = to
    return row
