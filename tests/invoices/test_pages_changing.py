"""Changing a contract on the pages: two steps, nobody but who may buy, nothing that was not shown, nothing of strangers."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from billing import wallets
from billing.models import Change, Redemption, Subscription, SubscriptionItem
from billing.money import Money
from invoices.models import Invoice
from tenants.models import Notice, Tenant, User
from tests import portal
from tests.browser import changing
from tests.invoices.test_pages_access import logged_in

pytestmark = [pytest.mark.django_db]
SEATS = "do=set_quantity&price=seat&quantity=20"


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        changing.offers(story)
        yield story


def address(told, query: str) -> str:
    return f"/c/acme/subscription/{told.subscription.pk}/change/?{query}"


def form(page: str) -> dict[str, str]:
    """Return what the confirm button of a page sends."""
    return dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.partition('class="stack" method')[2])
    )


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def look(client, told, query: str) -> dict[str, str]:
    answer = client.get(address(told, query))
    assert answer.status_code == 200, answer
    return form(answer.content.decode())


def test_it_shows_the_price_first_and_does_exactly_that(told):
    alice = logged_in(told.alice)
    page = alice.get(address(told, SEATS))
    # 2 more of ¥58.00 for 12 of 31 days: round(1160.00 × 12 ÷ 31) − round(1044.00 × 12 ÷ 31) = 449.03 − 404.13.
    assert "¥44.90" in text(page)
    assert "Confirm, to pay ¥44.90" in text(page)
    assert not Change.objects.exists()
    done = alice.post(address(told, SEATS), form(page.content.decode()))
    assert done["Location"] == "/c/acme/subscription/"
    assert "¥44.90 is on a bill for you to pay." in text(alice.get(done["Location"]))
    assert Invoice.objects.get(origin__startswith="change:").total_minor == 4490
    said = Notice.objects.get(kind="subscription_changed")
    assert said.key == f"change:{Change.objects.get().pk}"
    assert (said.payload["total_minor"], said.payload["by_name"]) == (4490, "alice")


def test_a_second_click_pays_once(told):
    alice = logged_in(told.alice)
    said = look(alice, told, SEATS)
    for _click in range(2):
        assert alice.post(address(told, SEATS), said).status_code == 302
    assert Change.objects.count() == Invoice.objects.filter(origin__startswith="change:").count() == 1


def test_what_somebody_changed_meanwhile_is_shown_anew_and_asked_again(told):
    alice = logged_in(told.alice)
    mine, first = look(alice, told, SEATS), look(alice, told, "do=set_quantity&price=seat&quantity=19")
    alice.post(address(told, SEATS), first)
    refused = alice.post(address(told, SEATS), mine)
    assert refused.status_code == 409
    assert "Somebody has changed this contract meanwhile." in text(refused)
    # From 19 seats it is one seat: round(1160.00 × 12 ÷ 31) − round(1102.00 × 12 ÷ 31) = 449.03 − 426.58.
    assert "It was shown as ¥44.90; now it is ¥22.45." in text(refused)
    assert Change.objects.count() == 1
    assert alice.post(address(told, SEATS), form(refused.content.decode())).status_code == 302
    assert Change.objects.count() == 2


def test_a_price_is_held_for_a_quarter_of_an_hour(told):
    alice = logged_in(told.alice)
    said = look(alice, told, SEATS)
    with time_machine.travel(portal.NOON + timedelta(minutes=16), tick=False):
        refused = alice.post(address(told, SEATS), said)
    assert refused.status_code == 409
    assert "The price was held for 15 minutes." in text(refused)
    assert not Change.objects.exists()


def test_a_day_later_it_costs_something_else_and_is_asked_again(told):
    evening, past = (portal.NOON.replace(hour=23, minute=55), portal.NOON + timedelta(hours=12, minutes=5))
    with time_machine.travel(evening, tick=False):
        alice = logged_in(told.alice)
        said = look(alice, told, SEATS)
    with time_machine.travel(past, tick=False):
        refused = alice.post(address(told, SEATS), said)
    assert refused.status_code == 409
    assert "It would no longer come out as it was shown." in text(refused)
    assert not Change.objects.exists()


@pytest.mark.parametrize("change", [{"quantity": "30"}, {"held": "x"}, {"held": ""}, {"do": "keep"}])
def test_what_is_confirmed_is_what_was_looked_at(told, change):
    alice = logged_in(told.alice)
    answer = alice.post(address(told, SEATS), look(alice, told, SEATS) | change)
    assert answer.status_code in (302, 409)
    assert not Change.objects.exists()


def test_a_confirmation_is_of_the_person_who_looked(told):
    portal.person(told.acme, "dora", "payer")
    said = look(logged_in(told.alice), told, SEATS)
    dora = logged_in(told.acme.members.get(user__email="dora@example.com").user)
    assert dora.post(address(told, SEATS), said).status_code == 409
    assert not Change.objects.exists()


def test_who_may_not_buy_sees_it_and_is_told_who_may(told):
    bob, said = logged_in(told.bob), look(logged_in(told.alice), told, SEATS)
    page = bob.get(address(told, SEATS))
    assert "This step is for alice." in text(page)
    assert 'name="held"' not in page.content.decode()
    assert bob.post(address(told, SEATS), said).status_code == 403
    assert not Change.objects.exists()


def test_a_stranger_sees_and_changes_nothing(told):
    charlie, said = logged_in(told.charlie), look(logged_in(told.alice), told, SEATS)
    home = f"subscription/{told.subscription.pk}"
    for company in ("acme", "beta"):
        for page in (f"{home}/plans/", f"{home}/options/", f"{home}/change/?{SEATS}"):
            assert charlie.get(f"/c/{company}/{page}").status_code == 404
        assert charlie.post(f"/c/{company}/{home}/change/?{SEATS}", said).status_code == 404
    assert not Change.objects.exists()


def test_our_own_staff_may_look_and_never_confirm(told):
    staff = User.objects.create_user("olivia@example.com", portal.PASSWORD, is_staff=True)
    alice = logged_in(told.alice)
    session = alice.session
    session["hijack_history"] = [str(staff.pk)]
    session.save()
    said = look(alice, told, SEATS)
    refused = alice.post(address(told, SEATS), said)
    assert refused.status_code == 403
    assert not Change.objects.exists()


def test_plans_stand_side_by_side_with_what_a_longer_term_saves(told):
    page = text(logged_in(told.alice).get(f"/c/acme/subscription/{told.subscription.pk}/plans/"))
    # A year by quarters is 4 × (3700.00 + 18 × 165.00 + 300.00) = 27,880.00; by the year 12,470.00 + 18 × 556.80 + 300.00 =
    # 22,792.40, which is 18.2 % less. A quarter is 6,970.00 against 3 × 2,643.00: 12.09 % less.
    assert "A year saves 18% against 4 quarters" in page
    assert "A quarter saves 12% against 3 months" in page
    assert "To pay now: ¥418.07." in page
    assert not Change.objects.exists()


def test_a_refusal_is_said_and_changes_nothing(told):
    alice = logged_in(told.alice)
    for query in (
        "do=keep",
        "do=dance",
        "do=set_quantity&price=seat",
        "do=redeem&coupon=NONE",
        "do=change_plan&plan=x",
    ):
        answer = alice.get(address(told, query))
        assert answer["Location"].endswith("/options/"), query
        assert "Nothing was changed." in text(alice.get(answer["Location"]))


def test_what_waits_is_in_sight_and_is_taken_back(told):
    alice = logged_in(told.alice)
    fewer = "do=set_quantity&price=seat&quantity=10"
    alice.post(address(told, fewer), look(alice, told, fewer))
    page = alice.get("/c/acme/subscription/")
    assert "From Sun 1 Nov 2026 on “Seats” is 10 seats in place of 18 seats" in text(page)
    alice.post(address(told, "do=keep"), look(alice, told, "do=keep"))
    assert "Take it back" not in text(alice.get("/c/acme/subscription/"))
    held = SubscriptionItem.objects.filter(
        price__code="seat", tenant=told.acme, during__contains=portal.NOON + timedelta(days=30)
    )
    assert [item.quantity for item in held] == [18]
    history = text(alice.get("/c/acme/subscription/history/"))
    assert "what was cancelled or planned is taken back" in history
    assert "Withdrawn" in history


def test_a_coupon_shows_what_the_next_bill_becomes(told):
    alice = logged_in(told.alice)
    page = alice.get(address(told, "do=redeem&coupon=AUTUMN"))
    # 20 % off 2,643.00.
    assert "“Autumn” takes 20% off the whole bill, for 3 months." in text(page)
    assert "¥2,114.40" in text(page)
    alice.post(address(told, "do=redeem&coupon=AUTUMN"), form(page.content.decode()))
    assert Redemption.objects.get().redeemed_by == told.alice


def test_it_speaks_chinese(told):
    page = text(logged_in(told.alice, "zh-hans").get(address(told, "do=change_plan&plan=flagship")))
    assert "更换套餐：专业版换成旗舰版" in page
    assert "套餐由「专业版」换成「旗舰版」" in page
    assert "确认，账单 ¥418.07" in page
    assert timezone.now() == portal.NOON


def holds(told, who, amount: str) -> None:
    seller = told.subscription.seller
    wallets.top_up_by_hand(
        who, seller=seller, amount=Money.of(amount, "CNY"), reason="预存", key=amount, at=portal.NOON, by=None
    )


def test_it_is_paid_from_the_balance_at_once_and_says_so_before(told):
    Subscription.objects.filter(pk=told.subscription.pk).update(pays="wallet")
    holds(told, told.acme, "500.00")
    alice = logged_in(told.alice)
    page = alice.get(address(told, SEATS))
    assert "¥500.00 → ¥455.10" in text(page)
    assert "Confirm, pay ¥44.90" in text(page)
    done = alice.post(address(told, SEATS), form(page.content.decode()))
    assert "¥44.90 was taken from the balance." in text(alice.get(done["Location"]))
    assert Invoice.objects.get(origin__startswith="change:").status == "paid"


def test_it_says_how_much_the_balance_is_short_and_takes_nothing(told):
    Subscription.objects.filter(pk=told.subscription.pk).update(pays="wallet")
    holds(told, told.acme, "40.00")
    alice = logged_in(told.alice)
    page = alice.get(address(told, SEATS))
    assert "¥4.90 short; the bill stays open until you top up or transfer" in text(page)
    alice.post(address(told, SEATS), form(page.content.decode()))
    bill = Invoice.objects.get(origin__startswith="change:")
    assert (bill.status, bill.paid_minor) == ("open", 0)


def test_a_subsidiary_does_not_spend_its_parents_balance(told):
    Tenant.objects.filter(pk=told.acme.pk).update(parent=told.beta)
    Subscription.objects.filter(pk=told.subscription.pk).update(pays="wallet", payer=told.beta)
    holds(told, told.beta, "500.00")
    alice = logged_in(told.alice)
    page = alice.get(address(told, SEATS))
    assert "Confirm, to pay ¥44.90" in text(page)
    alice.post(address(told, SEATS), form(page.content.decode()))
    bill = Invoice.objects.get(origin__startswith="change:")
    assert (bill.tenant, bill.status, bill.paid_minor) == (told.beta, "open", 0)
