"""A provider for tests that behaves as it is told, and a customer with a bill who pays there."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from billing import defining
from invoices import paying
from invoices.models import Invoice, Payment
from invoices.providers import gateways
from invoices.providers.simulated import Behaviour, Simulation
from tests import shop, shopping
from tests.invoices.deducting import tick

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
NOW = shop.at("2026-02-03 10:00")


@contextmanager
def simulated(behaviour: str = "wait"):
    """Let all payments go to a simulated provider."""
    simulation = Simulation(default=Behaviour(behaviour))
    with gateways.using(simulation):
        yield simulation


def sold():
    """Return a seller with the usual meters."""
    sold_by = shop.seller()
    defining.define_meters(sold_by, shopping.METERS, at=shop.OPENED)
    return sold_by


def billed(sold_by, code: str = "acme", *, plans: int = 1) -> list[Invoice]:
    """Return the open bills of 199.00 of a new customer, one for each plan."""
    who = shop.tenant(code)
    for n in range(plans):
        version = shop.plan(sold_by, [BASE], code=f"plan-{code}-{n}")
        shop.subscribe(who, version, "2026-02-01", pays="manual", label=f"{n}")
        shop.bill(f"2026-02-0{n + 1} 00:00")
    return shop.bills(who)


def deductible(sold_by) -> Invoice:
    """Return a bill of 199.00 that is deducted from the balance since 5 February, and could not be: it is empty."""
    who = shop.tenant("acme")
    shop.subscribe(who, shop.plan(sold_by, [BASE]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    shop.bill("2026-02-05 00:00")
    (bill,) = shop.bills(who)
    return bill


@pytest.fixture
def simulation():
    """Payments go to a provider that leaves them waiting."""
    with simulated() as made:
        yield made


@pytest.fixture
def bill(simulation):
    """An open bill of 199.00."""
    (made,) = billed(sold())
    return made


def intend(*bills: Invoice, method="alipay", product="qr", at=NOW, **more) -> Payment:
    """Intend a payment of all that these bills owe."""
    (first, *_rest) = bills
    asked = {"bills": {bill.pk: None for bill in bills}} | more
    return paying.intend(
        first.tenant, seller=first.seller, currency="CNY", method=method, product=product, at=at, by=None, **asked
    )


def begun(*bills: Invoice, at=NOW, **more) -> Payment:
    """Begin a payment of these bills; return it as it stands in the database."""
    return paying.begin(intend(*bills, at=at, **more), at=at)


def gateway(payment: Payment):
    """Return the simulated gateway of a payment."""
    return gateways.gateway_for(payment.seller, payment.provider)


def again(row):
    """Return the row as it stands in the database now."""
    row.refresh_from_db()
    return row
