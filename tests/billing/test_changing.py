"""Changes of plan: each line reckoned by hand beside the story (CONTRACTS rules 3 to 8)."""

from decimal import Decimal

import pytest

from billing import changing, closing, previewing
from billing.models import BillingPeriod, Change, Charge, FormerTerms, Subscription
from tenants.errors import Invalid, WrongState
from tests import shop
from tests.billing.changes import ANALYTICS, MESSAGES, SEAT, base, change, plan, shown

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


def test_it_gives_the_rest_of_the_old_plan_back_and_charges_the_rest_of_the_new_one(small, large):
    # January has 31 days; from the 11th on 21 are left: 310 × 21 ÷ 31 = 210, 620 × 21 ÷ 31 = 420.
    lines = change(start(small), large, "2026-01-11 15:00")
    assert lines == [
        ("base", "change", "2026-01-11", "2026-02-01", "1", -210_00),
        ("base", "change", "2026-01-11", "2026-02-01", "1", 420_00),
    ]


def test_it_keeps_the_anchor_of_the_same_interval(small, large):
    acme = start(small, "2026-01-31")
    change(acme, large, "2026-02-10 09:00")
    close(acme, "2026-03-31 00:00")
    days = [(str(p.start_on), str(p.end_on)) for p in BillingPeriod.objects.order_by("start")]
    assert days == [("2026-01-31", "2026-02-28"), ("2026-02-28", "2026-03-31"), ("2026-03-31", "2026-04-30")]


def test_it_rates_the_usage_after_a_change_on_top_of_what_came_before(small, large):
    acme = start(small)
    shop.use(acme.tenant, "1200", "2026-01-05 12:00")
    change(acme, large, "2026-01-11 15:00")
    # The day of the change belongs to the new plan: 300 on top of 1,200, at 0.04 each.
    shop.use(acme.tenant, "300", "2026-01-11 08:00")
    close(acme, "2026-02-01 00:00")
    usage = [line for line in shown(acme) if line[0] == "messages"]
    assert usage == [
        ("messages", "period", "2026-01-01", "2026-01-11", "200", 10_00),
        ("messages", "period", "2026-01-11", "2026-02-01", "300", 12_00),
    ]


def test_it_measures_late_usage_of_either_part_at_its_own_price(small, large):
    acme = start(small)
    change(acme, large, "2026-01-11 15:00")
    close(acme, "2026-02-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-05 12:00", key="early")
    shop.use(acme.tenant, "100", "2026-01-20 12:00", key="then")
    close(acme, "2026-03-01 00:00")
    # 500 above the allowance at 0.05; then 100 on top of 1,500 at 0.04.
    assert shown(acme, reason="late") == [
        ("messages", "late", "2026-01-01", "2026-01-11", "500", 25_00),
        ("messages", "late", "2026-01-11", "2026-02-01", "100", 4_00),
    ]


def test_it_lets_a_cheaper_plan_wait_for_the_periods_end(small, large):
    acme = start(large)
    assert change(acme, small, "2026-01-11 15:00") == []
    acme.refresh_from_db()
    assert (acme.plan.code, str(acme.changes_on)) == ("large", "2026-02-01")
    close(acme, "2026-02-01 00:00")
    assert acme.plan.code == "small"
    assert shown(acme)[-1] == ("base", "period", "2026-02-01", "2026-03-01", "1", 310_00)


@pytest.mark.parametrize("days", [["2026-05-01"], ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]])
def test_it_applies_a_change_that_waited_however_late_it_is_closed(small, large, days):
    acme = start(large)
    change(acme, small, "2026-01-11 15:00")
    for day in days:
        close(acme, f"{day} 00:00")
    assert [line[5] for line in shown(acme)] == [620_00, 310_00, 310_00, 310_00, 310_00]


def test_it_obeys_when_over_the_rule(small, large):
    acme = start(large)
    assert [line[5] for line in change(acme, small, "2026-01-11 15:00", "now")] == [-420_00, 210_00]
    assert change(acme, large, "2026-01-12 15:00", "period_end") == []


def test_it_begins_a_new_period_and_anchor_with_another_interval(qingyu, small):
    yearly = plan(qingyu, "yearly", base("3650.00"), interval="year", term="year")
    acme = start(small)
    shop.use(acme.tenant, "1200", "2026-01-05 12:00")
    lines = change(acme, yearly, "2026-01-11 15:00")
    assert lines == [
        ("base", "change", "2026-01-11", "2026-02-01", "1", -210_00),
        ("base", "change", "2026-01-11", "2027-01-11", "1", 3650_00),
    ]
    # The old period closed that day, and its arrears are a line of a period.
    assert ("messages", "period", "2026-01-01", "2026-01-11", "200", 10_00) in shown(acme)
    acme.refresh_from_db()
    assert (str(acme.anchor_on), str(acme.term_end_on)) == ("2026-01-11", "2027-01-11")


