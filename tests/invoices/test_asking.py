"""Providers are asked for what is under way: on a schedule, until it is known, and loudly when it takes a day."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from invoices import asking, checking, paying, tasks
from invoices.models import Allocation, Payment
from invoices.providers.port import Report, State
from tests import shop
from tests.invoices.at_provider import NOW, again, begun, bill, billed, gateway, intend, simulation
from tests.invoices.deducting import holds

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def asked(payment):
    return [call for call, number in gateway(payment).calls if number == payment.reference].count("ask")


def test_a_lost_callback_costs_half_a_minute(bill):
    payment = begun(bill)
    gateway(payment).pay(payment.reference, at=NOW + 5 * SECOND)
    assert asking.ask(at=NOW + 29 * SECOND) == 0
    assert asking.ask(at=NOW + 30 * SECOND) == 1
    assert (again(payment).status, again(bill).status) == ("succeeded", "paid")
    assert payment.received_at == NOW + 5 * SECOND
    assert asking.ask(at=NOW + HOUR) == 0
    assert asked(payment) == 1
    assert list(checking.faults()) == []


def test_the_schedule_grows_sparse_and_never_ends(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill, bills=None, top_up_minor=100)
    Payment.objects.update(expires_at=None)
    waits, at = [], NOW
    for _turn in range(10):
        due = again(payment).ask_at
        waits.append(due - at)
        at = due
        asking.ask(at=at)
    assert again(payment).status == "unknown"
    day = timedelta(days=1)
    assert waits == [
        *(30 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
        *(HOUR, 2 * HOUR, 6 * HOUR, day, day),
    ]


def test_nothing_is_charged_again_meanwhile(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    asking.ask(at=NOW + MINUTE)
    with pytest.raises(paying.UnderWay):
        intend(bill)
    assert {call for call, _number in gateway(payment).calls} == {"begin", "ask"}


def test_an_answer_that_was_lost_is_found_by_asking(bill, simulation):
    simulation.default = "timeout_then_approve"
    payment = begun(bill)
    assert payment.status == "unknown"
    assert asking.ask(at=NOW + MINUTE) == 1
    assert again(payment).status == "succeeded"


def test_these_are_asked_for_now(bill):
    payment = begun(bill)
    gateway(payment).pay(payment.reference)
    assert asking.ask(at=NOW, payments=[payment]) == 1
    assert asking.ask(at=NOW, payments=[again(payment)]) == 0
    assert asked(payment) == 1


def test_an_expired_code_is_asked_for_closed_and_has_failed(bill):
    payment = begun(bill)
    expires = payment.expires_at
    gateway(payment).calls.clear()
    while again(payment).ask_at < expires:
        asking.ask(at=payment.ask_at)
    assert payment.status == "intended"
    assert again(payment).ask_at == expires
    asking.ask(at=expires)
    assert (again(payment).status, payment.failure) == ("failed", "expired")
    assert [call for call, _number in gateway(payment).calls][-2:] == ["ask", "close"]
    assert gateway(payment).orders[payment.reference].state is State.CLOSED
    assert begun(bill, at=expires).status == "intended"


def test_an_expired_code_that_was_paid_is_paid(bill):
    payment = begun(bill)
    gateway(payment).pay(payment.reference)
    asking.ask(at=payment.expires_at)
    assert again(payment).status == "succeeded"


def test_a_code_that_is_paid_between_asking_and_closing_is_paid(bill, monkeypatch):
    payment = begun(bill)
    there = gateway(payment)
    ask = type(there).ask

    def ask_then_pay(self, reference, *, debit=False):
        report = ask(self, reference, debit=debit)
        self.pay(reference)
        return report

    monkeypatch.setattr(type(there), "ask", ask_then_pay)
    asking.ask(at=payment.expires_at)
    assert (again(payment).status, again(bill).status) == ("succeeded", "paid")


def test_an_order_that_nobody_scanned_is_not_given_up_before_it_expires(bill):
    """Alipay does not know an order until its code is scanned."""
    payment = begun(bill)
    gateway(payment).orders.clear()
    for when in (MINUTE, HOUR):
        asking.ask(at=NOW + when)
        assert again(payment).status == "intended"
    asking.ask(at=payment.expires_at)
    assert (again(payment).status, payment.failure) == ("failed", "expired")


def test_what_was_closed_is_asked_for_once_more_and_booked_when_it_was_paid(bill):
    payment = begun(bill)
    gateway(payment).orders.clear()
    paying.abandon(payment, at=NOW + MINUTE, by=None)
    shop.pay(bill, "199.00", "2026-02-03 10:30")
    there = gateway(payment)
    there.orders[payment.reference] = Report(State.SUCCEEDED, payment.reference, "T1", 199_00)
    assert again(payment).ask_at == payment.expires_at + HOUR
    asking.ask(at=payment.ask_at)
    assert (again(payment).status, holds(bill.tenant)) == ("succeeded", 199_00)


def test_what_was_closed_and_was_not_paid_is_asked_for_only_once_more(bill):
    payment = begun(bill)
    paying.abandon(payment, at=NOW + MINUTE, by=None)
    asking.ask(at=again(payment).ask_at)
    assert (again(payment).status, payment.ask_at, asked(payment)) == ("failed", None, 1)
    asking.ask(at=NOW + 1000 * HOUR)
    assert asked(payment) == 1


def test_what_was_never_called_is_given_up_and_frees_the_bill(bill):
    """The process ended between the intent and the call."""
    payment = intend(bill)
    asking.ask(at=NOW + MINUTE)
    assert again(payment).status == "intended"
    asking.ask(at=NOW + 11 * MINUTE)
    assert (again(payment).status, payment.failure) == ("failed", "closed")
    assert begun(bill, at=NOW + 12 * MINUTE).status == "intended"


def test_a_call_on_its_way_is_not_given_up(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    simulation.default = "wait"
    gateway(payment).orders.clear()
    asking.ask(at=NOW + 9 * MINUTE)
    assert again(payment).status == "unknown"
    asking.ask(at=again(payment).ask_at + 10 * MINUTE)
    assert again(payment).status == "failed"


def test_an_unknown_outcome_of_a_day_raises_the_alarm(bill, simulation):
    simulation.default = "timeout"
    payment = begun(bill)
    with capture_logs() as quiet:
        asking.ask(at=NOW + 23 * HOUR)
    assert [entry for entry in quiet if entry["log_level"] == "error"] == []
    assert list(asking.stuck(NOW + 23 * HOUR)) == []
    with capture_logs() as loud:
        asking.ask(at=NOW + 48 * HOUR)
    assert [e["payment"] for e in loud if e["log_level"] == "error"] == [payment.reference]
    assert list(asking.stuck(NOW + 48 * HOUR)) == [payment]


def test_a_foreign_amount_waits_for_an_operator(bill):
    payment = begun(bill)
    gateway(payment).pay(payment.reference, amount_minor=1)
    with capture_logs() as logs:
        asking.ask(at=NOW + MINUTE)
    assert again(payment).status == "unknown"
    assert [e["reason"] for e in logs if e["log_level"] == "error"] == ["other_amount"]
    assert list(asking.stuck(NOW + MINUTE)) == [payment]
    assert not Allocation.objects.exists()


def test_one_that_breaks_stops_no_other(bill, monkeypatch):
    (other,) = billed(bill.seller, "other")
    broken, fine = begun(bill), begun(other)
    there = gateway(fine)
    there.pay(fine.reference)
    ask = type(there).ask
    monkeypatch.setattr(
        type(there),
        "ask",
        lambda self, number, **how: 1 // 0 if number == broken.reference else ask(self, number, **how),
    )
    with capture_logs() as logs:
        assert asking.ask(at=NOW + MINUTE) == 1
    assert [e["payment"] for e in logs if e["log_level"] == "error"] == [broken.reference]
    assert (again(broken).status, again(fine).status) == ("intended", "succeeded")
    assert again(broken).ask_at > NOW + MINUTE


def test_the_task_asks_now(bill, monkeypatch):
    payment = begun(bill)
    gateway(payment).pay(payment.reference)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + MINUTE)
    tasks.ask_providers()
    assert again(payment).status == "succeeded"
