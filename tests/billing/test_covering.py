"""Packs in a close (rule 21): what is included first, then packs, then the price; across periods, changes and late usage."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import changing, closing, lapsing, packs, previewing
from billing.models import Charge, Pack, PackUse, Subscription
from tests import shop
from usage import ingest
from usage.models import Meter

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
SMS = {"kind": "usage", "meter": "sms", "model": "per_unit"}
EU = SMS | {"code": "sms-eu", "unit_amount": "0.20", "match": {"region": "eu"}}
REST = SMS | {"code": "sms", "unit_amount": "0.10"}


@pytest.fixture
def acme(qingyu):
    return shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")


def give(
    tenant, quantity: str, expires: str, *, meter: str = "messages", when: str = "2026-01-01 00:00", **more
) -> Pack:
    found = Meter.objects.get(code=meter)
    at = shop.at(when)
    return packs.grant(tenant, found, Decimal(quantity), shop.at(expires), reason="开户赠送", at=at, by=None, **more)


def close(subscription: Subscription, *days: str) -> None:
    for day in days:
        closing.close([subscription.pk], at=shop.at(f"{day} 00:00"))


def tell(who, quantity: str, occurred: str, told: str) -> None:
    event = {"key": f"late-{occurred}-{quantity}", "meter": "messages", "quantity": quantity}
    event["occurred_at"] = shop.at(occurred).isoformat()
    (answer,) = ingest.accept(who, [event], at=shop.at(told))
    assert answer.status == "accepted"


def charged(subscription: Subscription, code: str = "messages") -> list[tuple[str, str, Decimal, int]]:
    rows = Charge.objects.filter(subscription=subscription, code=code).order_by("service_start_on", "pk")
    return [(str(row.service_start_on), str(row.reason), row.quantity, row.amount_minor) for row in rows]


def used() -> list[tuple[str, str, Decimal]]:
    rows = PackUse.objects.select_related("period", "price").order_by("period__start", "pk")
    return [(str(row.period.start_on), row.price.code, row.quantity) for row in rows]


def test_it_charges_what_neither_plan_nor_pack_covers(acme):
    pack = give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    # 1,500 − 1,000 included − 300 of the pack = 200 × 0.05
    assert charged(acme) == [("2026-01-01", "period", 200, 10_00)]
    details = Charge.objects.get(code="messages", reason="period").details
    assert (details["measured"], details["included"], details["covered"]) == ("1500", "1000", "300")
    assert details["packs"] == [{"pack": pack.pk, "quantity": "300"}]
    step = details["steps"][0]
    assert (step["code"], step["zh"], step["amount"]) == ("pack", "用量 1,500\xa0条，资源包抵扣 300\xa0条", "0.00")
    assert step["en"] == "1,500\xa0messages used, 300\xa0messages of it from resource packs"


def test_it_charges_the_same_without_a_pack_as_before(acme):
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    details = Charge.objects.get(code="messages").details
    assert charged(acme) == [("2026-01-01", "period", 500, 25_00)]
    assert not {"covered", "packs"} & details.keys()


def test_it_asks_one_thing_more_where_nobody_has_a_pack(acme):
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    close(acme, "2026-01-01")
    with CaptureQueriesContext(connection) as asked:
        close(acme, "2026-02-01")
    about = [query["sql"] for query in asked if "billing_pack" in query["sql"]]
    # Once for the periods that close, once for those that gained or lost an event.
    assert len(about) == 2


def test_a_second_close_changes_nothing(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    close(acme, "2026-02-01", "2026-02-01")
    assert charged(acme) == [("2026-01-01", "period", 200, 10_00)]
    assert used() == [("2026-01-01", "messages", 300)]


def test_it_goes_on_through_three_periods(acme):
    give(acme.tenant, "700", "2026-06-01 00:00")
    for month in (1, 2, 3):
        shop.use(acme.tenant, "1300", f"2026-0{month}-10 12:00")
    close(acme, "2026-02-01", "2026-03-01", "2026-04-01")
    assert used() == [("2026-01-01", "messages", 300), ("2026-02-01", "messages", 300), ("2026-03-01", "messages", 100)]
    assert [row[3] for row in charged(acme)] == [0, 0, 10_00]


def test_closing_in_three_runs_equals_closing_in_one(qingyu):
    def year(code: str, *days: str) -> list:
        version = shop.plan(qingyu, [BASE, MESSAGES], code=code)
        s = shop.subscribe(shop.tenant(code), version, "2026-01-01")
        give(s.tenant, "500", "2026-02-15 12:30")
        give(s.tenant, "150", "2026-06-01 00:00", priority=1)
        for month in (1, 2, 3):
            shop.use(s.tenant, "1300", f"2026-0{month}-10 12:00")
        close(s, *days)
        left = [pack.quantity - pack.used for pack in packs.left(s.tenant)]
        return [charged(s), left]

    one = year("one", "2026-04-01")
    assert one == year("many", "2026-02-01", "2026-03-01", "2026-04-01")
    # January 300 of the first, February 200 of it and 100 of the second, March its last 50
    assert [row[2] for row in one[0]] == [0, 0, 250]


def test_it_uses_a_pack_until_it_lapses_in_mid_period(acme):
    give(acme.tenant, "500", "2026-01-15 00:00")
    shop.use(acme.tenant, "1100", "2026-01-10 12:00")
    shop.use(acme.tenant, "300", "2026-01-20 12:00")
    close(acme, "2026-02-01")
    assert used() == [("2026-01-01", "messages", 100)]
    assert charged(acme) == [("2026-01-01", "period", 300, 15_00)]


def test_it_uses_two_packs_in_their_order(acme):
    late, soon = give(acme.tenant, "500", "2026-06-01 00:00"), give(acme.tenant, "100", "2026-02-15 00:00")
    shop.use(acme.tenant, "1250", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    assert {row.pack_id: row.quantity for row in PackUse.objects.all()} == {soon.pk: 100, late.pk: 150}


def test_the_order_of_arrival_changes_nothing(qingyu):
    def story(code: str, events: list[tuple[str, str]]) -> list:
        version = shop.plan(qingyu, [BASE, MESSAGES], code=code)
        s = shop.subscribe(shop.tenant(code), version, "2026-01-01")
        give(s.tenant, "150", "2026-01-15 00:00")
        give(s.tenant, "200", "2026-06-01 00:00")
        for quantity, occurred in events:
            tell(s.tenant, quantity, occurred, told="2026-01-31 12:00")
        close(s, "2026-02-01")
        return [charged(s), [int(pack.used) for pack in packs.left(s.tenant)]]

    events = [("900", "2026-01-05 12:00"), ("300", "2026-01-14 23:59"), ("400", "2026-01-15 00:00")]
    assert story("one", events) == story("two", events[::-1])


def test_it_serves_two_prices_of_one_meter_by_their_match(qingyu):
    s = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, EU, REST]), "2026-01-01")
    give(s.tenant, "50", "2026-06-01 00:00", meter="sms", match={"region": "eu"})
    give(s.tenant, "30", "2026-06-01 00:00", meter="sms", priority=1)
    shop.use(s.tenant, "60", "2026-01-10 12:00", meter="sms", region="eu")
    shop.use(s.tenant, "40", "2026-01-10 13:00", meter="sms", region="us")
    close(s, "2026-02-01")
    # Europe: 50 of its own pack and 10 of the general one, which leaves 20 for the rest of the world.
    assert (charged(s, "sms-eu"), charged(s, "sms")) == (
        [("2026-01-01", "period", 0, 0)],
        [("2026-01-01", "period", 20, 2_00)],
    )


def test_it_never_covers_what_is_charged_otherwise(qingyu):
    prices = [
        BASE,
        {"code": "flat", "kind": "usage", "meter": "sms", "model": "flat", "amount": "5.00"},
        {"code": "share", "kind": "usage", "meter": "turnover", "model": "percentage", "rate": "0.01"},
        {"code": "free", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0"},
    ]
    s = shop.subscribe(shop.tenant(), shop.plan(qingyu, prices), "2026-01-01")
    for meter in ("sms", "turnover", "messages"):
        give(s.tenant, "50", "2026-06-01 00:00", meter=meter)
        shop.use(s.tenant, "60", "2026-01-10 12:00", meter=meter)
    close(s, "2026-02-01")
    assert used() == []
    assert [charged(s, code)[0][3] for code in ("flat", "share", "free")] == [5_00, 60, 0]


def test_late_usage_draws_what_is_left_and_takes_nothing_back(acme):
    give(acme.tenant, "350", "2026-06-01 00:00")
    shop.use(acme.tenant, "1100", "2026-01-10 12:00")
    shop.use(acme.tenant, "1200", "2026-02-10 12:00")
    close(acme, "2026-02-01", "2026-03-01")
    tell(acme.tenant, "90", "2026-01-20 12:00", told="2026-02-20 12:00")
    close(acme, "2026-04-01")
    # 350 − 100 − 200 = 50 are left for the 90 of January; 40 are charged.
    assert used() == [("2026-01-01", "messages", 100), ("2026-01-01", "messages", 50), ("2026-02-01", "messages", 200)]
    assert charged(acme)[:2] == [("2026-01-01", "period", 0, 0), ("2026-01-01", "late", 40, 2_00)]


def test_late_usage_that_a_pack_covers_is_written_down_and_costs_nothing(acme):
    give(acme.tenant, "350", "2026-06-01 00:00")
    shop.use(acme.tenant, "1100", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    tell(acme.tenant, "90", "2026-01-20 12:00", told="2026-02-20 12:00")
    close(acme, "2026-03-01", "2026-04-01")
    assert used() == [("2026-01-01", "messages", 100), ("2026-01-01", "messages", 90)]
    assert [row[1:] for row in charged(acme)] == [("period", 0, 0)] * 3


def test_a_period_measured_again_draws_before_one_that_closes_now(acme):
    give(acme.tenant, "100", "2026-06-01 00:00")
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    shop.use(acme.tenant, "1080", "2026-02-10 12:00")
    close(acme, "2026-02-01")
    tell(acme.tenant, "60", "2026-01-20 12:00", told="2026-02-20 12:00")
    close(acme, "2026-03-01")
    assert used() == [("2026-01-01", "messages", 60), ("2026-02-01", "messages", 40)]
    assert charged(acme) == [("2026-01-01", "period", 0, 0), ("2026-02-01", "period", 40, 2_00)]


def test_a_void_gives_units_back_to_the_pack(acme):
    give(acme.tenant, "100", "2026-06-01 00:00")
    shop.use(acme.tenant, "1300", "2026-01-10 12:00", key="wrong")
    close(acme, "2026-02-01")
    (answer,) = ingest.accept(acme.tenant, [{"key": "undo", "void": "wrong"}], at=shop.at("2026-02-03 12:00"))
    assert answer.status == "accepted"
    close(acme, "2026-03-01")
    assert used() == [("2026-01-01", "messages", 100), ("2026-01-01", "messages", -100)]
    assert sum(row[3] for row in charged(acme)) == 0
    assert packs.left(acme.tenant)[0].used == 0


def test_a_change_of_plan_parts_the_period_and_the_pack_goes_on(qingyu):
    cheap = MESSAGES | {"included": "1200", "unit_amount": "0.02"}
    terms = {"family": "scrm"}
    old, new = shop.plan(qingyu, [BASE, MESSAGES], **terms), shop.plan(qingyu, [BASE, cheap], code="new", **terms)
    s = shop.subscribe(shop.tenant(), old, "2026-01-01")
    close(s, "2026-01-01")
    give(s.tenant, "600", "2026-06-01 00:00")
    shop.use(s.tenant, "1500", "2026-01-10 12:00")
    s.refresh_from_db()
    changing.change_plan(s, new, when="now", at=shop.at("2026-01-16 09:00"), by=None)
    shop.use(s.tenant, "400", "2026-01-20 12:00")
    close(s, "2026-02-01")
    # Before: 1,500 − 1,000 included, all 500 from the pack. After it 1,000 count as earlier, so 200 of the 1,200 are
    # left, 100 come from the pack, and 100 are paid at 0.02.
    assert [row[2] for row in used()] == [500, 100]
    rows = Charge.objects.filter(subscription=s, code="messages").order_by("service_start_on")
    assert [(row.quantity, row.amount_minor, row.details.get("before")) for row in rows] == [
        (0, 0, None),
        (100, 2_00, "1000"),
    ]
    assert [previewing.recompute(row).agrees for row in rows] == [True, True]


def test_a_charge_is_computed_again_with_what_packs_gave(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    again = previewing.recompute(Charge.objects.get(code="messages"))
    assert (again.agrees, again.amount_minor, again.measured) == (True, 10_00, 1500)


def test_a_preview_shows_what_packs_will_cover_and_writes_nothing(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    close(acme, "2026-01-01")
    shop.use(acme.tenant, "1100", "2026-01-10 12:00")
    acme.refresh_from_db()
    (use,) = previewing.running(acme, at=shop.at("2026-01-16 12:00"))
    # 1,100 in half of January: 2,200 by its end, of which 1,000 are included and 300 covered.
    assert (use.measured, use.so_far.amount_minor) == (1100, 0)
    assert (use.expected_quantity, use.expected.amount_minor) == (2200, 45_00)
    assert used() == []


def test_it_says_what_is_left_with_the_running_period(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "1100", "2026-01-10 12:00")
    close(acme, "2026-02-01")
    shop.use(acme.tenant, "1050", "2026-02-03 12:00")
    (one,) = lapsing.standing(acme.tenant, at=shop.at("2026-02-10 12:00"))
    assert (one.used, one.running, one.left) == (100, 50, 150)


def test_two_subscriptions_never_count_the_same_unit_twice(qingyu):
    who = shop.tenant()
    for code in ("one", "two"):
        plan = shop.plan(qingyu, [BASE, MESSAGES | {"included": "0"}], code=code)
        shop.subscribe(who, plan, "2026-01-01")
    shop.bill("2026-01-01 00:00")
    give(who, "100", "2026-04-01 00:00", when="2026-01-02 00:00")
    shop.use(who, "70", "2026-01-10 12:00")
    # Each of the two prices measures all of the customer's messages.
    (one,) = lapsing.standing(who, at=shop.at("2026-01-20 12:00"))
    assert (one.running, one.left) == (100, 0)
    shop.bill("2026-02-01 00:00")
    assert [row[2] for row in used()] == [70, 30]
