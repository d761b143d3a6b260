"""A customer with life on its pages: two bills, a payment, usage, three people; and a stranger's company. All by the real verbs.

The clock of every page stands at NOON, so nothing depends on the day on which the tests run.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import defining
from billing.models import Subscription
from billing.money import Money
from invoices import payments
from invoices.models import Invoice
from tenants.models import Member, Tenant, User
from tests import shop

NOON = shop.at("2026-10-20 12:00")
PASSWORD = "only-for-tests"
PRICES = [
    {"code": "base", "name": "专业版", "name_en": "Professional", "kind": "base", "model": "flat", "amount": "1299.00"},
    {
        "code": "seat",
        "name": "席位",
        "name_en": "Seats",
        "kind": "seat",
        "model": "per_unit",
        "unit_amount": "58.00",
        "unit": "个",
        "unit_en": "seat",
    },
    {
        "code": "analytics",
        "name": "数据分析",
        "name_en": "Analytics",
        "kind": "module",
        "optional": True,
        "model": "flat",
        "amount": "300.00",
    },
    {
        "code": "messages",
        "name": "消息",
        "name_en": "Messages",
        "kind": "usage",
        "meter": "messages",
        "model": "per_unit",
        "included": "1000",
        "unit_amount": "0.05",
        "maximum": "200.00",
    },
]


@dataclass
class Portal:
    """The companies and people of the story; `bills` are acme's, oldest first."""

    acme: Tenant
    beta: Tenant
    subscription: Subscription
    alice: User
    bob: User
    charlie: User
    bills: list[Invoice]


def story(**promises: Any) -> Portal:
    """Tell it: acme uses 1,200 messages in September, is billed twice and pays the first bill.

    `promises` are further terms of the plan.
    """
    sold_by = shop.seller(tax_rate=Decimal("0.06"), phone="400-000-0000")
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    terms = {"alignment": "calendar", "name": "专业版", "name_en": "Professional", "terms": "服务条款"} | promises
    version = shop.plan(sold_by, PRICES, **terms)
    acme, beta = shop.tenant(), shop.tenant("beta")
    bought = {"quantities": {"seat": Decimal(18)}, "modules": ["analytics"]}
    subscription = shop.subscribe(acme, version, "2026-09-01", **bought)
    shop.subscribe(beta, version, "2026-09-01")
    for day, quantity in ((3, "700"), (17, "400"), (28, "100")):
        shop.use(acme, quantity, f"2026-09-{day:02d} 10:00")
    shop.use(beta, "77", "2026-09-05 10:00", key="secret-of-beta")
    shop.bill("2026-09-01 00:00")
    shop.use(acme, "620", "2026-10-08 10:00")
    shop.bill("2026-10-01 00:00")
    first = shop.bills(acme)[0]
    paid_at = shop.at("2026-09-03 15:00")
    amount = Money(first.total_minor, "CNY")
    payments.receive_transfer(
        acme, seller=sold_by, amount=amount, reference="T-1", received_at=paid_at, at=paid_at, by=None
    )
    people = [
        person(acme, "alice", Member.Role.OWNER),
        person(acme, "bob", Member.Role.VIEWER),
        person(beta, "charlie"),
    ]
    return Portal(acme, beta, subscription, *people, bills=shop.bills(acme))


def person(company: Tenant, name: str, role: str = Member.Role.OWNER) -> User:
    """Make somebody who can log in."""
    user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name)
    Member.objects.create(tenant=company, user=user, role=role, joined_at=shop.OPENED)
    return user


PAGES = (
    "",
    "bills/",
    "evidence/",
    "refunds/",
    "usage/",
    "usage/events/",
    "subscription/",
    "subscription/packs/",
    "subscription/history/",
    "quotes/",
    "payments/",
    "wallet/",
    "controls/",
    "controls/prices/",
    "budgets/",
    "settings/",
    "settings/log/",
    "help/",
)


def addresses(told: Portal) -> list[str]:
    """Return every page that shows something of acme."""
    own = [f"/c/acme/{page}" for page in PAGES]
    number = told.bills[-1].pk
    renewal = f"/c/acme/subscription/{told.subscription.pk}/renewal/"
    line = told.bills[-1].lines.get(code="messages").pk
    return [
        *own,
        f"/c/acme/bills/{number}/",
        f"/c/acme/bills/{number}/lines/{line}/",
        renewal,
        "/c/acme/settings/contacts/new/",
    ]
