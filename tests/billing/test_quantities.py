"""Seats and modules in mid-period: one line for more, a credit or the period's end for fewer (CONTRACTS rules 5 and 7)."""

from decimal import Decimal

import pytest

from billing import closing, quantities
from billing.models import ChargeCredit, Subscription
from tenants.errors import Invalid, WrongState
from tests import shop
from tests.billing.changes import ANALYTICS, SEAT, base, of, plan, seats, shown

pytestmark = pytest.mark.django_db


def start(version, on: str = "2026-01-01", **more) -> Subscription:
    made = shop.subscribe(shop.tenant(), version, on, **more)
    closing.close([made.pk], at=shop.at(f"{on} 09:00"))
    made.refresh_from_db()
    return made


def close(subscription: Subscription, when: str) -> Subscription:
    closing.close([subscription.pk], at=shop.at(when))
    subscription.refresh_from_db()
    return subscription


@pytest.fixture
def team(qingyu):
    return plan(qingyu, "team", base("100.00"), SEAT | {"unit_amount": "200.00"}, ANALYTICS)


@pytest.fixture
def crediting(qingyu):
    return plan(qingyu, "crediting", SEAT | {"unit_amount": "200.00"}, ANALYTICS, credit_removals=True)


def test_it_charges_more_seats_in_one_line(team):
    # From 22 January on 10 of 31 days: 5 × 200 × 10 ÷ 31 = 322.58, 3 × 200 × 10 ÷ 31 = 193.55.
    acme = start(team, quantities={"seat": Decimal(3)})
    assert seats(acme, "5", "2026-01-22 10:00") == [
        ("seat", "change", "2026-01-22", "2026-02-01", "2", 129_03),
    ]
    close(acme, "2026-02-01 00:00")
    assert ("seat", "period", "2026-02-01", "2026-03-01", "5", 1000_00) in shown(acme)


def test_it_never_charges_less_than_nothing_for_more(qingyu):
    # Ten at 10.00 are dearer than eleven at 5.00.
    tiers = [{"up_to": "10", "unit_amount": "10.00"}, {"up_to": None, "unit_amount": "5.00"}]
    acme = start(
        plan(qingyu, "banded", {"code": "seat", "kind": "seat", "model": "volume", "tiers": tiers}),
        quantities={"seat": Decimal(10)},
    )
    assert seats(acme, "11", "2026-01-22 10:00") == []
    assert seats(acme, "40", "2026-01-22 11:00") == [("seat", "change", "2026-01-22", "2026-02-01", "29", 46_78)]


def test_it_lets_fewer_seats_leave_at_the_periods_end(team):
    acme = start(team, quantities={"seat": Decimal(5)})
    assert seats(acme, "3", "2026-01-22 10:00") == []
    close(acme, "2026-02-01 00:00")
    assert ("seat", "period", "2026-02-01", "2026-03-01", "3", 600_00) in shown(acme)


def test_it_puts_a_newer_number_in_place_of_one_that_waits(team):
    acme = start(team, quantities={"seat": Decimal(5)})
    seats(acme, "3", "2026-01-22 10:00")
    seats(acme, "6", "2026-01-22 11:00")
    close(acme, "2026-02-01 00:00")
    assert [line[4:] for line in shown(acme) if line[0] == "seat"] == [("5", 1000_00), ("1", 64_52), ("6", 1200_00)]


def test_it_credits_seats_where_the_plan_says_so(crediting):
    # 600 × 1 ÷ 3 × 10 ÷ 31 = 64.52 and then, of the two that are left, (600 × 5 ÷ 31 − 64.52 × 5 ÷ 10) ÷ 2 = 32.26.
    acme = start(crediting, quantities={"seat": Decimal(3)})
    assert seats(acme, "2", "2026-01-22 10:00") == [("seat", "change", "2026-01-22", "2026-02-01", "-1", -64_52)]
    assert seats(acme, "1", "2026-01-27 10:00") == [("seat", "change", "2026-01-27", "2026-02-01", "-1", -32_26)]
    assert list(ChargeCredit.objects.order_by("pk").values_list("amount_minor", flat=True)) == [64_52, 32_26]


def test_it_gives_all_back_that_was_added_the_same_day(crediting):
    acme = start(crediting, quantities={"seat": Decimal(3)})
    seats(acme, "5", "2026-01-22 10:00")
    assert seats(acme, "3", "2026-01-22 11:00") == [("seat", "change", "2026-01-22", "2026-02-01", "-2", -129_03)]


