"""Paying by hand on the pages: choose, scan, see it turn to paid; top-ups; deduction agreements."""

import pytest
import time_machine

from billing.models import Wallet
from invoices import paying
from invoices.models import Mandate, Payment
from invoices.providers import gateways
from tests import portal, shop
from tests.invoices.at_provider import simulated
from tests.invoices.test_pages_access import logged_in
from tests.invoices.test_pages_wallet import top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False), simulated():
        yield story


@pytest.fixture
def bill(told):
    return told.bills[1]


def shown(who, path):
    return logged_in(who).get(f"/c/acme/{path}").content.decode()


def start(who, **form):
    return logged_in(who).post("/c/acme/pay/start/", form)


def chosen(bill, **more):
    return {"bill": [bill.pk], "held": str(bill.due_minor)} | more


def only():
    return Payment.objects.exclude(method="transfer").get()


def test_it_offers_every_way_with_its_sum(told, bill):
    page = shown(told.alice, f"pay/?bill={bill.pk}")
    due = f"¥{bill.due_minor / 100:,.2f}"
    assert f"Pay {due} with WeChat Pay" in page
    assert f"Pay {due} with Alipay" in page
    assert "from the balance" not in page


def test_the_balance_is_offered_where_it_holds_enough(told, bill):
    top_up(told.acme, bill.seller, "9000.00")
    assert f"Pay ¥{bill.due_minor / 100:,.2f} from the balance" in shown(told.alice, f"pay/?bill={bill.pk}")
    start(told.alice, way="balance", **chosen(bill))
    bill.refresh_from_db()
    assert bill.status == "paid"


def test_a_code_is_shown_and_turns_to_paid(told, bill):
    answer = start(told.alice, way="wechat_qr", **chosen(bill))
    payment = only()
    assert answer.url == f"/c/acme/payments/{payment.pk}/"
    page = shown(told.alice, f"payments/{payment.pk}/")
    assert "<svg" in page
    assert f'hx-get="/c/acme/payments/{payment.pk}/state/"' in page
    provider = gateways.gateway_for(payment.seller, payment.provider)
    paying.settle(payment.pk, provider.pay(payment.reference), at=portal.NOON)
    part = shown(told.alice, f"payments/{payment.pk}/state/")
    assert "Paid. We have it" in part
    assert "hx-get" not in part
    bill.refresh_from_db()
    assert bill.status == "paid"


def test_a_page_of_the_provider_is_a_link_away(told, bill):
    """No redirect: Chromium lets no form of ours lead to another host (form-action)."""
    answer = start(told.alice, way="alipay_page", **chosen(bill))
    assert answer.url == f"/c/acme/payments/{only().pk}/"
    assert f'href="{only().pay_address}">Go to Alipay' in shown(told.alice, f"payments/{only().pk}/")


def test_a_bill_leads_to_where_it_is_paid(told, bill):
    address = f'href="/c/acme/pay/?bill={bill.pk}"'
    assert shown(told.alice, f"bills/{bill.pk}/").count(address) == 2  # the banner, and the card
    assert shown(told.alice, "bills/").count(address) == 2
    assert address not in shown(told.alice, f"bills/{told.bills[0].pk}/").split("</nav>")[-1].split('id="h-lines"')[1]
    assert 'href="/c/acme/wallet/top-up/"' in shown(told.alice, "wallet/")


def test_the_list_of_payments_leads_to_what_is_under_way(told, bill):
    start(told.alice, way="wechat_qr", **chosen(bill))
    page = shown(told.alice, "payments/")
    assert f'<a href="/c/acme/payments/{only().pk}/">WeChat Pay</a>' in page
    transfer = Payment.objects.get(method="transfer")
    assert f'href="/c/acme/payments/{transfer.pk}/"' not in page


def test_a_code_that_is_an_address_is_opened_on_the_same_device(told, bill):
    start(told.alice, way="alipay_qr", **chosen(bill))
    assert f'href="{only().pay_address}">Open it on this device' in shown(told.alice, f"payments/{only().pk}/")


