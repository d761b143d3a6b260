"""The four promises in the demo: what its visitors find of budgets, disputes, an undone purchase, a double and a held bill."""

from dataclasses import replace
from datetime import datetime

import pytest
from django.db import transaction

from billing.models import Budget, Change, Charge
from invoices import holding
from invoices.demo import living, opening, paying, promising, reading, sandboxing
from invoices.models import BillHold, Dispute, DuplicateFlag, Invoice, Survey
from invoices.providers import gateways
from tenants.models import Bounce, Notice, User
from tests import shop

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-11-21 16:30")
WHO = ("muhe", "rongsheng", "zhehe", "yanbo")
MONTHS = 5


@pytest.fixture(scope="module", autouse=True)
def lived(django_db_setup, django_db_blocker, tmp_path_factory):
    """Let three of the demo's customers live five months, in a transaction that is rolled back."""
    first = reading.months_before(NOW.date(), MONTHS)
    opened = datetime(first.year, first.month, first.day, tzinfo=living.ZONE)
    found = [one for one in reading.customers(NOW.date(), count=40, months=MONTHS) if one.code in WHO]
    people = [replace(one, size=one.size / 8) if one.size > 5 else one for one in found]
    sandbox = sandboxing.ready(tmp_path_factory.mktemp("sandbox"), lambda port: port)
    with django_db_blocker.unblock(), transaction.atomic():
        by = User.objects.create(email="operator@example.com", name="运营", is_staff=True, date_joined=opened)
        opening.open_shop(at=opened, by=by)
        with sandboxing.let_in(sandbox.gateways):
            sandboxing.open_accounts(sandbox.keys, at=opened)
        till = paying.Till(now=NOW, by=by, moment=opened)
        world = living.World(customers=people, now=NOW, by=by, till=till)
        with gateways.using(till.simulation):
            living.live(world, first=first, progress=lambda *said: None)
        yield
        transaction.set_rollback(True)


def test_one_bill_waits_for_a_yes_and_no_other_was_ever_held():
    hold = BillHold.objects.get()
    assert (hold.tenant.code, hold.released_at, hold.invoice.status) == ("rongsheng", None, Invoice.Status.DRAFT)
    assert [reason["code"] for reason in hold.reasons if reason["code"]] == ["messages"]


def test_the_customer_may_say_yes_to_it():
    hold = BillHold.objects.get()
    owner = hold.tenant.members.get(role="owner").user
    holding.release(hold, at=NOW, by=owner, reason="确实群发了。")
    assert Invoice.objects.issued().filter(pk=hold.invoice_id).exists()


def test_there_are_a_budget_that_warns_and_a_hard_cap():
    found = Budget.objects.filter(ended_at=None).values_list("tenant__code", "price_code", "amount_minor", "hard")
    assert set(found) == {("muhe", "messages-intl", 15_00, True), ("muhe", "", 150_00, False)}


def test_disputes_wait_one_with_money_frozen_and_one_was_answered_with_money():
    found = Dispute.objects.order_by("pk").values_list("line__code", "amount_minor", "state", "answers__amount_minor")
    settled, frozen, waiting = found
    assert (settled[0], settled[3]) == ("messages-intl", 3_20)
    assert waiting == ("analytics", 36_00, "open", None)
    assert frozen[0] == "seat"
    bill = Invoice.objects.get(frozen_minor__gt=0)  # muhe has paid what he disputes
    assert (bill.tenant.code, bill.frozen_minor) == ("yanbo", frozen[1])


def test_a_module_was_bought_and_taken_back():
    undone = Change.objects.get(kind=Change.Kind.UNDO)
    assert (undone.subscription.tenant.code, undone.undoes.price.code) == ("muhe", "security")
    mine = Charge.objects.filter(subscription=undone.subscription, price__code="security")
    assert sum(charge.amount_minor for charge in mine) == 0


def test_a_transfer_of_what_was_paid_already_is_flagged():
    flagged = DuplicateFlag.objects.get()
    assert (flagged.tenant.code, flagged.kind, flagged.amount_minor > 0) == ("muhe", DuplicateFlag.Kind.PAYMENT, True)
    assert flagged.state == DuplicateFlag.State.OPEN


def test_people_have_said_what_they_think():
    assert list(Survey.objects.values_list("tenant__code", "score").order_by("pk")) == [("zhehe", 4), ("yanbo", 2)]


def test_a_mail_that_came_back_lies_in_the_operators_queue(monkeypatch):
    monkeypatch.setitem(reading.read("promises"), "bounced", [{"who": "zhehe", "reason": "550 5.1.1 该用户不存在"}])
    monkeypatch.setitem(reading.read("promises"), "packs", [])
    told = Notice.objects.filter(tenant__code="zhehe", kind="payment_received").latest("pk")
    delivery = {"tenant_id": told.tenant_id, "channel": "mail", "address": "finance@zhehe.example"}
    told.deliveries.create(**delivery, number=1, ok=True, at=NOW)
    promising.finish(NOW)
    bounce = Bounce.objects.get()
    assert (bounce.tenant.code, bounce.status, bounce.seen_at) == ("zhehe", "5.1.1", None)
