"""Settled money: whole minor units, one currency, one rounding."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import (
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    allocate,
    divide_half_up,
    minor_digits,
    plain,
    round_half_up,
)

exact_amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=6)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("CNY", 2), ("USD", 2), ("HKD", 2), ("JPY", 0), ("KRW", 0), ("VND", 0), ("KWD", 3), ("BHD", 3), ("CLF", 4)],
)
def test_it_knows_the_digits_of_a_currency(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("code", ["RMB", "cny", "", "XXX", "CN¥"])
def test_it_refuses_an_unknown_currency(code: str) -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        minor_digits(code)
    with pytest.raises(UnknownCurrency):
        Money(1, code)


@pytest.mark.parametrize(
    ("exact", "currency", "minor"),
    [
        ("0.005", "CNY", 1),
        ("0.00499999999999999999999999999999999999", "CNY", 0),
        ("-0.005", "CNY", -1),
        ("2.675", "CNY", 268),
        ("871.225", "CNY", 87123),
        ("0.5", "JPY", 1),
        ("-1.5", "JPY", -2),
        ("1.0005", "KWD", 1001),
        ("123456789012345678901234567890.125", "CNY", 12345678901234567890123456789013),
    ],
)
def test_it_rounds_ties_away_from_zero(exact: str, currency: str, minor: int) -> None:
    assert round_half_up(Decimal(exact), currency) == minor


def test_it_rounds_fractions_that_no_decimal_can_write() -> None:
    assert round_half_up(Fraction(100, 3), "CNY") == 3333
    assert round_half_up(Fraction(-200, 3), "CNY") == -6667


@given(exact_amounts)
def test_it_rounds_as_decimal_does(exact: Decimal) -> None:
    assert round_half_up(exact, "CNY") == int(exact.quantize(Decimal("0.01"), ROUND_HALF_UP) * 100)


@given(exact_amounts)
def test_it_rounds_a_credit_to_the_mirror_of_its_charge(exact: Decimal) -> None:
    assert round_half_up(-exact, "CNY") == -round_half_up(exact, "CNY")


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**12))
def test_it_divides_to_the_nearest(numerator: int, denominator: int) -> None:
    off = Fraction(numerator, denominator) - divide_half_up(numerator, denominator)
    assert abs(off) <= Fraction(1, 2)


def test_it_refuses_to_divide_by_nothing() -> None:
    with pytest.raises(ValueError, match="above zero"):
        divide_half_up(1, 0)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        ("1E+3", 0, "1000"),
        ("0E-10", 2, "0.00"),
        ("-0.0", 0, "0"),
        ("10.0000", 2, "10.00"),
        ("0.00125", 2, "0.00125"),
        ("-36", 2, "-36.00"),
        ("1E-7", 0, "0.0000001"),
    ],
)
def test_it_writes_decimals_without_exponent_and_idle_zeros(value: str, digits: int, text: str) -> None:
    assert plain(Decimal(value), digits) == text


def test_it_reads_and_writes_an_amount() -> None:
    money = Money.of("12.30", "CNY")
    assert (money.minor, money.amount, str(money)) == (1230, Decimal("12.30"), "12.30")
    assert str(Money.of("-36", "CNY")) == "-36.00"
    assert str(Money(120, "JPY")) == "120"
    assert str(Money(1, "KWD")) == "0.001"


@pytest.mark.parametrize(("amount", "currency"), [("12.305", "CNY"), ("1.5", "JPY"), ("1.0001", "KWD")])
def test_it_refuses_more_decimals_than_the_currency_has(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more than the"):
        Money.of(amount, currency)


@pytest.mark.parametrize("amount", ["", "twelve", "NaN", "Infinity", "1e99999999", "1e-99999999", 1.5])
def test_it_refuses_what_is_no_decimal(amount: str) -> None:
    with pytest.raises(ValueError, match="no decimal amount"):
        Money.of(amount, "CNY")


@pytest.mark.parametrize("minor", [1.0, True, Decimal(1)])
def test_it_counts_whole_minor_units_only(minor: int) -> None:
    with pytest.raises(TypeError):
        Money(minor, "CNY")


def test_it_adds_takes_off_and_turns_round() -> None:
    assert Money(100, "CNY") + Money(50, "CNY") == Money(150, "CNY")
    assert Money(100, "CNY") - Money(150, "CNY") == Money(-50, "CNY")
    assert -Money(100, "CNY") == Money(-100, "CNY")
    assert abs(Money(-7, "CNY")) == Money(7, "CNY")
    assert not Money.zero("CNY")


def test_it_compares_within_a_currency() -> None:
    assert Money(1, "CNY") < Money(2, "CNY") <= Money(2, "CNY")
    assert Money(2, "CNY") > Money(1, "CNY") >= Money(1, "CNY")
    assert Money(1, "CNY") != Money(1, "USD")


@pytest.mark.parametrize("act", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_it_never_mixes_currencies(act: str) -> None:
    with pytest.raises(CurrencyMismatch):
        getattr(Money(1, "CNY"), act)(Money(1, "USD"))


def test_it_gives_the_rest_to_the_largest_remainder() -> None:
    # 100 × 1 ÷ 3 = 33⅓ each: the first of the equal ones gets the odd one
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    # 10 × 5 ÷ 9 = 5.56, 10 × 3 ÷ 9 = 3.33, 10 × 1 ÷ 9 = 1.11
    assert allocate(10, [5, 3, 1]) == [6, 3, 1]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]


def test_it_spreads_over_no_one_only_nothing() -> None:
    assert allocate(0, []) == []
    assert allocate(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="nothing to spread"):
        allocate(1, [0, 0])
    with pytest.raises(ValueError, match="below zero"):
        allocate(1, [2, -1])


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_it_allocates_all_and_nobody_is_off_by_one(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
