"""Looking first, agreeing second: what was shown is what is done, or nothing is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import Change, Redemption
from invoices import checkout, confirming, wishes
from invoices.models import Invoice
from tests import shop
from tests.billing.changes import ANALYTICS, SEAT, base, plan

pytestmark = pytest.mark.django_db
NOON = shop.at("2026-01-16 12:00")


@pytest.fixture
def small(qingyu):
    return plan(qingyu, "small", base("310.00"), SEAT, ANALYTICS)


@pytest.fixture
def acme(qingyu, small):
    """Three seats from 1 January on: 310.00 + 3 × 20.00, billed."""
    made = shop.subscribe(shop.tenant(), small, "2026-01-01", quantities={"seat": Decimal(3)})
    shop.bill("2026-01-01 10:00")
    return made


def wish(**said: str) -> wishes.Wish:
    return wishes.read(said)


def test_it_shows_what_more_seats_cost_and_does_exactly_that(acme):
    five = wish(do="set_quantity", price="seat", quantity="5")
    offer = confirming.look(acme, five, at=NOON, by=None)
    # Two more seats for 16 of 31 days: round(100.00 × 16 ÷ 31) − round(60.00 × 16 ÷ 31) = 51.61 − 30.97.
    assert offer.papers.total_minor == 2064
    assert (offer.next_before.total_minor, offer.next_after.total_minor) == (37000, 41000)
    assert str(offer.next_after.on) == "2026-02-01"
    assert not Change.objects.exists()
    done = confirming.confirm(acme, five, offer.held, at=NOON + timedelta(minutes=5), by=None)
    assert Invoice.objects.get(pk__in=done.invoices).total_minor == 2064
