"""Purchases that are taken back within the plan's hours: entirely, once, and by nobody else."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import defining, discounts, standing
from billing.models import Change, Charge, Redemption, Subscription, WayBack
from billing.orders import Order
from invoices import checking, checkout, refunding, taking_back
from invoices.models import CreditNote, Invoice, Refund
from tenants import agreements
from tenants.errors import DomainError
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, holds, top_up

pytestmark = pytest.mark.django_db
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "100.00"}
MODULE = {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "300.00"}
LATER = "2026-02-10 09:00"


def plans(sold_by, *extra, **terms):
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    small = shop.plan(sold_by, [BASE, SEAT, MODULE, *extra], **{"undo_hours": 24} | terms)
    more = {"family": "standard", "undo_hours": 24} | terms
    big = shop.plan(sold_by, [{**BASE, "amount": "499.00"}, SEAT, MODULE, *extra], code="big", **more)
    cheap = shop.plan(sold_by, [{**BASE, "amount": "99.00"}, SEAT, MODULE, *extra], code="cheap", **more)
    year = shop.plan(sold_by, [{**BASE, "amount": "1999.00"}, SEAT, *extra], code="year", interval="year", **more)
    return {"small": small, "big": big, "cheap": cheap, "year": year}


@pytest.fixture
def sold_by():
    return shop.seller()


def customer(sold_by, code="acme"):
    who = shop.tenant(code)
    top_up(who, sold_by, "5000.00", "2026-01-01 00:00")
    return who


def bought(who, version, when="2026-02-01 09:00", **more):
    order = Order(tenant=who, version=version, start_on=shop.at(when).date(), **{"pays": "wallet"} | more)
    return checkout.subscribe(order, at=shop.at(when), by=None).subscription


def renewing(who, sold_by):
    given = {"text": "续费", "text_version": "1", "at": shop.at("2026-02-01 08:00"), "by": None}
    return agreements.authorise(who, seller=sold_by, **given)


def undo(s, when, by=None):
    done = taking_back.undo(s, at=shop.at(when), by=by)
    assert not list(checking.faults())
    return done


def refused(s, when, by=None):
    """Return code and message of a refused undo, which changed nothing."""
    before = picture()
    with pytest.raises(DomainError) as refusal, transaction.atomic():
        taking_back.undo(s, at=shop.at(when), by=by)
    assert picture() == before
    return refusal.value.code, refusal.value.message


def picture():
    """Return how many rows of everything there are, and the state of what may change."""
    return (
        [model.objects.count() for model in (Change, Charge, CreditNote, Invoice, Refund)],
        list(Subscription.objects.order_by("pk").values_list("pk", "status", "version", "next_at", "during")),
        list(Invoice.objects.order_by("pk").values_list("status", "paid_minor", "credited_minor")),
    )


def stands(s):
    """Return all that must be as it was: the contract, the balance, the coupons, and what the next bills charge."""
    found = standing.read(s.pk)
    return {key: found[key] for key in ("row", "lasts", "items", "periods", "waiting")}


def future():
    """Return what the contract is billed in the next three months, and take it back."""
    with transaction.atomic():
        first = Invoice.objects.count()
        for month in ("2026-03-01", "2026-04-01", "2026-05-01"):
            shop.bill(f"{month} 00:00")
        told = [
            (bill.subtotal_minor, bill.discount_minor, bill.tax_minor, bill.total_minor, shop.lines(bill))
            for bill in Invoice.objects.order_by("pk")[first:]
        ]
        transaction.set_rollback(True)
    return told


WISHES = {
    "dearer": lambda s, sold, at: checkout.change_plan(s, sold["big"], when="now", at=at, by=None),
    "cheaper at once": lambda s, sold, at: checkout.change_plan(s, sold["cheap"], when="now", at=at, by=None),
    "a longer term": lambda s, sold, at: checkout.change_plan(s, sold["year"], when="now", at=at, by=None),
    "seats": lambda s, sold, at: checkout.set_quantity(s, "seat", Decimal(7), at=at, by=None),
    "a module": lambda s, sold, at: checkout.add_module(s, "analytics", at=at, by=None),
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize(("coupon", "inclusive"), [(None, True), ("once", False), ("forever", False)])
def test_contract_money_and_coupons_are_exactly_as_before(wish, coupon, inclusive):
    taxed = shop.seller(tax_rate=Decimal("0.06"), tax_inclusive=inclusive)
    sold = plans(taxed, MESSAGES)
    if coupon:
        discounts.define(taxed, {"code": "SPRING", "percent": "13", "duration": coupon}, at=shop.OPENED, by=None)
    acme = customer(taxed)
    s = bought(acme, sold["small"], quantities={"seat": Decimal(3)}, consent=renewing(acme, taxed))
    shop.use(acme, "123", "2026-02-05 10:00")
    if coupon:
        checkout.redeem(s, "SPRING", at=shop.at("2026-02-06 09:00"), by=None)
    shop.bill("2026-02-10 00:00")
    s.refresh_from_db()
    before, money, coming = stands(s), holds(acme), future()
    used_up = list(Redemption.objects.values_list("used_up_at", flat=True))
    WISHES[wish](s, sold, shop.at(LATER))
    undo(s, "2026-02-10 15:00")
    assert stands(s) == before
    assert holds(acme) == money
    assert list(Redemption.objects.values_list("used_up_at", flat=True)) == used_up
    assert future() == coming
    assert len(coming) >= 2


def test_a_purchase_never_was_and_can_be_made_again(sold_by):
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    assert holds(acme) == 4801_00
    done = undo(s, "2026-02-01 20:00")
    assert (holds(acme), done.subscription.status, Invoice.objects.get().status) == (5000_00, "ended", "void")
    assert bought(acme, sold["small"], "2026-02-01 21:00").status == "active"


def test_two_purchases_are_taken_back_one_after_the_other(sold_by):
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    checkout.add_module(s, "analytics", at=shop.at("2026-02-01 10:00"), by=None)
    checkout.set_quantity(s, "seat", Decimal(2), at=shop.at("2026-02-01 11:00"), by=None)
    for hour in (12, 13, 14):
        undo(s, f"2026-02-01 {hour}:00")
    assert holds(acme) == 5000_00
    assert list(Change.objects.filter(kind="undo").order_by("pk").values_list("undoes_what", flat=True)) == [
        "change",
        "change",
        "purchase",
    ]


def test_a_renewal_by_mistake_ends_the_contract_with_its_term(sold_by):
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"], consent=renewing(acme, sold_by), pays="manual")
    shop.pay(Invoice.objects.get(), "199.00", "2026-02-02 09:00")
    shop.bill("2026-03-01 00:00")
    shop.pay(Invoice.objects.get(status="open"), "199.00", "2026-03-01 08:00")
    done = undo(s, "2026-03-01 20:00")
    assert (done.subscription.status, str(done.subscription.end_on)) == ("ended", "2026-03-01")
    assert [(r.amount_minor, r.to, r.status) for r in Refund.objects.all()] == [(199_00, "origin", "approved")]
    assert [bill.status for bill in shop.bills(acme)] == ["paid", "void"]


def test_it_refuses_to_be_undone_twice(sold_by):
    """A second click takes back what was taken back already; the purchase is undone once, and nothing is left to undo."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    undo(s, "2026-02-01 10:00")
    assert refused(s, "2026-02-01 10:00")[0] == "nothing_to_undo"
    assert holds(acme) == 5000_00


