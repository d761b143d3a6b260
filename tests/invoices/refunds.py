"""Bills that were paid in every way, to give money back of; and what became of it."""

from __future__ import annotations

from datetime import datetime

from billing import ledger
from invoices import checking, paying, returning
from invoices.models import Invoice, Payment, Refund
from invoices.providers import gateways
from tests import shop
from tests.invoices.at_provider import begun

PAID = shop.at("2026-02-03 10:00")
ASKED = shop.at("2026-02-10 09:00")
SENT = shop.at("2026-02-10 09:01")


def paid_at_provider(
    bill: Invoice, method: str = "alipay", *, amount: int | None = None, at: datetime = PAID
) -> Payment:
    """Let a bill, or a part of it, be paid at a provider."""
    payment = begun(bill, method=method, bills={bill.pk: amount}, at=at)
    report = gateways.gateway_for(payment.seller, payment.provider).pay(payment.reference, at=at)
    return paying.settle(payment.pk, report, at=at)


def fresh(row):
    row.refresh_from_db()
    return row


def said(rows) -> list[tuple[str, str, str, int]]:
    """Return (way, to, state, amount) of refunds, in their order."""
    return [
        (row.payment.method if row.payment else "", row.to, row.status, row.amount_minor) for row in map(fresh, rows)
    ]


def send(at: datetime = SENT) -> int:
    """Send what is due, and prove the books."""
    called = returning.send(at=at)
    assert not list(checking.faults())
    return called


def held(bill: Invoice, kind: str) -> int:
    """Return what stands on a page of the customer's (or of the seller's cash), debits less credits."""
    tenant = bill.tenant_id if kind in ledger.OF_A_TENANT else None
    return ledger.balance(seller_id=bill.seller_id, currency="CNY", kind=kind, tenant_id=tenant)


def provider_of(row: Refund):
    """Return the simulated gateway that a refund goes through."""
    assert row.payment
    return gateways.gateway_for(row.seller, row.payment.provider)
