"""Reading a price: what is wrong is refused with its exact path."""

import pytest

from billing.rating import SHAPES, PriceError, parse_price

TIERED = {"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}, {"up_to": None, "unit_amount": "2"}]}


def refused(data: object, path: str = "price") -> tuple[str, str]:
    with pytest.raises(PriceError) as error:
        parse_price(data, path)
    assert error.value.message
    assert error.value.message_zh
    return error.value.code, error.value.path


def with_tiers(*rows: dict[str, object], model: str = "graduated") -> dict[str, object]:
    return {"model": model, "tiers": list(rows)}


def test_it_knows_the_eight_shapes() -> None:
    assert sorted(SHAPES) == [
        "flat",
        "graduated",
        "graduated_percentage",
        "package",
        "per_unit",
        "percentage",
        "stairstep",
        "volume",
    ]


@pytest.mark.parametrize("data", [None, "flat", [], 5])
def test_it_reads_objects_only(data: object) -> None:
    assert refused(data) == ("not_an_object", "price")


@pytest.mark.parametrize("model", ["standard", "Flat", 7, ["flat"]])
def test_it_refuses_an_unknown_model(model: object) -> None:
    assert refused({"model": model}) == ("unknown_model", "price.model")


def test_it_asks_for_a_model() -> None:
    assert refused({"amount": "1"}) == ("missing", "price.model")


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("flat", "amount"),
        ("per_unit", "unit_amount"),
        ("package", "package_size"),
        ("graduated", "tiers"),
        ("volume", "tiers"),
        ("stairstep", "tiers"),
        ("percentage", "rate"),
        ("graduated_percentage", "tiers"),
    ],
)
def test_it_asks_for_each_shapes_own_keys(model: str, key: str) -> None:
    assert refused({"model": model}) == ("missing", f"price.{key}")
    assert refused({"model": model, key: None}) == ("missing", f"price.{key}")


@pytest.mark.parametrize("key", ["amuont", "unit_amount", "tiers", "kind"])
def test_it_refuses_unknown_keys_by_name_and_path(key: str) -> None:
    with pytest.raises(PriceError, match=key) as error:
        parse_price({"model": "flat", "amount": "1", key: "1"})
    assert (error.value.code, error.value.path) == ("unknown_key", f"price.{key}")


def test_it_refuses_unknown_keys_in_a_tier() -> None:
    rows = [{"up_to": "10", "unit_amount": "1"}, {"up_to": None, "unit_amount": "2", "from": "11"}]
    assert refused(with_tiers(*rows)) == ("unknown_key", "price.tiers[1].from")
    assert refused(with_tiers({"up_to": None, "amount": "1"})) == ("unknown_key", "price.tiers[0].amount")
    stairs = with_tiers({"up_to": None, "amount": "1", "flat_amount": "1"}, model="stairstep")
    assert refused(stairs) == ("unknown_key", "price.tiers[0].flat_amount")


@pytest.mark.parametrize("value", [1, 0.05, True, ["1"], {"amount": "1"}])
def test_it_refuses_json_numbers_and_other_things(value: object) -> None:
    assert refused({"model": "flat", "amount": value}) == ("not_a_string", "price.amount")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "1,000",
        "1e3",
        "1E-2",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        ".5",
        "1.",
        "0x1",
        "１",
        "一",
    ],
)
def test_it_refuses_what_is_no_plain_decimal(value: str) -> None:
    assert refused({"model": "flat", "amount": value}) == ("not_a_decimal", "price.amount")


@pytest.mark.parametrize("value", ["9" * 31, "0." + "0" * 20 + "1"])
def test_it_refuses_endless_digits(value: str) -> None:
    assert refused({"model": "flat", "amount": value}) == ("too_many_digits", "price.amount")


@pytest.mark.parametrize(
    "key",
    ["rate", "fixed_amount", "free_amount", "free_count", "min_amount", "max_amount", "included", "minimum", "maximum"],
)
def test_it_refuses_what_is_below_zero(key: str) -> None:
    assert refused({"model": "percentage", "rate": "0.01", key: "-1"}) == ("negative", f"price.{key}")


def test_it_refuses_a_cost_below_zero() -> None:
    assert refused({"model": "flat", "amount": "1", "unit_cost": "-0.01"}) == ("negative", "price.unit_cost")


def test_it_refuses_a_package_of_nothing() -> None:
    data = {"model": "package", "package_size": "0", "package_amount": "1"}
    assert refused(data) == ("zero", "price.package_size")


