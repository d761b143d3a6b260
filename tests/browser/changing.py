"""More plans for the story of tests/portal.py: the same edition by the quarter and the year, and a larger one; a coupon."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import discounts
from tests import portal, shop


def priced(base: str, seat: str, **base_more: Any) -> list[dict[str, Any]]:
    """Return the story's prices with another base and another price of a seat."""
    changed = {"base": {"amount": base, **base_more}, "seat": {"unit_amount": seat}}
    return [price | changed.get(price["code"], {}) for price in portal.PRICES]


def offers(told: portal.Portal) -> None:
    """Put three more plans on sale beside the story's, and a coupon of 20 %."""
    sold_by = told.subscription.seller
    terms = {"family": told.subscription.family.code, "alignment": "calendar", "terms": "服务条款"}
    quarter = {"name": "专业版（按季）", "name_en": "Professional, quarterly", "interval": "quarter", "term": "quarter"}
    year = {"name": "专业版（按年）", "name_en": "Professional, yearly", "interval": "year", "term": "year"}
    shop.plan(sold_by, priced("3700.00", "165.00"), code="pro-quarter", **terms, **quarter)
    shop.plan(sold_by, priced("12470.00", "556.80"), code="pro-year", **terms, **year)
    flagship = [
        *priced("2199.00", "68.00"),
        {"code": "sla", "name": "专属支持", "name_en": "Own support", "kind": "module"},
    ]
    flagship[-1] |= {"model": "flat", "amount": "0.00"}
    shop.plan(sold_by, flagship, code="flagship", name="旗舰版", name_en="Flagship", **terms)
    coupon = {
        "code": "AUTUMN",
        "name": "秋季优惠",
        "name_en": "Autumn",
        "percent": Decimal(20),
        "duration": {"months": 3},
    }
    discounts.define(sold_by, coupon, at=shop.OPENED, by=None)


def addresses(told: portal.Portal) -> dict[str, str]:
    """Return every page on which acme's contract is changed, by a short name."""
    home = f"/c/acme/subscription/{told.subscription.pk}"
    wishes = {
        "flagship": "do=change_plan&plan=flagship",
        "year": "do=change_plan&plan=pro-year",
        "later": "do=change_plan&plan=flagship&when=period_end",
        "seats": "do=set_quantity&price=seat&quantity=20",
        "fewer": "do=set_quantity&price=seat&quantity=10",
        "module": "do=remove_module&price=analytics",
        "cancel": "do=cancel",
        "cancel-now": "do=cancel&when=now",
        "pause": "do=pause",
        "coupon": "do=redeem&coupon=AUTUMN",
    }
    pages = {"plans": f"{home}/plans/", "options": f"{home}/options/"}
    return pages | {name: f"{home}/change/?{query}" for name, query in wishes.items()}
