"""A small shop with a row in every table that operators see: billed, paid, credited, parked, told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from billing import catalogue, expiring, packs, sealing, wallets
from billing.models import (
    AppliedDiscount,
    Change,
    Charge,
    ChargeCredit,
    Coupon,
    FormerTerms,
    PackUse,
    Plan,
    PlanVersion,
    Price,
    PriceList,
    PriceListEntry,
    PriceMigration,
    Redemption,
    Subscription,
)
from billing.money import Money
from invoices import crediting, parking, payments, pdf, rendering
from invoices.models import (
    BillingRun,
    ChargeNotice,
    CreditedCharge,
    CreditNote,
    CustomerImport,
    DunningAct,
    DunningSchedule,
    Invoice,
    OperatorAct,
    Payment,
    PurchaseRequest,
    Quote,
    ServiceLoss,
    WriteOff,
)
from tenants import chaining, keys, people
from tenants.companies import NewContact
from tenants.models import CustomerGroup, Delivery, IdempotencyKey, Member, Notice, Seller, Tenant, User
from tests import shop
from tests.at_the_bank import at_the_bank
from tests.rows import came_back
from tests.rows_agreed import deducted
from tests.rows_capped import bounded
from tests.rows_disputed import disputed
from tests.rows_held import held, judged
from tests.rows_of_evidence import proven
from tests.rows_under_way import under_way
from tests.rows_undone import undone
from tests.shopping import METERS
from usage.models import Meter, UsageImport

NOW = shop.at("2026-03-02 09:00")
PRICES = [
    {"code": "base", "name": "基础版", "name_en": "Base", "kind": "base", "model": "flat", "amount": "199.00"},
    {"code": "seat", "name": "席位", "kind": "seat", "model": "per_unit", "unit_amount": "20.00", "unit": "席"},
    {"code": "analytics", "name": "数据分析", "kind": "module", "optional": True, "model": "flat", "amount": "3000.00"},
    {
        "code": "messages",
        "name": "消息",
        "kind": "usage",
        "meter": "messages",
        "model": "per_unit",
        "included": "1000",
        "unit_amount": "0.05",
    },
    {
        "code": "storage",
        "name": "存储",
        "kind": "usage",
        "meter": "storage",
        "model": "graduated",
        "tiers": [{"up_to": "100", "unit_amount": "1"}, {"up_to": None, "unit_amount": "0.5"}],
    },
]


@dataclass
class World:
    """What the tests of the operators' pages look at."""

    seller: Seller
    tenant: Tenant
    version: PlanVersion
    draft: PlanVersion
    bill: Invoice
    member: Member
    price_list: PriceList


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("olivia@qingyu.example", "secret-secret", name="Olivia")


