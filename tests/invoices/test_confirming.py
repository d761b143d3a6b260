"""Looking first, agreeing second: what was shown is what is done, or nothing is."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from billing import discounts
from billing.models import Change, Redemption
from invoices import confirming, wishes
from invoices.models import Invoice
from tenants.errors import Invalid
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


def test_a_price_by_the_second_is_held_as_it_was_shown(qingyu):
    """Five minutes later two seats would cost less; what counts is the moment of the price that was shown."""
    fast = plan(qingyu, "fast", base("310.00"), SEAT, proration="second")
    acme = shop.subscribe(shop.tenant(), fast, "2026-01-01", quantities={"seat": Decimal(3)})
    shop.bill("2026-01-01 10:00")
    five, later = wish(do="set_quantity", price="seat", quantity="5"), NOON + timedelta(minutes=5)
    offer = confirming.look(acme, five, at=NOON, by=None)
    done = confirming.confirm(acme, five, offer.held, at=later, by=None)
    assert Invoice.objects.get(pk__in=done.invoices).total_minor == offer.papers.total_minor
    assert Change.objects.get().effective_at == NOON


def test_nothing_is_held_over_a_bill_that_fell_due_meanwhile(qingyu):
    fast = plan(qingyu, "fast", base("310.00"), SEAT, proration="second")
    acme = shop.subscribe(shop.tenant(), fast, "2026-01-01", quantities={"seat": Decimal(3)})
    shop.bill("2026-01-01 10:00")
    five, evening = wish(do="set_quantity", price="seat", quantity="5"), shop.at("2026-01-31 23:55")
    offer = confirming.look(acme, five, at=evening, by=None)
    with pytest.raises(confirming.StalePreview, match="no longer come out"), translation.override("en"):
        confirming.confirm(acme, five, offer.held, at=shop.at("2026-02-01 00:05"), by=None)
    assert not Change.objects.exists()


def test_a_waiting_change_says_the_next_bill_of_the_new_plan(acme, qingyu):
    plan(qingyu, "tiny", base("100.00"), SEAT)
    offer = confirming.look(acme, wish(do="change_plan", plan="tiny"), at=NOON, by=None)
    assert (offer.papers.total_minor, offer.papers.change.status) == (0, "scheduled")
    assert (offer.next_before.total_minor, offer.next_after.total_minor) == (37000, 16000)


def test_cancelling_at_once_gives_back_what_the_plan_refunds(qingyu):
    fair = plan(qingyu, "fair", base("310.00"), SEAT, refund="pro_rata")
    acme = shop.subscribe(shop.tenant(), fair, "2026-01-01", quantities={"seat": Decimal(3)})
    shop.bill("2026-01-01 10:00")
    offer = confirming.look(acme, wish(do="cancel", when="now"), at=NOON, by=None)
    # The day of the cancellation is used: 15 of 31 days of 370.00 are left, 150.00 and 29.03.
    assert offer.papers.credited_minor == 17903
    assert offer.next_after is None


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"do": "fly"}, "do"),
        ({}, "do"),
        ({"do": "add_module"}, "price"),
        ({"do": "cancel", "plan": "x"}, "plan"),
        ({"do": "set_quantity", "price": "seat", "quantity": "a lot"}, "quantity"),
        ({"do": "redeem", "coupon": "x" * 101}, "coupon"),
        ({"do": "redeem", "coupon": "a\x00b"}, "coupon"),
    ],
)
def test_a_wish_names_what_is_wrong_with_it(said, where):
    with pytest.raises(Invalid) as refused:
        wishes.read(said)
    assert refused.value.field == where


def test_a_coupon_is_looked_at_and_kept_only_when_confirmed(acme, qingyu):
    discounts.define(qingyu, {"code": "TEN", "percent": "10"}, at=shop.OPENED, by=None)
    ten = wish(do="redeem", coupon="ten")
    offer = confirming.look(acme, ten, at=NOON, by=None)
    assert (offer.next_before.total_minor, offer.next_after.total_minor) == (37000, 33300)
    assert not Redemption.objects.exists()
    assert confirming.confirm(acme, ten, offer.held, at=NOON, by=None).change is None
    assert Redemption.objects.get().coupon.code == "TEN"
