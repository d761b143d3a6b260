"""percentage: a rate on every transaction."""

import pytest

from billing.rating import InputError
from tests.billing.rating.prices import codes, rated

ONE_PERCENT = {"model": "percentage", "rate": "0.01"}


def fen(extra: dict[str, object], transactions: list[str]) -> int:
    return rated({**ONE_PERCENT, **extra}, 0, transactions=transactions).amount_minor


def test_it_takes_a_rate_of_the_turnover() -> None:
    # 1 % of 5,000,000
    assert rated(ONE_PERCENT, "5000000").amount_minor == 5_000_000
    assert codes(rated(ONE_PERCENT, "5000000")) == [("rate", "5000000", "0.01", "50000")]


def test_it_takes_a_quantity_as_one_transaction() -> None:
    price = {**ONE_PERCENT, "fixed_amount": "0.50"}
    assert rated(price, "300").amount_minor == 350
    assert rated(price, 0, transactions=["100", "200"]).amount_minor == 400


def test_it_clamps_each_transaction() -> None:
    # 0.10 → 1.00; 5.00; 20.00 → 8.00
    assert fen({"min_amount": "1", "max_amount": "8"}, ["10", "500", "2000"]) == 1400


def test_it_clamps_after_the_fixed_amount() -> None:
    # 1.00 + 0.50 → 1.20; 0.10 + 0.50 → 0.80
    assert fen({"fixed_amount": "0.50", "max_amount": "1.20"}, ["100"]) == 120
    assert fen({"fixed_amount": "0.50", "min_amount": "0.80"}, ["10"]) == 80


def test_it_frees_the_first_transactions() -> None:
    assert fen({"free_count": "2"}, ["100", "200", "300"]) == 300


def test_it_frees_a_first_amount() -> None:
    # 100 free, then 100 of the second are free and 100 are charged
    assert fen({"free_amount": "200"}, ["100", "200", "300"]) == 400


def test_it_charges_rate_on_the_part_above_and_the_whole_fixed_amount() -> None:
    # (150 − 100) × 1 % + 0.50
    assert fen({"free_amount": "100", "fixed_amount": "0.50"}, ["150"]) == 100


def test_it_frees_a_transaction_that_just_fits() -> None:
    assert fen({"free_amount": "100", "fixed_amount": "0.50"}, ["100"]) == 0
    assert fen({"free_amount": "100", "fixed_amount": "0.50"}, ["100", "1"]) == 51


def test_it_frees_only_while_both_limits_last() -> None:
    # the count is used up after the first, though 900 of the amount are left
    assert fen({"free_count": "1", "free_amount": "1000"}, ["100", "100"]) == 100
    # the amount is used up by the first, though 4 of the count are left
    assert fen({"free_count": "5", "free_amount": "100"}, ["100", "100"]) == 100


@pytest.mark.parametrize("limits", [{"free_count": "0"}, {"free_amount": "0"}, {"free_count": "0", "free_amount": "9"}])
def test_a_limit_of_zero_never_lasts(limits: dict[str, object]) -> None:
    assert fen(limits, ["100"]) == 100


def test_a_zero_transaction_pays_nothing_and_uses_no_free_count() -> None:
    assert fen({"fixed_amount": "0.50", "min_amount": "1"}, ["0"]) == 0
    # the zero is passed over, 100 is free, 200 is charged
    assert fen({"free_count": "1"}, ["0", "100", "200"]) == 200


def test_the_included_comes_off_the_first_transactions() -> None:
    # 150 off: the first goes wholly, 50 of the second; 50 + 100 are left
    assert fen({"included": "150"}, ["100", "100", "100"]) == 150
    # one that is wholly included counts as zero: no fixed amount, no free count
    assert fen({"included": "100", "fixed_amount": "0.50"}, ["100"]) == 0
    assert fen({"included": "100", "free_count": "1"}, ["100", "100", "100"]) == 100


def test_free_transactions_are_not_raised_to_the_lowest_charge() -> None:
    assert fen({"free_count": "1", "min_amount": "5"}, ["100", "100"]) == 500


def test_no_transactions_cost_nothing() -> None:
    assert fen({"fixed_amount": "0.50", "min_amount": "1"}, []) == 0


def test_its_steps_tell_all() -> None:
    price = {**ONE_PERCENT, "fixed_amount": "0.5", "free_amount": "100", "min_amount": "1", "max_amount": "3"}
    # 50 free; 50 of 80 free, 30 → 0.30 + 0.50 → 1.00; 1000 → 10.00 + 0.50 → 3.00
    assert codes(rated(price, 0, transactions=["50", "80", "1000"])) == [
        ("rate", "1030", "0.01", "10.3"),
        ("free", "100", "0", "0"),
        ("fixed", "2", "0.5", "1"),
        ("lowest", "1", "0.2", "0.2"),
        ("highest", "1", "-7.5", "-7.5"),
    ]


def test_ten_thousand_transactions_make_a_few_steps() -> None:
    answer = rated({**ONE_PERCENT, "min_amount": "1", "max_amount": "2"}, 0, transactions=["50", "500"] * 5000)
    assert answer.amount_minor == 5000 * (100 + 200)
    assert len(answer.steps) == 3


def test_before_is_one_transaction_ahead_of_the_others() -> None:
    price = {**ONE_PERCENT, "free_count": "1"}
    assert rated(price, 0, transactions=["100"], before="50").amount_minor == 100
    # the quantity is the same one transaction: 150 in all, free as 50 was
    assert rated(price, "100", before="50").amount_minor == 0


def test_transactions_belong_to_percentages_alone() -> None:
    with pytest.raises(InputError) as refused:
        rated({"model": "flat", "amount": "1"}, 1, transactions=["1"])
    assert (refused.value.code, refused.value.path) == ("not_applicable", "transactions")


def test_it_refuses_a_transaction_below_zero() -> None:
    with pytest.raises(InputError) as refused:
        rated(ONE_PERCENT, 0, transactions=["1", "-1"])
    assert refused.value.path == "transactions[1]"
