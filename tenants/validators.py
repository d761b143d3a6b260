"""Checks of form that models, forms and imports share."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from stdnum.cn import uscc

CODE = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


def validate_code(value: str) -> None:
    """Refuse a code that could not stand in a file name, an address or a CSV column."""
    if not re.fullmatch(CODE, value):
        raise ValidationError(_("Use letters, digits, “-”, “_” and “.” only, and start with a letter or a digit."))


def validate_zone(value: str) -> None:
    """Refuse a time zone that the IANA database does not know."""
    if value not in zones():
        raise ValidationError(_("“%(zone)s” is no time zone. Write it as Asia/Shanghai."), params={"zone": value})


@cache
def zones() -> frozenset[str]:
    """Return the names of every time zone; read from the disk once."""
    return frozenset(available_timezones())


def validate_currency(value: str) -> None:
    """Refuse anything but three capital letters (ISO 4217)."""
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValidationError(_("“%(code)s” is no currency. Write it as CNY."), params={"code": value})


def validate_tax_number(value: str) -> None:
    """Refuse a Chinese tax number whose form or check digit is wrong (GB 32100-2015).

    Eighteen characters, the last one a check digit over the others (modulus 31).
    """
    try:
        uscc.validate(value)
    except uscc.InvalidChecksum:
        raise ValidationError(
            _("The check digit of tax number “%(number)s” is wrong. Compare it with the business licence."),
            params={"number": value},
            code="checksum",
        ) from None
    except Exception as wrong:
        raise ValidationError(
            _("“%(number)s” is no tax number: it has 18 digits and capital letters, without I, O, S, V and Z."),
            params={"number": value},
        ) from wrong


def validate_colour(value: str) -> None:
    """Refuse anything but a colour as #1f4e8c."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValidationError(_("Write the colour as #1f4e8c."))
