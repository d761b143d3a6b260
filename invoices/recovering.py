"""What comes in, or is credited, for a debt that was given up: it is owed again first, so that the book says what was lost."""

from __future__ import annotations

from datetime import datetime

from billing import ledger
from billing.models import Account
from invoices.models import Invoice

Kind = Account.Kind


def recover(invoice: Invoice, amount_minor: int, *, source: str, source_id: int, at: datetime) -> None:
    """Take a part of a written-off bill, locked by the caller, back from the loss; of any other bill nothing is written off."""
    if invoice.status != Invoice.Status.UNCOLLECTIBLE or not amount_minor:
        return
    entry = ledger.Entry(
        seller_id=invoice.seller_id,
        currency=invoice.currency,
        tenant_id=invoice.tenant_id,
        source=source,
        source_id=source_id,
        kind="recovered",
        at=at,
        sides=((Kind.RECEIVABLE, amount_minor), (Kind.WRITE_OFF, -amount_minor)),
    )
    ledger.post([entry])
