"""Coupons over the API: operators define them, a customer's program redeems them."""

import pytest

from billing.models import Coupon, Redemption, Subscription
from tests.api.test_writing import error

pytestmark = pytest.mark.django_db


def test_it_defines_lists_and_redeems_a_coupon(billed, operator, customer):
    said = {"code": "SPRING", "percent": "12.5", "duration": "months", "months": 3, "budget": "500.00"}
    made = operator.post("coupons", said)
    assert made.status_code == 201, made.content
    (row,) = operator.get("coupons").json()["results"]
    assert row == made.json()
    assert (row["percent"], row["amount"], row["months"], row["budget"]) == ("12.5", None, 3, "500.00")
    mine = Subscription.objects.filter(tenant=billed.acme).first()
    answer = customer.post(f"subscriptions/{mine.pk}/coupons", {"coupon": "spring"})
    assert answer.status_code == 201, answer.content
    assert Redemption.objects.get().subscription == mine
    again = customer.post(f"subscriptions/{mine.pk}/coupons", {"coupon": "spring"})
    assert error(again, 409)["code"] == "coupon_already_redeemed"


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"code": "A"}, "percent"),
        ({"code": "A", "percent": "200"}, "percent"),
        ({"code": "A", "amount": "x"}, "amount"),
        ({"code": "A", "percent": "5", "duration": "months"}, "duration"),
        ({"percent": "5"}, "code"),
    ],
)
def test_it_refuses_a_bad_coupon_and_names_the_field(billed, operator, said, path):
    assert error(operator.post("coupons", said), 400)["path"] == path
    assert not Coupon.objects.exists()


def test_it_lets_no_customer_define_a_coupon_or_redeem_for_another(billed, operator, customer):
    error(customer.post("coupons", {"code": "A", "percent": "5"}), 403)
    operator.post("coupons", {"code": "A", "percent": "5"})
    theirs = Subscription.objects.exclude(tenant=billed.acme).first()
    error(customer.post(f"subscriptions/{theirs.pk}/coupons", {"coupon": "A"}), 404)
