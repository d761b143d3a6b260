"""Commitments: what a period's charges fall short of is made up, by days, and measured again (CONTRACTS rule 8)."""

from decimal import Decimal

import pytest

from billing import changing, closing
from billing.models import Charge, Subscription
from tests import shop
from tests.billing.changes import MESSAGES, base, change, plan, shown

pytestmark = pytest.mark.django_db


def start(version, on: str = "2026-01-01", **more) -> Subscription:
    made = shop.subscribe(shop.tenant(), version, on, **more)
    closing.close([made.pk], at=shop.at(f"{on} 09:00"))
    return made


def close(subscription: Subscription, when: str) -> None:
    closing.close([subscription.pk], at=shop.at(when))


def true_ups(subscription: Subscription) -> list[tuple[str, str, str, int]]:
    rows = Charge.objects.filter(subscription=subscription, kind="minimum").order_by("pk")
    return [(row.reason, str(row.service_start_on), str(row.service_end_on), row.amount_minor) for row in rows]


@pytest.fixture
def bound(qingyu):
    return plan(qingyu, "bound", base("100.00"), MESSAGES, minimum="200.00")


def test_it_makes_up_what_a_period_falls_short_of(bound):
    acme = start(bound)
    shop.use(acme.tenant, "1200", "2026-01-05 12:00")
    close(acme, "2026-02-01 00:00")
    # 200.00 less 100.00 and 10.00
    assert true_ups(acme) == [("period", "2026-01-01", "2026-02-01", 90_00)]


def test_it_makes_up_nothing_where_enough_was_charged(bound):
    acme = start(bound)
    shop.use(acme.tenant, "3000", "2026-01-05 12:00")
    close(acme, "2026-02-01 00:00")
    assert true_ups(acme) == []


def test_it_is_measured_again_with_late_usage(bound):
    acme = start(bound)
    close(acme, "2026-02-01 00:00")
    shop.use(acme.tenant, "1200", "2026-01-05 12:00")
    close(acme, "2026-03-01 00:00")
    assert true_ups(acme) == [
        ("period", "2026-01-01", "2026-02-01", 100_00),
        ("late", "2026-01-01", "2026-02-01", -10_00),
        ("period", "2026-02-01", "2026-03-01", 100_00),
    ]


def test_it_owes_a_part_of_a_part_period(qingyu):
    # From 20 January 12 of 31 days: 310 × 12 ÷ 31 = 120; the base 31 × 12 ÷ 31 = 12.
    acme = start(plan(qingyu, "bound", base("31.00"), minimum="310.00", alignment="calendar"), "2026-01-20")
    close(acme, "2026-02-01 00:00")
    assert true_ups(acme) == [("period", "2026-01-20", "2026-02-01", 108_00)]


def test_it_counts_each_commitment_by_the_days_it_stood(qingyu):
    # Ten days of 310 and twenty-one of 620 are 100 + 420; the bases are 10 × 1 and 21 × 2.
    one = plan(qingyu, "one", base("31.00"), minimum="310.00")
    two = plan(qingyu, "two", base("62.00"), minimum="620.00")
    acme = start(one)
    change(acme, two, "2026-01-11 10:00")
    close(acme, "2026-02-01 00:00")
    assert true_ups(acme) == [("period", "2026-01-01", "2026-02-01", 520_00 - 10_00 - 42_00)]


def test_it_stands_before_the_plans_where_a_contract_has_its_own(bound):
    acme = start(bound, minimum_minor=150_00)
    close(acme, "2026-02-01 00:00")
    assert true_ups(acme) == [("period", "2026-01-01", "2026-02-01", 50_00)]


def test_it_owes_the_days_until_a_cancellation(bound):
    acme = start(bound)
    changing.cancel(acme, when="now", at=shop.at("2026-01-31 10:00"), by=None)
    close(acme, "2026-02-01 00:00")
    assert true_ups(acme) == [("period", "2026-01-01", "2026-02-01", 100_00)]


def test_it_owes_nothing_in_a_trial(qingyu):
    acme = start(plan(qingyu, "tried", base("100.00"), minimum="200.00", trial_days=14, after_trial="pays"))
    close(acme, "2026-02-15 00:00")
    assert true_ups(acme) == [("period", "2026-01-15", "2026-02-15", 100_00)]
    assert Decimal(sum(line[5] for line in shown(acme))) == Decimal(300_00)
