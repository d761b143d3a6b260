"""May he use it: answered from the counters, with what is free, what it costs, and whose budget says no."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import budgets, entitlements, packs
from billing.entitlements import check, check_many
from tenants import lifecycle
from tenants.errors import Invalid
from tests import shop
from tests.billing.capped import cap, close
from usage.models import Meter

pytestmark = pytest.mark.django_db
PRICES = [
    {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"},
    {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "30.00"},
    {
        "code": "messages",
        "kind": "usage",
        "meter": "messages",
        "model": "per_unit",
        "included": "1000",
        "unit_amount": "0.10",
    },
]
AT = shop.at("2026-01-15 12:00")


@pytest.fixture
def acme(qingyu):
    s = shop.subscribe(shop.tenant(), shop.plan(qingyu, PRICES), "2026-01-01")
    close(s, "2026-01-01 09:00")
    return s.tenant


def test_a_module_is_bought_or_not(acme):
    assert check(acme, module="base", at=AT).reason == "bought"
    assert (check(acme, module="analytics", at=AT).allowed, check(acme, module="analytics", at=AT).reason) == (
        False,
        "not_bought",
    )


def test_what_is_included_is_free_and_the_rest_costs(acme):
    shop.use(acme, "900", "2026-01-10 12:00")
    free = check(acme, meter="messages", quantity=100, at=AT)
    assert (free.allowed, free.reason, free.free_left, free.cost_minor) == (True, "within_allowance", Decimal(100), 0)
    paid = check(acme, meter="messages", quantity=130, at=AT)
    assert (paid.allowed, paid.reason, paid.cost_minor, paid.currency) == (True, "costs", 3_00, "CNY")


def test_packs_come_before_money(acme, qingyu):
    meter = Meter.objects.get(code="messages")
    packs.grant(
        acme, meter, Decimal(500), shop.at("2026-06-01 00:00"), reason="-", at=shop.at("2026-01-01 09:00"), by=None
    )
    shop.use(acme, "1200", "2026-01-10 12:00")
    answer = check(acme, meter="messages", quantity=300, at=AT)
    assert (answer.packs_left, answer.free_left, answer.cost_minor) == (Decimal(300), Decimal(0), 0)
    assert check(acme, meter="messages", quantity=310, at=AT).cost_minor == 1_00


def test_ask_waits_for_a_release_and_warn_only_says_so(acme):
    cap(acme, 10_00, hard=False, on_reach="ask")
    shop.use(acme, "1100", "2026-01-10 12:00")
    asks = check(acme, meter="messages", at=AT)
    assert (asks.allowed, asks.reason, asks.used_minor, asks.cap_minor) == (False, "ask", 10_00, 10_00)
    row = budgets.in_force([acme.pk], at=AT)[0]
    budgets.release(row, 5_00, at=AT, by=None)
    later = shop.at("2026-01-15 12:01")
    assert check(acme, meter="messages", quantity=50, at=later).allowed
    assert not check(acme, meter="messages", quantity=51, at=later).allowed
    # In the next period the old amount counts again.
    assert budgets.cap_of(budgets.in_force([acme.pk], at=later)[0], at=shop.at("2026-02-01 00:00")).most_minor == 10_00
    cap(acme, 10_00, "2026-01-15 12:02", hard=False)
    warned = check(acme, meter="messages", at=shop.at("2026-01-15 12:03"))
    assert (warned.allowed, warned.warning, warned.cap_minor) == (True, "budget_reached", 10_00)


def test_included_units_are_never_refused_for_a_cap(acme):
    cap(acme, 0)
    shop.use(acme, "999", "2026-01-10 12:00")
    assert check(acme, meter="messages", at=AT).reason == "within_allowance"
    assert check(acme, meter="messages", quantity=2, at=AT).reason == "cap_reached"


def test_a_suspended_customer_uses_nothing_and_a_restricted_one_what_is_free(acme):
    shop.use(acme, "999", "2026-01-10 12:00")
    acme = lifecycle.restrict(acme, at=AT, by=None, reason="-")
    assert check(acme, meter="messages", at=AT).allowed
    assert check(acme, meter="messages", quantity=2, at=AT).reason == "restricted"
    acme = lifecycle.suspend(acme, at=AT, by=None, reason="-")
    assert check(acme, meter="messages", at=AT).reason == "suspended"


def test_nothing_is_asked_of_nothing(acme):
    for asked in ((None, None, Decimal(1)), ("base", "messages", Decimal(1)), (None, "messages", Decimal(0))):
        with pytest.raises(Invalid):
            check_many(acme, [asked], at=AT)
    assert check(acme, meter="nothing", at=AT).reason == "not_bought"


def test_many_questions_cost_few_queries(acme):
    cap(acme, 10_00)
    shop.use(acme, "10", "2026-01-10 12:00")
    with CaptureQueriesContext(connection) as queries:
        answers = check_many(acme, [(None, "messages", Decimal(n)) for n in range(1, 21)], at=AT)
    assert all(one.allowed for one in answers)
    assert len(queries) <= 60
    assert entitlements.used(acme, at=AT)[0].measured.quantity == 10
