"""Operators change contracts with a reason: they see every line first, and nothing is deducted that no customer confirmed."""

import re

import pytest
import time_machine

from billing import wallets
from billing.models import Change, Subscription
from billing.money import Money
from invoices.models import Invoice, Payment
from tenants.models import AuditEntry, Notice
from tests.admin.conftest import NOW, staff
from tests.admin.test_acts import ENGLISH, said, to

SUBSCRIPTION = "billing_subscription"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def contract(world) -> Subscription:
    return Subscription.objects.get(tenant=world.tenant)


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def look(desk, act: str, contract, **form) -> dict[str, str]:
    page = said(desk.post(to(SUBSCRIPTION, act, contract), form | {"reason": "asked by telephone"}, headers=ENGLISH))
    return hidden(page) | {"page": page}


def test_it_shows_the_lines_and_changes_the_seats_for_a_reason(desk, contract):
    seen = look(desk, "set_quantity", contract, price="seat", quantity="5")
    page = seen.pop("page")
    # Two more seats from 2 March to 30 March: 29 of 31 days.
    assert "¥37.42" in page
    assert not Change.objects.exists()
    answer = desk.post(to(SUBSCRIPTION, "set_quantity", contract), seen, headers=ENGLISH)
    assert answer.status_code == 302, said(answer)
    change = Change.objects.get()
    assert change.by.email == "olivia@qingyu.example"
    assert Invoice.objects.get(origin=change.cause).total_minor == 3742
    reason = AuditEntry.objects.get(verb="subscription.set_quantity_for")
    assert reason.detail["reason"] == "asked by telephone"
    assert Notice.objects.filter(kind="subscription_changed").count() == 1


def test_what_an_operator_changes_is_billed_and_not_deducted(desk, world, contract):
    Subscription.objects.filter(pk=contract.pk).update(pays="wallet")
    shop_top_up(world)
    seen = look(desk, "add_module", contract, price="analytics")
    seen.pop("page")
    desk.post(to(SUBSCRIPTION, "add_module", contract), seen, headers=ENGLISH)
    bill = Invoice.objects.get(origin=Change.objects.get().cause)
    assert (bill.status, bill.paid_minor) == ("open", 0)
    assert not Payment.objects.filter(invoice=bill).exists()


def shop_top_up(world) -> None:
    wallets.top_up_by_hand(
        world.tenant, seller=world.seller, amount=Money.of("9000", "CNY"), reason="x", key="k", at=NOW, by=None
    )


def test_it_asks_again_when_the_contract_was_changed_meanwhile(desk, contract):
    seen = look(desk, "set_quantity", contract, price="seat", quantity="5")
    seen.pop("page")
    other = look(desk, "add_module", contract, price="analytics")
    other.pop("page")
    desk.post(to(SUBSCRIPTION, "add_module", contract), other)
    again = desk.post(to(SUBSCRIPTION, "set_quantity", contract), seen, headers=ENGLISH)
    assert again.status_code == 200
    assert "Somebody has changed this contract meanwhile." in said(again)
    assert Change.objects.count() == 1


def test_it_takes_back_what_waits_and_shows_it_on_the_customers_page(desk, world, contract):
    for act, form in (("cancel", {"when": "period_end"}), ("keep", {})):
        seen = look(desk, act, contract, **form)
        seen.pop("page")
        assert desk.post(to(SUBSCRIPTION, act, contract), seen).status_code == 302
        page = said(desk.get(to("tenants_tenant", "change", world.tenant), headers=ENGLISH))
        assert "Changes that wait" in page
        assert ("ends after" in page) == (act == "cancel")


def test_it_says_what_the_verb_refuses(desk, contract):
    page = look(desk, "set_quantity", contract, price="seat", quantity="-1")["page"]
    assert "The quantity must not be below zero." in page


def test_who_may_only_read_changes_nothing(client, contract):
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(to(SUBSCRIPTION, "cancel", contract), {"when": "now", "reason": "x"}).status_code == 403
    assert not Change.objects.exists()
