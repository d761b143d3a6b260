"""Amounts in capitals, against the examples of the rules and against a reader of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.capitals import in_capitals

LARGEST = 9999_9999_9999_9999_99


@pytest.mark.parametrize(
    ("fen", "capitals"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (10, "壹角整"),
        (58, "伍角捌分"),
        (100, "壹元整"),
        (1000, "壹拾元整"),
        (1050, "壹拾元零伍角整"),
        (10007, "壹佰元零柒分"),
        (32504, "叁佰贰拾伍元零肆分"),
        (140950, "壹仟肆佰零玖元伍角整"),
        (168032, "壹仟陆佰捌拾元零叁角贰分"),
        (270700, "贰仟柒佰零柒元整"),
        (600714, "陆仟零柒元壹角肆分"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (10700053, "壹拾万柒仟元零伍角叁分"),
        (10500_00, "壹万零伍佰元整"),
        (100000_00, "壹拾万元整"),
        (1_0500_0000_00, "壹亿零伍佰万元整"),
        (2000_0000_00, "贰仟万元整"),
        (1001_0001_00, "壹仟零壹万零壹元整"),
        (1_0000_5000_01, "壹亿零伍仟元零壹分"),
        (1_0001_0010_00, "壹亿零壹万零壹拾元整"),
        (1_2345_6789_10, "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元壹角整"),
        (1_0000_0000_0000_00, "壹万亿元整"),
        (1_0000_0000_0005_00, "壹万亿零伍元整"),
        (-58000, "负伍佰捌拾元整"),
        (LARGEST, "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_it_writes_amounts_in_capitals(fen: int, capitals: str) -> None:
    assert in_capitals(fen, "CNY") == f"人民币{capitals}"


def read(capitals: str) -> int:
    """Read capitals back into fen, one character after the other."""
    total = section = digit = 0
    sign = 1
    for character in capitals.removeprefix("人民币"):
        if character in "零壹贰叁肆伍陆柒捌玖":
            digit = "零壹贰叁肆伍陆柒捌玖".index(character)
        elif character in "拾佰仟":
            section, digit = section + digit * 10 ** ("拾佰仟".index(character) + 1), 0
        elif character == "万":
            section, digit = (section + digit) * 10**4, 0
        elif character == "亿":
            total, section, digit = (section + digit) * 10**8, 0, 0
        elif character == "元":
            total, section, digit = (total + section + digit) * 100, 0, 0
        elif character in "角分":
            total, digit = total + digit * (10 if character == "角" else 1), 0
        elif character == "负":
            sign = -1
    return sign * total


@given(
    st.integers(-LARGEST, LARGEST)
    # amounts full of zeros, where the mistakes are
    | st.lists(st.sampled_from("00000123456789"), min_size=1, max_size=18).map(lambda digits: int("".join(digits)))
)
def test_it_can_be_read_back(fen: int) -> None:
    assert read(in_capitals(fen, "CNY")) == fen


@given(st.lists(st.sampled_from("00001"), min_size=1, max_size=18).map(lambda digits: int("".join(digits))))
def test_it_never_writes_two_zeros_in_a_row_nor_one_before_a_unit(fen: int) -> None:
    written = in_capitals(fen)
    assert "零零" not in written
    assert not any(f"零{unit}" in written for unit in "拾佰仟万亿角分")


def test_it_refuses_what_it_cannot_write() -> None:
    with pytest.raises(ValueError, match="too large"):
        in_capitals(LARGEST + 1)
    with pytest.raises(ValueError, match="USD"):
        in_capitals(100, "USD")
