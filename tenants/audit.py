"""The audit log: every act, in the transaction of the act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from tenants.errors import NoTransaction
from tenants.models import AuditEntry, Tenant, User


@dataclass(frozen=True, slots=True)
class Act:
    """What was done: the verb, to which target (kind and id, as `subscription:12`), whose, with plain JSON detail."""

    verb: str
    tenant: Tenant | int | None
    target: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def record(
    verb: str, *, tenant: Tenant | int | None, at: datetime, by: User | None, target: str = "", **detail: Any
) -> None:
    """Write down one act; see `record_many`."""
    record_many([Act(verb, tenant, target, detail)], at=at, by=by)


def record_many(acts: Iterable[Act], *, at: datetime, by: User | None) -> None:
    """Write down that `by` did these acts.

    Raises NoTransaction outside a transaction, so that an entry can neither miss its act nor survive it.
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    AuditEntry.objects.bulk_create(_entry(act, at, by) for act in acts)


def _entry(act: Act, at: datetime, by: User | None) -> AuditEntry:
    return AuditEntry(
        tenant_id=act.tenant.pk if isinstance(act.tenant, Tenant) else act.tenant,
        verb=act.verb,
        target=act.target,
        by=by,
        by_name=by.get_full_name() if by else "",
        detail=act.detail,
        at=at,
    )