def test_a_second_click_begins_nothing_more(told, bill):
    start(told.alice, way="wechat_qr", **chosen(bill))
    answer = logged_in(told.alice).post("/c/acme/pay/start/", chosen(bill, way="alipay_qr"), follow=True)
    assert Payment.objects.exclude(method="transfer").count() == 1
    assert "under way" in answer.content.decode()
    assert f"/c/acme/payments/{only().pk}/" in shown(told.alice, "pay/")


def test_another_sum_than_was_shown_is_refused(told, bill):
    answer = logged_in(told.alice).post(
        "/c/acme/pay/start/", {"bill": [bill.pk], "held": "1", "way": "wechat_qr"}, follow=True
    )
    assert "Nothing was taken" in answer.content.decode()
    assert not Payment.objects.exclude(method="transfer").exists()


def test_a_part_of_one_bill_is_paid(told, bill):
    page = shown(told.alice, f"pay/?bill={bill.pk}&part=100")
    assert "Pay ¥100.00 with WeChat Pay" in page
    start(told.alice, way="wechat_qr", bill=[bill.pk], held="10000", part="100")
    assert only().amount_minor == 100_00


def test_it_is_stopped_and_can_be_paid_another_way(told, bill):
    start(told.alice, way="wechat_qr", **chosen(bill))
    logged_in(told.alice).post(f"/c/acme/payments/{only().pk}/stop/")
    assert only().status == "failed"
    assert "Nothing was taken" in shown(told.alice, f"payments/{only().pk}/")
    start(told.alice, way="alipay_qr", **chosen(bill))
    assert Payment.objects.filter(method="alipay", status="intended").count() == 1


def test_the_balance_is_topped_up(told, bill):
    assert "Pay ¥500.00 with Alipay" in shown(told.alice, "wallet/top-up/?amount=500")
    start(told.alice, way="alipay_qr", amount="500.00")
    payment = only()
    provider = gateways.gateway_for(payment.seller, payment.provider)
    paying.settle(payment.pk, provider.pay(payment.reference), at=portal.NOON)
    assert Wallet.objects.get(tenant=told.acme).paid_minor == 500_00


@pytest.mark.parametrize("amount", ["0", "-5", "abc", "1.005"])
def test_a_wrong_amount_is_said_at_the_field(told, amount):
    assert "Write an amount above zero" in shown(told.alice, f"wallet/top-up/?amount={amount}")


def test_who_may_not_pay_is_told_who_may(told, bill):
    page = shown(told.bob, f"pay/?bill={bill.pk}")
    assert 'name="way"' not in page
    assert start(told.bob, way="wechat_qr", **chosen(bill)).status_code == 403


def test_nobody_pays_or_sees_what_is_another_company_s(told, bill):
    theirs = shop.bills(told.beta)[0]
    assert start(told.alice, way="wechat_qr", **chosen(theirs)).status_code == 404
    start(told.alice, way="wechat_qr", **chosen(bill))
    assert logged_in(told.charlie).get(f"/c/beta/payments/{only().pk}/").status_code == 404


def agreed(who, **more):
    form = {"provider": "wechat", "single": "500.00", "per_month": "2000.00", "agreed": "yes"} | more
    return logged_in(who).post("/c/acme/controls/agreements/agree/", form)


def test_an_agreement_shows_its_whole_text_before_it_is_signed(told):
    page = shown(told.alice, "controls/agreements/new/?provider=wechat&single=500&per_month=2000")
    assert "¥500.00" in page
    assert "¥2,000.00" in page
    assert "checked" not in page.split('name="agreed"')[1][:40]
    assert not Mandate.objects.exists()


def test_an_agreement_is_signed_at_the_provider_and_ended_at_once(told):
    agreed(told.alice)
    mandate = Mandate.objects.get()
    assert (mandate.status, mandate.single_minor) == ("signing", 500_00)
    assert "¥2,000.00" in mandate.authorisation.text
    assert "<svg" in shown(told.alice, f"controls/agreements/{mandate.pk}/")
    logged_in(told.alice).post(f"/c/acme/controls/agreements/{mandate.pk}/end/")
    mandate.refresh_from_db()
    assert mandate.status == "ended"
    assert mandate.authorisation.withdrawn_at


def test_without_a_tick_nothing_is_agreed(told):
    agreed(told.alice, agreed="")
    assert not Mandate.objects.exists()


def test_nobody_signs_for_another(told):
    assert agreed(told.bob).status_code == 403
