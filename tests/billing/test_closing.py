"""Closing: periods that tile, charges that exist once, terms that renew only by consent."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import closing, subscriptions
from billing.models import BillingPeriod, Charge, Plan, Subscription
from tenants import agreements, companies
from tenants.models import AuditEntry
from tests import shop

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "310.00"}
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
STORAGE = {
    "code": "storage",
    "kind": "usage",
    "meter": "storage",
    "model": "per_unit",
    "unit_amount": "1.00",
    "interval": "month",
}


def close(subscription: Subscription, when: str) -> closing.Closed:
    return closing.close([subscription.pk], at=shop.at(when))


def periods(subscription: Subscription, interval: str = "month") -> list[tuple[str, str]]:
    rows = BillingPeriod.objects.filter(subscription=subscription, interval=interval).order_by("start")
    return [(str(row.start_on), str(row.end_on)) for row in rows]


def charged(subscription: Subscription) -> list[tuple[str, str, str, int]]:
    rows = Charge.objects.filter(subscription=subscription).order_by("due_on", "code", "pk")
    return [(row.code, str(row.service_start_on), str(row.reason), row.amount_minor) for row in rows]


def test_it_computes_periods_from_the_anchor(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-31")
    close(acme, "2026-04-30 00:00")
    assert periods(acme) == [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-31"),
        ("2026-03-31", "2026-04-30"),
        ("2026-04-30", "2026-05-31"),
    ]


def test_it_charges_nothing_before_its_time(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-31")
    close(acme, "2026-02-27 23:59:59")
    assert charged(acme) == [("base", "2026-01-31", "period", 310_00)]


def test_it_does_the_same_in_many_runs_as_in_one(qingyu):
    version = shop.plan(qingyu, [BASE, SEAT, MESSAGES])
    one, many = (
        shop.subscribe(shop.tenant(code), version, "2026-01-31", quantities={"seat": Decimal(3)}) for code in "ab"
    )
    for day in ("2026-01-31", "2026-02-10", "2026-02-28", "2026-03-31", "2026-04-30"):
        close(many, f"{day} 00:00")
    close(one, "2026-04-30 00:00")
    assert charged(one) == charged(many)


def test_it_prorates_a_part_first_period_by_days(qingyu):
    version = shop.plan(qingyu, [BASE], alignment="calendar")
    acme = shop.subscribe(shop.tenant(), version, "2026-01-22")
    close(acme, "2026-02-01 00:00")
    # 310.00 × 10 of 31 days = 100.00
    assert charged(acme) == [("base", "2026-01-22", "period", 100_00), ("base", "2026-02-01", "period", 310_00)]


def test_it_bills_a_price_with_a_shorter_interval_of_its_own(qingyu):
    version = shop.plan(qingyu, [BASE, STORAGE], interval="year", term="year")
    who = shop.tenant()
    acme = shop.subscribe(who, version, "2026-01-01")
    shop.use(who, "10", "2026-01-05 12:00", meter="storage")
    close(acme, "2026-03-01 00:00")
    # 10 GB × 1.00, and the level stays
    assert [row for row in charged(acme) if row[0] == "storage"] == [
        ("storage", "2026-01-01", "period", 10_00),
        ("storage", "2026-02-01", "period", 10_00),
    ]
    assert periods(acme, "year") == [("2026-01-01", "2027-01-01")]


def test_it_tells_events_apart_by_a_property(qingyu):
    prices = [
        {
            "code": "abroad",
            "kind": "usage",
            "meter": "sms",
            "match": {"region": "abroad"},
            "model": "per_unit",
            "unit_amount": "0.50",
        },
        {"code": "sms", "kind": "usage", "meter": "sms", "model": "per_unit", "unit_amount": "0.05"},
    ]
    who = shop.tenant()
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE, *prices]), "2026-01-01")
    shop.use(who, "10", "2026-01-05 12:00", meter="sms", region="abroad")
    shop.use(who, "100", "2026-01-05 12:00", meter="sms", region="home")
    close(acme, "2026-02-01 00:00")
    # 10 × 0.50 = 5.00; 100 × 0.05 = 5.00
    used = Charge.objects.filter(subscription=acme, kind="usage").order_by("code")
    assert [(c.code, c.quantity, c.amount_minor) for c in used] == [("abroad", 10, 5_00), ("sms", 100, 5_00)]


def test_it_ends_after_the_term_without_consent(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", renews=False)
    close(acme, "2026-06-01 00:00")
    acme.refresh_from_db()
    assert acme.status == "ended"
    assert acme.ended_at == shop.at("2026-02-28 00:00")
    assert periods(acme) == [("2026-01-31", "2026-02-28")]


def test_it_renews_by_terms_longer_than_the_interval(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE], term="year"), "2026-01-31")
    close(acme, "2027-02-01 00:00")
    acme.refresh_from_db()
    assert (str(acme.term_start_on), str(acme.term_end_on)) == ("2027-01-31", "2028-01-31")


def test_it_keeps_a_free_plan_without_consent(qingyu):
    free = shop.plan(qingyu, [BASE | {"amount": "0"}], code="free")
    acme = shop.subscribe(shop.tenant(), free, "2026-01-01", renews=False)
    close(acme, "2026-05-01 00:00")
    acme.refresh_from_db()
    assert acme.status == "active"


def test_it_charges_nothing_in_a_trial_and_ends_it(qingyu):
    who = shop.tenant()
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES], trial_days=14), "2026-01-01")
    close(acme, "2026-01-01 09:00")
    shop.use(who, "5000", "2026-01-05 12:00")
    close(acme, "2026-01-15 00:00")
    acme.refresh_from_db()
    assert (charged(acme), acme.status) == ([], "ended")


def test_it_pays_after_a_trial_only_with_consent(qingyu):
    version = shop.plan(qingyu, [BASE], trial_days=14, after_trial="pays")
    wants = shop.subscribe(shop.tenant("a"), version, "2026-01-01")
    silent = shop.subscribe(shop.tenant("b"), version, "2026-01-01", renews=False)
    for one in (wants, silent):
        close(one, "2026-01-15 00:00")
    assert charged(wants) == [("base", "2026-01-15", "period", 310_00)]
    assert charged(silent) == []


def test_it_goes_on_with_the_free_plan_after_a_trial(qingyu):
    shop.plan(qingyu, [BASE | {"amount": "0"}], code="free", family="standard")
    who = shop.tenant()
    trial = shop.subscribe(
        who, shop.plan(qingyu, [BASE], trial_days=14, after_trial="free"), "2026-01-01", renews=False
    )
    close(trial, "2026-01-15 00:00")
    following = Subscription.objects.get(tenant=who, plan__code="free")
    assert str(following.start_on) == "2026-01-15"


def test_it_charges_a_service_once(qingyu):
    training = {
        "code": "training",
        "kind": "service",
        "model": "flat",
        "amount": "3000.00",
        "one_off": True,
        "optional": True,
    }
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, training]), "2026-01-01", modules=["training"])
    close(acme, "2026-03-01 00:00")
    assert [row for row in charged(acme) if row[0] == "training"] == [("training", "2026-01-01", "period", 3000_00)]


def test_it_takes_a_negotiated_price_before_the_list_and_the_plan(qingyu):
    negotiated = {"base": {"model": "flat", "amount": "199.99"}}
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", negotiated=negotiated)
    close(acme, "2026-01-01 09:00")
    assert charged(acme) == [("base", "2026-01-01", "period", 199_99)]


def test_it_ends_on_a_chosen_day_not_before_what_is_paid(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    close(acme, "2026-01-01 09:00")
    with pytest.raises(subscriptions.Invalid) as refusal:
        subscriptions.end(acme, at=shop.at("2026-01-10 09:00"), by=None, on=shop.at("2026-01-20 00:00").date())
    assert refusal.value.field == "on"
    subscriptions.end(acme, at=shop.at("2026-01-10 09:00"), by=None)
    close(acme, "2026-03-01 00:00")
    acme.refresh_from_db()
    assert (acme.status, len(charged(acme))) == ("ended", 1)


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Pacific/Auckland", "Pacific/Apia", "America/Los_Angeles"])
def test_it_opens_at_local_midnight_wherever_it_is(qingyu, zone):
    who = shop.tenant(zone=zone)
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE]), "2026-03-01")
    closing.close([acme.pk], at=shop.at("2026-05-01 00:00", zone))
    assert periods(acme) == [("2026-03-01", "2026-04-01"), ("2026-04-01", "2026-05-01"), ("2026-05-01", "2026-06-01")]


def test_it_lets_no_two_periods_overlap(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    close(acme, "2026-01-01 09:00")
    row = BillingPeriod.objects.get(subscription=acme)
    row.pk, row.start = None, shop.at("2026-01-15 00:00")
    with pytest.raises(IntegrityError, match="period_no_overlap"), transaction.atomic():
        row.save()


def test_it_stays_paid_after_a_trial_when_renewal_is_switched_off(qingyu):
    version = shop.plan(qingyu, [BASE], trial_days=14, after_trial="pays", term="year")
    acme = shop.subscribe(shop.tenant(), version, "2026-01-01")
    close(acme, "2026-03-20 00:00")
    subscriptions.stop_renewing(acme, at=shop.at("2026-03-20 00:00"), by=None)
    close(acme, "2027-03-01 00:00")
    acme.refresh_from_db()
    # Paid from 15 January on, for the year that was agreed.
    assert (acme.status, acme.ended_at, len(charged(acme))) == ("ended", shop.at("2027-01-15 00:00"), 12)


def test_it_does_not_renew_under_a_withdrawn_consent(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    close(acme, "2026-01-01 09:00")
    agreements.withdraw(acme.renewal_consent, at=shop.at("2026-01-10 09:00"), by=None)
    close(acme, "2026-02-01 00:00")
    acme.refresh_from_db()
    assert (acme.status, len(charged(acme))) == ("ended", 1)


def test_it_charges_on_when_a_fixed_end_is_moved_later(qingyu):
    march, may = shop.at("2026-03-01 00:00").date(), shop.at("2026-05-01 00:00").date()
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", end_on=march)
    close(acme, "2026-01-05 00:00")
    subscriptions.end(acme, at=shop.at("2026-01-05 00:00"), by=None, on=may)
    close(acme, "2026-06-01 00:00")
    assert len(charged(acme)) == 4


def test_it_refuses_an_end_behind_the_start_of_the_next_subscription(qingyu):
    who, version = shop.tenant(), shop.plan(qingyu, [BASE])
    march, may = shop.at("2026-03-01 00:00").date(), shop.at("2026-05-01 00:00").date()
    acme = shop.subscribe(who, version, "2026-01-01", end_on=march)
    shop.subscribe(who, version, "2026-03-01")
    with pytest.raises(subscriptions.Overlapping):
        subscriptions.end(acme, at=shop.at("2026-01-05 00:00"), by=None, on=may)


def test_it_ends_a_trial_although_nothing_can_follow(qingyu):
    who, free = shop.tenant(), shop.plan(qingyu, [BASE | {"amount": "0"}], code="free")
    shop.subscribe(who, free, "2026-01-01", renews=False)
    version = shop.plan(qingyu, [BASE], trial_days=14, after_trial="free")
    trial = shop.subscribe(who, version, "2026-01-01", renews=False)
    close(trial, "2026-01-15 00:00")
    trial.refresh_from_db()
    assert trial.status == "ended"
    assert AuditEntry.objects.filter(verb="subscription.not_continued", tenant=who).exists()


def test_it_sells_no_plan_that_was_taken_off_sale(qingyu):
    version = shop.plan(qingyu, [BASE])
    Plan.objects.filter(pk=version.plan_id).update(on_sale=False)
    with pytest.raises(subscriptions.NotFound):
        subscriptions.on_sale(qingyu.pk, "standard")


def test_it_charges_the_parent_that_pays_by_now(qingyu):
    who, parent = shop.tenant(), shop.tenant("parent")
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE]), "2026-01-01")
    close(acme, "2026-01-01 09:00")
    companies.amend(who, {"parent": "parent"}, at=shop.at("2026-01-10 09:00"), by=None)
    close(acme, "2026-02-01 00:00")
    acme.refresh_from_db()
    assert acme.payer == parent
    assert [c.payer for c in Charge.objects.order_by("due_on")] == [who, parent]


def test_it_serves_to_its_end_a_week_that_was_opened(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, MESSAGES | {"interval": "week"}]), "2026-01-01")
    close(acme, "2026-01-29 00:00")
    subscriptions.stop_renewing(acme, at=shop.at("2026-01-30 00:00"), by=None)
    close(acme, "2026-02-10 00:00")
    acme.refresh_from_db()
    # The month ends on 1 February, the week of 29 January on 5 February.
    assert (acme.ended_at, acme.during.upper) == (shop.at("2026-02-05 00:00"),) * 2


def test_it_bills_a_fixed_contract_to_its_end_without_renewal(qingyu):
    day = date(2026, 3, 16)
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", renews=False, end_on=day)
    close(acme, "2026-06-01 00:00")
    acme.refresh_from_db()
    # March: 310.00 × 15 of 31 days = 150.00
    assert [row[3] for row in charged(acme)] == [310_00, 310_00, 150_00]
    assert (acme.status, acme.ended_at) == ("ended", shop.at("2026-03-16 00:00"))


def test_it_ends_later_where_somebody_says_so(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", renews=False)
    close(acme, "2026-01-01 09:00")
    subscriptions.end(acme, at=shop.at("2026-01-10 09:00"), by=None, on=date(2026, 3, 1))
    close(acme, "2026-06-01 00:00")
    assert len(charged(acme)) == 2
