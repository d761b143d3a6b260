"""One row in each table of corporate transfers and of reconciliation, for `rows.furnish`."""

from __future__ import annotations

from datetime import datetime

from invoices import models as invoices


def at_the_bank(payment: invoices.Payment, now: datetime) -> None:
    """A code, a payer, a file with a credit that waits, a claim; a statement whose line agrees, and what it lacks."""
    tenant, seller, today = payment.tenant, payment.seller, now.date()
    invoices.RemittanceCode.objects.create(
        tenant=tenant, seller=seller, code="34679ABW", virtual_account="99990000", made_at=now
    )
    invoices.KnownPayer.objects.create(tenant=tenant, position=1, name="集团", declaration="d", added_at=now)
    ours = {"seller": seller, "account": "5719", "currency": "CNY"}
    file = invoices.BankFile.objects.create(**ours, file_name="b.csv", sha256="-", status="imported", at=now)
    credit = {"amount_minor": 100, "received_at": now, "recorded_at": now, "payer_account": "*5678"}
    invoices.BankCredit.objects.create(**ours, **credit, file=file, line=2, reference="b1")
    settled = {"state": "matched", "settled_at": now}
    found = invoices.BankCredit.objects.create(
        **ours, **credit, **settled, reference="b2", tenant=tenant, payment=payment
    )
    claim = {"tenant": tenant, "seller": seller, "currency": "CNY", "amount_minor": 1, "paid_on": today, "made_at": now}
    invoices.TransferClaim.objects.create(**claim, key="k", payer_name="p", last_digits="5678")
    invoices.TransferClaim.objects.create(**claim, **settled, key="k2", payer_name="p", credit=found)
    compared(payment, now)


def compared(payment: invoices.Payment, now: datetime) -> None:
    """A day with a line that agrees, and a payment and a refund that the statement has not."""
    day = {"seller": payment.seller, "provider": "alipay", "day": now.date(), "currency": "CNY"}
    statement = invoices.StatementFile.objects.create(**day, sha256="-", lines=1, fetched_at=now)
    moved = {"file": statement, "amount_minor": 100, "at": now}
    invoices.StatementRow.objects.create(**moved, line=1, provider_number="n", payment=payment, state="matched")
    missing = {"state": "missing_there", "difference": "missing_there"}
    invoices.StatementRow.objects.create(**moved, **missing, payment=payment)
    invoices.StatementRow.objects.create(**moved, **missing, refunded=invoices.Refund.objects.first(), refund=True)
    invoices.ReconciledDay.objects.create(**day, compared_at=now)
