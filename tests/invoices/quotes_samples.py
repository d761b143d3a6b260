"""A quote with everything in it: negotiated seats, a cap, a module, training, a ramp, and what usage is expected."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from billing.models import PlanVersion
from invoices import answering, quoting
from invoices.models import Quote
from tenants.models import Member, Tenant, User
from tests import shop

NOW = shop.at("2026-11-20 09:00")
PRICES: list[dict[str, Any]] = [
    {"code": "base", "name": "专业版", "name_en": "Professional", "kind": "base", "model": "flat", "amount": "1000.00"},
    {
        "code": "seat",
        "name": "席位",
        "name_en": "Seats",
        "kind": "seat",
        "model": "per_unit",
        "unit_amount": "60.00",
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
        "code": "training",
        "name": "培训",
        "name_en": "Training",
        "kind": "service",
        "optional": True,
        "one_off": True,
        "model": "per_unit",
        "unit_amount": "2000.00",
        "unit": "场",
        "unit_en": "session",
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
    },
]
SEATS = {"seat": {"model": "per_unit", "unit_amount": "50.00"}}
CAPPED = {"messages": {"model": "per_unit", "included": "1000", "unit_amount": "0.05", "maximum": "200.00"}}


def version(sold_by: Any, **terms: Any) -> PlanVersion:
    """Publish the plan that is quoted from."""
    words = {"name": "专业版", "name_en": "Professional", "terms": "服务条款"}
    return shop.plan(sold_by, PRICES, **words | terms)


def terms(of: PlanVersion, **changes: Any) -> quoting.Terms:
    """Return a year from 1 December with 20 seats, a module and two trainings."""
    said: dict[str, Any] = {
        "version": of,
        "start_on": date(2026, 12, 1),
        "end_on": date(2027, 12, 1),
        "valid_until": date(2026, 11, 30),
        "quantities": {"seat": Decimal(20), "training": Decimal(2)},
        "modules": ("analytics",),
        "prices": SEATS | CAPPED,
        "expected": {"messages": Decimal(3000)},
        "clauses": "数据迁移包含在内。",
        "clauses_en": "Migration of data is included.",
    }
    return quoting.Terms(**said | changes)


def sent(tenant: Tenant, of: PlanVersion, **changes: Any) -> Quote:
    """Draft a quote and send it."""
    drafted = quoting.draft(tenant, terms(of, **changes), at=NOW, by=None)
    return quoting.send(drafted, at=NOW, by=None)


def buyer(tenant: Tenant, name: str = "alice", role: str = Member.Role.OWNER) -> User:
    """Make a member of the customer."""
    user = User.objects.create_user(f"{name}@{tenant.code}.example", None, name=name)
    Member.objects.create(tenant=tenant, user=user, role=role, joined_at=shop.OPENED)
    return user


def yes(quote: Quote, **changes: Any) -> answering.Yes:
    """Say yes to a quote as it stands."""
    said: dict[str, Any] = {"seen": quote.sha256, "text": "全文", "confirmed": True, "address": "203.0.113.7"}
    return answering.Yes(**said | changes)
