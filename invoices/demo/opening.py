"""Open the demo's shop: sellers, price list, wholesale prices; and customers, on the day they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import catalogue, defining, discounts, subscriptions
from billing.models import Family, Plan, PriceList, PriceListEntry, Subscription
from invoices.demo import paying
from invoices.demo.reading import Customer, read
from tenants import agreements, companies, people
from tenants.companies import NewContact, NewTenant
from tenants.models import CustomerGroup, Member, Seller, Tenant, User
from tenants.models.agreements import RENEWS

SURNAMES = "陈周林吴郑黄何罗梁宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶杜苏魏程吕丁任沈姚卢傅钟姜"
GIVEN = ("静", "敏", "思远", "佳", "雨桐", "志强", "慧", "建平", "晓", "文博", "丽华", "海涛")
CONSENT = (
    "我公司同意：本套餐到期后按已接受的价格表续费；每张账单出账当天寄给我们，由我们付款；"
    "续费随时可以一键关闭，从下一期起不再续。"
)


@transaction.atomic
def open_shop(*, at: datetime, by: User | None) -> None:
    """Make the sellers with all that they sell."""
    facts = read("catalogue")
    CustomerGroup.objects.bulk_create(CustomerGroup(**group) for group in facts["groups"])
    for said in read("sellers"):
        sold = facts["sellers"][said["code"]]
        seller = Seller.objects.create(**_typed(said), created_at=at)
        Family.objects.bulk_create(Family(seller=seller, **family) for family in sold["families"])
        defining.define_meters(seller, sold.get("meters", ()), at=at)
        for number, plan in enumerate(sold["plans"]):
            defining.define_plan(seller, plan, at=at, by=by, path=f"{said['code']}.plans[{number}]")
        for coupon in sold.get("coupons", ()):
            discounts.define(seller, coupon, at=at, by=by)
    for said in facts["price_lists"]:
        _publish_list(said, at, by)


def welcome(customers: Sequence[Customer], *, at: datetime, by: User | None) -> list[Subscription]:
    """Open the companies with their people, and start what each of them buys."""
    if not customers:
        return []
    outcomes = companies.open([_company(customer) for customer in customers], at=at, by=by)
    wrong = [f"{outcome.code}: {outcome.mistakes}" for outcome in outcomes if outcome.mistakes]
    if wrong:
        raise ValueError("; ".join(wrong))
    opened = {outcome.code: outcome.tenant for outcome in outcomes if outcome.tenant}
    return [_subscribe(customer, opened[customer.code], at) for customer in customers]


def person(customer: Customer) -> str:
    """Return the invented name of the one who buys."""
    number = sum(customer.code.encode())
    return SURNAMES[number % len(SURNAMES)] + GIVEN[number % len(GIVEN)]


def invite(tenant: Tenant, email: str, name: str, role: str, *, at: datetime, by: User | None) -> User:
    """Make a person a member who may not log in until somebody sets a password."""
    known = User.objects.filter(email=email).first()
    if known is None:
        # An unusable password needs no slow hash.
        User.objects.create(email=email, name=name, language=tenant.language, date_joined=at, password="!")
    member = people.invite(tenant, email=email, role=role, at=at, by=by).member
    return member.user


def _typed(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"tax_rate": Decimal(said["tax_rate"])}


def _publish_list(said: dict[str, Any], at: datetime, by: User | None) -> None:
    seller = Seller.objects.get(code=said["seller"])
    group = CustomerGroup.objects.get(code=said["group"])
    made = PriceList.objects.create(
        seller=seller, code=said["code"], name=said["name"], name_en=said["name_en"], group=group
    )
    plans = _plans(seller)
    PriceListEntry.objects.bulk_create(_entry(made, plans, entry) for entry in said["entries"])
    catalogue.publish_list(made, at=at, by=by)


def _plans(seller: Seller) -> dict[str, Plan]:
    return {plan.code: plan for plan in Plan.objects.filter(seller=seller)}


def _entry(price_list: PriceList, plans: dict[str, Plan], said: dict[str, Any]) -> PriceListEntry:
    params = {key: value for key, value in said.items() if key not in ("plan", "price", "model")}
    plan = plans[said["plan"]]
    return PriceListEntry(
        price_list=price_list, plan=plan, price_code=said["price"], model=said["model"], params=params
    )


def _company(customer: Customer) -> NewTenant:
    number = sum(customer.code.encode())
    english = customer.language == "en"
    return NewTenant(
        code=customer.code,
        name=customer.name,
        name_en=customer.name_en,
        tax_number=customer.tax_number,
        group=customer.group,
        tags=customer.tags,
        parent=customer.parent,
        zone=customer.zone,
        language=customer.language,
        address=f"{customer.city}样例路 {number % 300 + 1} 号",
        phone=f"400-000-{number % 9000 + 1000}",
        purchase_order=customer.purchase_order,
        cost_centre=customer.cost_centre,
        contacts=[NewContact(name="Accounts" if english else "财务", email=f"finance@{customer.code}.example")],
    )


def _subscribe(customer: Customer, tenant: Tenant, at: datetime) -> Subscription:
    seller_code = next(code for code, sold in read("catalogue")["sellers"].items() if _sells(sold["plans"], customer))
    seller = Seller.objects.get(code=seller_code)
    email, name = customer.owner or (f"owner@{customer.code}.example", person(customer))
    owner = invite(tenant, email, name, Member.Role.OWNER, at=at, by=None)
    consent = agreements.authorise(
        tenant, seller=seller, text=CONSENT, text_version="demo-1", at=at, by=owner, scope=RENEWS
    )
    order = subscriptions.Order(
        tenant=tenant,
        version=subscriptions.on_sale(seller.pk, customer.plan),
        start_on=customer.start,
        quantities=customer.quantities,
        modules=customer.modules,
        negotiated=customer.negotiated,
        pays=Subscription.Pays.MANDATE if customer.mandate else Subscription.Pays.MANUAL,
        consent=consent,
    )
    started = subscriptions.start_one(order, at=at, by=owner)
    if customer.mandate:
        paying.sign(customer, tenant, seller, at=at)
    return started


def _sells(plans: Iterable[dict[str, Any]], customer: Customer) -> bool:
    return any(plan["code"] == customer.plan for plan in plans)
