"""Cancellation and pause, and what waits under them: each line reckoned by hand (CONTRACTS rules 3, 4 and 7)."""

from datetime import date
from decimal import Decimal

import pytest

from billing import changing, closing, subscriptions
from billing.models import Change, Charge, Subscription
from tenants.errors import WrongState
from tests import shop
from tests.billing.changes import MESSAGES, SEAT, base, change, plan, seats, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(qingyu):
    return plan(qingyu, "small", base("310.00"), MESSAGES)


@pytest.fixture
def large(qingyu):
    return plan(qingyu, "large", base("620.00"), MESSAGES | {"unit_amount": "0.04"})


def start(version, on: str = "2026-01-01", **more) -> Subscription:
    made = shop.subscribe(shop.tenant(), version, on, **more)
    closing.close([made.pk], at=shop.at(f"{on} 09:00"))
    made.refresh_from_db()
    return made


def close(subscription: Subscription, when: str) -> Subscription:
    closing.close([subscription.pk], at=shop.at(when))
    subscription.refresh_from_db()
    return subscription


def test_it_withdraws_what_waits(small, large):
    acme = start(large)
    change(acme, small, "2026-01-11 15:00")
    changing.cancel(acme, at=shop.at("2026-01-12 10:00"), by=None)
    changing.keep(acme, at=shop.at("2026-01-13 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    assert (acme.plan.code, acme.status, acme.cancelled_at) == ("large", "active", None)
    with pytest.raises(WrongState):
        changing.keep(acme, at=shop.at("2026-02-02 10:00"), by=None)


def test_it_ends_with_the_term_when_cancelled(small):
    acme = start(small)
    changing.cancel(acme, at=shop.at("2026-01-12 10:00"), by=None)
    assert close(acme, "2026-02-01 00:00").status == "ended"
    assert len(shown(acme)) == 1


def test_a_cancellation_outlives_a_change_of_plan(small, large):
    acme = start(small)
    changing.cancel(acme, at=shop.at("2026-01-12 10:00"), by=None)
    change(acme, large, "2026-01-20 10:00")
    close(acme, "2026-02-01 00:00")
    assert (acme.status, acme.plan.code) == ("ended", "large")


@pytest.mark.parametrize(("refund", "credit"), [("pro_rata", [-200_00]), ("none", [])])
def test_it_ends_at_once_when_cancelled_now(qingyu, refund, credit):
    # The 11th is used: 20 of 31 days are left, 310 × 20 ÷ 31 = 200.
    acme = start(plan(qingyu, "one", base("310.00"), MESSAGES, refund=refund))
    shop.use(acme.tenant, "1200", "2026-01-11 20:00")
    made = changing.cancel(acme, when="now", at=shop.at("2026-01-11 15:00"), by=None)
    assert (
        [line[5] for line in shown(acme, reason="change")]
        == credit
        == [Charge.objects.get(pk=pk).amount_minor for pk in made.charges]
    )
    acme.refresh_from_db()
    assert acme.status == "ended"
    close(acme, "2026-01-12 00:00")
    assert shown(acme)[-1] == ("messages", "period", "2026-01-01", "2026-01-12", "200", 10_00)
    assert close(acme, "2026-03-01 00:00").next_at is None
    assert len([line for line in shown(acme) if line[1] == "period"]) == 2


def test_it_bills_nothing_while_paused(small):
    acme = start(small)
    changing.pause(acme, at=shop.at("2026-01-12 10:00"), by=None)
    assert close(acme, "2026-02-01 00:00").status == "paused"
    close(acme, "2026-04-15 00:00")
    assert len([line for line in shown(acme) if line[0] == "base"]) == 1
    assert Change.objects.get(kind="pause").status == "applied"


def test_it_charges_the_rest_of_the_running_period_after_a_pause(small):
    acme = start(small)
    changing.pause(acme, at=shop.at("2026-01-12 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    made = changing.resume(acme, at=shop.at("2026-03-22 18:00"), by=None)
    # 10 of March's 31 days are left: 100.00; then whole months from the old anchor.
    assert [str(Charge.objects.get(pk=pk).service_start_on) for pk in made.charges if _worth(pk)] == ["2026-03-22"]
    close(acme, "2026-04-01 00:00")
    assert [line[2:] for line in shown(acme) if line[0] == "base"][1:] == [
        ("2026-03-22", "2026-04-01", "1", 100_00),
        ("2026-04-01", "2026-05-01", "1", 310_00),
    ]


def _worth(pk: int) -> int:
    return Charge.objects.get(pk=pk).amount_minor


def test_it_withdraws_a_pause_that_has_not_begun(small):
    acme = start(small)
    changing.pause(acme, at=shop.at("2026-01-12 10:00"), by=None)
    assert changing.resume(acme, at=shop.at("2026-01-20 10:00"), by=None).charges == []
    assert close(acme, "2026-02-01 00:00").status == "active"
    assert Change.objects.get(kind="pause").status == "withdrawn"


def test_it_ends_while_paused_where_nothing_renews(qingyu):
    acme = start(plan(qingyu, "one", base("310.00"), term="quarter"), renews=False)
    changing.pause(acme, at=shop.at("2026-01-12 10:00"), by=None)
    assert close(acme, "2026-02-01 00:00").status == "paused"
    assert close(acme, "2026-04-01 00:00").status == "ended"


def test_it_ends_before_it_began(small):
    acme = shop.subscribe(shop.tenant(), small, "2026-03-01")
    Subscription.objects.filter(pk=acme.pk).update(status="pending")
    changing.cancel(acme, when="now", at=shop.at("2026-02-01 10:00"), by=None)
    acme.refresh_from_db()
    assert acme.status == "ended"
    close(acme, "2026-05-01 00:00")
    assert shown(acme) == []
    # The product is free to be bought again.
    subscriptions.start_one(
        subscriptions.Order(tenant=acme.tenant, version=small, start_on=acme.start_on),
        at=shop.at("2026-02-02 10:00"),
        by=None,
    )


def test_it_goes_on_under_a_new_term_that_a_cancellation_ends(qingyu, small):
    quarterly = plan(qingyu, "quarterly", base("299.00"), term="quarter")
    acme = start(small, "2026-04-01")
    changing.cancel(acme, at=shop.at("2026-04-10 10:00"), by=None)
    change(acme, quarterly, "2026-04-21 10:00")
    close(acme, "2026-07-01 00:00")
    assert [line[2] for line in shown(acme, reason="period")] == ["2026-04-01", "2026-05-01", "2026-06-01"]
    assert (acme.status, Change.objects.get(kind="cancel").status) == ("ended", "applied")


def test_it_keeps_seats_that_were_added_under_a_cancellation(qingyu):
    acme = start(plan(qingyu, "team", SEAT), quantities={"seat": Decimal(1)})
    changing.cancel(acme, at=shop.at("2026-01-10 10:00"), by=None)
    seats(acme, "3", "2026-01-11 10:00")
    changing.keep(acme, at=shop.at("2026-01-12 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    assert shown(acme)[-1][4:] == ("3", 60_00)


@pytest.mark.parametrize(("interval", "held"), [("month", "5"), ("year", "3")])
def test_seats_that_are_leaving_leave_under_another_plan(qingyu, interval, held):
    one = plan(qingyu, "one", SEAT)
    two = plan(qingyu, "two", SEAT | {"unit_amount": "310.00"}, interval=interval, term=interval)
    acme = start(one, quantities={"seat": Decimal(5)})
    seats(acme, "3", "2026-01-10 10:00")
    lines = change(acme, two, "2026-01-21 10:00")
    assert lines[-1][4] == held
    close(acme, "2026-02-01 00:00")
    assert Change.objects.filter(kind="quantity", status="scheduled").count() == 0
    if interval == "month":
        assert shown(acme)[-1] == ("seat", "period", "2026-02-01", "2026-03-01", "3", 930_00)


def test_it_keeps_what_has_left_out(qingyu):
    acme = start(plan(qingyu, "team", SEAT), quantities={"seat": Decimal(5)})
    seats(acme, "3", "2026-01-10 10:00")
    close(acme, "2026-02-01 00:00")
    with pytest.raises(WrongState):
        changing.keep(acme, at=shop.at("2026-02-02 10:00"), by=None)


def test_usage_of_a_cancellation_by_the_second_is_asked_for_that_day(qingyu):
    acme = start(plan(qingyu, "one", base("310.00"), MESSAGES, proration="second", refund="pro_rata"))
    shop.use(acme.tenant, "1200", "2026-01-05 12:00")
    changing.cancel(acme, when="now", at=shop.at("2026-01-16 12:00"), by=None)
    assert shown(acme)[1:] == [
        ("base", "change", "2026-01-16", "2026-02-01", "1", -155_00),
        ("messages", "period", "2026-01-01", "2026-01-17", "200", 10_00),
    ]
    assert {str(charge.due_on) for charge in Charge.objects.filter(code="messages")} == {"2026-01-16"}


def test_a_paused_subscription_that_is_cancelled_ends(small):
    acme = start(small)
    changing.pause(acme, at=shop.at("2026-01-12 10:00"), by=None)
    close(acme, "2026-04-01 00:00")
    changing.cancel(acme, at=shop.at("2026-04-11 10:00"), by=None)
    acme.refresh_from_db()
    assert acme.status == "ended"


def successor(acme, version, on="2026-02-01"):
    order = subscriptions.Order(tenant=acme.tenant, version=version, start_on=date.fromisoformat(on))
    return subscriptions.start_one(order, at=shop.at("2026-01-15 10:00"), by=None)


def test_it_refuses_to_go_on_into_its_successor(small, large):
    acme = start(small)
    changing.cancel(acme, at=shop.at("2026-01-12 10:00"), by=None)
    successor(acme, large)
    with pytest.raises(subscriptions.Overlapping):
        changing.keep(acme, at=shop.at("2026-01-16 10:00"), by=None)
    acme.refresh_from_db()
    assert acme.cancelled_at
    changing.cancel(acme, when="now", at=shop.at("2026-01-17 10:00"), by=None)


def test_a_successor_is_refused_while_a_change_of_plan_waits(qingyu, large):
    quarterly = plan(qingyu, "quarterly", base("299.00"), term="quarter")
    acme = start(large)
    change(acme, quarterly, "2026-01-11 10:00", "period_end")
    changing.cancel(acme, at=shop.at("2026-01-12 10:00"), by=None)
    with pytest.raises(subscriptions.Overlapping):
        successor(acme, large)
    assert close(acme, "2026-05-01 00:00").status == "ended"
    # The new term counts on the anchor's grid, and ends on 1 April.
    assert [line[2] for line in shown(acme)] == ["2026-01-01", "2026-02-01", "2026-03-01"]