def test_it_waits_for_the_terms_end_with_a_shorter_term(qingyu, small):
    yearly = plan(qingyu, "yearly", base("3650.00"), interval="year", term="year")
    acme = start(yearly)
    assert change(acme, small, "2026-03-01 10:00") == []
    acme.refresh_from_db()
    assert str(acme.changes_on) == "2027-01-01"
    close(acme, "2027-02-01 00:00")
    assert [line[2:] for line in shown(acme)][1:] == [
        ("2027-01-01", "2027-02-01", "1", 310_00),
        ("2027-02-01", "2027-03-01", "1", 310_00),
    ]


def test_it_counts_a_longer_term_on_the_anchors_grid(qingyu, small):
    committed = plan(qingyu, "committed", base("279.00"), term="year")
    acme = start(small, "2026-01-31")
    lines = change(acme, committed, "2026-04-15 10:00")
    # The period from 31 March to 30 April has 30 days, 15 are left: 155.00 and 139.50.
    assert [line[5] for line in lines] == [-155_00, 139_50]
    acme.refresh_from_db()
    assert str(acme.term_end_on) == "2027-01-31"


def test_it_nets_several_changes_of_one_day(qingyu, small, large):
    middle = plan(qingyu, "middle", base("465.00"))
    acme = start(small)
    change(acme, middle, "2026-01-11 10:00")
    lines = change(acme, large, "2026-01-11 11:00")
    # 465 × 21 ÷ 31 = 315 comes back whole.
    assert [line[5] for line in lines] == [-315_00, 420_00]
    back = change(acme, small, "2026-01-11 12:00", "now")
    assert [line[5] for line in back] == [-420_00, 210_00]


def test_it_leaves_no_usage_line_of_an_empty_part(small, large):
    acme = start(small)
    change(acme, large, "2026-01-01 10:00")
    close(acme, "2026-02-01 00:00")
    assert Charge.objects.filter(code="messages", reason="period").count() == 1


def test_it_changes_the_rhythm_on_its_first_day(qingyu, small):
    yearly = plan(qingyu, "yearly", base("3650.00"), interval="year", term="year")
    acme = start(small)
    lines = change(acme, yearly, "2026-01-01 10:00")
    assert [line[5] for line in lines] == [-310_00, 3650_00]
    lines = change(acme, small, "2026-01-01 11:00", "now")
    assert [line[5] for line in lines] == [-3650_00, 310_00]
    close(acme, "2026-02-01 00:00")
    assert shown(acme)[-1] == ("base", "period", "2026-02-01", "2026-03-01", "1", 310_00)


def test_it_charges_nothing_for_a_change_in_a_trial(qingyu, large):
    tried = plan(qingyu, "tried", base("310.00"), trial_days=14, after_trial="pays")
    acme = start(tried)
    assert change(acme, large, "2026-01-05 10:00") == []
    acme.refresh_from_db()
    assert (acme.status, acme.plan.code, str(acme.anchor_on)) == ("trialing", "large", "2026-01-15")


def test_it_splits_by_the_second_where_the_plan_says_so(qingyu):
    one = plan(qingyu, "one", base("310.00"), proration="second")
    two = plan(qingyu, "two", base("620.00"), proration="second")
    lines = change(start(one), two, "2026-01-16 12:00")
    # Half of January is left to the second.
    assert [line[5] for line in lines] == [-155_00, 310_00]


def test_it_gives_nothing_back_without_proration(qingyu):
    one = plan(qingyu, "one", base("310.00"), proration="none")
    two = plan(qingyu, "two", base("620.00"), proration="none")
    assert [line[5] for line in change(start(one), two, "2026-01-16 12:00")] == [620_00]


def test_it_takes_seats_and_modules_along(qingyu):
    one = plan(qingyu, "one", base("31.00"), SEAT, ANALYTICS)
    two = plan(qingyu, "two", base("62.00"), SEAT | {"unit_amount": "31.00"}, ANALYTICS)
    acme = start(one, quantities={"seat": Decimal(3)}, modules=["analytics"])
    lines = change(acme, two, "2026-01-02 10:00")
    # 30 of 31 days: 30.00, 60 × 30 ÷ 31 = 58.06, 60 × 30 ÷ 31 = 58.06; then 60.00, 93 × 30 ÷ 31 = 90.00, 58.06.
    assert lines == [
        ("base", "change", "2026-01-02", "2026-02-01", "1", -30_00),
        ("seat", "change", "2026-01-02", "2026-02-01", "3", -58_06),
        ("analytics", "change", "2026-01-02", "2026-02-01", "1", -58_06),
        ("base", "change", "2026-01-02", "2026-02-01", "1", 60_00),
        ("seat", "change", "2026-01-02", "2026-02-01", "3", 90_00),
        ("analytics", "change", "2026-01-02", "2026-02-01", "1", 58_06),
    ]


