"""The billing run, from subscriptions and usage to issued invoices."""

import pytest

from billing import defining
from invoices import checking
from invoices.models import Invoice
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}


@pytest.fixture
def standard():
    sold_by = shop.seller()
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    return shop.plan(sold_by, [BASE, MESSAGES])


def test_it_bills_1200_messages_on_a_plan_of_1000(standard):
    acme = shop.tenant()
    shop.subscribe(acme, standard, "2026-01-31")
    shop.use(acme, "1200", "2026-02-10 09:00")

    shop.bill("2026-02-28 00:00")

    first, second = shop.bills(acme)
    assert shop.lines(first) == [("base", "2026-01-31", "2026-02-28", "1", 199_00)]
    # 200 × 0.05 = 10.00; the second period runs from 28 Feb to 31 Mar
    assert shop.lines(second) == [
        ("base", "2026-02-28", "2026-03-31", "1", 199_00),
        ("messages", "2026-01-31", "2026-02-28", "200", 10_00),
    ]
    assert not list(checking.faults())


def test_it_changes_nothing_the_second_time(standard):
    acme = shop.tenant()
    shop.subscribe(acme, standard, "2026-01-31")
    shop.bill("2026-02-28 00:00")
    before = list(Invoice.objects.values())
    again = shop.bill("2026-02-28 00:00")
    assert (again.charges, again.invoices) == (0, 0)
    assert list(Invoice.objects.values()) == before
