"""The letters of a second person: to those who may approve, with the way to the page; and to who asked, with the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from invoices import approvals
from invoices.models import PurchaseRequest
from tenants import notices
from tenants.models import Seller


def asked(row: PurchaseRequest, *, at: datetime) -> None:
    """Tell those who may approve that something waits for them; the letter leads to the page and decides nothing."""
    people = approvals.approvers(row.tenant_id, but=row.asked_by)
    _tell(row, "approval_asked", [member.user.email for member in people], at)


def answered(row: PurchaseRequest, *, at: datetime) -> None:
    """Tell who asked how it went; of what a program asked for, those who may pay hear."""
    if row.asked_by is not None:
        to = [row.asked_by.email]
    else:
        to = [member.user.email for member in approvals.approvers(row.tenant_id, but=None)]
    _tell(row, "approval_answered", to, at, state=row.state, by_name=row.decided_by_name, reason=row.reason)


def _tell(row: PurchaseRequest, kind: str, to: list[str], at: datetime, **more: Any) -> None:
    if not to:
        return
    tenant = row.tenant
    notices.announce(
        tenant,
        kind=kind,
        key=f"{kind}:{row.pk}",
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/approvals/{row.pk}/",
            "do": row.wish.get("do", ""),
            "effect": row.shown.get("effect", ""),
            "asked_by": row.asked_by_name,
            "currency": row.currency,
            "total_minor": row.total_minor,
            "yearly_minor": row.yearly_minor,
            "until": row.expires_at.astimezone().date().isoformat(),
            "after_minor": row.shown.get("after_minor"),
            **more,
        },
        at=at,
        seller=_seller(row),
        to=to,
    )


def _seller(row: PurchaseRequest) -> Seller | None:
    about = row.subscription or row.quote
    return about.seller if about else None
