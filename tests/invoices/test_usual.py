"""What is far from a customer's own history, in pure arithmetic: constant, growing and empty histories, and what nobody judges."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.usual import ABOVE, NEW, ZERO, Limits, Line, Past, judge, spread_of

LIMITS = Limits(Decimal(5), 500_00)
AMOUNTS = st.integers(0, 10**8)
HISTORIES = st.lists(AMOUNTS, min_size=3, max_size=12)


def line(amount, history, *, days=30, then=30, units="1", units_then="1", key="messages", bills=0, explained=False):
    past = [Past(one, then, Decimal(units_then), n) for n, one in enumerate(history, start=1)]
    return Line(key, amount, days, Decimal(units), past, bills or len(past), explained)


def whys(*lines):
    return [(far.key, far.why) for far in judge(lines, LIMITS)]


@pytest.mark.parametrize(
    ("amount", "history", "found"),
    [
        # usual 1,000.00, spread a fifth of it: far is above 2,000.00
        (2_000_00, [1_000_00] * 3, []),
        (2_000_01, [1_000_00] * 3, [ABOVE]),
        (10_000_00, [900_00, 1_000_00, 1_100_00, 1_050_00], [ABOVE]),
        # of zeros the spread is what is worth a question: 500.00 in all
        (500_00, [0, 0, 0], []),
        (500_01, [0, 0, 0], [ZERO]),
        # MAD 400.00 × 1.4826 × 5 = 2,965.20 above the usual 1,000.00
        (3_965_20, [200_00, 600_00, 1_000_00, 1_400_00, 1_800_00], []),
        (3_965_21, [200_00, 600_00, 1_000_00, 1_400_00, 1_800_00], [ABOVE]),
        # it was so dear once before, and stood
        (9_000_00, [1_000_00, 1_000_00, 1_000_00, 9_000_00], []),
        (10_800_00, [1_000_00, 1_000_00, 1_000_00, 9_000_00], []),
        (10_800_01, [1_000_00, 1_000_00, 1_000_00, 9_000_00], [ABOVE]),
        # too few say nothing
        (90_000_00, [1_000_00, 1_000_00], []),
        (90_000_00, [], []),
        # what is less is not held
        (0, [1_000_00] * 5, []),
        (-5_000_00, [1_000_00] * 5, []),
    ],
)
def test_far_is_five_spreads_above_the_usual(amount, history, found):
    assert [why for _key, why in whys(line(amount, history))] == found


def test_a_line_that_no_earlier_bill_had_is_new():
    assert whys(line(800_00, [], bills=3)) == [("messages", NEW)]
    assert whys(line(800_00, [], bills=2)) == []


def test_what_a_member_confirmed_is_never_judged():
    assert whys(line(99_999_00, [1_00] * 9, explained=True)) == []


def test_growth_of_days_and_of_confirmed_seats_is_no_anomaly():
    assert whys(line(4_000_00, [1_000_00] * 4, units="40", units_then="10")) == []
    assert whys(line(12_000_00, [1_000_00] * 4, days=360)) == []
    assert whys(line(12_000_00, [1_000_00] * 4, days=359)) == []
    assert whys(line(4_000_00, [1_000_00] * 4, units="10", units_then="10")) == [("messages", ABOVE)]


def test_many_lines_that_are_each_a_little_dear_are_far_together():
    # Each is 0.99 of what is far; together their histories, which never moved together, are calmer.
    calm = [line(1_990_00, [1_000_00] * 4, key=f"p{n}") for n in range(3)]
    assert whys(*calm) == []
    noisy = [
        line(3_900_00, [200_00, 600_00, 1_000_00, 1_400_00, 1_800_00], key="a"),
        line(3_900_00, [1_800_00, 1_400_00, 1_000_00, 600_00, 200_00], key="b"),
    ]
    assert whys(*noisy) == [("", ABOVE)]


@given(HISTORIES, AMOUNTS, st.randoms())
def test_the_order_of_the_past_does_not_matter(history, amount, random):
    other = list(history)
    random.shuffle(other)
    assert judge([line(amount, history)], LIMITS) == judge([line(amount, other)], LIMITS)


@given(HISTORIES, AMOUNTS)
def test_one_odd_period_of_many_moves_the_spread_by_no_more_than_its_neighbours(history, odd):
    """Robust: whatever one value of five becomes, usual and spread stay within the other four."""
    others = (history * 5)[:4]
    far = judge([line(max(others) * 20 + 500_01_00, [*others, min(odd, max(others))])], LIMITS)
    assert far
    assert min(others) <= max(far[0].usual_minor, min(others)) <= max(others)


@given(HISTORIES, AMOUNTS, st.integers(0, 10**7))
def test_dearer_is_not_less_far(history, amount, more):
    if judge([line(amount, history)], LIMITS):
        assert judge([line(amount + more, history)], LIMITS)


@given(HISTORIES, AMOUNTS)
def test_what_is_held_is_above_everything_before_and_by_at_least_the_least(history, amount):
    for far in judge([line(amount, history)], LIMITS):
        assert amount > max(history)
        assert amount - far.usual_minor >= LIMITS.least_minor
        assert far.spreads >= LIMITS.factor


@given(HISTORIES, st.integers(1, 20))
def test_seats_that_grow_with_the_usage_change_nothing(history, times):
    same = judge([line(max(history), history)], LIMITS)
    grown = judge([line(max(history) * times, history, units=str(times))], LIMITS)
    assert same == grown == []


@given(HISTORIES)
def test_the_spread_is_never_below_what_is_worth_a_question(history):
    assert spread_of(history, LIMITS) * 5 >= LIMITS.least_minor
