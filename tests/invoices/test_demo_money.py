"""Money in the demo: customers pay in every way, one deduction fails, and what is left over waits where somebody finds it."""

import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import override_settings

from billing.models import Pack, Redemption, Wallet
from invoices import checking
from invoices.demo import closing, living, opening, paying, reading, sandboxing
from invoices.management import serving
from invoices.models import (
    BankCredit,
    DunningAct,
    Invoice,
    Mandate,
    Payment,
    ProviderAccount,
    ReconciledDay,
    Refund,
    StatementRow,
)
from invoices.providers import gateways
from invoices.providers.sandbox import contracting, keys
from invoices.providers.sandbox.clock import StandingClock
from invoices.providers.sandbox.gate import Sandbox
from invoices.providers.sandbox.store import Store
from tenants.models import User
from tests import shop

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-11-21 16:00")
WHO = ("muhe", "zhehe", "kunyu", "hengyuan", "songhe", "banxia", "yushu", "shanji")
MONTHS = 2


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    return sandboxing.ready(tmp_path_factory.mktemp("sandbox"), lambda port: port)


@pytest.fixture(scope="module", autouse=True)
def lived(django_db_setup, django_db_blocker, sandbox):
    """Let some of the demo's customers live two months, in a transaction that is rolled back."""
    first = reading.months_before(NOW.date(), MONTHS)
    opened = datetime(first.year, first.month, first.day, tzinfo=living.ZONE)
    found = [one for one in reading.customers(NOW.date(), count=40, months=MONTHS) if one.code in WHO]
    people = [replace(one, size=one.size / 8) if one.lively else one for one in found]
    with django_db_blocker.unblock(), transaction.atomic():
        by = User.objects.create(email="operator@example.com", name="运营", is_staff=True, date_joined=opened)
        opening.open_shop(at=opened, by=by)
        with sandboxing.let_in(sandbox.gateways):
            sandboxing.open_accounts(sandbox.keys, at=opened)
        till = paying.Till(now=NOW, by=by, moment=opened)
        world = living.World(customers=people, now=NOW, by=by, till=till)
        with gateways.using(till.simulation):
            living.live(world, first=first, progress=lambda *said: None)
            closing.close_days(till)
        sandboxing.remember(sandbox)
        yield
        transaction.set_rollback(True)


def paid(code: str) -> set[tuple[str, str, str]]:
    return set(Payment.objects.filter(tenant__code=code).values_list("method", "product", "status"))


@pytest.mark.parametrize(
    ("code", "ways"),
    [
        ("muhe", {("wechat", "qr", "succeeded"), ("transfer", "", "succeeded")}),  # once a colleague pays it again
        ("zhehe", {("alipay", "qr", "succeeded")}),
        ("songhe", {("alipay", "page", "succeeded")}),
        ("hengyuan", {("transfer", "", "succeeded")}),
        ("banxia", {("wechat", "debit", "succeeded")}),
        ("shanji", {("alipay", "debit", "succeeded")}),
    ],
)
def test_each_pays_in_his_own_way(code, ways):
    assert paid(code) == ways


def test_a_deduction_fails_and_is_dunned():
    assert paid("yushu") >= {("wechat", "debit", "failed")}
    acts = DunningAct.objects.filter(tenant__code="yushu").values_list("verb", "outcome", "reason")
    assert {("retry", "failed", "declined"), ("remind", "done", "")} <= set(acts)
    assert Invoice.objects.open().filter(tenant__code="yushu", due_minor__gt=0).exists()


def test_transfers_are_read_from_the_bank_and_found_by_code_or_number():
    matched = BankCredit.objects.filter(state="matched").values_list("tenant__code", flat=True)
    assert {"hengyuan", "kunyu"} <= set(matched)
    (stray,) = BankCredit.objects.exclude(state="matched")
    assert (stray.state, stray.amount_minor, stray.tenant) == ("unmatched", 1860_00, None)


def test_one_payment_of_a_provider_is_nobodys_and_all_else_agrees():
    (row,) = StatementRow.objects.exclude(state="matched")
    assert (row.state, row.amount_minor) == ("missing_here", 66_00)
    states = ReconciledDay.objects.values_list("provider", "state")
    assert sorted(one for one in states if one[1] != "closed") == [("alipay", "open")]
    assert {provider for provider, state in states if state == "closed"} == {"alipay", "bank", "wechat"}


def test_two_refunds_have_arrived_where_they_came_from_and_one_waits_for_a_transfer():
    found = Refund.objects.values_list("tenant__code", "amount_minor", "to", "status", "payment__method")
    assert set(found) == {
        ("muhe", 3_20, "origin", "succeeded", "wechat"),  # a dispute was answered so
        ("muhe", 58_00, "origin", "succeeded", "wechat"),
        ("muhe", 146_67, "origin", "approved", "transfer"),  # a purchase was taken back
    }


def test_there_are_a_gift_an_overpayment_a_pack_and_a_coupon():
    held = {(one.tenant.code, bool(one.paid_minor), one.gift_minor) for one in Wallet.objects.all() if one.total_minor}
    assert ("kunyu", True, 0) in held
    assert ("muhe", 50_00) in {(code, gift) for code, _paid, gift in held}
    assert [pack.tenant.code for pack in Pack.objects.all()] == ["muhe"]
    assert [one.subscription.tenant.code for one in Redemption.objects.all()] == ["zhehe"]


def test_a_bill_is_left_for_the_visitor():
    (bill,) = Invoice.objects.open().filter(tenant__code="muhe")
    assert bill.due_minor > 0
    assert bill.due_on > NOW.date()


def test_its_books_are_right():
    assert list(checking.faults()) == []


def test_the_sandbox_remembers_payments_and_agreements(sandbox):
    mine = sandbox.keys["qingyu"]
    store = Store(sandbox.folder / "qingyu" / "records.sqlite")
    at_providers = Payment.objects.filter(provider__in=("alipay", "wechat"), status="succeeded")
    assert {one.number for one in store.orders.values()} == set(at_providers.values_list("reference", flat=True))
    gate = Sandbox(keys=mine, store=store, clock=StandingClock(NOW, lambda: datetime.now(UTC)))
    for mandate in Mandate.objects.all():
        known = contracting.by_number(gate, mandate.provider, mandate.provider_number)
        assert contracting.in_force(gate, known)
    assert sorted(one.minor for one in store.refunds.values()) == [3_20, 58_00]
    store.close()


def test_the_sellers_take_money_through_the_sandbox_alone(sandbox):
    found = set(ProviderAccount.objects.values_list("gateway", flat=True))
    assert found == set(sandbox.gateways)
    assert len(found) == 4


def test_a_port_that_is_taken_is_left_and_the_accounts_follow(sandbox, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for code, mine in sandbox.keys.items():
            (tmp_path / code).mkdir()
            keys.keep(tmp_path, code, replace(mine, port=port))
        moved = sandboxing.ready(tmp_path, serving.free_port)
    ports = [mine.port for mine in moved.keys.values()]
    assert port not in ports
    assert len(set(ports)) == 2
    with sandboxing.let_in(moved.gateways):
        sandboxing.open_accounts(moved.keys, at=NOW)
    assert set(ProviderAccount.objects.values_list("gateway", flat=True)) == set(moved.gateways)
    assert keys.of_merchant(tmp_path, "qingyu").port == ports[0]


@override_settings(PAYMENT_GATEWAYS=[])
def test_the_sandbox_is_served_beside_the_site():
    assert ["django", "payment_sandbox", "--speed", "3600"] in serving.commands(8000)
