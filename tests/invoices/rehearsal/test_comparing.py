"""Two sets of prices on what customers really used."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue, defining
from billing.models import PriceList, PriceListEntry
from invoices.rehearsal import rehearse, retelling
from invoices.rehearsal.comparing import Prices, compare
from tenants.models import CustomerGroup
from tests import shop
from tests.invoices.rehearsal.conftest import BASE, MESSAGES, METERS, SEAT

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-05-10 09:00")


@pytest.fixture
def sold():
    """A plan of 199.00, 200.00 a seat, and messages beyond 1,000 at 0.05."""
    qingyu = shop.seller()
    defining.define_meters(qingyu, METERS, at=shop.OPENED)
    return shop.plan(qingyu, [BASE, SEAT, MESSAGES])


def customer(version, code: str, seats: int, used: str, **more):
    """Return a customer from 1 February on, who used so many messages in March, billed until May."""
    tenant = shop.tenant(code, **more)
    shop.subscribe(tenant, version, "2026-02-01", quantities={"seat": Decimal(seats)})
    shop.use(tenant, used, "2026-03-10 09:00")
    return tenant


def draft_with(version, **prices):
    """Return a draft of the plan in which some prices have other parameters."""
    draft = catalogue.draft(version.plan, at=NOW, by=None)
    for code, params in prices.items():
        draft.prices.filter(code=code).update(params=params)
    return draft


def amounts(found) -> list[tuple[str, int, int]]:
    return [(row.tenant.code, row.one_minor, row.other_minor) for row in found.rows]


def test_it_says_who_pays_more_and_who_less(sold):
    small, large = customer(sold, "small", 1, "100"), customer(sold, "large", 10, "5000")
    draft = draft_with(sold, base={"amount": "399.00"}, seat={"unit_amount": "150.00"})
    found = compare([small, large], Prices(), Prices(version=draft), at=NOW)
    # February to April: 3 × (199 + seats × 200), large also (5,000 − 1,000) × 0.05 = 200.00 for March.
    # New: 3 × (399 + seats × 150) and the same usage.
    assert amounts(found) == [("small", 119700, 164700), ("large", 679700, 589700)]
    assert found.totals() == {"CNY": (799400, 754400)}
    assert [str(found.rows[0].first), str(found.rows[0].last)] == ["2026-02-01", "2026-05-01"]


def test_under_the_prices_in_force_it_is_what_was_billed(sold):
    who = customer(sold, "acme", 3, "1234")
    for day in ("2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"):
        shop.bill(f"{day} 10:00")
    (row,) = compare([who], Prices(), Prices(), at=NOW).rows
    # All bills but the advance of May, which has not ended.
    billed = sum(bill.total_minor for bill in shop.bills(who)) - (19900 + 3 * 20000)
    assert row.one_minor == row.other_minor == billed


def test_a_draft_in_another_rhythm_is_compared_over_the_same_time(sold):
    who = customer(sold, "acme", 0, "0.5")
    draft = draft_with(sold, base={"amount": "2000.00"})
    draft.interval = draft.term = "year"
    draft.save()
    (row,) = compare([who], Prices(), Prices(version=draft), at=NOW).rows
    # 3 × 199.00, and 89 of 365 days of 2,000.00: 487.67.
    assert (row.one_minor, row.other_minor) == (59700, 48767)


def test_a_draft_list_is_compared_for_its_group_and_negotiated_prices_stay(sold):
    group = CustomerGroup.objects.create(code="partners", name="代理商")
    inside, outside = customer(sold, "inside", 1, "1", group="partners"), customer(sold, "outside", 1, "1")
    drafted = PriceList.objects.create(seller=sold.plan.seller, code="partners", name="代理价", group=group)
    PriceListEntry.objects.create(
        price_list=drafted, plan=sold.plan, price_code="base", model="flat", params={"amount": "99.00"}
    )
    found = compare([inside, outside], Prices(), Prices(price_list=drafted), at=NOW)
    assert amounts(found) == [("inside", 119700, 89700)]
    agreed = shop.tenant("agreed", group="partners")
    shop.subscribe(agreed, sold, "2026-02-01", negotiated={"base": {"model": "flat", "amount": "150.00"}})
    found = compare([agreed], Prices(), Prices(price_list=drafted), at=NOW)
    assert amounts(found) == [("agreed", 45000, 45000)]


def test_it_asks_no_more_of_the_database_for_more_customers(sold):
    def asked(customers) -> int:
        with CaptureQueriesContext(connection) as queries:
            compare(customers, Prices(), Prices(version=draft), at=NOW)
        return len(queries)

    draft = draft_with(sold)
    one = customer(sold, "one", 1, "100")
    few = asked([one])
    assert asked([one, *(customer(sold, f"c{n}", n, "100") for n in range(4))]) == few


def test_a_story_of_customers_comes_to_what_they_were_billed(sold):
    who = customer(sold, "acme", 3, "1234")
    told = rehearse(retelling.story_of(sold, [who], at=NOW, months=3))
    assert told["refused"] == []
    # 1 February to 1 May: 799.00 three times in advance, and (1,234 − 1,000) × 0.05 = 11.70 in April; 799.00 for May.
    assert [bill["total"] for bill in told["invoices"]] == ["799.00", "799.00", "810.70", "799.00"]
