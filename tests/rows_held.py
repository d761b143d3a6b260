"""Rows of bills that are held, for `tests.rows.furnish`."""

from __future__ import annotations

from datetime import date, datetime

from billing.models import Subscription
from invoices import models as invoices
from tenants.models import User


def held(invoice: invoices.Invoice, at: datetime) -> None:
    """A draft that is held until somebody agrees."""
    side = {"tenant": invoice.tenant, "seller": invoice.seller, "currency": "CNY", "charge_on": date(2026, 3, 9)}
    draft = invoices.Invoice.objects.create(**side, zone="UTC", language="en", created_at=at)
    far = {"code": "", "name": "", "name_en": "", "why": "above", "first": "2026-02-01", "last": "2026-02-28"}
    far |= {"amount_minor": 9, "usual_minor": 1, "spread_minor": 1, "highest_minor": 2, "spreads": "8", "periods": 3}
    sums = {"subtotal_minor": 9, "total_minor": 9, "held_at": at, "examined_at": at}
    invoices.BillHold.objects.create(**side, invoice=draft, pays="manual", reasons=[far], **sums)


def judged(invoice: invoices.Invoice, at: datetime) -> None:
    """Advice on a contract, a figure of ten customers, and what somebody said."""
    contract = Subscription.objects.earliest("pk")
    days = {"day": date(2026, 3, 1), "first": date(2026, 2, 1), "end": date(2026, 3, 1)}
    whose = {"tenant": invoice.tenant, "subscription": contract}
    plan = {"name": "Standard", "total_minor": 5}
    invoices.PlanAdvice.objects.create(**whose, **days, currency="CNY", billed_minor=5, plans=[plan])
    like = {"family": contract.family, "band": "none", "measure": "month", "currency": "CNY"}
    invoices.PeerFigure.objects.create(**like, customers=10, deciles=list(range(9)), at=at)
    somebody = User.objects.earliest("pk")
    invoices.Survey.objects.create(tenant=invoice.tenant, occasion="quarter:2026-1", score=5, by=somebody, at=at)