def test_it_adds_a_module_and_lets_it_leave(team):
    acme = start(team)
    made = quantities.add_module(acme, "analytics", at=shop.at("2026-01-22 10:00"), by=None)
    # 60 × 10 ÷ 31 = 19.35
    assert of(made) == [("analytics", "change", "2026-01-22", "2026-02-01", "1", 19_35)]
    with pytest.raises(WrongState):
        quantities.add_module(acme, "analytics", at=shop.at("2026-01-22 11:00"), by=None)
    quantities.remove_module(acme, "analytics", at=shop.at("2026-01-23 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    assert [line[2] for line in shown(acme) if line[0] == "analytics"] == ["2026-01-22"]
    with pytest.raises(WrongState):
        quantities.remove_module(acme, "analytics", at=shop.at("2026-02-02 10:00"), by=None)


def test_it_credits_a_module_that_is_removed(crediting):
    acme = start(crediting, modules=["analytics"])
    made = quantities.remove_module(acme, "analytics", at=shop.at("2026-01-22 10:00"), by=None)
    assert of(made) == [("analytics", "change", "2026-01-22", "2026-02-01", "1", -19_35)]
    close(acme, "2026-02-01 00:00")
    assert len([line for line in shown(acme) if line[0] == "analytics"]) == 2


def test_it_keeps_a_module_whose_removal_was_taken_back(team):
    acme = start(team, modules=["analytics"])
    quantities.remove_module(acme, "analytics", at=shop.at("2026-01-23 10:00"), by=None)
    quantities.add_module(acme, "analytics", at=shop.at("2026-01-24 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    assert [line[2] for line in shown(acme) if line[0] == "analytics"] == ["2026-01-01", "2026-02-01"]


def test_it_charges_seats_in_arrears_by_the_days_they_were_held(qingyu):
    acme = start(
        plan(qingyu, "behind", base("1.00"), SEAT | {"unit_amount": "31.00", "timing": "arrears"}),
        quantities={"seat": Decimal(2)},
    )
    assert seats(acme, "3", "2026-01-11 10:00") == []
    close(acme, "2026-02-01 00:00")
    # 2 × 31 × 10 ÷ 31 = 20.00 and 3 × 31 × 21 ÷ 31 = 63.00
    assert [line for line in shown(acme) if line[0] == "seat"] == [
        ("seat", "period", "2026-01-01", "2026-01-11", "2", 20_00),
        ("seat", "period", "2026-01-11", "2026-02-01", "3", 63_00),
    ]


def test_it_charges_a_service_once_when_it_is_ordered(qingyu):
    training = {
        "code": "training",
        "kind": "service",
        "optional": True,
        "one_off": True,
        "model": "flat",
        "amount": "500.00",
    }
    acme = start(plan(qingyu, "helped", base("100.00"), training))
    made = quantities.add_module(acme, "training", at=shop.at("2026-01-22 10:00"), by=None)
    assert [line[5] for line in of(made)] == [500_00]
    close(acme, "2026-03-01 00:00")
    assert [line[5] for line in shown(acme)] == [100_00, 500_00, 100_00, 100_00]


@pytest.mark.parametrize(
    ("code", "quantity", "field"), [("seat", "-1", "quantity"), ("seat", "NaN", "quantity"), ("desk", "1", "price")]
)
def test_it_names_what_is_wrong(team, code, quantity, field):
    acme = start(team)
    with pytest.raises(Invalid) as refused:
        seats(acme, quantity, "2026-01-22 10:00", code)
    assert refused.value.field == field


def test_it_charges_nothing_for_seats_added_in_a_trial(qingyu):
    tried = plan(qingyu, "tried", SEAT, trial_days=14, after_trial="pays")
    acme = start(tried, quantities={"seat": Decimal(2)})
    assert seats(acme, "5", "2026-01-05 10:00") == []
    assert seats(acme, "4", "2026-01-06 10:00") == []
    close(acme, "2026-01-15 00:00")
    assert [line[4:] for line in shown(acme)] == [("4", 80_00)]


def test_data_analysis_added_in_mid_year_costs_its_days(qingyu):
    # The published case: 3,000.00 a year, from 1 July on 184 of 365 days: 1,512.33.
    analysis = ANALYTICS | {"amount": "3000.00"}
    acme = start(plan(qingyu, "modules", base("5000.00"), analysis, interval="year", term="year"))
    made = quantities.add_module(acme, "analytics", at=shop.at("2026-07-01 10:00"), by=None)
    assert of(made) == [("analytics", "change", "2026-07-01", "2027-01-01", "1", 1512_33)]
