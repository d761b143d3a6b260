"""The providers' own rules of debits: Alipay's days and periods, WeChat's notice, hours and once a day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from invoices import debiting
from invoices.models import Mandate, MandateNotice
from invoices.providers.port import Failure, NoAnswer, Refused, Report, State
from tests import shop
from tests.invoices.agreed import agreed, bill, called, day, debit, debits, gateway, notice, subscribed, told, window
from tests.invoices.debited import DUE, OPENS, acme, alipay, answers, held, simulation, tell, tells, wechat

__all__ = ["acme", "alipay", "simulation", "wechat"]
pytestmark = pytest.mark.django_db


# Alipay


@pytest.mark.parametrize(
    ("execute_on", "when", "paid"),
    [
        ("2026-02-04", "2026-02-05 07:00", 0),
        ("2026-02-05", "2026-02-05 07:00", 1),
        ("2026-02-05", "2026-02-05 21:59", 1),
        ("2026-02-10", "2026-02-05 07:00", 1),
        ("2026-02-11", "2026-02-05 07:00", 0),
        ("2026-02-11", "2026-02-06 07:00", 1),
    ],
)
def test_alipay_debits_from_five_days_before_its_day_until_that_day(acme, qingyu, execute_on, when, paid):
    agreed(acme, qingyu, provider="alipay", execute_on=day(execute_on), every_months=1)
    subscribed(acme, qingyu)
    assert debit(when)[0] == paid
    assert ["其他" in said["why"] or "约定的日期" in said["why"] for said in told("debit_failed")] == [True] * (
        1 - paid
    )


def test_alipay_is_asked_before_each_debit(acme, qingyu, alipay):
    """An agreement that expired, of which Alipay tells nobody."""
    subscribed(acme, qingyu)
    there = gateway(alipay)
    there.contracts[alipay.number] = replace(there.contracts[alipay.number], state=State.CLOSED)
    debit(OPENS)
    assert (called(alipay, "debit"), Mandate.objects.get().status, bill().status) == (0, "ended", "open")
    assert len(told("mandate_ended")) == 1


def test_while_alipay_does_not_say_nothing_is_debited(acme, qingyu, alipay, simulation):
    subscribed(acme, qingyu)
    simulation.behave("acme", "timeout")
    debit(OPENS)
    assert debits() == []
    simulation.behave("acme", "approve")
    assert debit("2026-02-05 07:05")[0] == 1


def test_alipay_debits_once_in_a_period(acme, qingyu, alipay):
    subscribed(acme, qingyu, "2026-01-30")
    subscribed(acme, qingyu, "2026-01-31", code="other", label="two")
    assert debit("2026-02-05 07:00") == (1, 0, 0, 1)
    assert debit("2026-02-06 07:00") == (0, 0, 0, 1)
    (said,) = told("debit_failed")
    assert "每个周期只扣款一次" in said["why"]
    assert debit("2026-02-28 07:00")[0] == 0
    assert debit("2026-03-01 07:00")[0] == 1


def test_a_second_debit_waits_for_the_outcome_of_the_first(acme, qingyu, alipay, monkeypatch):
    subscribed(acme, qingyu, "2026-01-30")
    subscribed(acme, qingyu, "2026-01-31", code="other", label="two")
    answers(monkeypatch, "debit", lambda asked: Report(State.WAITING, asked.reference))
    assert debit("2026-02-05 07:00") == (0, 1, 0, 1)
    assert told("debit_failed") == []


def test_a_failure_is_tried_again_within_alipays_window(acme, qingyu, alipay, monkeypatch):
    subscribed(acme, qingyu)
    answers(monkeypatch, "debit", Refused(Failure.TOO_LITTLE))
    debit(OPENS)
    monkeypatch.undo()
    assert debiting.retry([bill().pk], at=shop.at("2026-02-06 09:00")).paid == 1


def test_alipays_wrong_day_is_tried_again_tomorrow(acme, qingyu, alipay, monkeypatch):
    subscribed(acme, qingyu)
    answers(monkeypatch, "debit", Refused(Failure.WRONG_DAY))
    debit(OPENS)
    monkeypatch.undo()
    assert debit("2026-02-05 21:00")[0] == 0
    assert debit("2026-02-06 07:00")[0] == 1


# WeChat


def test_wechat_is_told_so_that_it_can_debit_on_the_day(acme, qingyu, wechat, monkeypatch):
    tells(monkeypatch)
    subscribed(acme, qingyu)
    assert [tell(f"2026-02-01 {hour}") for hour in ("00:00", "06:59", "22:00")] == [0, 0, 0]
    assert [tell("2026-02-01 07:00"), tell("2026-02-01 08:30")] == [1, 0]
    (one,) = MandateNotice.objects.all()
    assert (one.mandate, one.notice, one.amount_minor) == (wechat, notice(), 199_00)
    assert (one.accepted_at, one.debit_from, one.debit_until) == (
        shop.at("2026-02-01 07:00"),
        *window("2026-02-03", "2026-02-09"),
    )
    assert one.debit_from <= notice().charge_at
    assert debit(OPENS)[0] == 1


def test_wechat_is_not_told_days_too_early(acme, qingyu, wechat, monkeypatch):
    tells(monkeypatch)
    subscribed(acme, qingyu)
    assert tell("2026-01-31 21:59") == 0


def test_without_wechats_notice_nothing_is_debited(acme, qingyu, wechat):
    subscribed(acme, qingyu)
    held()
    assert told("debit_failed") == []


@pytest.mark.parametrize(
    ("first", "last", "when", "paid"),
    [
        ("2026-02-06", "2026-02-12", "2026-02-05 21:00", 0),
        ("2026-02-06", "2026-02-12", "2026-02-06 06:59", 0),
        ("2026-02-06", "2026-02-12", "2026-02-06 07:00", 1),
        ("2026-02-06", "2026-02-12", "2026-02-12 21:59", 1),
        ("2026-02-06", "2026-02-12", "2026-02-12 22:00", 0),
        ("2026-02-06", "2026-02-12", "2026-02-13 07:00", 0),
    ],
)
def test_wechat_debits_within_its_days(acme, qingyu, wechat, monkeypatch, first, last, when, paid):
    tells(monkeypatch, first, last)
    subscribed(acme, qingyu)
    tell("2026-02-04 07:00")
    assert debit(when)[0] == paid


def test_wechats_hours_hold_whatever_ours_are(acme, qingyu, wechat, monkeypatch, settings):
    settings.WORKING_HOURS = [0, 24]
    tells(monkeypatch)
    subscribed(acme, qingyu)
    tell("2026-02-03 07:00")
    assert debit("2026-02-05 06:59")[0] == 0
    assert debit("2026-02-05 07:00")[0] == 1


@pytest.mark.parametrize(("hours", "paid"), [(timedelta(hours=12, seconds=-1), 1), (timedelta(hours=12), 0)])
def test_wechat_needs_no_notice_in_the_first_twelve_hours(acme, qingyu, hours, paid):
    subscribed(acme, qingyu)
    at = shop.at("2026-02-05 20:00")
    agreed(acme, qingyu, provider="wechat", at=at - hours)
    assert debit("2026-02-05 20:00")[0] == paid


@pytest.mark.parametrize(("amount", "paid"), [(199_00, 1), (198_99, 0)])
def test_wechat_debits_at_most_what_it_was_told(acme, qingyu, wechat, amount, paid):
    subscribed(acme, qingyu)
    at = shop.at("2026-02-03 07:00")
    about = {"tenant": acme, "mandate": wechat, "notice": notice()}
    MandateNotice.objects.create(**about, amount_minor=amount, accepted_at=at, tried_at=at)
    assert debit(OPENS)[0] == paid


def test_what_wechat_did_not_take_is_told_again_after_an_hour(acme, qingyu, wechat, monkeypatch):
    answers(monkeypatch, "tell_of_debit", NoAnswer(), Refused(Failure.OTHER), window("2026-02-05", "2026-02-11"))
    subscribed(acme, qingyu)
    assert [tell(f"2026-02-03 {hour}") for hour in ("07:00", "07:59", "08:00", "09:00", "10:00")] == [0, 0, 0, 1, 0]
    assert MandateNotice.objects.get().failure == ""


def test_wechat_debits_once_a_day(acme, qingyu, wechat, monkeypatch):
    tells(monkeypatch, "2026-02-03", "2026-02-12")
    subscribed(acme, qingyu, "2026-01-30")
    subscribed(acme, qingyu, "2026-01-31", code="other", label="two")
    tell("2026-02-03 07:00")
    assert MandateNotice.objects.count() == 2
    assert debit("2026-02-05 07:00")[0] == 1
    assert debit("2026-02-05 21:00")[0] == 0
    assert debit("2026-02-06 07:00")[0] == 1


def test_a_bill_whose_window_is_over_is_told_again_when_dunning_tries_it(acme, qingyu, wechat, monkeypatch):
    tells(monkeypatch, "2026-02-03", "2026-02-09")
    subscribed(acme, qingyu)
    tell("2026-02-03 07:00")
    answers(monkeypatch, "debit", Refused(Failure.TOO_LITTLE))
    debit(OPENS)
    tells(monkeypatch, "2026-02-14", "2026-02-20")
    assert tell("2026-02-12 09:00") == 0
    assert debiting.retry([bill().pk], at=shop.at("2026-02-12 09:00")).held == 1
    assert MandateNotice.objects.get(invoice=bill()).amount_minor == 199_00
    monkeypatch.undo()
    assert debit("2026-02-13 07:00")[0] == 0
    assert debit("2026-02-14 07:00")[0] == 1


def test_a_bill_with_a_late_notice_is_told_of_when_it_is_seen(acme, qingyu, monkeypatch):
    """Signed after its day of deduction: WeChat could not be told before."""
    subscribed(acme, qingyu)
    shop.bill(DUE)
    agreed(acme, qingyu, provider="wechat", at=shop.at("2026-02-05 23:00"))
    tells(monkeypatch, "2026-02-08", "2026-02-14")
    assert [tell(f"2026-02-06 {hour}") for hour in ("10:59", "11:00", "11:05")] == [0, 1, 0]
    assert debit("2026-02-07 12:00")[0] == 0
    assert debit("2026-02-08 07:00")[0] == 1


def test_wechat_is_told_no_more_than_the_limit_of_the_agreement(acme, qingyu, monkeypatch):
    agreed(acme, qingyu, provider="wechat", single=100_00)
    tells(monkeypatch)
    subscribed(acme, qingyu)
    tell("2026-02-03 07:00")
    assert MandateNotice.objects.get().amount_minor == 100_00