def test_it_reads_a_count_as_digits_or_as_a_json_integer() -> None:
    for count in (3, "3"):
        assert parse_price({"model": "percentage", "rate": "0.01", "free_count": count}).to_json()["free_count"] == "3"
    for bad in (True, 1.5, [3]):
        data = {"model": "percentage", "rate": "0.01", "free_count": bad}
        assert refused(data) == ("not_a_string", "price.free_count")
    assert refused({"model": "percentage", "rate": "0.01", "free_count": "1.5"}) == ("not_whole", "price.free_count")


def test_it_refuses_bounds_the_wrong_way_round() -> None:
    assert refused({**TIERED, "minimum": "2", "maximum": "1"}) == ("above_maximum", "price.minimum")
    data = {"model": "percentage", "rate": "0.01", "min_amount": "2", "max_amount": "1"}
    assert refused(data) == ("above_maximum", "price.min_amount")
    assert parse_price({**TIERED, "minimum": "2", "maximum": "2"}).minimum == 2


def test_it_takes_null_for_what_may_be_left_out() -> None:
    assert parse_price({**TIERED, "included": None, "minimum": None}) == parse_price(TIERED)


# Tiers


@pytest.mark.parametrize("tiers", ["10", {"up_to": None}, 3])
def test_it_reads_a_list_of_tiers(tiers: object) -> None:
    assert refused({"model": "volume", "tiers": tiers}) == ("not_a_list", "price.tiers")


def test_it_refuses_no_tiers() -> None:
    assert refused({"model": "volume", "tiers": []}) == ("empty", "price.tiers")


def test_it_refuses_a_tier_that_is_no_object() -> None:
    assert refused({"model": "volume", "tiers": ["10"]}) == ("not_an_object", "price.tiers[0]")


@pytest.mark.parametrize("second", ["10", "9", "9.999"])
def test_it_refuses_bounds_that_do_not_rise(second: str) -> None:
    rows = [
        {"up_to": "10", "unit_amount": "1"},
        {"up_to": second, "unit_amount": "1"},
        {"up_to": None, "unit_amount": "1"},
    ]
    assert refused(with_tiers(*rows)) == ("tiers_not_ascending", "price.tiers[1].up_to")


def test_it_refuses_a_first_tier_without_room() -> None:
    rows = [{"up_to": "0", "unit_amount": "1"}, {"up_to": None, "unit_amount": "1"}]
    assert refused(with_tiers(*rows)) == ("tiers_not_ascending", "price.tiers[0].up_to")


@pytest.mark.parametrize("model", ["graduated", "volume"])
def test_it_refuses_a_gap_above_the_last_tier(model: str) -> None:
    rows = [{"up_to": "10", "unit_amount": "1"}, {"up_to": "20", "unit_amount": "1"}]
    assert refused(with_tiers(*rows, model=model)) == ("tiers_gap", "price.tiers[1].up_to")


def test_it_refuses_an_open_tier_before_the_last() -> None:
    rows = [{"up_to": None, "unit_amount": "1"}, {"up_to": "20", "unit_amount": "1"}]
    assert refused(with_tiers(*rows)) == ("tiers_after_last", "price.tiers[0].up_to")


def test_it_asks_for_a_bound_and_a_price_in_each_tier() -> None:
    assert refused(with_tiers({"unit_amount": "1"})) == ("missing", "price.tiers[0].up_to")
    assert refused(with_tiers({"up_to": None})) == ("missing", "price.tiers[0].unit_amount")
    assert refused(with_tiers({"up_to": None}, model="stairstep")) == ("missing", "price.tiers[0].amount")
    assert refused(with_tiers({"up_to": None}, model="graduated_percentage")) == ("missing", "price.tiers[0].rate")


@pytest.mark.parametrize("bound", [10, 1.5])
def test_it_refuses_numbers_as_bounds(bound: object) -> None:
    rows = [{"up_to": bound, "unit_amount": "1"}, {"up_to": None, "unit_amount": "1"}]
    assert refused(with_tiers(*rows)) == ("not_a_string", "price.tiers[0].up_to")


def test_it_names_the_path_it_was_given() -> None:
    path = "catalogue.plans[0].prices[2]"
    assert refused(with_tiers({"up_to": "1", "unit_amount": "x"}), path)[1] == f"{path}.tiers[0].unit_amount"


def test_it_writes_a_price_with_canonical_decimals() -> None:
    price = {"model": "per_unit", "unit_amount": "0.0500", "included": "1000.0", "unit_cost": "0.010", "maximum": "99"}
    assert parse_price(price).to_json() == {
        "model": "per_unit",
        "unit_amount": "0.05",
        "included": "1000",
        "maximum": "99",
        "unit_cost": "0.01",
    }
