"""The estimate is what billing bills: the same verbs, proven on contracts that use exactly what was expected."""

from datetime import date
from decimal import Decimal

import pytest

from billing import defining, discounts
from billing.models import Subscription
from invoices import estimating, quoting
from invoices.models import Invoice
from tenants.models import Seller, Tenant
from tests import shop, shopping
from tests.invoices import quotes_samples as samples

pytestmark = [pytest.mark.django_db]
AHEAD = {"quantities": {"seat": Decimal(20)}, "modules": (), "expected": {"messages": Decimal(3000)}}


@pytest.fixture
def sold_by() -> Seller:
    made = shop.seller(tax_rate=Decimal("0.06"))
    defining.define_meters(made, shopping.METERS, at=shop.OPENED)
    return made


def estimated(tenant: Tenant, version, **changes) -> estimating.Estimate:
    return estimating.estimate(quoting._unsaved(tenant, samples.terms(version, **changes), samples.NOW, None))


def test_it_adds_up_the_whole_contract(sold_by):
    # a month: 1,000 + 20 × 50 + 300 = 2,300; messages (3,000 − 1,000) × 0.05 = 100; training 2 × 2,000 once
    found = estimated(shop.tenant(), samples.version(sold_by))
    by_code = {item.code: item.amount_minor for item in found.items}
    assert by_code == {"base": 1200000, "seat": 1200000, "analytics": 360000, "training": 400000, "messages": 120000}
    assert found.total_minor == found.amount_minor == 3280000
    assert (found.first, found.last, found.to_its_end) == ("2026-12-01", "2027-11-30", True)
    assert (found.first_bill_on, found.first_bill_minor) == ("2026-12-01", 630000)
    assert found.tax_minor == sum(month.tax_minor for month in found.months) > 0


def test_it_shows_every_month_and_what_falls_in_it(sold_by):
    months = estimated(shop.tenant(), samples.version(sold_by)).months
    # usage is asked for in the month after; the last one stands on a bill of its own
    assert [month.month for month in (months[0], months[-1])] == ["2026-12", "2027-12"]
    assert [(m.fixed_minor, m.once_minor, m.usage_minor) for m in (months[0], months[1], months[-1])] == [
        (230000, 400000, 0),
        (230000, 0, 10000),
        (0, 0, 10000),
    ]


def test_it_explains_usage_by_the_steps_of_its_price(sold_by):
    (usage,) = estimated(shop.tenant(), samples.version(sold_by)).usage
    assert (usage.measured, usage.included, usage.amount_minor) == ("3000", "1000", 10000)
    assert [step["amount"] for step in usage.steps][-1] == "100.00"


def test_it_stops_at_a_cap(sold_by):
    # (30,000 − 1,000) × 0.05 = 1,450, at most 200
    found = estimated(shop.tenant(), samples.version(sold_by), expected={"messages": Decimal(30000)})
    assert found.usage[0].amount_minor == 20000


def test_it_leaves_nothing_behind(sold_by):
    tenant, version = shop.tenant(), samples.version(sold_by)
    before = Tenant.objects.count()
    estimated(tenant, version, ramp_percent=Decimal("0.5"), ramp_months=3, renews=True, end_on=None)
    assert Tenant.objects.count() == before
    assert not Subscription.objects.exists()
    assert not Invoice.objects.exists()


def test_it_takes_a_year_of_a_contract_that_renews(sold_by):
    found = estimated(shop.tenant(), samples.version(sold_by), renews=True, end_on=None)
    assert (found.last, found.to_its_end, found.amount_minor) == ("2027-11-30", False, 3280000)


def test_it_halves_three_months_of_what_recurs(sold_by):
    found = estimated(shop.tenant(), samples.version(sold_by), ramp_percent=Decimal("0.5"), ramp_months=3)
    assert found.discount_minor == 3 * 115000
    assert [month.discount_minor for month in found.months[:4]] == [115000, 115000, 115000, 0]


def test_it_tops_up_to_the_commitment(sold_by):
    # a month comes to 2,300 + 100; committed are 3,000
    found = estimated(shop.tenant(), samples.version(sold_by), quantities={"seat": Decimal(20)}, minimum_minor=300000)
    assert {item.code: item.amount_minor for item in found.items}["minimum"] == 12 * 60000


def lived(tenant: Tenant, version, **changes) -> int:
    """Accept the quote, use exactly what was expected, and return what all bills come to."""
    quote = samples.sent(tenant, version, **changes)
    quoting.accept(quote, samples.yes(quote), by=samples.buyer(tenant), at=samples.NOW)
    for number in range(12):
        month, year = (11 + number) % 12 + 1, 2026 + (11 + number) // 12
        shop.use(tenant, "3000", f"{year}-{month:02d}-14 10:00")
        following = f"{year + month // 12}-{month % 12 + 1:02d}-01 00:00"
        if number == 0:
            shop.bill(f"{year}-{month:02d}-01 00:00")
        shop.bill(following)
    return sum(invoice.total_minor for invoice in shop.bills(tenant))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prices": {}, "expected": {"messages": Decimal(3000)}},
        {"ramp_percent": Decimal("0.5"), "ramp_months": 3},
        {"quantities": {"seat": Decimal(20)}, "minimum_minor": 300000},
        {"coupons": ("ONCE", "SPRING")},
    ],
    ids=["everything", "the plan's own prices", "a ramp", "a commitment", "coupons"],
)
@pytest.mark.parametrize("inclusive", [True, False], ids=["tax inside", "tax on top"])
def test_its_total_is_what_is_billed(sold_by, changes, inclusive):
    Seller.objects.update(tax_inclusive=inclusive)
    sold_by.refresh_from_db()
    discounts.define(sold_by, {"code": "ONCE", "amount": "500.00"}, at=shop.OPENED, by=None)
    discounts.define(sold_by, {"code": "SPRING", "percent": "10", "duration": {"months": 4}}, at=shop.OPENED, by=None)
    tenant, version = shop.tenant(), samples.version(sold_by)
    expected = estimated(tenant, version, **changes).total_minor
    assert lived(tenant, version, **changes) == expected


@pytest.mark.parametrize("aggregation", ["count", "unique", "max", "latest", "time_weighted"])
def test_it_expects_every_kind_of_meter(sold_by, aggregation):
    meter = {"code": "m", "name": "M", "aggregation": aggregation, "unit": "个"}
    if aggregation == "unique":
        meter["value"] = "user"
    defining.define_meters(sold_by, [meter], at=shop.OPENED)
    price = {"code": "m", "kind": "usage", "meter": "m", "model": "per_unit", "included": "2", "unit_amount": "1.00"}
    version = shop.plan(sold_by, [price], "metered", alignment="calendar")
    changes = {"quantities": {}, "modules": (), "prices": {}, "expected": {"m": Decimal(12)}}
    found = estimated(shop.tenant(), version, start_on=date(2026, 12, 20), end_on=date(2027, 3, 20), **changes)
    # sums and counts once in each of three months; a level stands in each of the four periods
    periods = 3 if aggregation in ("count", "unique") else 4
    assert found.amount_minor == periods * 1000
