"""Where is my money: the steps of a refund, and asking for one; who may, and nobody else's."""

import pytest
import time_machine

from invoices import collection, refund_rules, refunding, returning
from invoices.models import Invoice, Refund
from tests import portal, shop
from tests.invoices.at_provider import simulated
from tests.invoices.refunds import fresh, paid_at_provider
from tests.invoices.test_pages_access import logged_in
from tests.invoices.test_pages_wallet import top_up

pytestmark = pytest.mark.django_db
PAID = shop.at("2026-10-05 10:00")
ASKED = shop.at("2026-10-19 09:00")


@pytest.fixture
def simulation():
    with simulated() as made:
        yield made


@pytest.fixture
def noon(simulation):
    with time_machine.travel(portal.NOON, tick=False):
        yield


@pytest.fixture
def told(noon):
    return portal.story()


@pytest.fixture
def bill(told):
    """The October bill, paid at WeChat."""
    paid_at_provider(told.bills[1], "wechat", at=PAID)
    return fresh(told.bills[1])


def shown(who, path, language="en"):
    return logged_in(who, language).get(f"/c/acme/{path}").content.decode()


def requested(bill, **how) -> Refund:
    return refunding.request(fresh(bill), reason="多收了", at=ASKED, by=None, **how)[0]


def test_without_refunds_it_says_what_would_be_here(told):
    assert "Nothing has been returned, and nothing is on its way." in shown(told.alice, "refunds/")


def test_a_refund_under_way_shows_each_step_with_its_day(told, bill):
    row = requested(bill, amount_minor=36_00)
    returning.send(at=ASKED)
    page = shown(told.alice, f"refunds/{row.pk}/")
    for word in ("Asked for", "Approved", "Credit note", "Handed over to WeChat Pay", "Arrived", "¥36.00"):
        assert word in page
    # Handed over on Monday 19 October: by Thursday 22.
    assert "usually arrives by Thu 22 Oct" in page
    assert row.reference in page
    chinese = shown(told.alice, f"refunds/{row.pk}/", "zh-hans")
    assert "已交给微信支付，一般10月22日（周四）前到账" in chinese
    assert f'href="/c/acme/refunds/{row.pk}/"' in shown(told.alice, "refunds/")


def test_one_whose_way_is_gone_tells_its_story(told, bill, simulation):
    simulation.behave("acme", "decline")
    row = requested(bill, amount_minor=36_00)
    returning.send(at=ASKED)
    page = shown(told.alice, f"refunds/{row.pk}/")
    assert "Could not go back by WeChat Pay" in page
    assert "The account that paid can no longer be credited." in page
    assert "/c/acme/wallet/withdraw/" in page


def test_a_transfer_says_that_we_send_it(told):
    first = told.bills[0]
    row = requested(first, amount_minor=36_00)
    assert "We transfer it to your bank account" in shown(told.alice, f"refunds/{row.pk}/")
    returning.confirm_sent(row, bank_reference="8812345", at=ASKED, by=None)
    page = shown(told.alice, f"refunds/{row.pk}/")
    assert "Our bank has sent it" in page
    assert "8812345" in page


def test_what_was_not_approved_says_why(told, bill):
    row = refunding.request(fresh(bill), reason="x", at=ASKED, by=told.alice, amount_minor=36_00, waits=True)[0]
    assert "It waits for our approval." in shown(told.alice, f"refunds/{row.pk}/")
    refunding.decline(row, reason="这张账单没有算错", at=ASKED, by=None)
    assert "这张账单没有算错" in shown(told.alice, f"refunds/{row.pk}/")


def test_nobody_sees_the_refund_of_another_company(told, bill):
    row = requested(bill)
    assert logged_in(told.charlie).get(f"/c/acme/refunds/{row.pk}/").status_code == 404
    assert logged_in(told.charlie).get(f"/c/beta/refunds/{row.pk}/").status_code == 404


def test_balance_is_asked_back_on_a_page_of_its_own(told):
    top_up(told.acme, told.bills[0].seller, "500.00")
    page = shown(told.alice, "wallet/withdraw/")
    assert "Pay ¥500.00 back" in page
    assert "Pay ¥120.50 back" in shown(told.alice, "wallet/withdraw/?amount=120.50")
    answer = logged_in(told.alice).post("/c/acme/wallet/withdraw/", {"amount": "120.50"})
    row = Refund.objects.get()
    assert answer.url == f"/c/acme/refunds/{row.pk}/"
    assert (row.amount_minor, row.status, row.requested_by) == (120_50, "approved", told.alice)


def test_above_the_limit_it_is_asked_for(told):
    seller = told.bills[0].seller
    top_up(told.acme, seller, "1500.00")
    page = shown(told.alice, "wallet/withdraw/")
    assert "Ask for ¥1,500.00" in page
    logged_in(told.alice).post("/c/acme/wallet/withdraw/", {"amount": "1500.00"})
    assert Refund.objects.get().status == "requested"


