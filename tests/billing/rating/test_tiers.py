"""graduated, volume, stairstep and graduated_percentage."""

import pytest

from tests.billing.rating.prices import codes, rated

ROWS = [
    {"up_to": "100", "unit_amount": "1", "flat_amount": "5"},
    {"up_to": "200", "unit_amount": "0.80"},
    {"up_to": None, "unit_amount": "0.50", "flat_amount": "10"},
]
GRADUATED = {"model": "graduated", "tiers": ROWS}
VOLUME = {"model": "volume", "tiers": ROWS}
STAIRSTEP = {
    "model": "stairstep",
    "tiers": [{"up_to": "10", "amount": "100"}, {"up_to": "100.5", "amount": "150"}, {"up_to": None, "amount": "180"}],
}


@pytest.mark.parametrize(
    ("quantity", "fen"),
    [
        # zero is in the first tier: its flat amount
        ("0", 500),
        ("0.5", 550),
        ("100", 10500),
        # 5 + 100 + 0.001 × 0.80
        ("100.001", 10500),
        ("150", 14500),
        # 5 + 100 + 80: the bound is inclusive, the third tier is not entered
        ("200", 18500),
        # 5 + 100 + 80 + 10 + 0.50
        ("201", 19550),
    ],
)
def test_graduated_prices_each_unit_in_its_own_tier(quantity: str, fen: int) -> None:
    assert rated(GRADUATED, quantity).amount_minor == fen


def test_graduated_shows_each_tier_and_each_flat_amount() -> None:
    assert codes(rated(GRADUATED, 201)) == [
        ("tier", "100", "1", "100"),
        ("tier_flat", "1", "5", "5"),
        ("tier", "100", "0.8", "80"),
        ("tier", "1", "0.5", "0.5"),
        ("tier_flat", "1", "10", "10"),
    ]


def test_graduated_counts_tiers_from_the_first_paid_unit() -> None:
    # 150 − 50 = 100 paid units, all in the first tier
    assert rated({**GRADUATED, "included": "50"}, 150).amount_minor == 10500


def test_graduated_owes_the_first_flat_amount_for_zero_paid_units() -> None:
    assert rated({**GRADUATED, "included": "1000"}, 800).amount_minor == 500
    assert rated(GRADUATED, 0, before="0").amount_minor == 0
    # 10 × 1: the flat amount of the first tier is in the price of zero already
    assert rated(GRADUATED, 10, before="0").amount_minor == 1000


@pytest.mark.parametrize(
    ("quantity", "fen"),
    [
        ("0", 500),
        ("100", 10500),
        # placed by its ceiling, 101, and paid as it is: 100.5 × 0.80
        ("100.5", 8040),
        ("101", 8080),
        ("200", 16000),
        # 200.001 × 0.50 + 10
        ("200.001", 11000),
    ],
)
def test_volume_prices_all_units_in_the_tier_reached(quantity: str, fen: int) -> None:
    assert rated(VOLUME, quantity).amount_minor == fen


def test_volume_places_what_is_paid_for() -> None:
    # 250 − 50 = 200 × 0.80
    assert rated({**VOLUME, "included": "50"}, 250).amount_minor == 16000
    assert rated({**VOLUME, "included": "300"}, 250).amount_minor == 500


def test_volume_shows_units_and_flat_amount() -> None:
    assert codes(rated(VOLUME, 300)) == [("tier", "300", "0.5", "150"), ("tier_flat", "1", "10", "10")]


@pytest.mark.parametrize(
    ("quantity", "fen"),
    [("0", 10000), ("10", 10000), ("10.001", 15000), ("100.5", 15000), ("100.51", 18000), ("9999", 18000)],
)
def test_stairstep_takes_the_quantity_as_it_is(quantity: str, fen: int) -> None:
    answer = rated(STAIRSTEP, quantity)
    assert answer.amount_minor == fen
    assert len(answer.steps) == 1


def test_stairstep_starts_at_the_first_step_when_all_is_included() -> None:
    assert rated({**STAIRSTEP, "included": "20"}, 15).amount_minor == 10000


@pytest.mark.parametrize(
    ("amount", "fen"),
    [
        ("0", 100),
        # 1 + 10,000 × 1 %
        ("10000", 10100),
        # 1 + 100 + 5,000 × 0.5 %
        ("15000", 12600),
    ],
)
def test_graduated_percentage_rates_each_part_of_an_amount(amount: str, fen: int) -> None:
    rows = [{"up_to": "10000", "rate": "0.01", "flat_amount": "1"}, {"up_to": None, "rate": "0.005"}]
    answer = rated({"model": "graduated_percentage", "tiers": rows}, amount)
    assert answer.amount_minor == fen
    assert answer.steps[0].code == "rate"


def test_a_tier_may_have_a_flat_amount_alone() -> None:
    rows = [{"up_to": "10", "flat_amount": "7"}, {"up_to": None, "unit_amount": "1"}]
    # 7 + 2 × 1
    assert rated({"model": "graduated", "tiers": rows}, 12).amount_minor == 900
