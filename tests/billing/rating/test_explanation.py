"""The sentences: a bookkeeper's words, in Chinese and English."""

import pytest

from billing.rating import Rated
from tests.billing.rating.prices import rated

NBSP = "\u00a0"
TIERS = [{"up_to": "100", "unit_amount": "1", "flat_amount": "5"}, {"up_to": None, "unit_amount": "0.5"}]


def sentences(answer: Rated, language: str) -> list[str]:
    return [one.text(language).replace(NBSP, " ") for one in answer.steps]


def messages(price: dict[str, object], quantity: str, **options: object) -> Rated:
    return rated(price, quantity, unit="条", unit_en="message", **options)


def test_it_says_what_was_measured_included_and_over() -> None:
    answer = messages({"model": "per_unit", "included": "1000", "unit_amount": "0.05"}, "1200")
    assert sentences(answer, "zh") == ["用量 1,200 条，超出含量 200 条，每条 ¥0.05"]
    assert sentences(answer, "en") == ["1,200 messages used, 200 messages over the allowance, at ¥0.05 per message"]


def test_it_says_that_nothing_is_over() -> None:
    answer = messages({"model": "per_unit", "included": "1000", "unit_amount": "0.05"}, "800")
    assert sentences(answer, "zh") == ["用量 800 条，没有超出含量 1,000 条"]
    assert sentences(answer, "en") == ["800 messages used, within the 1,000 messages included"]


def test_it_says_quantity_and_price_of_one() -> None:
    seats = rated({"model": "per_unit", "unit_amount": "200"}, 3, unit="席位", unit_en="seat")
    assert sentences(seats, "zh") == ["3 席位，每席位 ¥200.00"]
    assert sentences(seats, "en") == ["3 seats at ¥200.00 per seat"]


def test_it_does_without_a_unit() -> None:
    answer = rated({"model": "per_unit", "unit_amount": "0.00125"}, 3)
    assert sentences(answer, "zh") == ["数量 3，单价 ¥0.00125"]
    assert sentences(answer, "en") == ["3 at ¥0.00125 each"]


def test_it_keeps_numbers_and_units_on_one_line() -> None:
    answer = messages({"model": "per_unit", "unit_amount": "1"}, "3")
    assert answer.steps[0].text_zh.startswith(f"3{NBSP}条")


def test_it_names_tiers_by_what_is_above_and_up_to() -> None:
    answer = messages({"model": "graduated", "tiers": TIERS, "included": "10"}, "120")
    assert sentences(answer, "zh") == [
        "用量 120 条，含量 10 条，超出 110 条；不超过 100 条的部分：100 条，每条 ¥1.00",
        "「不超过 100 条」这一档的固定费 ¥5.00",
        "超过 100 条的部分：10 条，每条 ¥0.50",
    ]
    assert sentences(answer, "en")[2] == "The part above 100 messages: 10 messages at ¥0.50 per message"


def test_it_separates_numbers_from_words_without_a_unit() -> None:
    answer = rated({"model": "graduated", "tiers": TIERS}, 120)
    assert sentences(answer, "zh")[0] == "不超过 100 的部分：100，单价 ¥1.00"


def test_it_says_that_all_units_have_the_price_of_the_tier_reached() -> None:
    answer = messages({"model": "volume", "tiers": TIERS}, "150")
    assert sentences(answer, "zh") == ["150 条全部按「超过 100 条」这一档，每条 ¥0.50"]
    assert sentences(answer, "en") == ["All 150 messages by the tier “above 100 messages”, at ¥0.50 per message"]


def test_it_says_which_step_is_reached() -> None:
    rows = [{"up_to": "10", "amount": "100"}, {"up_to": "50", "amount": "150"}, {"up_to": None, "amount": "180"}]
    answer = messages({"model": "stairstep", "tiers": rows}, "20")
    assert sentences(answer, "zh") == ["20 条在「超过 10 条、不超过 50 条」这一档，整档 ¥150.00"]


def test_it_says_how_packages_are_counted() -> None:
    answer = messages({"model": "package", "package_size": "500", "package_amount": "20"}, "1200")
    assert sentences(answer, "zh") == ["1,200 条，每包 500 条，不足一包按一包，共 3 包，每包 ¥20.00"]
    assert "3 packages at ¥20.00" in sentences(answer, "en")[0]


def test_it_says_rate_free_part_and_clamps() -> None:
    price = {"model": "percentage", "rate": "0.01", "free_amount": "100", "min_amount": "1", "max_amount": "3"}
    assert sentences(rated(price, 0, transactions=["50", "80", "1000"]), "zh") == [
        "¥1,030.00 的 1%",
        "免费的成交额 ¥100.00，其中整笔免费 1 笔",
        "1 笔不到每笔最低 ¥1.00，补足",
        "1 笔超过每笔最高 ¥3.00，减去超过的部分",
    ]


def test_it_says_minimum_maximum_and_what_came_before() -> None:
    low = messages({"model": "per_unit", "unit_amount": "1", "minimum": "20"}, "3", before="1")
    assert sentences(low, "zh")[1:] == ["不到最低收费 ¥20.00，补足", "减去此前 1 条的价 ¥20.00"]
    assert sentences(low, "en")[1:] == [
        "Raised to the minimum of ¥20.00",
        "Less the price of the earlier 1 message: ¥20.00",
    ]
    high = messages({"model": "per_unit", "unit_amount": "1", "maximum": "2"}, "3")
    assert sentences(high, "zh")[1] == "最多收 ¥2.00，减去超过的部分"


@pytest.mark.parametrize("language", ["zh", "zh-hans", "zh-Hans-CN"])
def test_it_answers_every_kind_of_chinese_in_chinese(language: str) -> None:
    assert sentences(rated({"model": "flat", "amount": "1"}, 1), language) == ["固定价 ¥1.00"]


@pytest.mark.parametrize("word", ["系统", "操作", "成功", "异常", "请知悉", "尊敬的"])
def test_it_uses_no_office_words(word: str) -> None:
    price = {"model": "graduated", "tiers": TIERS, "included": "10", "minimum": "500", "maximum": "900"}
    assert not any(word in text for text in sentences(messages(price, "120", before="3"), "zh"))
