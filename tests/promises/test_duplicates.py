"""What is bought, paid or told twice is stopped before, or found after and put right."""

from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connections, transaction

from billing import closing, defining, quantities, subscriptions
from billing.doubles import BoughtTwice
from billing.money import Money
from billing.orders import Order
from invoices import checking, doubled, payments
from invoices.models import DuplicateFlag, Invoice, Refund
from tenants.errors import WrongState
from tenants.models import Member, Notice, User
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, holds
from usage import ingest
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
TAX = "91350100M000100Y43"
MODULE = {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "300.00"}
AT = shop.at("2026-02-10 12:00")


@pytest.fixture
def sold_by():
    made = shop.seller()
    defining.define_meters(made, [shop.MESSAGES], at=shop.OPENED)
    return made


@pytest.fixture
def plan(sold_by):
    return shop.plan(sold_by, [BASE, MODULE, MESSAGES])


def two():
    return shop.tenant("acme", tax_number=TAX), shop.tenant("bell", tax_number=TAX)


def order(who, plan, **more):
    return Order(tenant=who, version=plan, start_on=shop.at("2026-02-01 00:00").date(), **more)


def start(who, plan, by=None, **more):
    return subscriptions.start_one(order(who, plan, **more), at=shop.at("2026-02-01 09:00"), by=by)


def found():
    return list(DuplicateFlag.objects.order_by("pk").values_list("kind", "state", "amount_minor"))


def test_it_refuses_the_same_product_for_one_tax_number_in_another_account(plan):
    """A second account with the same tax number buys the same product; it is stopped, and learns no name of the other."""
    acme, bell = two()
    start(acme, plan)
    with pytest.raises(BoughtTwice) as refusal, transaction.atomic():
        start(bell, plan)
    assert refusal.value.code == "duplicate_product"
    assert acme.name not in refusal.value.message
    assert not bell.subscriptions.exists()


def test_it_refuses_it_with_the_name_for_who_belongs_to_both(plan):
    """A member of both companies buys twice by mistake; he is stopped, and told which company has it."""
    acme, bell = two()
    both = User.objects.create_user(email="both@example.com", password=None)
    Member.objects.create(tenant=acme, user=both, role="owner", joined_at=shop.OPENED)
    start(acme, plan)
    with pytest.raises(BoughtTwice, match=acme.name), transaction.atomic():
        start(bell, plan, by=both)


def test_wanted_knowingly_it_is_sold_and_recorded(plan):
    acme, bell = two()
    start(acme, plan)
    assert start(bell, plan, twice=True).wanted_twice
    assert doubled.sweep(at=AT) == 1
    assert found() == [("product", "kept", 0)]
    assert not Notice.objects.filter(kind="duplicate_found").exists()


def test_what_slips_through_is_flagged_once(plan):
    acme, bell = two()
    start(acme, plan)
    start(bell, plan, twice=None)
    assert (doubled.sweep(at=AT), doubled.sweep(at=AT)) == (1, 0)
    assert found() == [("product", "open", 0)]
    assert Notice.objects.get(kind="duplicate_found").tenant_id == bell.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.connections
def test_it_refuses_one_of_two_who_buy_at_the_same_moment(transactional_db):
    """Two accounts with one tax number buy the same product at once, each in its own connection; one of them gets it."""
    plan = shop.plan(shop.seller(), [BASE])
    who, ready, told = two(), Barrier(2), []

    def buy(one):
        try:
            ready.wait()
            start(one, plan)
            told.append("sold")
        except BoughtTwice as refusal:
            told.append(refusal.code)
        finally:
            connections.close_all()

    threads = [Thread(target=buy, args=(one,)) for one in who]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["duplicate_product", "sold"]


def test_it_refuses_to_call_two_running_contracts_put_right(plan):
    """Somebody marks a module that runs in two contracts as put right while both still run; it stays open."""
    acme = shop.tenant("acme")
    start(acme, plan, modules=["analytics"])
    beside = start(acme, plan, modules=["analytics"], label="b")
    doubled.sweep(at=AT)
    flagged = DuplicateFlag.objects.get(kind="module")
    with pytest.raises(WrongState), transaction.atomic():
        doubled.correct(flagged, at=AT, by=None)
    assert DuplicateFlag.objects.get().state == "open"
    quantities.remove_module(beside, "analytics", at=shop.at("2026-02-01 10:00"), by=None)
    closing.close([beside.pk], at=shop.at("2026-03-01 00:00"))
    assert doubled.correct(flagged, at=shop.at("2026-03-01 12:00"), by=None).state == "corrected"


