"""A text that cannot be printed is refused when it is saved, with its characters named."""

import pytest
from django.core.exceptions import ValidationError
from fontTools.ttLib import TTFont

from tenants import printable
from tenants.printable import Unprintable, check_printable, unprintable, validate_printable


@pytest.mark.parametrize(
    "name",
    [
        "杭州青屿软件有限公司",
        "喆镕堃餐饮（上海）",
        "𬭛㐱科技",
        "Émile & Søn GmbH",
        "−¥36.00 × 2 → €",
        "一\u3000二\u00a0三",
    ],
)
def test_it_prints_what_companies_are_called(name):
    assert unprintable(name) == []


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("好运😀公司😀", ["😀"]),
        ("한국 지사", ["한", "국", "지", "사"]),
        ("无\u200b形", ["\u200b"]),
        ("软\u00ad连", ["\u00ad"]),
        ("换\n行", ["\n"]),
        ("异体\U000e0100", ["\U000e0100"]),
        ("标\ufe0f记", ["\ufe0f"]),
        ("右到左\u202e", ["\u202e"]),
        ("自造\ue000", ["\ue000"]),
    ],
)
def test_it_finds_each_character_that_would_not_be_seen(text, characters):
    assert unprintable(text) == characters


def test_it_refuses_with_the_field_and_the_characters():
    with pytest.raises(Unprintable) as caught:
        check_printable("好运😀公司\u200b", "tenant.name")
    assert caught.value.field == "tenant.name"
    assert caught.value.context["characters"] == ["😀", "\u200b"]
    assert "😀 (U+1F600), U+200B" in caught.value.message


def test_it_lets_a_good_name_pass():
    check_printable("苏州沐禾家居有限公司", "tenant.name")


def test_it_validates_a_model_field():
    with pytest.raises(ValidationError, match="U\\+1F600") as caught:
        validate_printable("好运😀公司")
    assert caught.value.code == "unprintable"


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_its_list_is_what_the_font_has(weight):
    with TTFont(printable.FONTS / f"MingzhangSans-{weight}.ttf", lazy=True) as font:
        assert frozenset(font.getBestCmap()) == printable.coverage()


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_its_common_font_has_what_most_documents_need(weight):
    with TTFont(printable.FONTS / f"MingzhangSansCommon-{weight}.ttf", lazy=True) as font:
        covered = set(font.getBestCmap())
    assert covered <= printable.coverage()
    assert {ord(character) for character in "人民币贰仟柒佰零柒元整−¥×（）、。"} <= covered


@pytest.mark.parametrize("name", ["MingzhangSans-Regular", "MingzhangSansCommon-Bold"])
def test_its_fonts_have_outlines_that_keep_documents_small_and_our_name(name):
    path = printable.FONTS / f"{name}.ttf"
    with TTFont(path, lazy=True) as font:
        assert "glyf" in font
        assert "CFF " not in font
        assert font["name"].getDebugName(6) == name
        assert font["OS/2"].fsType == 0
        assert "SIL Open Font License" in font["name"].getDebugName(13)
    assert path.stat().st_size <= 8_500_000


def test_it_prints_every_character_of_gbk_but_one():
    every = [bytes([high, low]) for high in range(0x81, 0xFF) for low in range(0x40, 0xFF) if low != 0x7F]
    characters = {text for pair in every if (text := pair.decode("gbk", "ignore"))}
    assert sorted(character for character in characters if not printable.prints(character)) == ["≒"]
