"""Late usage (CONTRACTS rule 14): measured again, the difference charged, never twice."""

from decimal import Decimal

import pytest

from billing import closing
from billing.models import Charge
from tests import shop
from usage import ingest

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
STORAGE = {"code": "storage", "kind": "usage", "meter": "storage", "model": "per_unit", "unit_amount": "1.00"}


@pytest.fixture
def acme(qingyu):
    who = shop.tenant()
    return shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES, STORAGE]), "2026-01-01")


def close(subscription, when: str) -> closing.Closed:
    return closing.close([subscription.pk], at=shop.at(when))


def tell(who, quantity: str, occurred: str, told: str, meter: str = "messages") -> str:
    event = {
        "key": f"late-{occurred}-{quantity}",
        "meter": meter,
        "quantity": quantity,
        "occurred_at": shop.at(occurred).isoformat(),
    }
    (answer,) = ingest.accept(who, [event], at=shop.at(told))
    assert answer.status == "accepted"
    return event["key"]


def late(subscription, code: str = "messages") -> list[tuple[str, Decimal, int, str]]:
    rows = Charge.objects.filter(subscription=subscription, reason="late", code=code).order_by("pk")
    return [(str(row.service_start_on), row.quantity, row.amount_minor, str(row.due_on)) for row in rows]


def test_it_charges_late_usage_with_the_next_bill(acme):
    shop.use(acme.tenant, "1200", "2026-01-10 12:00")
    close(acme, "2026-02-01 00:00")
    tell(acme.tenant, "300", "2026-01-20 12:00", told="2026-02-05 12:00")
    close(acme, "2026-03-01 00:00")
    # 1,500 − 1,000 = 500 × 0.05 = 25.00, of which 10.00 was billed
    assert late(acme) == [("2026-01-01", Decimal(300), 15_00, "2026-03-01")]


def test_it_charges_nothing_late_when_all_was_told_in_time(acme):
    shop.use(acme.tenant, "1200", "2026-01-10 12:00")
    shop.use(acme.tenant, "1300", "2026-02-10 12:00")
    close(acme, "2026-02-01 00:00")
    close(acme, "2026-03-01 00:00")
    assert late(acme) == []


def test_it_gives_back_what_a_void_takes_away(acme):
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    shop.use(acme.tenant, "200", "2026-01-11 12:00", key="wrong")
    close(acme, "2026-02-01 00:00")
    (answer,) = ingest.accept(acme.tenant, [{"key": "undo", "void": "wrong"}], at=shop.at("2026-02-03 12:00"))
    assert answer.status == "accepted", answer
    close(acme, "2026-03-01 00:00")
    assert late(acme) == [("2026-01-01", Decimal(-200), -10_00, "2026-03-01")]


def test_it_measures_again_as_often_as_usage_changes(acme):
    close(acme, "2026-02-01 00:00")
    tell(acme.tenant, "1100", "2026-01-10 12:00", told="2026-02-02 12:00")
    close(acme, "2026-03-01 00:00")
    tell(acme.tenant, "100", "2026-02-28 12:00", told="2026-03-02 12:00")
    tell(acme.tenant, "2000", "2026-02-27 12:00", told="2026-03-02 12:00")
    close(acme, "2026-04-01 00:00")
    # January: 100 × 0.05; February: 1,100 × 0.05
    assert late(acme) == [
        ("2026-01-01", Decimal(100), 5_00, "2026-03-01"),
        ("2026-02-01", Decimal(1100), 55_00, "2026-04-01"),
    ]


def test_it_carries_a_late_level_into_later_periods(acme):
    shop.use(acme.tenant, "10", "2026-01-05 12:00", meter="storage")
    close(acme, "2026-02-01 00:00")
    close(acme, "2026-03-01 00:00")
    tell(acme.tenant, "12", "2026-01-30 12:00", told="2026-03-02 12:00", meter="storage")
    close(acme, "2026-04-01 00:00")
    # 12 GB instead of 10 in January and in February
    assert [row[:3] for row in late(acme, "storage")] == [("2026-01-01", 2, 2_00), ("2026-02-01", 2, 2_00)]


def test_it_measures_an_ended_subscription_once_more(qingyu):
    who = shop.tenant()
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01", renews=False)
    close(acme, "2026-02-01 00:00")
    tell(who, "1100", "2026-01-10 12:00", told="2026-02-12 12:00")
    assert close(acme, "2026-03-07 00:00").subscriptions == 0
    close(acme, "2026-03-08 00:00")
    acme.refresh_from_db()
    assert ([row[2] for row in late(acme)], acme.next_at) == ([5_00], None)


def test_it_measures_the_period_of_another_subscription_of_the_customer(qingyu):
    who = shop.tenant()
    shop.subscribe(who, shop.plan(qingyu, [BASE], code="other"), "2026-01-15")
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    for day in ("2026-01-15", "2026-02-01"):
        shop.bill(f"{day} 00:00")
    tell(who, "1200", "2026-01-20 12:00", told="2026-02-05 12:00")
    shop.bill("2026-02-15 00:00")
    shop.bill("2026-03-01 00:00")
    assert late(acme) == [("2026-01-01", Decimal(200), 10_00, "2026-02-15")]


def test_it_misses_nothing_that_arrives_while_it_closes(acme, monkeypatch):
    real = closing._measure

    def measure(*asked):
        measured = real(*asked)
        tell(acme.tenant, "1200", "2026-01-20 12:00", told="2026-02-01 00:00")
        return measured

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(closing, "_measure", measure)
        close(acme, "2026-02-01 00:00")
    close(acme, "2026-03-01 00:00")
    assert late(acme) == [("2026-01-01", Decimal(200), 10_00, "2026-03-01")]


def test_it_charges_nothing_late_of_a_price_that_was_not_taken(qingyu):
    who = shop.tenant()
    acme = shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES | {"optional": True}]), "2026-01-01")
    close(acme, "2026-02-01 00:00")
    tell(who, "1200", "2026-01-20 12:00", told="2026-02-05 12:00")
    close(acme, "2026-03-01 00:00")
    assert not Charge.objects.filter(code="messages").exists()