def test_it_refuses_an_undo_after_use(sold_by):
    """A customer uses what he bought and takes it back; an event on a meter of the plan stops him, and says which."""
    sold, acme = plans(sold_by, MESSAGES), customer(sold_by)
    shop.use(acme, "1", "2026-02-01 08:00")
    s = bought(acme, sold["small"])
    shop.use(acme, "1", "2026-02-01 10:00")
    code, message = refused(s, "2026-02-01 11:00")
    assert (code, "messages" in message or "消息" in message) == ("used_since", True)


def test_it_refuses_an_undo_after_its_hours(sold_by):
    """A customer comes after the hours, by a clock that is one second late or a day; the time of the purchase counts."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    for when in ("2026-02-02 09:00", "2026-02-03 09:00"):
        assert refused(s, when)[0] == "nothing_to_undo"
    assert taking_back.until(s, shop.at("2026-02-02 08:59")) == shop.at("2026-02-02 09:00")


@pytest.mark.database
def test_it_refuses_an_undo_after_its_hours_by_raw_sql(sold_by):
    """A program writes a taking back into the table by itself, too late; the database's trigger refuses it."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    with pytest.raises(IntegrityError, match="cannot be taken back now"), transaction.atomic():
        Change.objects.create(
            tenant=acme,
            subscription=s,
            kind="undo",
            status="applied",
            undoes_what="purchase",
            effective_at=shop.at("2026-02-02 09:00"),
            at=shop.at("2026-02-02 09:00"),
            settled_at=shop.at("2026-02-02 09:00"),
        )
    assert not Change.objects.exists()


