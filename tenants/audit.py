"""The audit log: every act, in the transaction of the act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from tenants.errors import NoTransaction
from tenants.models import AuditEntry, Tenant, User


def record(
    verb: str, *, tenant: Tenant | int | None, at: datetime, by: User | None, target: str = "", **detail: Any
) -> None:
    """Write down that `by` did `verb` to `target` (kind and id, as `subscription:12`).

    `detail` is plain JSON. Raises NoTransaction outside a transaction, so that an entry can neither miss its act nor
    survive it.
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    tenant_id = tenant.pk if isinstance(tenant, Tenant) else tenant
    AuditEntry.objects.create(
        tenant_id=tenant_id,
        verb=verb,
        target=target,
        by=by,
        by_name=by.get_full_name() if by else "",
        detail=detail,
        at=at,
    )
