"""Bad input of every kind: a message in Chinese and English that names the field, and nothing half written."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import translation

from billing import defining, subscriptions
from billing.subscriptions import Order
from invoices import importing
from tenants import companies
from tenants.companies import NewTenant
from tenants.errors import DomainError
from tests import shop
from usage import ingest

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-01-05 09:00")
PRICES = [
    {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"},
    {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"},
    {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"},
]
MAP = """
seller: qingyu
customer: {code: {column: code}, name: {column: name}, tax_number: {column: tax}}
subscription: {plan: {column: plan}, start: 2026-01-10, quantities: {seat: {column: seats}}}
"""
# (field, words of the Chinese message, words of the English one)
Told = tuple[str, str, str]


class Shop:
    """A seller with a plan, and a customer who has it from January on."""

    def __init__(self) -> None:
        self.seller = shop.seller()
        defining.define_meters(self.seller, [shop.MESSAGES], at=shop.OPENED)
        self.version = shop.plan(self.seller, PRICES)
        self.acme = shop.tenant()
        self.free = shop.tenant("free")
        shop.subscribe(self.acme, self.version, "2026-01-01")
        shop.use(self.acme, "5", "2026-01-05 08:00", key="k1")

    def order(self, **changes: object) -> None:
        terms = {"tenant": self.free, "version": self.version, "start_on": date(2026, 1, 10)} | changes
        subscriptions.start_one(Order(**terms), at=NOW, by=None)

    def event(self, **changes: object) -> None:
        """Tell one event; its refusal is raised, as the API would show it."""
        event = {
            "key": "k2",
            "meter": "messages",
            "quantity": "1",
            "occurred_at": "2026-01-05T08:00:00+08:00",
        } | changes
        (answer,) = ingest.accept(self.acme, [event], at=NOW)
        if answer.status == "refused":
            raise DomainError(answer.message, field=answer.path)

    def plan(self, *tiers: dict[str, object]) -> None:
        price = {"code": "sms", "kind": "usage", "meter": "messages", "model": "graduated", "tiers": list(tiers)}
        defining.define_plan(self.seller, {"code": "gap", "prices": [price]}, at=NOW, by=None)

    def company(self, **facts: object) -> None:
        (opened,) = companies.open([NewTenant(**{"code": "new", "name": "新"} | facts)], at=NOW, by=None)
        raise opened.mistakes[0]

    def file(self, *lines: str) -> None:
        """Import a file of customers; its first mistake is raised, under its column."""
        report = importing.read("\n".join(["code,name,tax,plan,seats", *lines]).encode(), "c.csv", MAP)
        record = importing.run(report, at=NOW, by=None)
        record.delete()
        assert record.status == "refused"
        raise DomainError(report.mistakes[0].message, field=f"{report.mistakes[0].line}:{report.mistakes[0].column}")


@pytest.fixture
def vendor():
    return Shop()


def counts() -> dict[str, int]:
    """How many rows every table has."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found


def refused(act: Callable[[], object]) -> Told:
    """Return field and both messages of the refusal of an act that leaves every table as it was."""
    before = counts()
    said = {}
    for language in ("zh-hans", "en"):
        with translation.override(language), pytest.raises(DomainError) as refusal:
            act()
        said[language] = refusal.value.message
    assert counts() == before
    return refusal.value.field, said["zh-hans"], said["en"]


def check(act: Callable[[], object], field: str, zh: str, en: str) -> None:
    named, chinese, english = refused(act)
    assert named == field
    assert zh in chinese
    assert en in english


def test_an_unknown_plan(vendor):
    check(
        lambda: subscriptions.on_sale(vendor.seller.pk, "gold"),
        "plan",
        "没有在售的套餐「gold」",
        "no plan “gold” on sale",
    )
    check(lambda: vendor.file("new,新,,gold,1"), "2:plan", "「gold」", "no plan “gold” on sale")


def test_a_negative_quantity(vendor):
    check(
        lambda: vendor.order(quantities={"seat": Decimal(-1)}),
        "quantities.seat",
        "数量不能小于零",
        "must not be below zero",
    )
    check(lambda: vendor.event(quantity="-1"), "quantity", "不能为负", "never negative")
    check(lambda: vendor.file("new,新,,standard,-1"), "2:seats", "数量不能小于零", "must not be below zero")


def test_a_malformed_csv(vendor):
    check(
        lambda: vendor.file('new,"新,,standard,1', "b,乙,,standard,1"),
        "file",
        "第 2 行无法读取",
        "Line 2 cannot be read",
    )
    check(lambda: vendor.file("new,新,standard,1"), "2:", "4 个单元格", "has 4 cells")


def test_a_wrong_currency(vendor):
    vendor.free.currency = "USD"
    check(vendor.order, "currency", "USD", "the customer pays in USD")
    check(lambda: vendor.company(currency="yuan"), "currency", "「yuan」不是币种", "“yuan” is no currency")


def test_an_overlapping_subscription(vendor):
    check(lambda: vendor.order(tenant=vendor.acme), "plan", "已有", "already has a subscription")


@pytest.mark.parametrize(
    ("bounds", "tier", "zh", "en"),
    [
        (["1000"], 0, "超过 1000 的部分没有价格", "Quantities above 1000 have no price"),
        (["1000", "500", None], 1, "没有大于这一档的起点 1000", "is not above 1000"),
        ([None, None], 0, "只有最后一档可以没有上限", "Only the last tier has no upper bound"),
    ],
)
def test_a_tier_table_with_a_gap(vendor, bounds, tier, zh, en):
    tiers = [{"up_to": bound, "unit_amount": "0.05"} for bound in bounds]
    check(lambda: vendor.plan(*tiers), f"plan.prices[0].tiers[{tier}].up_to", zh, en)


def test_an_event_in_the_far_future(vendor):
    check(lambda: vendor.event(occurred_at="2027-01-01T00:00:00+08:00"), "occurred_at", "分钟", "minutes ahead")


def test_an_event_of_an_unknown_meter(vendor):
    check(lambda: vendor.event(meter="letters"), "meter", "“letters”", "no meter “letters”")


def test_a_key_reused_with_other_content(vendor):
    check(lambda: vendor.event(key="k1", quantity="6"), "key", "另一个事件", "another event")


def test_a_tax_number_with_a_wrong_check_digit(vendor):
    wrong = "91310000MA1K3TLC08"
    check(lambda: vendor.company(tax_number=wrong), "tax_number", "校验码", f"check digit of tax number “{wrong}”")
    check(lambda: vendor.file(f"new,新,{wrong},standard,1"), "2:tax", "校验码", "check digit")