def test_it_refuses_an_undo_below_a_later_change(sold_by):
    """A customer takes back the purchase below a change that lies on it; the change has to be taken back first."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    checkout.set_quantity(s, "seat", Decimal(2), at=shop.at("2026-02-01 10:00"), by=None)
    checkout.cancel(s, at=shop.at("2026-02-01 11:00"), by=None)
    assert refused(s, "2026-02-01 12:00")[0] == "moved_on"
    checkout.keep(s, at=shop.at("2026-02-01 13:00"), by=None)
    undo(s, "2026-02-01 14:00")


def test_it_refuses_an_undo_where_the_plan_has_no_hours(sold_by):
    """A customer of a plan without hours to undo tries all the same; nothing was promised, so nothing is taken back."""
    sold, acme = plans(sold_by, undo_hours=0), customer(sold_by)
    s = bought(acme, sold["small"])
    assert refused(s, "2026-02-01 09:01")[0] == "nothing_to_undo"
    assert not WayBack.objects.exists()


def test_it_refuses_to_undo_the_start_of_a_trial(sold_by):
    """A customer takes back a trial, for which nothing was charged; he is told to cancel instead, by there being nothing."""
    sold, acme = plans(sold_by, trial_days=14), customer(sold_by)
    assert refused(bought(acme, sold["small"]), "2026-02-01 10:00")[0] == "nothing_to_undo"


def test_it_refuses_an_undo_of_a_bill_that_was_refunded_in_part(sold_by):
    """A customer has part of a bill refunded, then takes the purchase back for the whole; he would be paid twice."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    bill = Invoice.objects.get()
    refunding.request(bill, amount_minor=50_00, reason="部分", at=shop.at("2026-02-01 10:00"), by=None)
    code, message = refused(s, "2026-02-01 11:00")
    assert (code, bill.number in message) == ("wrong_state", True)
    assert taking_back.until(s, shop.at("2026-02-01 11:00")) is None


def test_it_refuses_to_charge_back_what_is_spent(sold_by):
    """A change to a cheaper plan gave money back, which is spent; taking it back needs that money, and nothing is done."""
    sold, acme = plans(sold_by), customer(sold_by)
    s = bought(acme, sold["small"])
    checkout.change_plan(s, sold["cheap"], when="now", at=shop.at(LATER), by=None)
    wallet = acme.wallets.get()
    refunding.withdraw(wallet, at=shop.at("2026-02-10 10:00"), by=None)
    assert refused(s, "2026-02-10 11:00")[0] == "wallet_too_low"


def test_it_refuses_a_once_coupon_twice(sold_by):
    """A customer undoes a purchase to use a coupon of one per customer again and again; it gives on one bill that stands."""
    data = {"code": "ONE", "percent": "50", "duration": "once", "most_per_tenant": 1}
    discounts.define(sold_by, data, at=shop.OPENED, by=None)
    sold, acme = plans(sold_by), customer(sold_by)
    undo(bought(acme, sold["small"], coupons=["ONE"]), "2026-02-01 10:00")
    bought(acme, sold["small"], "2026-02-01 11:00", coupons=["ONE"], label="a")
    with pytest.raises(DomainError) as refusal, transaction.atomic():
        bought(acme, sold["small"], "2026-02-01 12:00", coupons=["ONE"], label="b")
    assert refusal.value.code == "coupon_used_up"
    assert holds(acme) == 5000_00 - 99_50
