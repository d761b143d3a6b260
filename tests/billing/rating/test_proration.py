"""Parts of a period and credits (CONTRACTS rules 4 and 5)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating import Price, credit, prorate, prorate_minor, prorated
from tests.billing.rating.prices import prices, quantities, rated, sum_of_steps


@pytest.mark.parametrize(
    ("exact", "used", "whole", "fen"),
    [
        # 199 × 12 ÷ 31 = 77.0322…
        ("199", 12, 31, 7703),
        ("3000", 184, 365, 151233),
        # 0.01 × 1 ÷ 2 = 0.005, a tie
        ("0.01", 1, 2, 1),
        ("100", 0, 30, 0),
        ("100", 30, 30, 10000),
    ],
)
def test_it_charges_the_days_used_of_the_whole_period(exact: str, used: int, whole: int, fen: int) -> None:
    assert prorate(Decimal(exact), used, whole, "CNY") == fen


def test_it_rounds_once() -> None:
    # 0.005 × 3 × 10 ÷ 30 = 0.005 → 0.01; rounding the price first would give 0.02 × ⅓ = 0.01 as well, but
    # 0.005 × 1 × 15 ÷ 30 = 0.0025 → 0.00, where 0.01 ÷ 2 would have been 0.01
    assert prorate(Decimal("0.005"), 15, 30, "CNY") == 0
    assert prorate_minor(1, 15, 30) == 1


@pytest.mark.parametrize(("used", "whole"), [(-1, 30), (31, 30), (0, 0), (1, -1)])
def test_it_refuses_what_is_no_part(used: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no part"):
        prorate(Decimal(1), used, whole, "CNY")


def test_it_shows_the_part_as_one_more_step() -> None:
    part = prorated(rated({"model": "flat", "amount": "199"}, 1), 12, 31)
    assert (part.amount_minor, part.exact) == (7703, Decimal("77.03"))
    # 77.03 − 199.00
    assert (part.steps[-1].code, part.steps[-1].amount) == ("proration", Decimal("-121.97"))
    assert part.steps[-1].text("zh") == "按天计：12 ÷ 31 天"
    assert part.steps[-1].text("en") == "By days: 12 of 31 days"


def test_it_leaves_a_whole_period_alone() -> None:
    whole = rated({"model": "flat", "amount": "199"}, 1)
    assert prorated(whole, 31, 31) is whole


def test_it_splits_by_the_second() -> None:
    part = prorated(rated({"model": "flat", "amount": "31"}, 1), 43_200, 2_678_400, by_second=True)
    # half a day of 31
    assert part.amount_minor == 50
    assert part.steps[-1].text("zh") == "按秒计：43200 ÷ 2678400 秒"


@given(prices, quantities, st.integers(1, 366), st.integers(0, 366))
def test_the_steps_of_a_part_add_up(price: Price, quantity: Decimal, whole: int, used: int) -> None:
    part = prorated(rated(price, quantity), min(used, whole), whole)
    assert sum_of_steps(part) == Fraction(part.exact)


def test_a_credit_is_what_was_charged_not_todays_price() -> None:
    # charged 180.00 after a coupon; 10 of 30 days unused
    assert credit(18000, 10, 30, 18000) == 6000


def test_a_credit_is_at_most_what_is_left() -> None:
    assert credit(18000, 10, 30, 4000) == 4000
    assert credit(18000, 10, 30, 0) == 0
    assert credit(18000, 10, 30, -5) == 0


def test_fewer_seats_give_back_their_share() -> None:
    # 600.00 for 3 seats, one leaves with 10 of 31 days unused: 600 × ⅓ × 10 ÷ 31 = 64.516…
    assert credit(60000, 10, 31, 60000, removed=Decimal(1), held=Decimal(3)) == 6452


def test_it_refuses_to_remove_more_than_was_held() -> None:
    with pytest.raises(ValueError, match="part of what was held"):
        credit(100, 1, 30, 100, removed=Decimal(4), held=Decimal(3))
    with pytest.raises(ValueError, match="part of what was held"):
        credit(100, 1, 30, 100, removed=Decimal(0), held=Decimal(0))


@given(st.integers(0, 10**9), st.integers(1, 366), st.lists(st.integers(0, 366), max_size=6))
def test_credits_never_give_back_more_than_was_charged(charged: int, covered: int, parts: list[int]) -> None:
    left = charged
    for unused in parts:
        back = credit(charged, min(unused, covered), covered, left)
        left -= back
        assert back >= 0
    assert left >= 0


@given(st.integers(0, 10**9), st.integers(1, 366), st.integers(0, 366))
def test_used_and_unused_days_make_the_whole_to_the_fen(charged: int, covered: int, used: int) -> None:
    used = min(used, covered)
    back = credit(charged, covered - used, covered, charged)
    assert abs(back + prorate_minor(charged, used, covered) - charged) <= 1
