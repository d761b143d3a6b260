"""Coupons in the operators' tables: defined by the verb, shown with their use, switched off."""

from billing import discounts
from billing.models import Coupon, Subscription
from tests import shop
from tests.admin.conftest import staff
from tests.admin.test_acts import said, to

WHEN = shop.at("2026-01-10 09:00")


def test_it_defines_a_coupon(desk, world):
    form = {"seller": Subscription.objects.first().seller_id, "code": "SPRING"}
    answer = desk.post(
        to("billing_coupon", "define"), form | {"percent": "10", "duration": "once", "applies_to": "base seat"}
    )
    assert answer.status_code == 302, said(answer)
    made = Coupon.objects.get()
    assert (made.code, made.percent, made.applies_to) == ("SPRING", 10, ["base", "seat"])


def test_it_says_what_is_wrong_at_its_field(desk, world):
    form = {"seller": Subscription.objects.first().seller_id, "code": "SPRING", "percent": "200", "duration": "once"}
    answer = desk.post(to("billing_coupon", "define"), form, headers={"accept-language": "en"})
    assert "at most 100" in said(answer)
    assert not Coupon.objects.exists()


def test_it_shows_use_and_switches_off(desk, world):
    mine = Subscription.objects.exclude(status="ended").first()
    spring = discounts.define(mine.seller, {"code": "SPRING", "amount": "50.00"}, at=WHEN, by=None)
    discounts.redeem(mine, "SPRING", at=WHEN, by=None)
    shown = said(desk.get(to("billing_coupon", "changelist")))
    assert "SPRING" in shown
    assert desk.post(to("billing_coupon", "switch", spring)).status_code == 302
    spring.refresh_from_db()
    assert not spring.active


def test_a_viewer_defines_nothing(client, world):
    client.force_login(staff("Viewer"))
    assert client.get(to("billing_coupon", "define")).status_code == 403