@pytest.mark.parametrize("amount", ["", "abc", "0", "-5", "500.01"])
def test_a_wrong_amount_takes_nothing(told, amount):
    top_up(told.acme, told.bills[0].seller, "500.00")
    logged_in(told.alice).post("/c/acme/wallet/withdraw/", {"amount": amount})
    assert not Refund.objects.exists()
    assert logged_in(told.alice).get(f"/c/acme/wallet/withdraw/?amount={amount}").status_code == 200


def test_who_may_not_pay_asks_for_nothing(told, bill):
    top_up(told.acme, told.bills[0].seller, "500.00")
    assert "Pay ¥500.00 back" not in shown(told.bob, "wallet/withdraw/")
    assert logged_in(told.bob).post("/c/acme/wallet/withdraw/", {"amount": "1.00"}).status_code == 403
    assert logged_in(told.bob).post(f"/c/acme/bills/{bill.pk}/refund/", {"amount": "1.00"}).status_code == 403
    assert not Refund.objects.exists()


def promising(**terms):
    """Tell the story with a plan that promises something, and its October bill paid at WeChat."""
    told = portal.story(**terms)
    paid_at_provider(told.bills[1], "wechat", at=PAID)
    return told, fresh(told.bills[1])


def test_a_plan_that_promises_nothing_lets_nobody_ask(told, bill):
    assert refund_rules.may_ask(bill, portal.NOON) == {}
    assert f"/c/acme/bills/{bill.pk}/refund/" not in shown(told.alice, f"bills/{bill.pk}/")
    page = shown(told.alice, f"bills/{bill.pk}/refund/")
    assert "There is nothing now that could come back." in page
    assert "What is paid is not refunded on cancelling" in page


def test_pro_rata_lets_ask_for_the_days_to_come(noon):
    told, bill = promising(refund="pro_rata")
    allowed = {bill.lines.get(pk=pk).code: amount for pk, amount in refund_rules.may_ask(bill, portal.NOON).items()}
    # October has 31 days, and 11 after the 20th: 1,299 × 11 ÷ 31 = 460.94; 1,044 × 11 ÷ 31 = 370.45; 300 × 11 ÷ 31 = 106.45.
    assert allowed == {"base": 460_94, "seat": 370_45, "analytics": 106_45}
    assert f"/c/acme/bills/{bill.pk}/refund/" in shown(told.alice, f"bills/{bill.pk}/")
    page = shown(told.alice, f"bills/{bill.pk}/refund/")
    assert "Ask for ¥937.84" in page
    assert "by WeChat Pay to the account that paid" in page


@pytest.mark.parametrize(("hours", "share"), [(24 * 20, 1), (24 * 19, 0)])
def test_within_the_hours_to_undo_all_of_it(noon, hours, share):
    _told, bill = promising(undo_hours=hours)
    assert sum(refund_rules.may_ask(bill, portal.NOON).values()) == bill.total_minor * share


def test_a_customers_refund_of_a_bill_waits_for_an_operator(noon):
    told, bill = promising(refund="pro_rata")
    address = f"/c/acme/bills/{bill.pk}/refund/"
    assert logged_in(told.alice).post(address, {"amount": "937.83", "reason": "不用了"}).status_code == 302
    assert not Refund.objects.exists()
    logged_in(told.alice).post(address, {"amount": "937.84", "reason": "不用了"})
    row = Refund.objects.get()
    assert (row.status, row.amount_minor, row.reason, row.requested_by) == ("requested", 937_84, "不用了", told.alice)
    assert "was asked for already" in shown(told.alice, f"bills/{bill.pk}/refund/")
    assert Invoice.objects.get(pk=bill.pk).credited_minor == 0


def test_a_bill_that_is_not_settled_is_not_asked_back(noon):
    told = portal.story(refund="pro_rata")
    assert refund_rules.may_ask(told.bills[1], portal.NOON) == {}


def test_the_rule_stands_where_one_buys_and_pays(told):
    rule = "What is paid is not refunded on cancelling"
    assert rule in shown(told.alice, f"subscription/{told.subscription.pk}/plans/")
    wish = "do=set_quantity&price=seat&quantity=20"
    assert rule in shown(told.alice, f"subscription/{told.subscription.pk}/change/?{wish}")
    assert rule in shown(told.alice, f"pay/?bill={told.bills[1].pk}")


def test_what_was_paid_from_the_balance_is_there_at_once(told):
    top_up(told.acme, told.bills[1].seller, "5000.00")
    collection.pay_now(told.bills[1], at=PAID, by=None)
    row = requested(told.bills[1], amount_minor=36_00)
    page = shown(told.alice, f"refunds/{row.pk}/")
    assert "It is in your balance." in page
