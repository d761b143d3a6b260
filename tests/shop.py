"""A shop to test in: a seller with meters and plans, and customers, all made by the real verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing import defining, subscriptions
from billing.models import PlanVersion, Subscription
from billing.money import Money
from billing.subscriptions import Order
from invoices import payments, run
from invoices.models import BillingRun, Invoice, Payment
from tenants import agreements, companies
from tenants.models import Seller, Tenant
from tenants.profiles import NewContact, NewTenant
from usage import ingest

__all__ = ["NewContact"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENED = datetime(2025, 1, 1, tzinfo=SHANGHAI)
MESSAGES = {
    "code": "messages",
    "name": "消息",
    "name_en": "Messages",
    "aggregation": "sum",
    "unit": "条",
    "unit_en": "messages",
}


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    """Return an instant from local time: at("2026-01-31 09:00")."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def seller(code: str = "qingyu", **changes: Any) -> Seller:
    """Make a seller of software."""
    facts = {
        "legal_name": "杭州青屿软件有限公司",
        "brand": "青屿客户云",
        "brand_en": "Qingyu",
        "mark": "屿",
        "tax_number": "91330106MA2B1C3D4G",
        "tax_rate": Decimal(0),
        "bank_name": "招商银行杭州分行",
        "bank_account": "5719 0000 0000 001",
        "number_prefix": code[:8].upper(),
        "created_at": OPENED,
    }
    return Seller.objects.create(code=code, **facts | changes)


def tenant(code: str = "acme", **changes: Any) -> Tenant:
    """Open a customer."""
    facts: dict[str, Any] = {"code": code, "name": f"苏州{code}家居有限公司"} | changes
    (opened,) = companies.open([NewTenant(**facts)], at=OPENED, by=None)
    assert opened.tenant, opened
    return opened.tenant


def plan(sold_by: Seller, prices: Sequence[Mapping[str, Any]], code: str = "standard", **terms: Any) -> PlanVersion:
    """Publish a plan with prices of the shape of CONTRACTS §2."""
    return defining.define_plan(sold_by, {"code": code, "prices": prices, **terms}, at=OPENED, by=None)


def subscribe(who: Tenant, version: PlanVersion, start: str, *, renews: bool = True, **more: Any) -> Subscription:
    """Start a subscription on a local day; it renews under a recorded consent unless told otherwise."""
    begin = date.fromisoformat(start)
    now = datetime(begin.year, begin.month, begin.day, 9, tzinfo=ZoneInfo(who.timezone))
    consent = None
    if renews:
        consent = agreements.authorise(
            who, seller=version.plan.seller, text="同意到期自动续费", text_version="test-1", at=now, by=None
        )
    order = Order(tenant=who, version=version, start_on=begin, consent=consent, **more)
    return subscriptions.start_one(order, at=now, by=None)


def use(who: Tenant, quantity: str, when: str, *, meter: str = "messages", key: str = "", **properties: Any) -> None:
    """Tell one usage event at a local time, as if at that moment."""
    moment = at(when, who.timezone)
    event = {
        "key": key or f"{meter}-{when}-{quantity}",
        "meter": meter,
        "quantity": quantity,
        "occurred_at": moment.isoformat(),
        "properties": properties,
    }
    (answer,) = ingest.accept(who, [event], at=moment)
    assert answer.status == "accepted", answer


def bill(when: str, zone: str = "Asia/Shanghai") -> BillingRun:
    """Run the billing of all that is due at a local time."""
    moment = at(when, zone)
    return run.bill(at=moment, clock=lambda: moment)


def bills(who: Tenant) -> list[Invoice]:
    """Return the customer's issued invoices in order of numbers."""
    return list(Invoice.objects.issued().filter(tenant=who).order_by("sequence"))


def lines(invoice: Invoice) -> list[tuple[str, str, str, str, int]]:
    """Return (code, first day, end day, quantity, minor units) of an invoice's lines."""
    return [
        (x.code, str(x.service_start_on), str(x.service_end_on), f"{x.quantity.normalize():f}", x.amount_minor)
        for x in invoice.lines.order_by("position")
    ]


def pay(invoice: Invoice, amount: str, when: str, *, reference: str = "") -> Payment:
    """Record a transfer that came in at a local time."""
    moment = at(when)
    return payments.receive_transfer(
        invoice.tenant,
        seller=invoice.seller,
        amount=Money.of(amount, invoice.currency),
        reference=reference or f"transfer-{invoice.number}-{when}",
        received_at=moment,
        at=moment,
        by=None,
    )
