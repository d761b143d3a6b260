"""The plan advisor: the own plan replays to what was billed, the cheapest is really the cheapest, and what a plan lacks is said."""

from decimal import Decimal

import pytest

from billing import quantities
from billing.models import PlanVersion
from invoices import advising, opinions, peering, valuing
from invoices.models import PeerFigure, PlanAdvice, Survey
from tenants.errors import Conflict, Invalid
from tests import portal, shop
from tests.invoices.deducting import BASE, MESSAGES

pytestmark = pytest.mark.django_db
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"}
MODULE = {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "50.00"}
DAY = shop.at("2026-07-01 09:00")


def offer(sold_by, code, base, unit, *extra, **terms):
    prices = [BASE | {"amount": base}, SEAT, MESSAGES | {"unit_amount": unit}, *extra]
    return shop.plan(sold_by, prices, code=code, family="crm", name=code, **terms)


@pytest.fixture
def family(qingyu):
    """Four plans of one product: little, standard (own), big, and standard for a year."""
    return {
        "little": offer(qingyu, "little", "50.00", "0.20"),
        "standard": offer(qingyu, "standard", "199.00", "0.05", MODULE),
        "big": offer(qingyu, "big", "900.00", "0.01", MODULE),
        "year": offer(qingyu, "year", "1800.00", "0.05", MODULE, interval="year", term="year"),
    }


@pytest.fixture
def acme():
    return shop.tenant()


def lived(who, version, quantity, **more):
    """Half a year with as many messages each month."""
    s = shop.subscribe(who, version, "2026-01-01", quantities={"seat": Decimal(2)}, **more)
    shop.bill("2026-01-01 00:00")
    for month in range(1, 7):
        shop.use(who, str(quantity), f"2026-{month:02d}-10 10:00")
        shop.bill(f"2026-{month + 1:02d}-01 00:00")
    return s


def totals(advice):
    return [(plan["plan"], plan["total_minor"]) for plan in advice.plans]


def test_every_plan_is_reckoned_by_hand_and_the_cheapest_is_first(family, acme):
    lived(acme, family["standard"], 1000)
    (advice,) = advising.advise(acme, at=DAY)
    # six months, two seats of 20.00 each month (of the year's plan once a year: 181 of 365 days), 1,000 messages a month
    assert totals(advice) == [
        ("year", 892_60 + 19_84 + 300_00),
        ("standard", 6 * (199_00 + 40_00 + 50_00)),
        ("little", 6 * (50_00 + 40_00 + 200_00)),
        ("big", 6 * (900_00 + 40_00 + 10_00)),
    ]


def test_the_own_plan_comes_to_what_was_billed(family, acme):
    s = lived(acme, family["standard"], 1000, modules=["analytics"])
    quantities.set_quantity(s, "seat", Decimal(5), at=shop.at("2026-07-01 08:00"), by=None)
    (advice,) = advising.advise(acme, at=DAY)
    own = next(plan for plan in advice.plans if plan["own"])
    assert own["total_minor"] == advice.billed_minor == 6 * (199_00 + 40_00 + 50_00 + 50_00)


def test_what_a_plan_lacks_is_said_and_it_is_not_the_best(family, acme):
    lived(acme, family["standard"], 100, modules=["analytics"])
    PlanVersion.objects.filter(pk=family["year"].pk).update(status="retired")
    (advice,) = advising.advise(acme, at=DAY)
    little = advice.plans[0]
    assert (little["plan"], [one["name"] for one in little["lacks"]]) == ("little", ["analytics"])
    assert advising.best(advice.plans)["own"]


def test_it_is_reckoned_once_a_day(family, acme, django_assert_max_num_queries):
    lived(acme, family["standard"], 1000)
    (first,) = advising.advise(acme, at=DAY)
    with django_assert_max_num_queries(4):
        assert advising.advise(acme, at=shop.at("2026-07-01 23:00")) == [first]
    (later,) = advising.advise(acme, at=shop.at("2026-07-02 00:30"))
    assert (later.pk, str(later.day)) == (first.pk, "2026-07-02")
    assert PlanAdvice.objects.count() == 1


def test_a_trial_or_a_first_month_has_no_advice(family, acme):
    shop.subscribe(acme, family["standard"], "2026-01-01")
    shop.bill("2026-01-01 00:00")
    assert advising.advise(acme, at=shop.at("2026-01-20 09:00")) == []


def crowd(version, count):
    for n in range(count):
        who = shop.tenant(f"t{n}")
        shop.subscribe(who, version, "2026-01-01", quantities={"seat": Decimal(1 + n % 5)})
    for month in range(1, 5):
        shop.bill(f"2026-{month:02d}-01 00:00")


@pytest.mark.parametrize(("count", "figures"), [(9, 0), (10, 2)])
def test_like_customers_are_at_least_ten_and_nameless(family, count, figures):
    crowd(family["standard"], count)
    assert peering.reckon(at=shop.at("2026-04-20 09:00")) == figures
    assert {field.name for field in PeerFigure._meta.fields} & {"tenant", "subscription"} == set()


def test_neither_the_lowest_nor_the_highest_is_told():
    found = peering.deciles([1, 50, 51, 52, 53, 54, 55, 56, 57, 9_999])
    assert len(found) == 9
    assert (min(found), max(found)) == (50, 57)


def test_an_opinion_is_given_once_a_quarter_from_one_to_five(acme):
    alice = portal.person(acme, "alice")
    with pytest.raises(Invalid):
        opinions.say(acme, score="6", words="", at=DAY, by=alice)
    opinions.say(acme, score="4", words="账单很清楚", at=DAY, by=alice)
    with pytest.raises(Conflict):
        opinions.say(acme, score="5", words="", at=shop.at("2026-09-30 23:00"), by=alice)
    opinions.say(acme, score="5", words="", at=shop.at("2026-10-01 00:00"), by=alice)
    assert list(Survey.objects.order_by("pk").values_list("occasion", "score")) == [
        ("quarter:2026-3", 4),
        ("quarter:2026-4", 5),
    ]


def test_health_is_the_sum_of_its_four_parts(family, acme):
    lived(acme, family["standard"], 1000)
    alice = portal.person(acme, "alice")
    opinions.say(acme, score="5", words="", at=DAY, by=alice)
    shop.pay(shop.bills(acme)[0], "239.00", "2026-07-01 08:00")
    (value,) = valuing.values(at=DAY)
    assert (value.lifetime_minor, value.active_days, value.meters_used, value.meters_bought) == (239_00, 1, 1, 1)
    # one of twenty days; as before; 5 of 5; overdue since February
    health = value.health
    assert (health.use, health.opinion, health.payment) == (2, 20, 0)
    assert health.growth == valuing.growth_part(value.recent_minor, value.before_minor)
    assert health.score == health.use + health.growth + 20
    assert value.at_risk_minor == round(value.recent_minor * 4 * (100 - health.score) / 100)


@pytest.mark.parametrize(
    ("recent", "before", "part"),
    [(100, 100, 10), (150, 100, 20), (50, 100, 0), (500, 100, 20), (0, 100, 0), (9, 0, 10)],
)
def test_growth_counts_from_minus_to_plus_a_half(recent, before, part):
    assert valuing.growth_part(recent, before) == part
