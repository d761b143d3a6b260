"""The billing run: from subscriptions and usage to issued invoices; restartable, shared, and never stopped by one tenant."""

import threading

import pytest
from django.db import OperationalError, connection, connections

from billing import closing
from billing.models import BillingPeriod, Charge, LedgerTransaction, Subscription
from invoices import checking, crediting, drafting, issuing, run
from invoices.models import BillingRun, Invoice, InvoiceLine, Parked
from tests import shop

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
WRITTEN = [BillingPeriod, Charge, Invoice, InvoiceLine, LedgerTransaction]


@pytest.fixture
def standard(qingyu):
    return shop.plan(qingyu, [BASE, MESSAGES])


def written() -> list[list[dict[str, object]]]:
    return [list(model.objects.order_by("pk").values()) for model in WRITTEN]


def crowd(version, count: int) -> list[Subscription]:
    return [shop.subscribe(shop.tenant(f"t{n}"), version, "2026-01-01") for n in range(count)]


def failing(monkeypatch, bad: set[int], error: Exception | None = None) -> None:
    """Make closing fail for these subscriptions."""
    real = closing.close

    def close(ids, *, at):
        wanted = list(ids)
        if bad & set(wanted):
            raise error or ValueError("a price that cannot be read")
        return real(wanted, at=at)

    monkeypatch.setattr(run.closing, "close", close)


def test_it_bills_1200_messages_on_a_plan_of_1000(standard):
    acme = shop.tenant()
    shop.subscribe(acme, standard, "2026-01-31")
    shop.use(acme, "1200", "2026-02-10 09:00")

    shop.bill("2026-02-28 00:00")

    first, second = shop.bills(acme)
    assert shop.lines(first) == [("base", "2026-01-31", "2026-02-28", "1", 199_00)]
    # 200 × 0.05 = 10.00; the second period runs from 28 Feb to 31 Mar
    assert shop.lines(second) == [
        ("base", "2026-02-28", "2026-03-31", "1", 199_00),
        ("messages", "2026-01-31", "2026-02-28", "200", 10_00),
    ]
    assert not list(checking.faults())


def test_it_changes_nothing_the_second_time(standard):
    crowd(standard, 3)
    shop.bill("2026-03-01 00:00")
    before = written()
    again = shop.bill("2026-03-01 00:00")
    assert (again.charges, again.invoices, again.due) == (0, 0, 0)
    assert written() == before


def test_it_parks_a_bad_tenant_and_bills_the_rest(standard, monkeypatch):
    subscriptions = crowd(standard, 7)
    bad = subscriptions[4]
    failing(monkeypatch, {bad.pk})
    record = shop.bill("2026-01-01 00:00")
    assert (record.status, record.parked, record.invoices) == ("done", 1, 6)
    parked = Parked.objects.get()
    assert (parked.tenant, parked.stage, parked.reason) == (bad.tenant, "close", "a price that cannot be read")


def test_it_bills_a_parked_tenant_when_the_cause_is_gone(standard, monkeypatch):
    subscriptions = crowd(standard, 3)
    with monkeypatch.context() as broken:
        failing(broken, {subscriptions[0].pk})
        shop.bill("2026-01-01 00:00")
        shop.bill("2026-01-01 00:00")
    assert Parked.objects.get().tries == 2
    shop.bill("2026-01-01 00:00")
    assert Parked.objects.filter(resolved_at=None).count() == 0
    assert Invoice.objects.issued().count() == 3


def test_it_stops_when_too_many_must_be_parked(standard, monkeypatch):
    subscriptions = crowd(standard, 12)
    failing(monkeypatch, {s.pk for s in subscriptions})
    record = shop.bill("2026-01-01 00:00")
    assert (record.status, record.parked) == ("stopped", 5)


def test_it_tries_again_what_was_no_fault_of_the_data(standard, monkeypatch):
    crowd(standard, 2)
    real, calls = closing.close, []

    def flaky(ids, *, at):
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("deadlock detected")
        return real(ids, at=at)

    monkeypatch.setattr(run.closing, "close", flaky)
    record = shop.bill("2026-01-01 00:00")
    assert (record.parked, record.invoices) == (0, 2)


@pytest.mark.parametrize("stage", ["drafting.draft", "issuing.issue"])
def test_it_goes_on_where_a_killed_run_stopped(standard, monkeypatch, stage):
    crowd(standard, 3)
    with monkeypatch.context() as killed:
        killed.setattr(f"invoices.run.{stage}", _die)
        with pytest.raises(KeyboardInterrupt):
            shop.bill("2026-01-01 00:00")
    shop.bill("2026-01-01 00:00")
    assert Invoice.objects.issued().count() == 3
    assert not list(checking.faults())


def _die(*_args, **_more):
    raise KeyboardInterrupt


def test_it_bills_only_whom_it_is_asked_to(standard):
    first, second = crowd(standard, 2)
    moment = shop.at("2026-01-01 00:00")
    run.run_for([first.tenant_id], at=moment, clock=lambda: moment, by=None)
    assert list(Invoice.objects.values_list("tenant", flat=True)) == [first.tenant_id]


