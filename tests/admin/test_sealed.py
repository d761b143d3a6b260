"""Documents, ledger, charges, events, audit and notices are read only on the pages: nobody adds, changes or deletes them."""

import pytest
from django.contrib import admin
from django.urls import reverse

from billing.models import (
    Acceptance,
    Account,
    BillingPeriod,
    Charge,
    LedgerTransaction,
    NegotiatedPrice,
    Posting,
    Subscription,
    SubscriptionItem,
)
from invoices.models import (
    Allocation,
    BillingRun,
    CreditNote,
    CreditNoteLine,
    CustomerImport,
    Document,
    Invoice,
    InvoiceLine,
    NumberSeries,
    Parked,
    Payment,
)
from tenants.models import ApiKey, AuditEntry, Authorisation, Delivery, IdempotencyKey, Member, Notice
from usage.models import UsageCounter, UsageEvent, UsageImport, UsageMember

SEALED = [Account, Acceptance, BillingPeriod, Charge, LedgerTransaction, NegotiatedPrice, Posting, Subscription]
SEALED += [SubscriptionItem, Allocation, BillingRun, CreditNote, CreditNoteLine, CustomerImport, Document, Invoice]
SEALED += [InvoiceLine, NumberSeries, Parked, Payment, ApiKey, AuditEntry, Authorisation, Delivery, IdempotencyKey]
SEALED += [Member, Notice, UsageCounter, UsageEvent, UsageImport, UsageMember]


@pytest.mark.parametrize("model", SEALED, ids=lambda model: model.__name__)
def test_it_offers_no_add_change_or_delete(rf, operator, model):
    request = rf.get("/")
    request.user = operator
    table = admin.site._registry[model]
    allowed = [
        table.has_add_permission(request),
        table.has_change_permission(request),
        table.has_delete_permission(request),
    ]
    assert allowed == [False, False, False]
    assert "delete_selected" not in table.get_actions(request)


def test_it_refuses_a_change_sent_by_hand(desk, world):
    page = reverse("admin:invoices_invoice_change", args=[world.bill.pk])
    assert desk.post(page, {"total_minor": "1"}).status_code == 403
    assert desk.post(reverse("admin:invoices_invoice_delete", args=[world.bill.pk]), {"post": "yes"}).status_code == 403
    assert desk.get(reverse("admin:invoices_invoice_add")).status_code == 403


def test_it_writes_amounts_as_money(desk, world):
    text = desk.get(reverse("admin:invoices_invoice_change", args=[world.bill.pk])).content.decode()
    # 99.00 agreed for the base + 3 seats at 20.00
    assert "¥159.00" in text
    assert "15900" not in text
