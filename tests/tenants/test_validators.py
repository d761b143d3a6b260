"""Checks of form say what is wrong."""

import pytest
from django.core.exceptions import ValidationError

from tenants import validators


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (validators.validate_code, "a-1_b.c"),
        (validators.validate_zone, "Asia/Shanghai"),
        (validators.validate_currency, "CNY"),
        (validators.validate_tax_number, "91350100M000100Y43"),
        (validators.validate_colour, "#1f4E8c"),
    ],
)
def test_it_lets_good_form_pass(check, value):
    check(value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (validators.validate_code, "a b"),
        (validators.validate_code, "-a"),
        (validators.validate_code, "a\n"),
        (validators.validate_code, "公司"),
        (validators.validate_zone, "Asia/Nowhere"),
        (validators.validate_zone, "../etc/passwd"),
        (validators.validate_currency, "cny"),
        (validators.validate_currency, "RMBX"),
        (validators.validate_tax_number, "91350100M000100Y44"),
        (validators.validate_tax_number, "9135"),
        (validators.validate_tax_number, "91350100I000100Y43"),
        (validators.validate_colour, "red"),
        (validators.validate_colour, "#1f4e8"),
    ],
)
def test_it_refuses_bad_form(check, value):
    with pytest.raises(ValidationError):
        check(value)


def test_it_tells_a_wrong_check_digit_from_a_wrong_form():
    with pytest.raises(ValidationError) as refusal:
        validators.validate_tax_number("91350100M000100Y44")
    assert refusal.value.code == "checksum"
