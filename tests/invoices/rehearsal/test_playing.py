"""Stories are played by the real verbs, each thing at its own instant."""

import pytest

from invoices.rehearsal import rehearse
from tenants.errors import DomainError
from tests.invoices.rehearsal.conftest import BUY, METERS, played, refusals, story, sums, usage, use

pytestmark = pytest.mark.django_db
FEBRUARY, MARCH = "2026-02-28", "2026-03-31"


def test_it_bills_what_the_contract_says():
    # 199.00 + 3 × 200.00; then the same and (1,200 − 1,000) × 0.05 = 10.00; of 809.00, 6 % inside are 45.79.
    seats = {**BUY, "quantities": {"seat": 3}}
    told = played(seats, use("2026-02-10T09:00:00", "1200"), tax={"rate": "0.06"})
    assert sums(told) == [("2026-01-31", "open", "799.00"), (FEBRUARY, "open", "809.00")]
    last = told["invoices"][1]
    line = last["lines"][2]
    assert (last["tax"], last["subtotal"], last["due"], last["issued_at"]) == (
        "45.79",
        "809.00",
        "809.00",
        "2026-02-28T00:00:00+08:00",
    )
    assert {key: line[key] for key in line if key != "steps"} == {
        "price": "messages",
        "kind": "usage",
        "period": ["2026-01-31", FEBRUARY],
        "quantity": "200",
        "amount": "10.00",
        "reason": "period",
        "discounts": [],
    }
    assert (line["steps"][0]["measured"], line["steps"][0]["included"]) == ("1200", "1000")
    assert told["subscriptions"] == [
        {"tenant": "acme", "plan": "standard", "status": "past_due", "period": [FEBRUARY, MARCH]}
    ]
    assert told["ledger_balanced"] is True


def test_it_says_all_that_the_contract_names_and_no_more():
    assert list(played(BUY)) == [
        "name",
        "invoices",
        "credit_notes",
        "payments",
        "notices",
        "subscriptions",
        "wallets",
        "refused",
        "ledger_balanced",
    ]


def test_the_last_instant_is_still_played():
    # The period ends on 28 February; the story ends at that very instant, and one second before.
    assert len(played(BUY, until="2026-02-28T00:00:00")["invoices"]) == 2
    assert len(played(BUY, until="2026-02-27T23:59:59")["invoices"]) == 1


def test_what_is_due_goes_before_a_step_of_that_instant():
    # At the period's end the bill is there before the customer pays the oldest open one: it pays the first, of January.
    told = played(BUY, {"at": "2026-02-28T00:00:00", "do": "pay", "tenant": "acme", "invoice": 2})
    assert [bill["status"] for bill in told["invoices"]] == ["open", "paid"]
    assert told["refused"] == []


def test_usage_at_the_end_of_a_period_belongs_to_the_next():
    told = played(
        BUY, use("2026-02-27T23:59:59", "1100"), use("2026-02-28T00:00:00", "1300"), until="2026-04-01T00:00:00"
    )
    assert [line["quantity"] for bill in told["invoices"] for line in bill["lines"] if line["kind"] == "usage"] == [
        "100",
        "300",
    ]


def test_a_refused_step_stops_nothing_unless_the_story_is_strict():
    steps = [{**BUY, "plan": "gold"}, {**BUY, "at": "2026-01-31T10:00:00"}, {**BUY, "at": "2026-01-31T11:00:00"}]
    told = played(*steps)
    assert refusals(told) == [(1, "not_found"), (3, "overlapping_subscription")]
    assert len(told["invoices"]) == 2
    strict = played(*steps, strict=True)
    assert refusals(strict) == [(1, "not_found")]
    assert strict["subscriptions"] == []


def test_refusals_count_the_steps_as_they_are_written():
    late = use("2026-03-01T09:00:00", "1", occurred_at="2026-01-01T00:00:00")
    assert refusals(played(late, BUY, use("2026-02-01T09:00:00", "1", meter="unknown"))) == [
        (3, "unknown_meter"),
        (1, "too_late"),
    ]


