"""One question, one answer (CONTRACTS §1)."""

import json

import pytest

from billing.rating.answer import answer

MESSAGES = {"model": "per_unit", "included": "1000", "unit_amount": "0.05"}
QUESTION = {"price": MESSAGES, "quantity": "1200", "currency": "CNY"}


def error(question: object) -> tuple[str, str]:
    line = question if isinstance(question, str) else json.dumps(question)
    told = answer(line, "en")["error"]
    assert set(told) == {"code", "path", "message"}
    assert told["message"]
    return told["code"], told["path"]


def test_it_answers_the_published_example() -> None:
    assert answer(json.dumps(QUESTION)) == {
        "amount": "10.00",
        "exact": "10.0000",
        "steps": [
            {
                "text": "用量 1,200，超出含量 200，单价 ¥0.05",
                "quantity": "200",
                "unit_amount": "0.05",
                "amount": "10.00",
            }
        ],
    }


def test_it_answers_an_object_as_it_answers_a_line() -> None:
    assert answer(QUESTION, "en") == answer(json.dumps(QUESTION), "en")


def test_it_speaks_the_language_asked_for() -> None:
    assert "allowance" in answer(QUESTION, "en")["steps"][0]["text"]
    wrong = {**QUESTION, "quantity": "-1"}
    assert answer(wrong, "zh")["error"]["message"] == "-1 小于零。"
    assert answer(wrong, "en")["error"]["message"] == "-1 is below zero."


def test_it_takes_before() -> None:
    told = answer({**QUESTION, "quantity": "300", "before": "900"})
    assert (told["amount"], told["exact"]) == ("10.00", "10.0000")
    told = answer({"price": {"model": "flat", "amount": "5"}, "quantity": "1", "before": "0", "currency": "CNY"})
    assert (told["amount"], told["exact"]) == ("0.00", "0.0000")


def test_it_takes_transactions_in_place_of_a_quantity() -> None:
    price = {"model": "percentage", "rate": "0.01", "fixed_amount": "0.50"}
    told = answer({"price": price, "currency": "CNY", "transactions": ["120.00", "80.00"]})
    # 1.20 + 0.80 + 2 × 0.50
    assert told["amount"] == "3.00"


@pytest.mark.parametrize(
    ("currency", "amount", "exact", "step"), [("JPY", "2", "1.50", "1.5"), ("KWD", "1.500", "1.50000", "1.500")]
)
def test_it_writes_each_currencys_digits(currency: str, amount: str, exact: str, step: str) -> None:
    told = answer({"price": {"model": "flat", "amount": "1.5"}, "quantity": "1", "currency": currency})
    assert (told["amount"], told["exact"], told["steps"][0]["amount"]) == (amount, exact, step)


def test_it_keeps_every_digit_of_the_exact_price() -> None:
    told = answer({"price": {"model": "per_unit", "unit_amount": "0.0000012345"}, "quantity": "3", "currency": "CNY"})
    # 3 × 0.0000012345
    assert (told["exact"], told["amount"]) == ("0.0000037035", "0.00")
    assert told["steps"][0]["unit_amount"] == "0.0000012345"


@pytest.mark.parametrize(
    "line", ["", "   ", "{", "nonsense", '{"price": }', "[1, 2", '{"a": 1}}', "\ufffd", "1" * 5000, "[" * 100_000]
)
def test_it_refuses_what_is_no_json(line: str) -> None:
    assert error(line) == ("malformed_json", "")


@pytest.mark.parametrize("line", ["[]", '"text"', "5", "null", "NaN"])
def test_it_refuses_what_is_no_object(line: str) -> None:
    assert error(line) == ("not_an_object", "")


def test_it_refuses_unknown_keys() -> None:
    assert error({**QUESTION, "quantiy": "1"}) == ("unknown_key", "quantiy")
    assert error({**QUESTION, "price": {**MESSAGES, "unit": "条"}}) == ("unknown_key", "price.unit")
    assert "quantiy" in answer({**QUESTION, "quantiy": "1"})["error"]["message"]


@pytest.mark.parametrize("key", ["price", "quantity", "currency"])
def test_it_says_what_is_missing(key: str) -> None:
    assert error({name: value for name, value in QUESTION.items() if name != key}) == ("missing", key)


@pytest.mark.parametrize("currency", ["RMB", "cny", "", "XXX"])
def test_it_refuses_a_wrong_currency(currency: str) -> None:
    assert error({**QUESTION, "currency": currency}) == ("unknown_currency", "currency")


@pytest.mark.parametrize("currency", [156, ["CNY"], {"code": "CNY"}, True])
def test_it_refuses_what_is_no_currency_code(currency: object) -> None:
    assert error({**QUESTION, "currency": currency}) == ("unknown_currency", "currency")


@pytest.mark.parametrize("key", ["quantity", "before"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("-1", "negative"),
        (5, "not_a_string"),
        (1.5, "not_a_string"),
        ("NaN", "not_a_decimal"),
        ("1e3", "not_a_decimal"),
    ],
)
def test_it_refuses_bad_quantities(key: str, value: object, code: str) -> None:
    assert error({**QUESTION, key: value}) == (code, key)


def test_it_refuses_json_numbers_anywhere() -> None:
    assert error('{"price": {"model": "flat", "amount": 1.10}, "quantity": "1", "currency": "CNY"}') == (
        "not_a_string",
        "price.amount",
    )


def test_it_names_the_path_of_a_bad_tier() -> None:
    rows = [{"up_to": "100", "unit_amount": "1"}, {"up_to": "50", "unit_amount": "1"}]
    price = {"model": "graduated", "tiers": rows}
    assert error({**QUESTION, "price": price}) == ("tiers_not_ascending", "price.tiers[1].up_to")


def test_it_refuses_bad_transactions() -> None:
    price = {"model": "percentage", "rate": "0.01"}
    assert error({"price": price, "currency": "CNY", "transactions": "5"}) == ("not_a_list", "transactions")
    assert error({"price": price, "currency": "CNY", "transactions": ["5", 5]}) == ("not_a_string", "transactions[1]")
    assert error({**QUESTION, "transactions": ["5"]}) == ("not_applicable", "transactions")


def test_it_refuses_a_key_that_is_written_twice() -> None:
    line = '{"price": {"model": "flat", "amount": "1", "amount": "2"}, "quantity": "1", "currency": "CNY"}'
    assert error(line) == ("duplicate_key", "amount")