def test_it_marks_what_is_overdue_and_restores_it_on_payment(standard):
    acme = crowd(standard, 1)[0]
    shop.bill("2026-01-01 00:00")
    shop.bill("2026-01-02 00:00")
    acme.refresh_from_db()
    assert acme.status == "past_due"
    shop.pay(Invoice.objects.get(), "199.00", "2026-01-03 10:00")
    acme.refresh_from_db()
    assert acme.status == "active"


def test_it_needs_no_more_queries_for_more_tenants(standard, django_assert_max_num_queries):
    ids = [s.pk for s in crowd(standard, 8)]
    moment = shop.at("2026-02-01 00:00")
    with django_assert_max_num_queries(60):
        closing.close(ids, at=moment)
        issuing.issue(drafting.draft(Subscription.objects.values_list("payer", flat=True), at=moment), at=moment)


@pytest.mark.connections
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_bill_everything_once(standard):
    crowd(standard, 20)
    errors: list[BaseException] = []
    barrier = threading.Barrier(3)

    def work() -> None:
        try:
            barrier.wait()
            shop.bill("2026-03-01 00:00")
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shop.bill("2026-03-01 00:00")
    assert errors == []
    # Three bills each: 1 January, 1 February, 1 March.
    assert Invoice.objects.issued().count() == 60
    assert sorted(Invoice.objects.values_list("sequence", flat=True)) == list(range(1, 61))
    assert not list(checking.faults())
    assert not connection.in_atomic_block


def test_it_keeps_a_customer_parked_of_whom_one_subscription_fails(qingyu, standard, monkeypatch):
    acme = shop.tenant()
    bad, _good = (
        shop.subscribe(acme, version, "2026-01-01") for version in (shop.plan(qingyu, [BASE], code="other"), standard)
    )
    with monkeypatch.context() as broken:
        failing(broken, {bad.pk})
        shop.bill("2026-01-01 00:00")
    assert list(Parked.objects.filter(resolved_at=None).values_list("subscription", flat=True)) == [bad.pk]
    shop.bill("2026-01-01 00:00")
    assert not Parked.objects.filter(resolved_at=None).exists()


def test_it_does_not_stop_for_few_bad_ones_that_come_first(standard, monkeypatch):
    subscriptions = crowd(standard, 12)
    # 5 of 12 are fewer than half
    monkeypatch.setattr(run, "PARK_SHARE", 0.5)
    failing(monkeypatch, {s.pk for s in subscriptions[:5]})
    record = shop.bill("2026-01-01 00:00")
    assert (record.status, record.parked, record.invoices) == ("done", 5, 7)


def test_it_bills_at_once_what_ended_long_ago(qingyu):
    shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01", renews=False)
    shop.bill("2026-06-01 00:00")
    assert Invoice.objects.issued().count() == 1


def test_it_restores_service_when_the_overdue_bill_is_credited(standard):
    acme = crowd(standard, 1)[0]
    shop.bill("2026-01-01 00:00")
    shop.bill("2026-01-02 00:00")
    crediting.void(Invoice.objects.get(), reason="开错了", at=shop.at("2026-01-03 10:00"), by=None)
    acme.refresh_from_db()
    assert acme.status == "active"


def test_it_restores_the_subscription_that_is_paid_and_no_other(qingyu, standard):
    acme = shop.tenant()
    for version, label in ((standard, "one"), (standard, "two")):
        subscription = shop.subscribe(acme, version, "2026-01-01", label=label)
        closing.close([subscription.pk], at=shop.at("2026-01-01 00:00"))
        issuing.issue(drafting.draft([acme.pk], at=shop.at("2026-01-01 00:00")), at=shop.at("2026-01-01 00:00"))
    shop.bill("2026-01-02 00:00")
    shop.pay(shop.bills(acme)[0], "199.00", "2026-01-03 10:00")
    assert sorted(Subscription.objects.values_list("label", "status")) == [("one", "active"), ("two", "past_due")]


def test_it_says_that_it_stopped_when_something_else_broke(standard, monkeypatch):
    def broken(**_more):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(run.collection, "mark_overdue", broken)
    with pytest.raises(RuntimeError):
        shop.bill("2026-01-01 00:00")
    record = BillingRun.objects.get()
    assert (record.status, record.finished_at) == ("stopped", shop.at("2026-01-01 00:00"))


@pytest.mark.parametrize(("silent_since", "status"), [("2026-01-31 22:59", "stopped"), ("2026-01-31 23:30", "running")])
def test_it_ends_the_record_of_a_run_that_was_killed(silent_since, status):
    moment = shop.at(silent_since)
    killed = BillingRun.objects.create(at=moment, started_at=moment, progress_at=moment)
    shop.bill("2026-02-01 00:00")
    killed.refresh_from_db()
    assert killed.status == status
