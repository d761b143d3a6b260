"""The figures of an act with money in words: before and after, as operators and customers read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from billing import formatting

NAMES = {
    "due": _("Still due"),
    "balance": _("Balance, paid in"),
    "given": _("Balance, given"),
    "owed_back": _("Refunds on their way"),
    "revenue": _("Revenue of the seller"),
    "tax": _("Tax of the seller"),
    "units": _("Units of packs left"),
    "yearly": _("Yearly price of the contract"),
}


def figure_rows(before: Mapping[str, Any], after: Mapping[str, Any], currency: str) -> tuple[tuple[str, str, str], ...]:
    """Return each figure with what it was and what it is; those that stay too, so that it is seen that they stay."""
    return tuple(
        (str(NAMES.get(name, name)), _written(name, before.get(name, 0), currency), _written(name, value, currency))
        for name, value in after.items()
    )


def changed_rows(
    before: Mapping[str, Any], after: Mapping[str, Any], currency: str
) -> tuple[tuple[str, str, str], ...]:
    """Return only the figures that change."""
    return figure_rows(before, {name: value for name, value in after.items() if value != before.get(name)}, currency)


def _written(name: str, value: Any, currency: str) -> str:
    return str(value) if name == "units" else formatting.money(int(value), currency)