def test_it_refuses_plans_that_cannot_follow(qingyu, small):
    acme = start(small)
    other = shop.plan(qingyu, [base("1.00")], code="other")
    for version in (other, small):
        with pytest.raises(Invalid) as refused:
            change(acme, version, "2026-01-11 15:00")
        assert refused.value.field == "plan"
    assert not Change.objects.exists()
    changing.cancel(acme, when="now", at=shop.at("2026-01-12 10:00"), by=None)
    with pytest.raises(WrongState):
        change(acme, plan(qingyu, "later", base("2.00")), "2026-01-13 10:00")


def test_it_puts_a_newer_wish_in_place_of_the_older_one(qingyu, small, large):
    tiny = plan(qingyu, "tiny", base("155.00"))
    acme = start(large)
    change(acme, small, "2026-01-11 15:00")
    change(acme, tiny, "2026-01-12 15:00")
    close(acme, "2026-02-01 00:00")
    assert acme.plan.code == "tiny"
    assert [change.status for change in Change.objects.order_by("pk")] == ["withdrawn", "applied"]


def test_it_takes_the_contract_up_by_the_first_of_two_parts_twice_the_same_plan(small, large):
    acme = start(small)
    shop.use(acme.tenant, "1100", "2026-01-03 12:00")
    change(acme, large, "2026-01-11 15:00")
    shop.use(acme.tenant, "100", "2026-01-12 12:00", key="b")
    change(acme, small, "2026-01-21 15:00", "now")
    shop.use(acme.tenant, "100", "2026-01-25 12:00", key="c")
    close(acme, "2026-02-01 00:00")
    usage = [line[2:] for line in shown(acme) if line[0] == "messages"]
    assert sorted(usage) == [
        ("2026-01-01", "2026-01-11", "100", 5_00),
        ("2026-01-11", "2026-01-21", "100", 4_00),
        ("2026-01-21", "2026-02-01", "100", 5_00),
    ]
    assert FormerTerms.objects.count() == 2


def test_its_preview_knows_a_change_that_waits(small, large):
    acme = start(large, quantities={})
    change(acme, small, "2026-01-11 15:00")
    acme = Subscription.objects.select_related("version", "seller").get(pk=acme.pk)
    shop.use(acme.tenant, "1500", "2026-01-12 12:00")
    told = previewing.preview([acme], at=shop.at("2026-01-25 09:00"))[acme.pk]
    assert [(worth.clause.code, worth.amount_minor, str(worth.start)) for worth in told.fixed] == [
        ("base", 310_00, "2026-02-01")
    ]
    # What was used until then is at the old price.
    assert [use.so_far.amount_minor for use in told.usage] == [20_00]


@pytest.mark.parametrize("interval", ["month", "quarter"])
def test_a_shorter_period_that_runs_across_a_change_that_waited_is_settled(qingyu, interval):
    weekly = {"code": "wk", "kind": "module", "optional": True, "interval": "week", "model": "flat"}
    dear = plan(qingyu, "dear", base("620.00"), weekly | {"amount": "70.00"})
    cheap = plan(
        qingyu,
        "cheap",
        base("310.00"),
        weekly | {"amount": "35.00"},
        interval=interval,
        term="year" if interval != "month" else "month",
    )
    acme = start(dear, "2026-04-01", modules=["wk"])
    close(acme, "2026-04-29 00:00")
    change(acme, cheap, "2026-04-30 10:00", "period_end")
    close(acme, "2026-05-01 00:00")
    # The week from 29 April to 6 May: 5 of 7 days come back at 70.00 and, where the rhythm stays, cost 35.00 again.
    lines = [line[2:] for line in shown(acme, reason="change")]
    again = [("2026-05-01", "2026-05-06", "1", 25_00)] if interval == "month" else []
    assert lines == [("2026-05-01", "2026-05-06", "1", -50_00), *again]
    weeks = [line[2:4] for line in shown(acme, reason="period") if line[0] == "wk"][5:]
    assert weeks == ([] if interval == "month" else [("2026-05-01", "2026-05-08")])
