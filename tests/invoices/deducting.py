"""A customer who is charged by deduction, and days that go by: announce, deliver, bill."""

from __future__ import annotations

from billing import wallets
from billing.money import Money
from invoices import announcing, checking
from invoices.models import ChargeNotice, Invoice, Payment
from tests import shop

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
MESSAGES = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}


def top_up(who, sold_by, amount, when, *, gift=False):
    wallets.top_up_by_hand(
        who,
        seller=sold_by,
        amount=Money.of(amount, "CNY"),
        reason="预存",
        key=f"{when} {amount}",
        at=shop.at(when),
        by=None,
        gift=gift,
    )


def deliver(when):
    """Let all that was announced arrive at a local time."""
    for notice in ChargeNotice.objects.filter(delivered_at=None):
        announcing.delivered(notice, at=shop.at(when))


def tick(when, *, arrives=True):
    """Let everything happen that is due at a local time; what is announced arrives at once."""
    announcing.announce(at=shop.at(when))
    if arrives:
        deliver(when)
    shop.bill(when)
    if arrives:
        deliver(when)
    assert not list(checking.faults())


def days(first, last, **how):
    """Tick at midnight of each day of a month, both included: days("2026-02-01", "2026-02-28")."""
    month = first[:8]
    for day in range(int(first[8:]), int(last[8:]) + 1):
        tick(f"{month}{day:02d} 00:00", **how)


def holds(who):
    """Return what the customer's wallet holds, in minor units."""
    return sum(wallet.total_minor for wallet in who.wallets.all())


def notices():
    """Return (of, due day, local day and hour of the deduction, ceiling, total) of all notices, in order."""
    return [
        (
            n.of,
            str(n.due_on),
            n.charge_at and f"{n.charge_at.astimezone(shop.SHANGHAI):%m-%d %H:%M}",
            n.ceiling_minor,
            n.total_minor,
        )
        for n in ChargeNotice.objects.order_by("pk")
    ]


def payments():
    """Return (local day and hour, basis, state, amount) of all payments, in order."""
    return [
        (f"{p.received_at.astimezone(shop.SHANGHAI):%m-%d %H:%M}", p.basis, p.status, p.amount_minor)
        for p in Payment.objects.order_by("pk")
    ]


def states():
    """Return (state, total, local day due) of all bills, in order."""
    return [(i.status, i.total_minor, i.due_on and f"{i.due_on:%m-%d}") for i in Invoice.objects.order_by("pk")]
