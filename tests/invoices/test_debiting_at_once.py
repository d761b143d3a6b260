"""Several workers debit, tell and end at the same moment: one debit, one notice to the provider, no deadlock."""

import pytest

from invoices import debiting, mandates, pretelling
from invoices.models import Mandate, MandateNotice, Payment
from tests import shop
from tests.invoices.agreed import agreed, bill, brought, called, debits, subscribed
from tests.invoices.at_provider import sold
from tests.invoices.debited import acme, simulation
from tests.invoices.test_paying_at_once import together

__all__ = ["acme", "simulation"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
OPENS = shop.at("2026-02-05 07:00")


def test_workers_debit_a_bill_once(acme, simulation):
    sold_by = sold()
    mandate = brought(acme, sold_by)
    subscribed(acme, sold_by)
    shop.bill("2026-02-05 07:00")
    done = together(simulation, *[lambda: debiting.debit(at=OPENS)] * 4)
    assert sum(one.paid for one in done) == 1
    assert debits() == [("02-05 07:00", "automatic", "succeeded", 199_00)]
    assert called(mandate, "debit") == 1


def test_an_end_beside_a_debit_leaves_no_doubt(acme, simulation):
    """Either it was debited before the end, or nothing was taken at all."""
    sold_by = sold()
    mandate = brought(acme, sold_by)
    subscribed(acme, sold_by)
    shop.bill("2026-02-05 07:00")
    together(simulation, lambda: debiting.debit(at=OPENS), lambda: mandates.end(mandate, at=OPENS, by=None) and None)
    assert Mandate.objects.get().status == "ended"
    taken = Payment.objects.filter(status="succeeded").count()
    assert taken == called(mandate, "debit")
    assert debiting.debit(at=OPENS).paid == 0
    assert bill().status in ("open", "paid")


def test_wechat_is_told_once(acme, simulation):
    sold_by = sold()
    mandate = agreed(acme, sold_by, provider="wechat")
    subscribed(acme, sold_by)
    at = shop.at("2026-02-03 07:00")
    done = together(simulation, *[lambda: pretelling.tell(at=at)] * 3)
    assert sum(done) == 1
    assert MandateNotice.objects.count() == called(mandate, "tell_of_debit") == 1
