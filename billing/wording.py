"""A price in one sentence: for notices, tables, comparisons and the page that asks before publishing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing import formatting


def price_text(model: str, params: Mapping[str, Any], currency: str) -> str:
    """Say what a price asks: 「每个 ¥0.05，含 1,000」."""
    said = [shape_text(model, params, currency)]
    if params.get("included"):
        said.append(_("%(number)s included") % {"number": formatting.quantity(Decimal(params["included"]))})
    if params.get("minimum"):
        said.append(_("at least %(amount)s") % {"amount": money(params["minimum"], currency)})
    if params.get("maximum"):
        said.append(_("at most %(amount)s") % {"amount": money(params["maximum"], currency)})
    return _(", ").join(said)


def shape_text(model: str, params: Mapping[str, Any], currency: str) -> str:
    """Say the shape of a price without its bounds."""
    if params.get("tiers") is not None:
        return _("; ").join(tier_text(tier, currency) for tier in params["tiers"])
    texts = {
        "flat": lambda: money(params["amount"], currency),
        "per_unit": lambda: _("%(amount)s each") % {"amount": money(params["unit_amount"], currency)},
        "package": lambda: (
            _("%(amount)s for every %(size)s begun")
            % {
                "amount": money(params["package_amount"], currency),
                "size": formatting.quantity(Decimal(params["package_size"])),
            }
        ),
        "percentage": lambda: percentage_text(params, currency),
    }
    return texts[model]() if model in texts else ""


def percentage_text(params: Mapping[str, Any], currency: str) -> str:
    """Say a percentage with what is fixed and free."""
    said = [formatting.percent(Decimal(params["rate"]))]
    words = {
        "fixed_amount": _("plus %(amount)s each time"),
        "min_amount": _("each time at least %(amount)s"),
        "max_amount": _("each time at most %(amount)s"),
        "free_amount": _("%(amount)s free"),
    }
    for key, text in words.items():
        if params.get(key) and Decimal(params[key]):
            said.append(text % {"amount": money(params[key], currency)})
    if params.get("free_count"):
        said.append(_("%(count)s transactions free") % {"count": params["free_count"]})
    return _(", ").join(said)


def tier_text(tier: Mapping[str, Any], currency: str) -> str:
    """Say one tier: 「到 100：每个 ¥200.00」."""
    up_to = tier.get("up_to")
    bound = _("to %(bound)s") % {"bound": formatting.quantity(Decimal(up_to))} if up_to else _("above")
    said = []
    if tier.get("unit_amount") is not None:
        said.append(_("%(amount)s each") % {"amount": money(tier["unit_amount"], currency)})
    if tier.get("amount") is not None:
        said.append(money(tier["amount"], currency))
    if tier.get("rate") is not None:
        said.append(formatting.percent(Decimal(tier["rate"])))
    if tier.get("flat_amount") and Decimal(tier["flat_amount"]):
        said.append(_("plus %(amount)s") % {"amount": money(tier["flat_amount"], currency)})
    return f"{bound}{_(': ')}{_(', ').join(said)}"


def refund_text(refund: str, undo_hours: int) -> str:
    """Say what a plan gives back to who changes his mind: 「购买后 24 小时内全额退款；之后中途取消，按没用的天数退款。」"""
    undo = _("All of it is refunded within %(hours)s hours of the bill") % {"hours": undo_hours}
    if refund == "pro_rata":
        if undo_hours:
            return _("%(undo)s; afterwards the days that are not used, if you cancel now.") % {"undo": undo}
        return _("If you cancel now, the days that are not used are refunded.")
    if undo_hours:
        return _("%(undo)s; afterwards nothing, and the service runs to the end of what is paid.") % {"undo": undo}
    return _("What is paid is not refunded on cancelling; the service runs to the end of what is paid.")


def money(amount: Any, currency: str) -> str:
    """Write an amount of a price with all its decimals."""
    return formatting.unit_price(Decimal(amount), currency)
