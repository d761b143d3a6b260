"""A customer with a calm history, and a month that is far from it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from invoices import announcing
from invoices.models import BillHold, ChargeNotice, Invoice
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, top_up

LIMITS = {"hold_factor": Decimal(5), "hold_least_minor": 100_00}


def watch(sold_by, **limits):
    """Let a seller hold what is far from usual."""
    for name, value in (LIMITS | limits).items():
        setattr(sold_by, name, value)
    sold_by.save()


def months(first, last):
    """Bill the firsts of months of 2026, both included."""
    for month in range(first, last + 1):
        shop.bill(f"2026-{month:02d}-01 00:00")


def calm(who, quantity="2000", *, first=1, last=4, step=shop.bill):
    """Use about as much in each of these months of 2026."""
    for month in range(first, last + 1):
        shop.use(who, str(int(quantity) + month), f"2026-{month:02d}-10 10:00")
        step(f"2026-{month + 1:02d}-01 00:00")


def planted(sold_by, who, *, pays="manual", quantity="20000"):
    """Four calm months of 100.00 of messages, and a fifth of ten times as much; return the hold."""
    watch(sold_by)
    step = shop.bill
    if pays == "wallet":
        top_up(who, sold_by, "9000.00", "2025-12-30 09:00")
        step = announced
    shop.subscribe(who, shop.plan(sold_by, [BASE, MESSAGES]), "2026-01-01", pays=pays)
    shop.bill("2026-01-01 00:00")
    calm(who, step=step)
    shop.use(who, quantity, "2026-05-10 10:00", key="the-odd-one")
    step("2026-06-01 00:00")
    return BillHold.objects.get()


def announced(when):
    """Bill a first of a month that was announced a week before."""
    day = shop.at(when)
    announcing.announce(at=day - timedelta(days=7))
    for notice in ChargeNotice.objects.filter(delivered_at=None):
        announcing.delivered(notice, at=day - timedelta(days=7))
    shop.bill(when)


def drafts():
    return Invoice.objects.filter(status="draft")
