"""What the tests of changes share: a family of plans, a customer, and the lines a change leaves on the shelf."""

from decimal import Decimal

from billing import changing, quantities
from billing.models import Charge, PlanVersion, Subscription
from tests import shop

MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"}
ANALYTICS = {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "60.00"}

Shown = tuple[str, str, str, str, str, int]


def base(amount: str) -> dict[str, str]:
    return {"code": "base", "kind": "base", "model": "flat", "amount": amount}


def plan(seller, code: str, *prices, **terms) -> PlanVersion:
    return shop.plan(seller, list(prices), code=code, family="scrm", **terms)


def shown(subscription: Subscription, *, reason: str = "", since: int = 0) -> list[Shown]:
    """Return (code, reason, first day, end day, quantity, minor units) of the charges that are not zero."""
    rows = Charge.objects.filter(subscription=subscription, pk__gt=since).exclude(amount_minor=0)
    if reason:
        rows = rows.filter(reason=reason)
    return [
        (
            row.code,
            str(row.reason),
            str(row.service_start_on),
            str(row.service_end_on),
            f"{row.quantity.normalize():f}",
            row.amount_minor,
        )
        for row in rows.order_by("pk")
    ]


def change(subscription: Subscription, version: PlanVersion, when: str, how: str | None = None) -> list[Shown]:
    """Change the plan at a local time; return the lines of the change."""
    made = changing.change_plan(subscription, version, when=how, at=shop.at(when), by=None)
    return of(made)


def seats(subscription: Subscription, quantity: str, when: str, code: str = "seat") -> list[Shown]:
    made = quantities.set_quantity(subscription, code, Decimal(quantity), at=shop.at(when), by=None)
    return of(made)


def of(made: changing.Changed) -> list[Shown]:
    return [row for row in shown(made.change.subscription, reason="change") if _cause(made, row)]


def _cause(made: changing.Changed, row: Shown) -> bool:
    mine = Charge.objects.filter(pk__in=made.charges).values_list("code", "service_start_on", "amount_minor")
    return (row[0], row[2], row[5]) in {(code, str(day), amount) for code, day, amount in mine}