@pytest.fixture
def desk(client, operator):
    """A client on which an operator is logged in."""
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def staff(role: str) -> User:
    """Return an operator with one of the four roles."""
    person = User.objects.create_user(f"{role.split()[0].lower()}@qingyu.example", "secret-secret", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    return person


@pytest.fixture
def world(operator) -> World:
    qingyu = shop.seller()
    shop.defining.define_meters(qingyu, METERS, at=shop.OPENED)
    group = CustomerGroup.objects.create(code="partners", name="代理商")
    acme = shop.tenant(group="partners", tags=["重点"], contacts=[NewContact(name="林", email="finance@acme.example")])
    version = shop.plan(qingyu, PRICES, family="scrm", name="标准版")
    invitation = people.invite(acme, email="alice@acme.example", role="owner", at=NOW, by=operator, name="Alice")
    price_list = published_list(qingyu, group, version.plan, operator)
    subscription = shop.subscribe(
        acme,
        version,
        "2026-01-31",
        quantities={"seat": Decimal(3)},
        negotiated={"base": {"model": "flat", "amount": "99.00"}},
    )
    shop.use(acme, "1200", "2026-02-10 09:00")
    shop.use(acme, "120", "2026-02-11 09:00", meter="storage")
    shop.bill("2026-03-01 03:00")
    bill = shop.bills(acme)[0]
    settle(acme, qingyu, bill, operator)
    trail(acme, subscription, operator)
    pack(acme, subscription, operator)
    deduction(acme, qingyu, operator)
    draft = catalogue.draft(version.plan, at=NOW, by=operator)
    return World(qingyu, acme, version, draft, bill, invitation.member, price_list)


@pytest.fixture
def full(world, operator) -> World:
    """The world with what changes, credits and coupons leave behind, row by row: nothing of it is in force."""
    subscription = Subscription.objects.get(tenant=world.tenant)
    owned = {"tenant": world.tenant, "subscription": subscription}
    terms = {"version": world.version, "acceptance": subscription.acceptance}
    migration = PriceMigration.objects.create(
        version=world.version, from_on=NOW.date(), reason="短信涨价", announced_at=NOW, announced_by=operator
    )
    change = Change.objects.create(
        **owned, **terms, kind="plan", status="withdrawn", effective_at=NOW, at=NOW, settled_at=NOW, migration=migration
    )
    FormerTerms.objects.create(**owned, **terms, change=change, anchor_on=NOW.date(), since=NOW, until=NOW)
    coupon = Coupon.objects.create(
        seller=world.seller, code="SPRING", percent=Decimal(10), duration="once", created_at=NOW
    )
    redeemed = Redemption.objects.create(
        **owned, coupon=coupon, position=1, counted_from=NOW.date(), redeemed_at=NOW, used_up_at=NOW
    )
    charge, credit = Charge.objects.filter(tenant=world.tenant).order_by("pk")[:2]
    AppliedDiscount.objects.create(tenant=world.tenant, charge=charge, redemption=redeemed, position=1, amount_minor=1)
    ChargeCredit.objects.create(tenant=world.tenant, credit=credit, charge=charge, amount_minor=0, undiscounted_minor=0)
    dunned(world, operator)
    bounded(subscription, NOW)
    seconded(world, operator)
    at_the_bank(Payment.objects.get(tenant=world.tenant, method="transfer"), NOW)
    money_under_way(world)
    held(world.bill, NOW)
    judged(world.bill, NOW)
    disputed(world.bill, NOW)
    undone(credit, change, NOW)
    proven(world.tenant, NOW)
    note = CreditNote.objects.get(tenant=world.tenant)
    CreditedCharge.objects.create(
        tenant=world.tenant, credit_note=note, charge=credit, position=1, amount_minor=0, gross_minor=0
    )
    return world


def money_under_way(world: World) -> None:
    """A payment's part, a contract, a message and a refund, all over by now, and an account at a provider."""
    payment = Payment.objects.get(tenant=world.tenant, method="transfer")
    notice = ChargeNotice.objects.filter(tenant=world.tenant).earliest("pk")
    bill = Invoice.objects.filter(tenant=world.tenant, number__isnull=False).earliest("pk")
    deducted(world.bill, NOW, status="failed", failure="balance_too_low")
    under_way(payment, bill, notice, NOW, live=False)


def dunned(world: World, operator: User) -> None:
    """A schedule, a call that waits, a service that was lost and given back, a write-off that was declined."""
    schedule = DunningSchedule.objects.create(seller=world.seller)
    schedule.steps.create(day=1, verb="call")
    owed = {"tenant": world.tenant, "invoice": world.bill}
    DunningAct.objects.create(**owed, day=1, verb="call", at=NOW, outcome="open")
    lost = {"before": "active", "after": "suspended", "at": NOW, "lifted_at": NOW}
    ServiceLoss.objects.create(**owed, payer=world.tenant, **lost)
    asked = {"requested_at": NOW, "requested_by": operator, "approved_at": NOW, "approved_by": operator}
    WriteOff.objects.create(**owed, amount_minor=1, reason="失联", status="declined", **asked)


def seconded(world: World, operator: User) -> None:
    """A purchase that waits for the customer's second person, an act by hand, and the log under a seal."""
    asked = {"tenant": world.tenant, "currency": "CNY", "sha256": "-", "asked_by_name": "王芳", "asked_at": NOW}
    weight = {"total_minor": 100_00, "yearly_minor": 1_200_00, "limit_minor": 50_00}
    PurchaseRequest.objects.create(
        **asked, **weight, wish={"do": "resume"}, shown={}, expires_at=NOW + timedelta(days=7)
    )
    figures = {"before": {"balance": 0}, "after": {"balance": 100}, "amount_minor": 100, "reason": "补偿"}
    told = {"seller": world.seller, "target": "tenant:1", "wish": {}, "key": "k", "kind": "top_up", "state": "done"}
    OperatorAct.objects.create(**asked, **figures, **told, made="top_up:1", asked_by=operator)
    chaining.seal(at=NOW)


def published_list(seller: Seller, group: CustomerGroup, plan: Plan, operator: User) -> PriceList:
    """Return a group's published price list with one price."""
    made = PriceList.objects.create(seller=seller, code="partners", name="代理价", group=group)
    PriceListEntry.objects.create(price_list=made, plan=plan, price_code="base", model="flat", params={"amount": "149"})
    return catalogue.publish_list(made, at=shop.OPENED, by=operator)


def pack(tenant: Tenant, subscription: Subscription, operator: User) -> None:
    """Grant a resource pack, of which a closed period has used a tenth."""
    meter, lapses = Meter.objects.get(code="messages"), shop.at("2026-06-01 00:00")
    given = packs.grant(tenant, meter, Decimal(100), lapses, reason="开户赠送", at=NOW, by=operator)
    closed, price = subscription.periods.order_by("start").first(), Price.objects.get(code="messages")
    PackUse.objects.create(tenant=tenant, pack=given, period=closed, price=price, quantity=Decimal(10), at=NOW)


def deduction(tenant: Tenant, seller: Seller, operator: User) -> None:
    """Top the balance up, and announce a deduction from it."""
    amount = Money.of("20.00", "CNY")
    wallets.top_up_by_hand(tenant, seller=seller, amount=amount, reason="预存", key="1", at=NOW, by=operator)
    gift = {"gift": True, "expires": NOW + timedelta(days=1), "reason": "活动", "key": "2", "at": NOW, "by": operator}
    wallets.top_up_by_hand(tenant, seller=seller, amount=amount, **gift)
    expiring.lapse(at=NOW + timedelta(days=1))
    sealing.seal(at=NOW)
    minor = {"renewal_minor": 99_00, "ceiling_minor": 0, "total_minor": 99_00}
    told = {"currency": "CNY", "pays": "wallet", "due_on": NOW.date(), "due_at": NOW, "announced_at": NOW}
    ChargeNotice.objects.create(tenant=tenant, seller=seller, version=1, of="renewal", via="notice", **told, **minor)


def settle(tenant: Tenant, seller: Seller, bill: Invoice, operator: User) -> None:
    """Pay and credit a part of the bill, and make its file."""
    payments.receive_transfer(
        tenant,
        seller=seller,
        amount=Money.of("10.00", "CNY"),
        reference="ICBC-1",
        received_at=NOW,
        at=NOW,
        by=operator,
        payer_name="Alice",
    )
    line = bill.lines.first()
    crediting.credit(bill, reason="补偿", amounts={line.pk: 100}, at=NOW, by=operator)
    for paper in rendering.waiting(1):
        rendering.render(paper, pdf.render, at=NOW)


def trail(tenant: Tenant, subscription, operator: User) -> None:
    """Leave rows in the queues and logs."""
    parking.park(
        tenant.pk,
        stage="close",
        refusal=ValueError("unreadable price"),
        at=NOW,
        run=BillingRun.objects.first(),
        subscription_id=subscription.pk,
    )
    keys.issue(tenant, name="CRM", scopes=["events"], at=NOW, by=operator)
    Notice.objects.update(status="failed")
    sent = Delivery.objects.create(
        tenant=tenant, notice=Notice.objects.first(), number=1, at=NOW, ok=False, answer="550 no such box"
    )
    came_back(sent, operator)
    UsageImport.objects.create(file_name="use.csv", sha256="0" * 64, started_at=NOW, rows=5, accepted=4, refused=1)
    errors = [{"line": 2, "column": "Tax", "message": "wrong"}]
    CustomerImport.objects.create(
        file_name="c.csv", sha256="0" * 64, mapping="", status="refused", errors=errors, at=NOW, by=operator
    )
    Quote.objects.create(
        tenant=tenant,
        seller=subscription.seller,
        version=subscription.version,
        currency="CNY",
        zone=tenant.timezone,
        language=tenant.language,
        start_on=NOW.date(),
        valid_until=NOW.date(),
        label="second",
        created_at=NOW,
    )
    IdempotencyKey.objects.create(
        owner="k", key="1", method="POST", path="/x", body_sha256="0" * 64, status=200, answer={}, created_at=NOW
    )
