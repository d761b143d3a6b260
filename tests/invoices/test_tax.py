"""Tax of a line (CONTRACTS rule 12)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.tax import LineTax, credit_tax, line_tax

SIX = Decimal("0.06")
amounts = st.integers(-(10**10), 10**10)
rates = st.sampled_from([Decimal(rate) for rate in ("0", "0.01", "0.03", "0.06", "0.09", "0.13", "0.175", "1")])


@pytest.mark.parametrize(
    ("gross", "rate", "net", "tax"),
    [
        # 100 × 0.06 ÷ 1.06 = 5.6603…
        (10000, "0.06", 9434, 566),
        (9999, "0.06", 9433, 566),
        (1280000, "0.06", 1207547, 72453),
        (399900, "0.03", 388252, 11648),
        (10000, "0.01", 9901, 99),
        (1, "0.06", 1, 0),
        (1000, "0.06", 943, 57),
        (0, "0.06", 0, 0),
        (10000, "0", 10000, 0),
    ],
)
def test_it_takes_tax_out_of_a_price_that_includes_it(gross: int, rate: str, net: int, tax: int) -> None:
    assert line_tax(gross, Decimal(rate), True, "CNY") == LineTax(net, tax, gross)


@pytest.mark.parametrize(
    ("net", "rate", "tax"),
    # 0.25 × 0.06 = 0.015, a tie
    [(10000, "0.06", 600), (25, "0.06", 2), (-25, "0.06", -2), (8, "0.06", 0), (9, "0.06", 1)],
)
def test_it_puts_tax_on_a_price_without(net: int, rate: str, tax: int) -> None:
    assert line_tax(net, Decimal(rate), False, "CNY") == LineTax(net, tax, net + tax)


def test_it_rounds_in_the_currencys_own_units() -> None:
    # 105 yen with 10 %: 105 × 0.1 ÷ 1.1 = 9.545…
    assert line_tax(105, Decimal("0.1"), True, "JPY") == LineTax(95, 10, 105)


@given(amounts, rates, st.booleans())
def test_it_adds_net_and_tax_to_gross(amount: int, rate: Decimal, inclusive: bool) -> None:
    tax = line_tax(amount, rate, inclusive, "CNY")
    assert tax.net + tax.tax == tax.gross
    assert amount == (tax.gross if inclusive else tax.net)


@given(amounts, rates, st.booleans())
def test_it_mirrors_negative_amounts(amount: int, rate: Decimal, inclusive: bool) -> None:
    one, other = (line_tax(signed, rate, inclusive, "CNY") for signed in (amount, -amount))
    assert (one.net, one.tax, one.gross) == (-other.net, -other.tax, -other.gross)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=8), rates, st.booleans())
def test_it_returns_exactly_the_tax_when_all_is_credited(parts: list[int], rate: Decimal, inclusive: bool) -> None:
    charged = line_tax(sum(parts), rate, inclusive, "CNY")
    credits = [credit_tax(sum(parts[:n]), part, rate, inclusive, "CNY") for n, part in enumerate(parts)]
    assert sum(credit.tax for credit in credits) == charged.tax
    assert sum(credit.net for credit in credits) == charged.net
    assert sum(credit.gross for credit in credits) == charged.gross


def test_it_credits_by_what_was_credited_before() -> None:
    # tax of 0.09 is 0.0051 → 0.01, of 0.18 is 0.0102 → 0.01: the second half returns none
    assert credit_tax(0, 9, SIX, True, "CNY").tax == 1
    assert credit_tax(9, 9, SIX, True, "CNY").tax == 0


@pytest.mark.parametrize("rate", ["-0.06", "NaN"])
def test_it_refuses_what_is_no_rate(rate: str) -> None:
    with pytest.raises(ValueError, match="no tax rate"):
        line_tax(100, Decimal(rate), True, "CNY")


def test_it_refuses_a_line_that_does_not_add_up() -> None:
    with pytest.raises(ValueError, match="gross"):
        LineTax(1, 1, 3)
