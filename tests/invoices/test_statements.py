"""Statements are fetched when they can be had, once, and of a closed day never again."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from invoices import reconciling, statements
from invoices.models import StatementFile, StatementRow
from invoices.providers.port import Refused
from tests import shop
from tests.invoices.at_provider import billed, simulated, sold
from tests.invoices.bank_samples import bank, out, row
from tests.invoices.refunds import paid_at_provider
from tests.invoices.stated import DAY, NEXT, READY, account, compared, line, stating

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller():
    return sold()


@pytest.fixture
def alipay(seller):
    account(seller)
    with simulated() as simulation, stating(simulation) as choose:
        yield choose(seller, "alipay")


def wanted(at):
    return [(provider, str(day)) for _seller, provider, day in statements.wanted(at=at)]


@pytest.mark.parametrize(("when", "days"), [("2026-02-04 09:59", []), ("2026-02-04 10:00", [("alipay", "2026-02-03")])])
def test_a_day_can_be_had_from_ten_of_the_next(seller, alipay, when, days):
    assert wanted(shop.at(when)) == days


def test_every_day_since_the_first_payment_is_wanted_until_it_is_there(seller, alipay):
    paid_at_provider(billed(seller)[0])
    later = shop.at("2026-02-06 11:00")
    assert wanted(later) == [("alipay", f"2026-02-0{n}") for n in (3, 4, 5)]
    statements.fetch(seller, "alipay", DAY, at=later)
    assert wanted(later) == [("alipay", "2026-02-04"), ("alipay", "2026-02-05")]


def test_it_keeps_each_line_with_its_hash(seller, alipay):
    payment = paid_at_provider(billed(seller)[0])
    alipay.changed[payment.reference] = {"fee_minor": 12}
    alipay.extra[DAY] = [line("X", 500, fee=3)]
    file = statements.fetch(seller, "alipay", DAY, at=READY)
    assert (file.lines, file.fees_minor, len(file.sha256)) == (2, 15, 64)
    assert [(one.line, one.reference, one.amount_minor) for one in file.rows.order_by("line")] == [
        (1, payment.reference, 19_900),
        (2, "X", 500),
    ]


def test_the_same_statement_again_is_the_same_file(seller, alipay):
    alipay.extra[DAY] = [line("X", 500)]
    first = statements.fetch(seller, "alipay", DAY, at=READY)
    assert statements.fetch(seller, "alipay", DAY, at=READY + timedelta(hours=1)) == first
    assert StatementRow.objects.count() == 1


def test_a_statement_made_anew_adds_only_what_is_new(seller, alipay):
    alipay.extra[DAY] = [line("X", 500, fee=3)]
    statements.fetch(seller, "alipay", DAY, at=READY)
    alipay.extra[DAY] = [line("X", 500, fee=3), line("Y", 700, fee=4)]
    second = statements.fetch(seller, "alipay", DAY, at=READY)
    assert [(one.reference, one.line) for one in second.rows.all()] == [("Y", 1)]
    assert second.fees_minor == 4


def test_what_is_not_ready_is_asked_for_again(seller, alipay):
    alipay.not_ready = True
    assert statements.fetch(seller, "alipay", DAY, at=READY) is None
    assert wanted(READY) == [("alipay", "2026-02-03")]
    alipay.not_ready = False
    assert statements.fetch(seller, "alipay", DAY, at=READY) is not None


def test_a_refusal_stops_nobody(seller, alipay, monkeypatch):
    def refuse(_self, _day):
        raise Refused("provider_refused_us")

    monkeypatch.setattr(type(alipay), "statement", refuse)
    assert statements.fetch(seller, "alipay", DAY, at=READY) is None
    assert reconciling.reconcile(at=READY) == 0


def test_before_it_can_be_had_nobody_is_asked(seller, alipay):
    statements.fetch(seller, "alipay", DAY, at=shop.at("2026-02-04 09:00"))
    assert alipay.asked == []


def test_of_a_closed_day_nothing_is_fetched_and_nothing_added(seller, alipay):
    day = compared(seller)
    reconciling.close(day, at=READY, by=None)
    assert statements.fetch(seller, "alipay", DAY, at=READY) is None
    assert alipay.asked == [DAY]
    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        statements.keep(seller, "alipay", DAY, [line("X", 5)], currency="CNY", at=READY)


class TestBanks:
    def test_a_bank_s_file_is_a_statement_of_each_of_its_days(self, seller):
        bank(seller, row("A1"), row("A2", day="2026-02-28 10:00:00"), out())
        assert [(file.provider, str(file.day), file.lines) for file in StatementFile.objects.order_by("day")] == [
            ("bank", "2026-02-28", 1),
            ("bank", "2026-03-01", 1),
        ]

    def test_what_else_the_seller_pays_is_no_business_of_ours(self, seller):
        bank(seller, row("A1"), out("rent"))
        assert [one.reference for one in StatementRow.objects.all()] == ["A1"]

    def test_a_row_of_a_closed_day_stands_on_the_day_of_its_import(self, seller):
        bank(seller, row("A1"))
        day = reconciling.compare(seller, "bank", date(2026, 3, 1), "CNY", at=shop.at("2026-03-02 10:00"))
        reconciling.close(day, at=shop.at("2026-03-02 10:00"), by=None)
        bank(seller, row("A1"), row("A2"), at=shop.at("2026-03-04 09:00"))
        assert StatementRow.objects.get(reference="A2").file.day == date(2026, 3, 4)


def test_days_of_providers_are_beijing_s():
    first, end = statements.bounds(shop.seller("tokyo", timezone="Asia/Tokyo"), "alipay", NEXT)
    assert (first, end) == (shop.at("2026-02-04 00:00"), shop.at("2026-02-05 00:00"))
