"""The pages of the balance and of announced deductions."""

from datetime import timedelta

import pytest
import time_machine

from billing import wallets
from billing.money import Money
from invoices import announcing
from invoices.models import ChargeNotice, Payment
from tests import portal, shop
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


def top_up(who, seller, amount):
    wallets.top_up_by_hand(
        who, seller=seller, amount=Money.of(amount, "CNY"), reason="年初预存", key=amount, at=portal.NOON, by=None
    )


def shown(who, path):
    return logged_in(who).get(f"/c/acme/{path}").content.decode()


def test_it_shows_the_balance_and_each_movement_with_its_reason(told):
    top_up(told.acme, told.bills[0].seller, "5000.00")
    page = shown(told.alice, "wallet/")
    assert "¥5,000.00" in page
    assert "年初预存" in page


def test_it_pays_a_bill_from_the_balance(told):
    bill = told.bills[1]
    top_up(told.acme, bill.seller, "5000.00")
    logged_in(told.alice).post(f"/c/acme/wallet/bills/{bill.pk}/pay/")
    bill.refresh_from_db()
    assert bill.status == "paid"
    assert bill.number in shown(told.alice, "wallet/")


def test_who_may_not_pay_is_offered_nothing_and_refused(told):
    bill = told.bills[1]
    top_up(told.acme, bill.seller, "5000.00")
    assert "/pay/" not in shown(told.bob, "wallet/")
    assert logged_in(told.bob).post(f"/c/acme/wallet/bills/{bill.pk}/pay/").status_code == 403
    assert not Payment.objects.filter(method="wallet").exists()


def test_nobody_pays_the_bill_of_another_company(told):
    theirs = shop.bills(told.beta)[0]
    assert logged_in(told.alice).post(f"/c/acme/wallet/bills/{theirs.pk}/pay/").status_code == 404


@pytest.fixture
def announced(told):
    """A deduction that was announced six days before the first of November, and has not arrived."""
    told.subscription.__class__.objects.filter(pk=told.subscription.pk).update(pays="wallet")
    announcing.announce(at=shop.at("2026-10-26 00:00"))
    return ChargeNotice.objects.get(tenant=told.acme)


def test_it_shows_what_comes_off_next_and_what_is_missing(told, announced):
    top_up(told.acme, announced.seller, "100.00")
    page = shown(told.alice, "wallet/")
    assert f"/c/acme/deductions/{announced.pk}/" in page
    missing = Money(announced.total_minor - 100_00, "CNY")
    assert f"¥{missing.amount:,.2f}" in page


def test_opening_it_is_its_delivery(told, announced):
    day = announced.announced_at + timedelta(hours=12)
    with time_machine.travel(day, tick=False):
        page = shown(told.alice, f"deductions/{announced.pk}/")
    announced.refresh_from_db()
    assert announced.delivered_at == day
    assert announced.charge_at == announced.due_at
    assert f"¥{announced.total_minor / 100:,.2f}" in page


def test_a_stranger_opens_nothing(told, announced):
    assert logged_in(told.charlie).get(f"/c/acme/deductions/{announced.pk}/").status_code == 404
    assert logged_in(told.charlie).get(f"/c/beta/deductions/{announced.pk}/").status_code == 404
    announced.refresh_from_db()
    assert announced.delivered_at is None


def test_it_shows_what_is_left_of_each_part_and_until_when(told):
    seller = told.bills[0].seller
    top_up(told.acme, seller, "5000.00")
    wallets.top_up_by_hand(
        told.acme,
        seller=seller,
        amount=Money.of("88.00", "CNY"),
        reason="老客户回馈",
        key="gift",
        gift=True,
        expires=shop.at("2027-01-01 00:00"),
        at=portal.NOON,
        by=None,
    )
    page = shown(told.alice, "wallet/")
    assert page.index("老客户回馈") < page.index("年初预存")
    assert "31 Dec 2026" in page
    assert "does not lapse" in page


def test_a_member_who_pays_sets_when_the_company_is_told(told):
    mine = logged_in(told.alice)
    mine.post("/c/acme/wallet/alert/", {"below": "500"})
    assert told.acme.wallets.get().alert_minor == 500_00
    assert "¥500.00" in shown(told.alice, "wallet/")
    mine.post("/c/acme/wallet/alert/", {"below": "many"})
    assert told.acme.wallets.get().alert_minor == 500_00
    mine.post("/c/acme/wallet/alert/", {"below": ""})
    assert told.acme.wallets.get().alert_minor is None
    assert logged_in(told.bob).post("/c/acme/wallet/alert/", {"below": "1"}).status_code == 403


def test_the_statement_is_taken_along_as_csv(told):
    top_up(told.acme, told.bills[0].seller, "5000.00")
    answer = logged_in(told.alice).get("/c/acme/wallet/statement.csv")
    assert answer["Content-Type"].startswith("text/csv")
    row = answer.content.decode().splitlines()[1].split(",")
    assert row[1:] == ["Paid in", "年初预存", "5000.00", "0.00", "5000.00", "CNY"]
