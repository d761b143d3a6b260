"""What people write into cells for days, numbers and columns of ours; each refusal names its path."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field
from django.utils.translation import gettext as _

from billing.models import Subscription
from tenants.errors import Invalid

DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?")
NUMBER = re.compile(r"-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")


def day(text: str, path: str) -> date:
    """Return the day in 2026-01-31, 2026/1/31 or 2026年1月31日."""
    found = DAY.fullmatch(text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise Invalid(_("“%(text)s” is no day; write it as 2026-01-31.") % {"text": text}, field=path)


def number(text: str, path: str) -> Decimal:
    """Return the number in 1234.50 or 1,234.50."""
    if NUMBER.fullmatch(text) is None:
        raise Invalid(_("“%(text)s” is no number; write it as 1234.50.") % {"text": text}, field=path)
    return Decimal(text.replace(",", ""))


def fitting(name: str, text: str, path: str) -> str:
    """Return a text that the subscription's column `name` takes."""
    try:
        return str(_columns()[name].clean(text, None))
    except ValidationError as wrong:
        raise Invalid(wrong.messages[0], field=path) from None


def _columns() -> dict[str, Field[Any, Any]]:
    return {field.name: field for field in Subscription._meta.fields}
