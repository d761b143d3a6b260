"""flat, per_unit and package; what is included; minimum and maximum."""

from decimal import Decimal

import pytest

from billing.money import UnknownCurrency
from billing.rating import InputError, parse_price, rate
from tests.billing.rating.prices import codes, rated

FLAT = {"model": "flat", "amount": "199.00"}
MESSAGES = {"model": "per_unit", "included": "1000", "unit_amount": "0.05"}
PACKAGES = {"model": "package", "package_size": "500", "package_amount": "20"}


@pytest.mark.parametrize("quantity", ["0", "1", "1200.5"])
def test_flat_is_the_amount_whatever_the_quantity(quantity: str) -> None:
    answer = rated(FLAT, quantity)
    assert answer.amount_minor == 19900
    assert codes(answer) == [("flat", "1", "199", "199")]
    assert answer.paid_quantity == 1


def test_per_unit_pays_what_is_over_the_included() -> None:
    answer = rated(MESSAGES, 1200)
    # 200 × 0.05
    assert (answer.amount_minor, answer.paid_quantity, answer.included_used) == (1000, 200, 1000)
    assert codes(answer) == [("unit", "200", "0.05", "10")]


@pytest.mark.parametrize("quantity", ["0", "800", "1000"])
def test_per_unit_pays_nothing_within_the_included(quantity: str) -> None:
    answer = rated(MESSAGES, quantity)
    assert (answer.amount_minor, answer.paid_quantity, answer.included_used) == (0, 0, Decimal(quantity))


def test_per_unit_takes_fractions_and_tiny_prices() -> None:
    # 0.5 × 0.00125 = 0.000625; 8 × 0.000625 = 0.005, a tie that rounds up
    assert rated({"model": "per_unit", "unit_amount": "0.00125"}, "0.5").amount_minor == 0
    assert rated({"model": "per_unit", "unit_amount": "0.000625"}, "8").amount_minor == 1


@pytest.mark.parametrize(
    ("quantity", "packages", "fen"),
    [("0", "0", 0), ("0.001", "1", 2000), ("500", "1", 2000), ("500.001", "2", 4000), ("1200", "3", 6000)],
)
def test_a_package_is_due_from_its_first_unit(quantity: str, packages: str, fen: int) -> None:
    answer = rated(PACKAGES, quantity)
    assert answer.amount_minor == fen
    assert codes(answer)[0][1] == packages


def test_packages_begin_after_the_included() -> None:
    # 1200 − 200 = 1000 are two packages, one more is a third
    assert rated({**PACKAGES, "included": "200"}, 1200).amount_minor == 4000
    assert rated({**PACKAGES, "included": "200"}, 1201).amount_minor == 6000


def test_a_minimum_is_one_more_step() -> None:
    answer = rated({**MESSAGES, "minimum": "12"}, 1200)
    assert codes(answer) == [("unit", "200", "0.05", "10"), ("minimum", "1", "2", "2")]
    assert rated({**MESSAGES, "minimum": "10"}, 1200).steps[-1].code == "unit"


def test_a_minimum_is_owed_without_any_use() -> None:
    assert rated({**MESSAGES, "minimum": "12"}, 0).amount_minor == 1200


def test_a_maximum_is_one_more_step() -> None:
    answer = rated({**MESSAGES, "maximum": "7.5"}, 1200)
    assert answer.amount_minor == 750
    assert codes(answer)[-1] == ("maximum", "1", "-2.5", "-2.5")


def test_the_operators_cost_changes_nothing() -> None:
    assert rated({**MESSAGES, "unit_cost": "0.01"}, 1200) == rated(MESSAGES, 1200)


def test_it_rounds_to_the_currency() -> None:
    price = parse_price({"model": "per_unit", "unit_amount": "0.5"})
    assert rate(price, Decimal(1), "JPY").amount_minor == 1
    assert rate(price, Decimal(1), "KWD").amount_minor == 500
    with pytest.raises(UnknownCurrency):
        rate(price, Decimal(1), "RMB")


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity"])
def test_it_refuses_quantities_below_zero_and_no_numbers(quantity: str) -> None:
    with pytest.raises(InputError) as refused:
        rated(FLAT, quantity)
    assert refused.value.path == "quantity"


# What came before


def test_before_takes_off_the_price_of_what_came_before() -> None:
    answer = rated(MESSAGES, 300, before="900")
    # 1,200 cost 10.00, 900 cost nothing
    assert (answer.amount_minor, answer.paid_quantity, answer.included_used) == (1000, 200, 100)
    assert rated(MESSAGES, 300, before="1000").amount_minor == 1500


def test_before_absent_is_not_before_zero() -> None:
    assert rated(FLAT, 5).amount_minor == 19900
    assert rated(FLAT, 5, before="0").amount_minor == 0
    assert codes(rated(FLAT, 5, before="0")) == [("flat", "1", "199", "199"), ("before", "1", "-199", "-199")]


def test_before_rounds_each_side_for_itself() -> None:
    price = {"model": "per_unit", "unit_amount": "0.015"}
    # 2 × 0.015 = 0.03; 1 × 0.015 → 0.02; so the second unit is 0.01 though 0.015 exactly
    answer = rated(price, 1, before="1")
    assert (answer.amount_minor, answer.exact) == (1, Decimal("0.015"))
    assert rated(price, 1).amount_minor == 2


def test_before_counts_towards_a_begun_package() -> None:
    assert rated(PACKAGES, 100, before="400").amount_minor == 0
    assert rated(PACKAGES, 101, before="400").amount_minor == 2000


def test_before_counts_towards_minimum_and_maximum() -> None:
    # whole: 1,200 → 10.00, below the minimum of 12.00 as is the part before: nothing more is due
    assert rated({**MESSAGES, "minimum": "12"}, 100, before="1100").amount_minor == 0
    # whole capped at 8.00, before 5.00
    assert rated({**MESSAGES, "maximum": "8"}, 100, before="1100").amount_minor == 300
