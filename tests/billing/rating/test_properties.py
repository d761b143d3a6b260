"""What holds for every price and every quantity."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.money import round_half_up
from billing.rating import Price, parse_price, rate
from tests.billing.rating.prices import (
    CNY,
    one_by_one,
    percentages,
    prices,
    prices_as_written,
    quantities,
    rated,
    sum_of_steps,
    tiers,
    unit_by_unit,
    written,
)

befores = st.none() | quantities
tenths = st.integers(0, 3_000).map(lambda crumbs: Decimal(crumbs) / 10)
lists_of_transactions = st.lists(written(maximum=400, places=2), max_size=8)


@given(prices, quantities, befores)
def test_its_steps_add_up_to_the_exact_price(price: Price, quantity: Decimal, before: Decimal | None) -> None:
    answer = rate(price, quantity, CNY, before=before)
    assert sum_of_steps(answer) == Fraction(answer.exact)


@given(prices, quantities, befores)
def test_each_step_is_quantity_times_unit_amount(price: Price, quantity: Decimal, before: Decimal | None) -> None:
    for one in rate(price, quantity, CNY, before=before).steps:
        assert Fraction(one.quantity) * Fraction(one.unit_amount) == Fraction(one.amount)
        assert one.text_zh
        assert one.text_en


@given(prices, quantities)
def test_it_rounds_the_exact_price_once(price: Price, quantity: Decimal) -> None:
    answer = rate(price, quantity, CNY)
    assert answer.amount_minor == round_half_up(answer.exact, CNY)
    assert answer.exact >= 0


@given(prices, quantities, quantities)
def test_two_parts_add_up_to_the_whole(price: Price, first: Decimal, second: Decimal) -> None:
    whole = rate(price, first + second, CNY)
    parts = (rate(price, first, CNY), rate(price, second, CNY, before=first))
    assert sum(Fraction(part.exact) for part in parts) == Fraction(whole.exact)
    assert sum(part.amount_minor for part in parts) == whole.amount_minor
    assert sum(part.paid_quantity for part in parts) == whole.paid_quantity


@given(prices, st.lists(quantities, min_size=1, max_size=6))
def test_any_number_of_parts_adds_up_to_the_whole(price: Price, parts: list[Decimal]) -> None:
    befores = [None, *(sum(parts[:n], Decimal(0)) for n in range(1, len(parts)))]
    answers = [rate(price, part, CNY, before=before) for part, before in zip(parts, befores, strict=True)]
    whole = rate(price, sum(parts, Decimal(0)), CNY)
    assert sum(answer.amount_minor for answer in answers) == whole.amount_minor
    assert sum(Fraction(answer.exact) for answer in answers) == Fraction(whole.exact)


@given(prices)
def test_nothing_on_top_of_nothing_costs_nothing(price: Price) -> None:
    answer = rate(price, Decimal(0), CNY, before=Decimal(0))
    assert (answer.amount_minor, answer.exact) == (0, 0)


@given(prices, quantities)
def test_it_stays_between_minimum_and_maximum(price: Price, quantity: Decimal) -> None:
    answer = rate(price, quantity, CNY)
    assert price.minimum is None or answer.exact >= price.minimum
    assert price.maximum is None or answer.exact <= price.maximum


@given(prices_as_written())
def test_it_writes_what_it_reads(raw: dict[str, object]) -> None:
    price = parse_price(raw)
    assert parse_price(price.to_json()) == price
    assert parse_price(price.to_json()).to_json() == price.to_json()


@given(tiers("unit_amount"), tenths)
def test_graduated_is_what_a_count_unit_by_unit_gives(rows: list[dict[str, str | None]], quantity: Decimal) -> None:
    answer = rated({"model": "graduated", "tiers": rows}, quantity)
    assert Fraction(answer.exact) == unit_by_unit(rows, "unit_amount", quantity, 10)


@given(tiers("unit_amount"), st.integers(0, 300), st.integers(0, 300))
def test_graduated_counts_from_the_first_paid_unit(rows: list[dict[str, str | None]], free: int, used: int) -> None:
    answer = rated({"model": "graduated", "tiers": rows, "included": str(free)}, used)
    assert Fraction(answer.exact) == unit_by_unit(rows, "unit_amount", Decimal(max(0, used - free)), 1)


@given(tiers("rate"), tenths)
def test_graduated_percentage_is_graduated_on_an_amount(rows: list[dict[str, str | None]], amount: Decimal) -> None:
    answer = rated({"model": "graduated_percentage", "tiers": rows}, amount)
    assert Fraction(answer.exact) == unit_by_unit(rows, "rate", amount, 10)


@given(percentages(), written(maximum=300, places=2), lists_of_transactions)
def test_percentage_is_what_a_clerk_reckons(price: dict[str, object], included: str, amounts: list[str]) -> None:
    answer = rated({**price, "included": included}, 0, transactions=amounts)
    assert Fraction(answer.exact) == one_by_one(price, included, amounts)
    assert sum_of_steps(answer) == Fraction(answer.exact)


@given(percentages(), written(maximum=300, places=2), written(maximum=400, places=2), lists_of_transactions)
def test_percentage_takes_before_as_one_earlier_transaction(
    price: dict[str, object], included: str, before: str, amounts: list[str]
) -> None:
    answer = rated({**price, "included": included}, 0, transactions=amounts, before=before)
    whole, earlier = (one_by_one(price, included, listed) for listed in ([before, *amounts], [before]))
    assert Fraction(answer.exact) == whole - earlier


@given(tiers("unit_amount"), quantities, quantities)
def test_graduated_never_falls_when_more_is_used(
    rows: list[dict[str, str | None]], one: Decimal, other: Decimal
) -> None:
    price = parse_price({"model": "graduated", "tiers": rows})
    less, more = (rate(price, quantity, CNY) for quantity in sorted((one, other)))
    assert less.exact <= more.exact
    assert less.amount_minor <= more.amount_minor


@given(written(maximum=500), written(maximum=300, places=1), quantities, quantities)
def test_per_unit_never_falls_when_more_is_used(price: str, included: str, one: Decimal, other: Decimal) -> None:
    known = parse_price({"model": "per_unit", "unit_amount": price, "included": included})
    less, more = (rate(known, quantity, CNY) for quantity in sorted((one, other)))
    assert less.exact <= more.exact


def test_volume_may_fall_when_more_is_used() -> None:
    rows = [{"up_to": "100", "unit_amount": "1"}, {"up_to": None, "unit_amount": "0.50"}]
    # 100 × 1 = 100, but 101 × 0.50 = 50.50
    assert rated({"model": "volume", "tiers": rows}, 100).amount_minor == 10000
    assert rated({"model": "volume", "tiers": rows}, 101).amount_minor == 5050
    assert rated({"model": "volume", "tiers": rows}, 1, before="100").amount_minor == -4950


def test_it_loses_no_digit_of_the_longest_numbers() -> None:
    price = parse_price({"model": "per_unit", "unit_amount": "9" * 30 + "." + "9" * 20})
    quantity = Decimal("9" * 30 + "." + "9" * 20)
    answer = rate(price, quantity, CNY)
    assert Fraction(answer.exact) == Fraction(quantity) ** 2
