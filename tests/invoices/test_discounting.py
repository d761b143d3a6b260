"""Coupons on bills: in sequence, once per period, used up by the first issued bill, and never below zero (rule 10)."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from billing import closing, discounts
from billing.models import AppliedDiscount, Charge, Redemption
from invoices import checking, composing, drafting, issuing
from invoices.models import Invoice
from invoices.totals import Offer, take_off
from tests import shop

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
MORE = {"code": "more", "kind": "base", "model": "flat", "amount": "50.00"}
USAGE = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "1.00"}
NOW = shop.at("2026-01-01 09:00")


def coupon(seller, code="TEN", **data):
    return discounts.define(seller, {"code": code, **(data or {"percent": "10"})}, at=shop.OPENED, by=None)


def subscribed(seller, prices, *codes, code="standard", who=None, **more):
    return shop.subscribe(
        who or shop.tenant(), shop.plan(seller, prices, code=code), "2026-01-01", coupons=codes, **more
    )


def given_on(bill):
    """Return what each line of a bill costs less, by its code."""
    return {line.code: line.discount_minor for line in bill.lines.order_by("position") if line.discount_minor}


def billed(subscription, *until):
    for when in until:
        assert shop.bill(when).parked == 0
    assert not list(checking.faults())
    return shop.bills(subscription.tenant)


@pytest.mark.django_db
class TestBills:
    """What stands on bills."""

    def test_it_takes_a_percentage_of_the_whole_bill(self, qingyu):
        coupon(qingyu)
        (bill,) = billed(subscribed(qingyu, [BASE, MORE], "TEN"), "2026-01-01 09:00")
        assert given_on(bill) == {"base": 10_00, "more": 5_00}
        assert (bill.subtotal_minor, bill.discount_minor, bill.total_minor) == (150_00, 15_00, 135_00)

    def test_it_takes_each_of_what_the_one_before_left(self, qingyu):
        coupon(qingyu)
        coupon(qingyu, "AGAIN", percent="10")
        (bill,) = billed(subscribed(qingyu, [BASE], "TEN", "AGAIN"), "2026-01-01 09:00")
        # 100.00 − 10.00 − 9.00: 10 % then 10 % is 19 %
        assert given_on(bill) == {"base": 19_00}

    def test_it_takes_coupons_of_lines_before_those_of_the_bill(self, qingyu):
        coupon(qingyu)
        coupon(qingyu, "LINE", amount="50.00", applies_to=["base"])
        (bill,) = billed(subscribed(qingyu, [BASE, MORE], "TEN", "LINE"), "2026-01-01 09:00")
        # base 100.00 − 50.00; then 10 % of 50.00 + 50.00
        assert given_on(bill) == {"base": 55_00, "more": 5_00}

    def test_it_computes_tax_on_what_is_left(self, qingyu):
        qingyu.tax_rate = "0.06"
        qingyu.save()
        coupon(qingyu)
        (bill,) = billed(subscribed(qingyu, [BASE], "TEN"), "2026-01-01 09:00")
        # 90.00 × 6 ÷ 106 = 5.094… → 5.09
        assert (bill.tax_minor, bill.total_minor) == (5_09, 90_00)

    def test_it_issues_and_pays_what_is_discounted_away(self, qingyu):
        coupon(qingyu, "FREE", percent="100")
        (bill,) = billed(subscribed(qingyu, [BASE], "FREE"), "2026-01-01 09:00")
        assert (bill.total_minor, bill.status) == (0, "paid")

    def test_it_gives_on_the_lines_of_its_own_subscription_only(self, qingyu):
        coupon(qingyu)
        who = shop.tenant()
        mine = subscribed(qingyu, [BASE], "TEN", who=who)
        subscribed(qingyu, [MORE], code="other", who=who)
        (bill,) = billed(mine, "2026-01-01 09:00")
        assert given_on(bill) == {"base": 10_00}

    def test_it_is_used_up_by_the_first_issued_bill_and_its_rest_lapses(self, qingyu):
        coupon(qingyu, "GIFT", amount="300.00")
        first, second = billed(subscribed(qingyu, [BASE], "GIFT"), "2026-01-01 09:00", "2026-02-01 00:00")
        assert (first.total_minor, second.total_minor) == (0, 100_00)
        assert Redemption.objects.get().used_up_at == NOW

    def test_it_is_used_up_even_where_it_gives_nothing(self, qingyu):
        coupon(qingyu, "LINE", percent="10", applies_to=["messages"])
        subscription = subscribed(qingyu, [BASE, USAGE], "LINE")
        shop.use(subscription.tenant, "10", "2026-01-05 09:00")
        _first, second = billed(subscription, "2026-01-01 09:00", "2026-02-01 00:00")
        assert given_on(second) == {}

    def test_zero_lines_do_not_use_it_up(self, qingyu):
        coupon(qingyu)
        who = shop.tenant()
        subscription = subscribed(qingyu, [BASE | {"amount": "0.00"}, USAGE], "TEN", who=who)
        subscribed(qingyu, [MORE], code="other", who=who)
        shop.use(who, "10", "2026-01-05 09:00")
        _first, second = billed(subscription, "2026-01-01 09:00", "2026-02-01 00:00")
        assert given_on(second) == {"messages": 1_00}

    def test_it_gives_an_amount_once_in_each_period(self, qingyu):
        coupon(qingyu, "EACH", amount="30.00", duration="forever")
        subscription = subscribed(qingyu, [BASE | {"amount": "20.00"}, USAGE], "EACH")
        shop.use(subscription.tenant, "25", "2026-01-05 09:00")
        first, second = billed(subscription, "2026-01-01 09:00", "2026-02-01 00:00")
        # January: 20.00 of the base, and 10.00 are left for its usage; February has its own 30.00
        assert given_on(first) == {"base": 20_00}
        assert given_on(second) == {"messages": 10_00, "base": 20_00}

    def test_it_counts_a_price_of_a_shorter_rhythm_to_the_plans_period(self, qingyu):
        coupon(qingyu, "EACH", amount="30.00", duration="forever")
        weekly = {"code": "week", "kind": "base", "model": "flat", "amount": "20.00", "interval": "week"}
        days = ("2026-01-01", "2026-01-08", "2026-01-15")
        bills = billed(
            subscribed(qingyu, [BASE | {"amount": "0.00"}, weekly], "EACH"), *(f"{day} 09:00" for day in days)
        )
        assert [given_on(bill) for bill in bills] == [{"week": 20_00}, {"week": 10_00}, {}]

    def test_it_lasts_for_the_periods_that_start_within_its_months(self, qingyu):
        coupon(qingyu, "TWO", percent="10", duration={"months": 2})
        until = [f"2026-{month:02}-01 09:00" for month in (1, 2, 3)]
        bills = billed(subscribed(qingyu, [BASE], "TWO"), *until)
        assert [bill.discount_minor for bill in bills] == [10_00, 10_00, 0]

    def test_it_gives_what_is_left_of_a_budget(self, qingyu):
        coupon(qingyu, percent="10", duration="forever", budget="25.00")
        until = [f"2026-{month:02}-01 09:00" for month in (1, 2, 3, 4)]
        subscription = subscribed(qingyu, [BASE], "TEN")
        bills = billed(subscription, *until)
        assert [bill.discount_minor for bill in bills] == [10_00, 10_00, 5_00, 0]
        with pytest.raises(discounts.CouponUsedUp):
            discounts.redeem(subscribed(qingyu, [BASE], who=shop.tenant("late")), "TEN", at=NOW, by=None)

    def test_it_shares_a_budget_between_the_bills_of_one_run(self, qingyu):
        coupon(qingyu, percent="10", budget="15.00")
        for name in ("a", "b"):
            subscribed(qingyu, [BASE], "TEN", who=shop.tenant(name))
        shop.bill("2026-01-01 09:00")
        assert sorted(Invoice.objects.values_list("discount_minor", flat=True)) == [5_00, 10_00]
        assert not list(checking.faults())

    def test_it_prints_the_cause_at_the_line(self, qingyu):
        coupon(qingyu, percent="10", name="春季优惠", name_en="Spring offer")
        (bill,) = billed(subscribed(qingyu, [BASE], "TEN"), "2026-01-01 09:00")
        for language, said in (("zh-hans", "春季优惠 (TEN)"), ("en", "Spring offer (TEN)")):
            (line,) = composing.invoice_document(bill, language).lines
            assert [(one.cause, one.amount_minor) for one in line.discounts] == [(said, 10_00)]

    def test_it_tells_what_a_charge_comes_to(self, qingyu):
        coupon(qingyu)
        billed(subscribed(qingyu, [BASE], "TEN"), "2026-01-01 09:00")
        charge = Charge.objects.get()
        assert discounts.nets([charge.pk]) == {charge.pk: 90_00}


@pytest.mark.django_db
class TestDrafts:
    """What happens before a bill is issued."""

    @pytest.fixture
    def contract(self, qingyu):
        coupon(qingyu)
        subscription = subscribed(qingyu, [BASE], "TEN")
        closing.close([subscription.pk], at=NOW)
        return subscription

    def test_it_takes_the_discount_back_with_a_discarded_draft(self, contract):
        drafts = drafting.draft([contract.payer_id], at=NOW)
        assert AppliedDiscount.objects.get().final_at is None
        drafting.discard(drafts, at=NOW, by=None)
        assert not AppliedDiscount.objects.exists()
        (again,) = drafting.draft([contract.payer_id], at=NOW)
        assert Invoice.objects.get(pk=again).total_minor == 90_00
        assert not list(checking.faults())

    def test_it_is_final_once_it_is_issued(self, contract):
        issuing.issue(drafting.draft([contract.payer_id], at=NOW), at=NOW)
        assert AppliedDiscount.objects.get().final_at == NOW

    def test_it_gives_on_a_draft_what_is_redeemed_before_it_is_issued(self, qingyu):
        coupon(qingyu)
        subscription = subscribed(qingyu, [BASE])
        closing.close([subscription.pk], at=NOW)
        (pk,) = drafting.draft([subscription.payer_id], at=NOW)
        later = shop.at("2026-01-01 10:00")
        discounts.redeem(subscription, "TEN", at=later, by=None)
        assert issuing.issue([pk], at=later) == [pk]
        assert Invoice.objects.get().total_minor == 90_00
        assert not list(checking.faults())

    def test_it_gives_once_on_what_is_issued_first_and_not_on_the_draft_that_waited(self, qingyu):
        coupon(qingyu)
        subscription = subscribed(qingyu, [BASE, USAGE], "TEN")
        closing.close([subscription.pk], at=NOW)
        base = list(Charge.objects.values_list("pk", flat=True))
        (waited,) = drafting.draft([subscription.payer_id], at=NOW)
        assert Invoice.objects.get(pk=waited).discount_minor == 10_00
        shop.use(subscription.tenant, "30", "2026-01-05 09:00")
        after = shop.at("2026-02-01 09:00")
        closing.close([subscription.pk], at=after)
        fresh = Charge.objects.waiting().exclude(pk__in=base).values_list("pk", flat=True)
        drafted = drafting.draft_alone(list(fresh), origin="start:1", at=after)
        issuing.issue(drafted.invoices, at=after)
        # 10 % of 30.00 + 100.00 on the one that was issued first
        assert [bill.discount_minor for bill in Invoice.objects.order_by("pk")] == [0, 13_00]
        issuing.issue([waited], at=after)
        assert [bill.total_minor for bill in Invoice.objects.order_by("pk")] == [100_00, 117_00]
        assert not list(checking.faults())

    def test_it_asks_once_in_drafting_and_once_in_issuing_for_coupons(self, qingyu):
        version = shop.plan(qingyu, [BASE])
        counts = []
        # The first run opens accounts and a series of numbers.
        for name, size in (("first", 1), ("one", 1), ("five", 5)):
            ids = [shop.subscribe(shop.tenant(f"{name}-{n}"), version, "2026-01-01").pk for n in range(size)]
            closing.close(ids, at=NOW)
            payers = list(Charge.objects.waiting().values_list("payer", flat=True))
            with CaptureQueriesContext(connection) as asked:
                issuing.issue(drafting.draft(payers, at=NOW), at=NOW)
            counts.append(len(asked))
            assert sum("billing_redemption" in query["sql"] for query in asked) == 2
        assert counts[1] == counts[2]


AMOUNTS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=8)


@given(AMOUNTS, st.data())
def test_an_offer_takes_no_more_than_a_line_has_and_nothing_of_credits(amounts, data):
    parts = tuple(data.draw(st.sampled_from([None, 1, 2])) for _amount in amounts)
    most = data.draw(st.none() | st.integers(0, 10**6))
    percent = Decimal(data.draw(st.integers(1, 10_000))) / 100
    fixed = {1: data.draw(st.integers(0, 10**6)), 2: data.draw(st.integers(0, 10**6))}
    offers = (
        Offer(parts, percent=percent, most=most),
        Offer(parts, percent=percent, by_line=True, most=most),
        Offer(parts, rest=fixed, most=most),
    )
    for offer in offers:
        taken = take_off(amounts, offer, "CNY")
        assert all(0 <= off <= max(0, amount) for off, amount in zip(taken, amounts, strict=True))
        assert all(not off for off, part in zip(taken, parts, strict=True) if part is None)
        assert most is None or sum(taken) <= most
    spread = take_off(amounts, Offer(parts, rest=fixed), "CNY")
    for part, rest in fixed.items():
        lines = [max(0, amount) for amount, of in zip(amounts, parts, strict=True) if of == part]
        assert sum(off for off, of in zip(spread, parts, strict=True) if of == part) == min(rest, sum(lines))


def test_it_takes_one_amount_in_equal_parts_from_the_earlier_first():
    assert take_off([100, 100, 100], Offer((1, 1, 1), rest={1: 100}), "CNY") == [34, 33, 33]
