"""Agreed, at the same moment: a withdrawal beside a deduction, two bills under what is left of one month."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from billing import defining
from invoices import allowing, collection, debiting
from invoices.allowing import Held
from invoices.models import Invoice, Payment
from tenants import agreements
from tests import shop, shopping
from tests.invoices.agreed import brought, called
from tests.invoices.at_provider import simulated
from tests.invoices.deducting import BASE, deliver, holds, tick, top_up
from tests.invoices.test_quoting_at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
DUE = "2026-02-05 10:00"


def bought(**limits):
    """Return (customer, authorisation): bills of 199.00 that may be deducted from the balance on 5 February."""
    sold_by = shop.seller()
    defining.define_meters(sold_by, shopping.METERS, at=shop.OPENED)
    who = shop.tenant()
    top_up(who, sold_by, "1000.00", "2026-01-30 09:00")
    shop.subscribe(who, shop.plan(sold_by, [BASE]), "2026-01-31", pays="wallet", renews=False)
    tick("2026-01-31 10:00")
    # The run finds no consent yet, and leaves the bill open.
    shop.bill(DUE)
    assert Invoice.objects.get().status == "open"
    said = {"text": "t", "text_version": "1", "at": shop.at("2026-01-31 09:30"), "by": None}
    return who, agreements.authorise(who, seller=sold_by, **said, **limits)


def test_it_refuses_a_deduction_beside_a_withdrawal():
    """A member withdraws while the run deducts; either it was taken before, or nothing is: never after."""
    who, yes = bought()
    at = shop.at(DUE)
    answers = at_once(lambda: collection.collect(at=at), lambda: agreements.withdraw(yes, at=at, by=None))
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    taken = Payment.objects.filter(status="succeeded").count()
    assert holds(who) == 1000_00 - 199_00 * taken
    assert collection.collect(at=at).paid == 0


def test_it_refuses_a_deduction_that_waited_for_a_withdrawal():
    """The run found the consent in force, and it is withdrawn before the row is written; the lock makes it look again."""
    who, yes = bought()
    found, withdrawn = Event(), Event()
    at = shop.at(DUE)

    def withdraw():
        with transaction.atomic():
            agreements.withdraw(yes, at=at, by=None)
            found.set()
            withdrawn.wait(5)
        connection.close()

    def collect():
        found.wait(10)
        withdrawn.set()
        try:
            return collection.collect(at=at)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(withdraw)
        done = pool.submit(collect).result(timeout=30)
    assert (done.paid, done.held) == (0, 1)
    assert holds(who) == 1000_00
    assert allowing.right(Invoice.objects.get(), at=at) == Held("no_authorisation")


def test_it_refuses_the_second_of_two_bills_under_one_month():
    """Two writers deduct 199.00 each, at once, under a ceiling of 300.00 a month; the second waits, counts, and is refused."""
    who, yes = bought(per_month_minor=300_00)
    (bill,) = Invoice.objects.filter(status="open")
    at, ready = shop.at(DUE), Barrier(2)
    right = allowing.right(bill, at=at)
    assert not isinstance(right, Held)

    def write(amount):
        try:
            with transaction.atomic():
                ready.wait(10)
                Payment.objects.create(
                    tenant=who,
                    seller=bill.seller,
                    currency="CNY",
                    amount_minor=amount,
                    method="wallet",
                    provider="wallet",
                    reference=f"r{amount}",
                    basis="confirmed",
                    status="succeeded",
                    invoice=bill,
                    authorisation=yes,
                    received_at=at,
                    recorded_at=at,
                )
            return "taken"
        except Exception as refusal:  # what the database said
            return str(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(write, [198_00, 199_00]), key=len)
    assert answers[0] == "taken"
    assert "above the ceiling of the month" in answers[1]
    assert Payment.objects.filter(status="succeeded").count() == 1


def test_it_refuses_to_call_for_a_debit_that_was_withdrawn_meanwhile():
    """A debit is intended, the member withdraws, the worker goes on; the provider is never called."""
    with simulated("approve"):
        sold_by = shop.seller()
        defining.define_meters(sold_by, shopping.METERS, at=shop.OPENED)
        who = shop.tenant()
        mandate = brought(who, sold_by)
        shop.subscribe(who, shop.plan(sold_by, [BASE]), "2026-01-31", pays="mandate")
        tick("2026-01-31 00:00")
        deliver("2026-01-31 00:00")
        shop.bill("2026-02-05 07:00")
        at = shop.at("2026-02-05 07:00")
        intended = debiting._intend(Invoice.objects.get().pk, mandate.pk, at, again=False, any_hour=False)
        assert intended.uses.get().amount_minor == 199_00
        agreements.withdraw(mandate.authorisation, at=at, by=None)
        debiting.debit(at=at)
        assert called(mandate, "debit") == 0
        assert Payment.objects.get().status == "failed"
        assert Invoice.objects.get().status == "open"