def test_a_tenant_that_the_story_does_not_have_is_refused():
    assert refusals(played({**BUY, "tenant": "nobody"}, {**use("2026-02-01T00:00:00", "1"), "tenant": "nobody"})) == [
        (1, "not_found"),
        (2, "not_found"),
    ]


@pytest.mark.parametrize("verb", ["undo", "keep", "pause"])
def test_a_verb_that_is_not_built_says_so_or_works(verb):
    told = played(BUY, {"at": "2026-02-01T00:00:00", "do": verb, "tenant": "acme"})
    assert verb != "undo" or refusals(told) == [(2, "nothing_to_undo")]


def test_repeats_conflicts_and_voids_of_usage_are_answered_as_by_the_real_verb():
    told = played(
        BUY,
        use("2026-02-01T09:00:00", "1500", key="a"),
        use("2026-02-02T09:00:00", "1500", key="a"),  # a repeat: it was of the first
        use("2026-02-03T09:00:00", "1600", key="a"),
        use("2026-02-04T09:00:00", "700", key="b"),
        {"at": "2026-02-05T09:00:00", "do": "void_use", "tenant": "acme", "key": "b"},
        {"at": "2026-02-05T09:00:00", "do": "void_use", "tenant": "acme", "key": "c"},
    )
    assert refusals(told) == [(4, "key_conflict"), (7, "unknown_event")]
    assert usage(told, 1) == ["500"]


def test_late_usage_is_billed_with_the_next_bill():
    told = played(
        BUY,
        use("2026-02-10T09:00:00", "1000"),
        use("2026-03-01T09:00:00", "300", occurred_at="2026-02-20T00:00:00"),
        until="2026-04-01T00:00:00",
    )
    (late,) = [line for line in told["invoices"][2]["lines"] if line["reason"] == "late"]
    assert (late["quantity"], late["amount"], late["period"]) == ("300", "15.00", ["2026-01-31", FEBRUARY])


def test_a_batch_of_usage_is_what_its_events_are_one_by_one():
    # 40 days in a yearly plan: longer than the late window, so it is told in more than one batch, and nothing is too late.
    plans = [{"code": "standard", "interval": "year", "prices": story()["catalogue"]["plans"][0]["prices"]}]
    days = [use(f"2026-0{2 + day // 28}-{day % 28 + 1:02d}T09:00:00", "100") for day in range(40)]
    told = played(BUY, *days, until="2027-02-01T00:00:00", catalogue={"meters": METERS, "plans": plans})
    assert told["refused"] == []
    assert usage(told, 1) == ["3000"]  # 40 × 100 − 1,000


def test_a_strict_story_keeps_nothing_of_a_batch_after_its_first_refusal():
    steps = [
        BUY,
        use("2026-02-01T09:00:00", "1100"),
        use("2026-02-02T09:00:00", "1", meter="unknown"),
        use("2026-02-03T09:00:00", "100"),
    ]
    told = played(*steps, strict=True)
    assert refusals(told) == [(3, "unknown_meter")]
    assert len(told["invoices"]) == 1
    assert usage(played(*steps), 1) == ["200"]


def test_a_purchase_renews_unless_it_says_otherwise():
    told = played({**BUY, "auto_renew": False}, until="2026-05-01T00:00:00")
    assert (told["subscriptions"][0]["status"], len(told["invoices"])) == ("ended", 1)
    assert len(played(BUY, until="2026-05-01T00:00:00")["invoices"]) == 4


def test_renewal_is_switched_off_and_on():
    off = {"at": "2026-02-01T09:00:00", "do": "auto_renew", "tenant": "acme", "on": False}
    on = {"at": "2026-02-02T09:00:00", "do": "auto_renew", "tenant": "acme", "on": True}
    assert played(BUY, off)["subscriptions"][0]["status"] == "ended"
    assert played(BUY, off, on)["subscriptions"][0]["status"] != "ended"


