"""The banner's first sentence in every state that there is by now."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import translation

from billing import wallets
from billing.models import Subscription
from billing.money import Money
from invoices import announcing, payments
from invoices.models import ChargeNotice, ServiceLoss
from invoices.pages import banner
from invoices.pages.visit import Visit
from tenants import access, agreements, companies, lifecycle
from tests import portal, shop

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


def said(company, user, *, full: bool = True, language: str = "en", at=portal.NOON) -> banner.Banner:
    member = access.member(user, company.code)
    visit = Visit(member.tenant, member, user, (), at, language)
    with translation.override(language), access.as_tenant(company):
        return banner.banner(visit, full=full)


def first(found: banner.Banner) -> str:
    return "".join(part.text for part in found.first)


def settle(told) -> None:
    last = told.bills[-1]
    amount = Money(last.total_minor, "CNY")
    payments.receive_transfer(
        told.acme, seller=last.seller, amount=amount, reference="T-2", received_at=portal.NOON, at=portal.NOON, by=None
    )


def test_an_unpaid_bill_is_red_after_its_day(told):
    found = said(told.acme, told.alice)
    assert first(found) == "October bill: ¥2,653.00 still to pay. It was due on Thu 1 Oct."
    assert found.colour == "danger"
    assert [part.text for part in found.first if part.bold] == ["October bill: ¥2,653.00 still to pay."]
    assert found.leaf == banner.Leaf("Oct", "1", "Thu")


def test_an_unpaid_bill_is_amber_until_its_day(told):
    found = said(told.acme, told.alice, at=shop.at("2026-10-01 08:00"))
    assert first(found) == "Please pay ¥2,653.00 for the October bill by Thu 1 Oct."
    assert found.colour == "attention"


def test_it_speaks_chinese(told):
    found = said(told.acme, told.alice, language="zh-hans")
    assert first(found) == "10月账单还差 ¥2,653.00。付款期限是10月1日（周四）。"
    assert found.leaf == banner.Leaf("10月", "1", "周四")


def test_a_viewer_has_no_button(told):
    found = said(told.acme, told.bob)
    assert found.buttons == ()
    assert found.second.endswith("Managed by alice.")


def test_the_next_bill_is_paid_by_hand(told):
    settle(told)
    assert first(said(told.acme, told.alice)) == (
        "Nothing is deducted by itself. The next bill comes on Sun 1 Nov; you pay it yourself."
    )


def test_a_deduction_is_planned(told):
    settle(told)
    Subscription.objects.update(pays="wallet")
    assert first(said(told.acme, told.alice)) == (
        "A deduction is expected on Sun 1 Nov. The notice arrives on Sun 25 Oct; without it, nothing is taken."
    )


def test_the_authorisation_was_withdrawn(told):
    settle(told)
    Subscription.objects.update(pays="wallet")
    agreements.withdraw(told.acme.authorisations.get(), at=portal.NOON, by=told.alice)
    found = said(told.acme, told.alice)
    assert first(found) == "You have withdrawn the authorisation (Tue 20 Oct). Nothing is deducted by itself."
    assert found.second == "In use until Sat 31 Oct; to go on after that, please pay by hand."


def test_renewal_is_off(told):
    settle(told)
    Subscription.objects.update(auto_renew=False)
    found = said(told.acme, told.alice)
    assert first(found) == "Automatic renewal is off. In use until Sat 31 Oct; nothing is charged for the time after."
    assert found.second.startswith("What is used until then comes on a last bill on Sun 1 Nov.")


def test_a_trial_ends_without_a_deduction(told):
    settle(told)
    Subscription.objects.update(status="trialing", trial_end_on=(portal.NOON + timedelta(days=3)).date())
    assert first(said(told.acme, told.alice)) == "The trial lasts until Thu 22 Oct; nothing is deducted at its end."


def test_the_parent_company_pays(told):
    companies.amend(told.beta, {"parent": "acme"}, at=portal.NOON, by=None)
    told.beta.refresh_from_db()
    settle_beta = shop.bills(told.beta)
    for number, bill in enumerate(settle_beta):
        amount = Money(bill.total_minor, "CNY")
        payments.receive_transfer(
            told.beta,
            seller=bill.seller,
            amount=amount,
            reference=f"B-{number}",
            received_at=portal.NOON,
            at=portal.NOON,
            by=None,
        )
    assert first(said(told.beta, told.charlie)) == (
        "Paid by your parent company 苏州acme家居有限公司: nothing is deducted from you."
    )


def test_nothing_runs(told):
    dora = portal.person(shop.tenant("fresh"), "dora")
    found = said(dora.memberships.get().tenant, dora, full=False)
    assert first(found) == "There is no automatic deduction. Without your authorisation we take no money."
    assert not found.full


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ("5000.00", "On Sun 1 Nov we will take at most ¥2,643.00 from your balance: ¥2,643.00 is fixed."),
        (
            "2000.00",
            "On Sun 1 Nov at most ¥2,643.00 is taken; your balance is ¥643.00 short. Please top up by Sat 31 Oct.",
        ),
    ],
)
def test_a_deduction_is_announced(told, held, sentence):
    settle(told)
    Subscription.objects.update(pays="wallet")
    wallets.top_up_by_hand(
        told.acme,
        seller=told.bills[0].seller,
        amount=Money.of(held, "CNY"),
        reason="r",
        key="k",
        at=portal.NOON,
        by=None,
    )
    announcing.announce(at=shop.at("2026-10-26 00:00"))
    at = shop.at("2026-10-26 09:00")
    assert first(said(told.acme, told.alice, at=at)).startswith("A deduction is expected")  # it has not arrived
    announcing.delivered(ChargeNotice.objects.get(tenant=told.acme), at=at)
    found = said(told.acme, told.alice, at=at)
    assert first(found) == sentence
    assert found.colour == ("attention" if held == "2000.00" else "")


def test_it_says_why_the_service_is_suspended_and_what_gives_it_back(told):
    bill = told.bills[-1]
    lifecycle.suspend(told.acme, at=portal.NOON, by=None)
    ServiceLoss.objects.create(
        tenant=told.acme, payer=told.acme, invoice=bill, before="active", after="suspended", at=portal.NOON
    )
    found = said(told.acme, told.alice)
    assert first(found).startswith("Your service is suspended since ")
    assert f"¥2,653.00 is still to pay for bill {bill.number}." in found.second
    assert found.buttons[0].address == f"/c/acme/pay/?bill={bill.pk}"
    assert found.colour == "danger"


def test_it_says_that_no_payment_lifts_what_an_operator_restricted(told):
    lifecycle.restrict(told.acme, at=portal.NOON, by=None)
    found = said(told.acme, told.alice)
    assert first(found) == "Your service is restricted."
    assert found.buttons == ()
