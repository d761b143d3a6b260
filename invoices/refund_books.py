"""What a refund writes into the book and into the audit log, whoever moves it on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing import ledger
from billing.money import Money
from invoices.models import Refund
from tenants import audit
from tenants.models import User


def post(row: Refund, kind: str, amount_minor: int, *, out_of: str, into: str, at: datetime) -> None:
    """Book that an amount of a refund left one page of the book for another; each kind once for a refund."""
    entry = ledger.Entry(
        seller_id=row.seller_id,
        currency=row.currency,
        tenant_id=row.tenant_id,
        source="refund",
        source_id=row.pk,
        kind=kind,
        at=at,
        sides=((out_of, amount_minor), (into, -amount_minor)),
    )
    ledger.post([entry])


def record(verb: str, rows: Sequence[Refund], *, at: datetime, by: User | None, **detail: str) -> None:
    """Keep what was done with refunds that were asked for at once, under the first of them, with their sum."""
    first, total = rows[0], sum(row.amount_minor for row in rows)
    audit.record(
        verb,
        tenant=first.tenant_id,
        target=f"refund:{first.pk}",
        at=at,
        by=by,
        amount=str(Money(total, first.currency)),
        **detail,
    )
