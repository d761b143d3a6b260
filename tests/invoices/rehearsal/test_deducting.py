"""Stories with money in them: balances, announcements, deductions, coupons, packs."""

import pytest

from tenants.errors import DomainError
from tests.invoices.rehearsal.conftest import BUY, METERS, played, refusals, story, sums, use

pytestmark = pytest.mark.django_db
WALLET = [{"code": "acme", "wallet": "500.00", "pays": "wallet"}]
PAID = [("2026-01-31", "paid", "199.00"), ("2026-02-28", "paid", "199.00")]
UNPAID = [("2026-01-31", "paid", "199.00"), ("2026-02-28", "open", "199.00")]


def step(do: str, at: str = "2026-02-01T09:00:00", **more):
    return {"at": at, "do": do, "tenant": "acme", **more}


def test_a_purchase_is_paid_at_once_and_a_renewal_is_announced_and_deducted():
    told = played(BUY, tenants=WALLET)
    assert sums(told) == PAID
    announced, *reminded = told["notices"]
    assert [(one["kind"], one["at"][:10], one["total"]) for one in reminded] == [
        ("charge_reminder", "2026-02-25", "199.00"),
        ("charge_reminder", "2026-02-27", "199.00"),
    ]
    assert [announced] == [
        {
            "tenant": "acme",
            "kind": "charge_announced",
            "at": "2026-02-21T00:00:00+08:00",
            "charge_at": "2026-02-28T00:00:00+08:00",
            "total": "199.00",
        }
    ]
    assert [(one["method"], one["status"], one["at"][:16]) for one in told["payments"]] == [
        ("wallet", "succeeded", "2026-01-31T09:00"),
        ("wallet", "succeeded", "2026-02-28T00:00"),
    ]
    assert told["wallets"] == {"acme": "102.00"}


def test_without_an_authorisation_it_renews_and_nothing_is_deducted():
    told = played({**BUY, "authorise": None}, tenants=WALLET)
    assert sums(told) == UNPAID
    assert told["subscriptions"][0]["period"] == ["2026-02-28", "2026-03-31"]
    assert sums(played(BUY, step("revoke"), tenants=WALLET)) == UNPAID


def test_an_authorisation_may_be_given_later_and_with_a_ceiling():
    bare = {**BUY, "authorise": None}
    assert sums(played(bare, step("authorise"), tenants=WALLET)) == PAID
    assert sums(played(bare, step("authorise", scope="subscription"), tenants=WALLET)) == PAID
    assert sums(played(bare, step("authorise", ceiling="198.99"), tenants=WALLET)) == UNPAID
    assert sums(played({**BUY, "authorise": {"ceiling": "199.00"}}, tenants=WALLET)) == PAID


def test_there_is_nothing_to_revoke_twice():
    told = played(BUY, step("revoke"), step("revoke"), step("authorise", scope="everything"), tenants=WALLET)
    assert refusals(told) == [(3, "not_found"), (4, "invalid")]


def test_what_could_not_be_taken_is_taken_when_the_balance_is_topped_up():
    poor = [{"code": "acme", "wallet": "0.00", "pays": "wallet"}]
    told = played(BUY, step("top_up", amount="100.00"), step("top_up", amount="99.00", gift=True), tenants=poor)
    assert told["invoices"][0]["status"] == "paid"
    assert told["wallets"] == {"acme": "0.00"}
    assert sums(told)[1] == ("2026-02-28", "open", "199.00")


def test_a_bill_is_paid_from_the_balance_where_it_holds_enough():
    manual = [{"code": "acme", "wallet": "250.00", "pays": "manual"}]
    told = played(BUY, step("pay"), step("pay", at="2026-03-01T09:00:00"), tenants=manual)
    assert [(one["method"], one["amount"]) for one in told["payments"]] == [
        ("wallet", "199.00"),
        ("transfer", "199.00"),
    ]
    assert told["wallets"] == {"acme": "51.00"}
    told = played(
        BUY, step("pay", method="alipay"), step("pay", method="cash"), until="2026-02-10T00:00:00", tenants=manual
    )
    assert [(one["method"], one["amount"]) for one in told["payments"]] == [("alipay", "199.00")]
    assert (told["wallets"], refusals(told)) == ({"acme": "250.00"}, [(3, "not_found")])


def test_discounts_are_told_by_line_and_coupon():
    catalogue = story()["catalogue"] | {"coupons": [{"code": "SPRING", "percent": "10", "duration": {"months": 1}}]}
    told = played({**BUY, "coupons": ["SPRING"]}, catalogue=catalogue)
    first, second = told["invoices"]
    assert (first["lines"][0]["amount"], first["discount"], first["total"]) == ("199.00", "19.90", "179.10")
    assert first["lines"][0]["discounts"] == [{"coupon": "SPRING", "amount": "19.90"}]
    assert second["total"] in ("199.00", "179.10")
    redeemed = played(BUY, step("redeem", coupon="SPRING"), step("redeem", coupon="NONE"), catalogue=catalogue)
    assert refusals(redeemed) == [(3, "unknown_coupon")]


def test_a_coupon_that_cannot_be_offered_names_its_path():
    catalogue = {"meters": METERS, "coupons": [{"code": "bad code", "percent": "10"}]}
    with pytest.raises(DomainError) as refused:
        played(BUY, catalogue=story()["catalogue"] | catalogue)
    assert refused.value.field.startswith("catalogue.coupons[0]")


def test_a_pack_covers_usage():
    told = played(
        BUY,
        step("grant", meter="messages", quantity="100"),
        use("2026-02-10T09:00:00", "1200"),
        step("grant", meter="calls", quantity="1"),
    )
    (line,) = [line for line in told["invoices"][1]["lines"] if line["kind"] == "usage"]
    assert (line["quantity"], line["amount"]) == ("100", "5.00")  # 1,200 − 1,000 included − 100 of the pack
    assert refusals(told) == [(4, "not_found")]


def test_changes_are_billed_at_once_and_previewed_by_nobody():
    told = played(
        BUY,
        step("set_quantity", price="seat", quantity=2, at="2026-02-14T09:00:00"),
        step("cancel"),
        step("keep"),
        step("change_plan", plan="gold"),
    )
    # 2 × 200.00 for 14 of 28 days.
    assert [bill["total"] for bill in told["invoices"]] == ["199.00", "200.00", "599.00"]
    assert told["invoices"][1]["lines"][0]["reason"] == "change"
    assert refusals(told) == [(5, "not_found")]
