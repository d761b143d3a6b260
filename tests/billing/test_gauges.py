"""Levels above what is paid for: seats in use and storage reported as gauges, priced by the plan's rule."""

from decimal import Decimal

import pytest

from billing import closing, defining
from billing.models import Charge
from tenants.errors import Invalid
from tests import shop
from tests.billing.changes import SEAT, plan, seats

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["max", "latest", "time_weighted"])
def gauge(request, qingyu):
    meter = {"code": "in_use", "aggregation": request.param, "recurring": True, "value": "", "unit": "人"}
    defining.define_meters(qingyu, [meter], at=shop.OPENED)
    return request.param


OVER = {
    "code": "over",
    "kind": "usage",
    "meter": "in_use",
    "above": "seat",
    "model": "per_unit",
    "unit_amount": "30.00",
}


def test_it_charges_what_a_level_is_above_the_paid_quantity(qingyu, gauge):
    acme = shop.subscribe(
        shop.tenant(), plan(qingyu, "team", SEAT, OVER), "2026-01-01", quantities={"seat": Decimal(5)}
    )
    closing.close([acme.pk], at=shop.at("2026-01-01 09:00"))
    # Eight people for the eleven days from 11 January on, then six until the end: ten days.
    for quantity, day in (("5", "2026-01-01"), ("8", "2026-01-11"), ("6", "2026-01-22")):
        shop.use(acme.tenant, quantity, f"{day} 00:00", meter="in_use", key=day)
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    over = Charge.objects.get(code="over")
    # In mean (5 × 10 + 8 × 11 + 6 × 10) ÷ 31 = 6.3870967742.
    wanted = {"max": ("3", 90_00), "latest": ("1", 30_00), "time_weighted": ("1.3870967742", 41_61)}
    assert (f"{over.quantity.normalize():f}", over.amount_minor) == wanted[gauge]
    assert over.details["paid"] == "5"


def test_it_counts_the_most_that_was_paid_for_in_the_period(qingyu, gauge):
    acme = shop.subscribe(
        shop.tenant(), plan(qingyu, "team", SEAT, OVER), "2026-01-01", quantities={"seat": Decimal(5)}
    )
    closing.close([acme.pk], at=shop.at("2026-01-01 09:00"))
    shop.use(acme.tenant, "8", "2026-01-01 00:00", meter="in_use", key="a")
    seats(acme, "8", "2026-01-20 10:00")
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    assert Charge.objects.get(code="over").amount_minor == 0


def test_it_refuses_a_price_above_nothing(qingyu, gauge):
    with pytest.raises(Invalid) as refused:
        plan(qingyu, "team", OVER)
    assert refused.value.field == "plan.prices[0].above"