def transfer(who, sold_by, reference, when="2026-02-03 10:00", payer="沐禾"):
    payments.receive_transfer(
        who,
        seller=sold_by,
        amount=Money.of("199.00", "CNY"),
        reference=reference,
        received_at=shop.at(when),
        at=shop.at(when),
        by=None,
        payer_name=payer,
    )


@pytest.fixture
def paid_twice(sold_by, plan):
    acme = shop.tenant("acme")
    shop.subscribe(acme, plan, "2026-02-01")
    shop.bill("2026-02-01 10:00")
    transfer(acme, sold_by, "one")
    transfer(acme, sold_by, "two", "2026-02-04 10:00")
    doubled.sweep(at=AT)
    return acme


def test_a_second_payment_goes_back_to_who_paid_it(paid_twice):
    assert (found(), holds(paid_twice)) == ([("payment", "open", 199_00)], 199_00)
    doubled.correct(DuplicateFlag.objects.get(), at=AT, by=None)
    assert (holds(paid_twice), Refund.objects.get().amount_minor) == (0, 199_00)
    assert not list(checking.faults())


def test_it_refuses_to_return_a_second_payment_twice(paid_twice):
    """Two people, or two clicks, have the same double paid back; the first one decides, and nothing leaves twice."""
    flagged = DuplicateFlag.objects.get()
    doubled.correct(flagged, at=AT, by=None)
    for again in (doubled.correct, doubled.keep):
        with pytest.raises(WrongState), transaction.atomic():
            again(flagged, at=AT, by=None)
    assert Refund.objects.count() == 1


@pytest.mark.database
def test_it_refuses_to_reopen_a_decision_by_raw_sql(paid_twice):
    """A program sets a decided double back to open in the table; the database refuses it."""
    flagged = doubled.keep(DuplicateFlag.objects.get(), at=AT, by=None)
    with pytest.raises(IntegrityError, match="decided already"), transaction.atomic():
        DuplicateFlag.objects.filter(pk=flagged.pk).update(state="open", settled_at=None)


def test_two_payments_of_two_bills_are_no_double(sold_by, plan):
    acme = shop.tenant("acme")
    shop.subscribe(acme, plan, "2026-02-01")
    shop.bill("2026-02-01 10:00")
    shop.bill("2026-03-01 10:00")
    transfer(acme, sold_by, "one", "2026-03-01 11:00")
    transfer(acme, sold_by, "two", "2026-03-01 12:00")
    assert doubled.sweep(at=shop.at("2026-03-02 00:00")) == 0


def told(who, source, count, hour="08"):
    events = [
        {
            "key": f"{source}-{n}",
            "meter": "messages",
            "quantity": "10",
            "occurred_at": f"2026-02-10T{hour}:{n:02d}:00+08:00",
        }
        for n in range(count)
    ]
    assert {answer.status for answer in ingest.accept(who, events, at=shop.at("2026-02-10 11:00"))} == {"accepted"}


def test_usage_that_two_sources_tell_is_found_and_the_doubles_are_taken_out(sold_by, plan):
    acme = shop.tenant("acme")
    s = shop.subscribe(acme, plan, "2026-02-01")
    told(acme, "old", 20)
    told(acme, "new", 20)
    told(acme, "more", 5, "09")
    doubled.sweep(at=AT)
    assert found() == [("source", "open", 10_00)]
    doubled.correct(DuplicateFlag.objects.get(), at=AT, by=None)
    assert UsageEvent.objects.filter(kind="void").count() == 20
    assert set(UsageEvent.objects.filter(kind="void").values_list("voids__key", flat=True)) == {
        f"new-{n}" for n in range(20)
    }
    shop.bill("2026-03-01 00:00")
    line = Invoice.objects.filter(lines__charge__subscription=s).order_by("-pk").first().lines.get(code="messages")
    assert line.quantity == 250


def test_it_refuses_to_suspect_a_few_equal_events(sold_by, plan):
    """A sweep is fed some events that are equal by chance; below the share and the number nothing is flagged, nobody told."""
    acme = shop.tenant("acme")
    shop.subscribe(acme, plan, "2026-02-01")
    told(acme, "a", 40)
    told(acme, "b", 9)
    assert doubled.sweep(at=AT) == 0
    assert not DuplicateFlag.objects.exists()
