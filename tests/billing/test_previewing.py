"""Preview equals bill: the next bill as shown is the one that comes; and a charge computed again from its records."""

import pytest

from billing import closing, previewing
from billing.models import Charge, Subscription
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "310.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "graduated",
    "included": "1000",
    "tiers": [{"up_to": "100", "unit_amount": "0.05"}, {"up_to": None, "unit_amount": "0.04"}],
}


@pytest.fixture
def acme(qingyu):
    subscription = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    closing.close([subscription.pk], at=shop.at("2026-01-01 09:00"))
    shop.use(subscription.tenant, "1550", "2026-01-11 12:00")
    return subscription


def shown(subscription: Subscription, when: str) -> previewing.Preview:
    fresh = Subscription.objects.select_related("version", "seller").get(pk=subscription.pk)
    return previewing.preview([fresh], at=shop.at(when))[fresh.pk]


def test_it_shows_the_bill_that_comes(acme):
    preview = shown(acme, "2026-01-31 23:59")
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    charged = Charge.objects.filter(subscription=acme, due_on=preview.due_on).order_by("code")
    lines = [*preview.fixed, *(use.so_far for use in preview.usage)]
    assert sorted((w.clause.code, w.quantity, w.amount_minor, w.start) for w in lines) == [
        (c.code, c.quantity, c.amount_minor, c.service_start_on) for c in charged
    ]
    # 310.00 + 100 × 0.05 + 450 × 0.04 = 333.00
    assert preview.fixed_minor + preview.so_far_minor == 333_00


def test_it_guesses_by_the_days_that_went(acme):
    preview = shown(acme, "2026-01-16 12:00")
    # 1,550 in 15.5 of 31 days: 3,100; 100 × 0.05 + 2,000 × 0.04 = 85.00
    assert (preview.usage[0].expected_quantity, preview.expected_minor) == (3100, 395_00)


def test_it_shows_nothing_for_what_is_over(qingyu):
    subscription = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", renews=False)
    closing.close([subscription.pk], at=shop.at("2026-02-01 00:00"))
    fresh = Subscription.objects.select_related("version", "seller").get(pk=subscription.pk)
    assert previewing.preview([fresh], at=shop.at("2026-02-02 00:00")) == {}


def test_it_computes_a_charge_again(acme):
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    again = previewing.recompute(Charge.objects.get(code="messages"))
    assert (again.agrees, again.amount_minor, again.measured, again.events) == (True, 23_00, 1550, 1)
    assert previewing.recompute(Charge.objects.filter(code="base").first()) is None


def test_it_says_when_the_records_say_otherwise(acme):
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    acme.tenant.usage_counters.update(total=2000)
    again = previewing.recompute(Charge.objects.get(code="messages"))
    assert (again.agrees, again.charged_minor, again.amount_minor) == (False, 23_00, 41_00)


def test_it_expects_nothing_of_a_price_that_was_not_taken(qingyu):
    optional = {"kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05", "optional": True}
    base = {"code": "base", "kind": "base", "model": "flat", "amount": "1.00"}
    made = shop.subscribe(shop.tenant(), shop.plan(qingyu, [base, optional | {"code": "messages"}]), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    acme = made.__class__.objects.select_related("version", "seller").get(pk=made.pk)
    assert previewing.preview([acme], at=shop.at("2026-01-02 00:00"))[acme.pk].usage == ()
