"""The foot of a document: sums of rounded lines, and discounts spread over them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.totals import Line, Totals, spread_amount, spread_percent, totals

SIX = Decimal("0.06")
amounts = st.lists(st.integers(-(10**7), 10**7), max_size=10)


def test_it_sums_lines_with_tax_inside() -> None:
    lines = [Line(1000, rate=SIX), Line(25831, (1000,), rate=SIX)]
    # 10.00 → 0.57; 248.31 × 0.06 ÷ 1.06 = 14.0553 → 14.06
    assert totals(lines, "CNY") == Totals(subtotal=26831, discount=1000, net=24368, tax=1463, total=25831)


def test_it_sums_lines_with_tax_on_top() -> None:
    lines = [Line(25, rate=SIX, inclusive=False), Line(25, rate=SIX, inclusive=False)]
    # 0.25 × 0.06 = 0.015 → 0.02 on each line; on the sum it would be 0.03
    assert totals(lines, "CNY") == Totals(subtotal=50, discount=0, net=50, tax=4, total=54)


def test_it_sums_credits_and_nothing() -> None:
    assert totals([Line(-500, rate=SIX), Line(500, rate=SIX)], "CNY") == Totals(0, 0, 0, 0, 0)
    assert totals([], "CNY") == Totals(0, 0, 0, 0, 0)


@given(amounts, st.booleans())
def test_it_adds_net_and_tax_to_the_total(lines: list[int], inclusive: bool) -> None:
    summed = totals([Line(amount, rate=SIX, inclusive=inclusive) for amount in lines], "CNY")
    assert summed.net + summed.tax == summed.total
    assert summed.subtotal - summed.discount == (summed.total if inclusive else summed.net)


def test_it_rounds_a_percentage_once_and_spreads_it() -> None:
    # 10 % of 0.15 is 0.015 → 0.02; each line's share is 0.67 fen: the two earlier get one each
    assert spread_percent([5, 5, 5], Decimal(10), "CNY") == [1, 1, 0]


def test_it_gives_no_discount_to_credit_lines() -> None:
    assert spread_percent([10000, -4000, 20000], Decimal(10), "CNY") == [1000, 0, 2000]
    assert spread_percent([-4000], Decimal(10), "CNY") == [0]


def test_it_makes_ten_percent_twice_nineteen() -> None:
    first = spread_percent([10000], Decimal(10), "CNY")
    second = spread_percent([10000 - first[0]], Decimal(10), "CNY")
    assert first[0] + second[0] == 1900


@given(amounts, st.decimals(0, 100, places=2))
def test_it_never_takes_more_than_the_line(lines: list[int], percent: Decimal) -> None:
    off = spread_percent(lines, percent, "CNY")
    assert all(0 <= part <= max(0, amount) for part, amount in zip(off, lines, strict=True))


@given(amounts, st.integers(0, 10**8))
def test_it_spreads_an_amount_up_to_the_positive_lines(lines: list[int], off: int) -> None:
    parts = spread_amount(lines, off)
    assert sum(parts) == min(off, sum(max(0, amount) for amount in lines))
    assert all(0 <= part <= max(0, amount) for part, amount in zip(parts, lines, strict=True))


def test_it_refuses_what_is_no_discount() -> None:
    with pytest.raises(ValueError, match="no discount"):
        spread_percent([100], Decimal(101), "CNY")
    with pytest.raises(ValueError, match="not below zero"):
        spread_amount([100], -1)
