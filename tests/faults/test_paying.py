"""A process ends at any moment of a payment; the worker runs again, and nothing is lost and nothing is taken twice."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from invoices import asking, checking, collection, hearing, paying
from invoices.models import Allocation, Invoice, Mandate, Payment, ProviderAccount, ProviderMessage
from invoices.providers import gateways
from invoices.providers.port import State
from tenants import agreements
from tests import shop
from tests.faults.killing import World, points
from tests.invoices.at_provider import BASE, NOW, begun, gateway, intend, sold
from tests.invoices.deducting import holds, tick, top_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# When the worker comes by again: soon, after lost calls are given up, after a code has expired, and once more.
LATER = (MINUTE, 15 * MINUTE, 3 * HOUR, 5 * HOUR)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    with gateways.using(made):
        yield made


@pytest.fixture
def qingyu(world):
    return sold()


def bill_of(sold_by, n) -> Invoice:
    """Return an open bill of 199.00 of a customer of its own."""
    who = shop.tenant(f"acme{n}")
    version = shop.plan(sold_by, [BASE], code=f"plan-{n}")
    shop.subscribe(who, version, "2026-02-01", pays="manual")
    shop.bill("2026-02-01 00:00")
    (bill,) = shop.bills(who)
    return bill


def worker():
    for after in LATER:
        asking.ask(at=NOW + after)


def paid_there(tenant):
    """Return what a customer's orders took from him at the provider."""
    mine = Payment.objects.filter(tenant=tenant)
    reports = [gateway(payment).orders.get(payment.reference) for payment in mine]
    return sum(report.amount_minor for report in reports if report and report.state is State.SUCCEEDED)


def booked(tenant):
    """Return what of a customer's money is in the books: on bills, and in his wallet."""
    settled = Allocation.objects.filter(tenant=tenant).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    return settled + holds(tenant)


def nothing_lost_nothing_twice(bill):
    """After the worker has run, the books say what the provider says, and the bill can be paid if it is not."""
    worker()
    assert booked(bill.tenant) == paid_there(bill.tenant)
    bill.refresh_from_db()
    if bill.status == "open":
        assert paid_there(bill.tenant) == 0
        payment = begun(bill, at=NOW + 6 * HOUR)
        gateway(payment).pay(payment.reference)
        asking.ask(at=NOW + 7 * HOUR)
        bill.refresh_from_db()
    assert (bill.status, booked(bill.tenant), paid_there(bill.tenant), holds(bill.tenant)) == (
        "paid",
        199_00,
        199_00,
        0,
    )
    assert list(checking.faults()) == []


def account(sold_by):
    known = {"app_id": "a", "merchant": "m", "secrets": "-", "fingerprint": "-", "changed_at": NOW}
    return ProviderAccount.objects.get_or_create(seller=sold_by, provider="alipay", defaults=known)[0]


def tell(payment):
    """Let the provider tell us that a payment was paid; return whether we answered that we know."""
    there = gateway(payment)
    callback = there.told(there.orders[payment.reference], at=NOW + MINUTE)
    return hearing.hear(account(payment.seller).pk, "alipay", callback).body == "success"


def test_a_payment_by_code(qingyu):
    account(qingyu)
    made = {}

    def work(point):
        made["bill"] = bill_of(qingyu, point)

        def pay():
            payment = begun(made["bill"])
            gateway(payment).pay(payment.reference)
            assert tell(payment)

        return pay

    for _point in points(work):
        nothing_lost_nothing_twice(made["bill"])
    assert _point >= 12  # intent, call, its result and the callback: two points for each commit and each call


def test_a_callback_that_the_provider_repeats_until_it_is_answered(qingyu):
    made = {}

    def work(point):
        made["payment"] = payment = begun(bill_of(qingyu, point))
        gateway(payment).pay(payment.reference)
        return lambda: tell(payment)

    for _point in points(work):
        payment = made["payment"]
        assert tell(payment)
        assert tell(payment)
        assert ProviderMessage.objects.filter(payment=payment, verdict="accepted").count() == 1
        assert Allocation.objects.filter(payment=payment).count() == 1
        nothing_lost_nothing_twice(payment.invoice)
    assert _point >= 2


def test_a_debit_whose_answer_is_lost(qingyu, world):
    world.simulation.default = "approve"
    made = {}

    def work(point):
        made["bill"] = bill = bill_of(qingyu, point)
        mandate = mandate_of(bill)
        how = {"product": "debit", "mandate": mandate, "authorisation": mandate.authorisation, "basis": "confirmed"}
        return lambda: begun(bill, **how)

    for _point in points(work):
        nothing_lost_nothing_twice(made["bill"])
    assert _point >= 8


def mandate_of(bill):
    given = agreements.authorise(bill.tenant, seller=bill.seller, text="t", text_version="1", at=NOW, by=None)
    return Mandate.objects.create(
        tenant=bill.tenant,
        seller=bill.seller,
        currency="CNY",
        provider="alipay",
        authorisation=given,
        number=f"M{bill.pk}",
        provider_number=f"C{bill.pk}",
        status="active",
        single_minor=500_00,
        created_at=NOW,
        signed_at=NOW,
    )


@pytest.mark.parametrize("paid", [True, False])
def test_asking(qingyu, paid):
    made = {}

    def work(point):
        made["payment"] = payment = begun(bill_of(qingyu, point))
        if paid:
            gateway(payment).pay(payment.reference)
        return lambda: asking.ask(at=payment.expires_at)

    for _point in points(work):
        nothing_lost_nothing_twice(made["payment"].invoice)
    assert _point >= 6


def test_giving_up(qingyu):
    made = {}

    def work(point):
        made["payment"] = payment = begun(bill_of(qingyu, point))
        return lambda: paying.abandon(payment, at=NOW + MINUTE, by=None)

    for _point in points(work):
        payment = Payment.objects.get(pk=made["payment"].pk)
        if payment.status == "intended":
            paying.abandon(payment, at=NOW + MINUTE, by=None)
        nothing_lost_nothing_twice(payment.invoice)
    assert _point >= 6


def test_a_deduction_from_the_balance(qingyu):
    """The whole nightly run: it issues, deducts, and tells."""
    made = {}

    def work(point):
        made["who"] = who = shop.tenant(f"acme{point}")
        top_up(who, qingyu, "500.00", "2026-01-30 09:00")
        shop.subscribe(who, shop.plan(qingyu, [BASE], code=f"plan-{point}"), "2026-01-31", pays="wallet")
        tick("2026-01-31 00:00")
        return lambda: shop.bill("2026-02-05 00:00")

    for _point in points(work):
        shop.bill("2026-02-05 00:10")
        collection.collect(at=shop.at("2026-02-05 00:20"))
        who = made["who"]
        (bill,) = shop.bills(who)
        assert (bill.status, holds(who)) == ("paid", 301_00)
        assert Payment.objects.filter(tenant=who, status="succeeded").count() == 1
        assert list(checking.faults()) == []
    assert _point >= 4


def test_a_payment_is_intended_and_never_called(qingyu):
    """What the first points leave behind is asked for and given up, and the bill is free again."""
    bill = bill_of(qingyu, 0)
    intend(bill)
    nothing_lost_nothing_twice(bill)
    assert list(Payment.objects.order_by("pk").values_list("status", flat=True)) == ["failed", "succeeded"]