def test_several_subscriptions_are_told_apart_by_their_labels():
    second = {**BUY, "as": "two"}
    off = {"at": "2026-02-01T09:00:00", "do": "auto_renew", "tenant": "acme", "on": False}
    told = played(BUY, second, off, {**off, "subscription": "two"})
    assert refusals(told) == [(3, "invalid")]
    assert [one["status"] == "ended" for one in told["subscriptions"]] == [False, True]


def test_a_parent_pays_for_its_children_and_each_tenant_has_its_zone():
    tenants = [
        {"code": "child", "parent": "group", "pays": "manual", "timezone": "America/New_York"},
        {"code": "group", "pays": "manual", "timezone": "Asia/Tokyo"},
    ]
    told = played({**BUY, "tenant": "child"}, until="2026-02-01T00:00:00", tenants=tenants)
    (bill,) = told["invoices"]
    # 09:00 in Shanghai is 20:00 of the day before in New York, whose day the period begins on.
    assert (bill["tenant"], bill["issued_at"], bill["lines"][0]["period"]) == (
        "group",
        "2026-01-31T10:00:00+09:00",
        ["2026-01-30", FEBRUARY],
    )


def test_bills_are_paid_by_number_by_place_and_oldest_first():
    pay = {"at": "2026-03-01T09:00:00", "do": "pay", "tenant": "acme"}
    told = played(
        BUY,
        {**pay, "invoice": "R-2026-000002", "amount": "100.00"},
        {**pay, "invoice": 2},
        pay,
        pay,
        {**pay, "invoice": 9},
    )
    assert [(bill["status"], bill["paid"]) for bill in told["invoices"]] == [("paid", "199.00"), ("paid", "199.00")]
    assert [one["amount"] for one in told["payments"]] == ["100.00", "99.00", "199.00"]
    assert refusals(told) == [(5, "not_found"), (6, "not_found")]
    assert told["payments"][0] == {
        "tenant": "acme",
        "method": "transfer",
        "status": "succeeded",
        "amount": "100.00",
        "at": "2026-03-01T09:00:00+08:00",
    }


def test_an_unpaid_bill_makes_the_subscription_overdue_the_day_after():
    def status(until: str) -> str:
        return played(BUY, until=until)["subscriptions"][0]["status"]

    assert status("2026-01-31T23:59:59") == "active"
    assert status("2026-02-01T00:00:00") == "past_due"


def test_a_trial_goes_on_with_the_plan_that_follows_it():
    plans = [
        {
            "code": "standard",
            "trial_days": 14,
            "after_trial": "free",
            "prices": [{"code": "b", "kind": "base", "model": "flat", "amount": "5"}],
        },
        {
            "code": "free",
            "family": "standard",
            "prices": [{"code": "b", "kind": "base", "model": "flat", "amount": "0"}],
        },
    ]
    told = played({**BUY, "auto_renew": False}, catalogue={"plans": plans})
    assert [(one["plan"], one["status"]) for one in told["subscriptions"]] == [
        ("standard", "ended"),
        ("free", "active"),
    ]
    assert told["invoices"] == []


def test_a_catalogue_that_cannot_be_sold_names_the_path():
    said = story(BUY)
    said["catalogue"]["plans"][0]["prices"][2]["unit_amount"] = "ten"
    with pytest.raises(DomainError) as refused:
        rehearse(said)
    assert refused.value.field == "catalogue.plans[0].prices[2].unit_amount"
    said = story(BUY)
    said["catalogue"]["meters"][0]["aggregation"] = "average"
    with pytest.raises(DomainError) as refused:
        rehearse(said)
    assert refused.value.field == "catalogue.meters[0].aggregation"


def test_a_meter_that_only_a_price_names_is_a_sum():
    said = story(BUY, use("2026-02-10T09:00:00", "1200"))
    said["catalogue"]["meters"] = []
    told = rehearse(said)
    assert told["refused"] == []
    assert [line["quantity"] for line in told["invoices"][-1]["lines"] if line["price"] == "messages"] == ["200"]


def test_a_story_comes_to_the_same_when_it_is_told_again():
    told = story(BUY, use("2026-02-10T09:00:00", "1200"))
    assert rehearse(told) == rehearse(told)
