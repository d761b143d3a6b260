"""Debits under agreements: never without authorisation and notice, within limit and hours, once, and told when in vain."""

from dataclasses import replace

import pytest

from billing.models import Subscription
from invoices import allowing, asking, debiting, mandates, paying, undoing_debits
from invoices.allowing import Held
from invoices.models import Mandate, Payment, Refund
from invoices.providers.port import Failure, NoAnswer, Refused, Report, State
from tenants import agreements
from tenants.models import Authorisation
from tests import shop
from tests.invoices.agreed import (
    SIGNED,
    agreed,
    bill,
    brought,
    called,
    day,
    debit,
    debits,
    gateway,
    notice,
    subscribed,
    tick,
    told,
)
from tests.invoices.debited import DUE, OPENS, acme, alipay, answers, books_agree, held, mandate, simulation, sub
from tests.invoices.deducting import BASE, holds, top_up

__all__ = ["acme", "alipay", "mandate", "simulation", "sub"]
pytestmark = pytest.mark.django_db


def test_a_debit_names_its_authorisation_its_notice_and_its_agreement(sub, mandate):
    assert debit(OPENS) == (1, 0, 0, 0)
    payment = Payment.objects.get()
    assert (payment.basis, payment.method, payment.product, payment.amount_minor) == (
        "automatic",
        "alipay",
        "debit",
        199_00,
    )
    assert (payment.authorisation, payment.notice, payment.mandate) == (mandate.authorisation, notice(), mandate)
    assert (bill().status, bill().paid_minor) == ("paid", 199_00)
    assert called(mandate, "debit") == 1
    books_agree()


@pytest.mark.parametrize(
    ("when", "paid"),
    [("02-04 23:59", 0), ("02-05 06:59", 0), ("02-05 07:00", 1), ("02-05 21:59", 1), ("02-05 22:00", 0)],
)
def test_it_is_debited_within_working_hours_from_its_day_on(sub, when, paid):
    assert debit(f"2026-{when}")[0] == paid


def test_a_rehearsal_debits_at_the_very_moment(sub):
    shop.bill(DUE)
    assert debit(DUE, any_hour=True) == (1, 0, 0, 0)


def test_of_the_named_payers_only(sub):
    assert debit(OPENS, tenants=[sub.tenant_id + 1]) == (0, 0, 0, 0)
    assert debit(OPENS, tenants=[sub.tenant_id]) == (1, 0, 0, 0)


def test_the_balance_is_left_alone(sub, acme, qingyu):
    top_up(acme, qingyu, "500.00", "2026-02-01 09:00")
    tick(DUE)
    assert (Payment.objects.count(), bill().status, holds(acme)) == (0, "open", 500_00)


def test_debiting_twice_takes_once(sub, mandate):
    debit(OPENS)
    assert debit("2026-02-05 08:00") == (0, 0, 0, 0)
    assert debiting.retry([bill().pk], at=shop.at("2026-02-05 09:00")) == debiting.Debited()
    assert called(mandate, "debit") == 1


# Authorisation and notice


def test_without_an_authorisation_nothing_is_debited(sub, mandate):
    agreements.withdraw(mandate.authorisation, at=shop.at("2026-02-04 10:00"), by=None)
    held()
    assert allowing.right(bill(), at=shop.at(OPENS)) == Held("no_authorisation")


def test_the_authorisation_of_the_agreement_lets_nothing_be_taken_from_the_balance(acme, qingyu, mandate):
    wallet = shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31", pays="wallet", renews=False)
    tick("2026-01-31 00:00")
    shop.bill(DUE)
    assert wallet.pays == "wallet"
    assert allowing.right(bill(), at=shop.at(OPENS)) == Held("no_authorisation")


def test_another_authorisation_does_not_stand_in_for_the_agreements_own(sub, mandate, acme):
    """The general consent of the subscription is still in force."""
    assert Authorisation.objects.in_force().filter(mandates=None).exists()
    agreements.withdraw(mandate.authorisation, at=shop.at("2026-02-04 10:00"), by=None)
    held()


def test_an_agreement_that_only_holds_is_used_under_the_general_consent(acme, qingyu):
    only = agreements.authorise(acme, seller=qingyu, text="t", text_version="1", at=SIGNED, by=None, scope="renews")
    mandates.record_signed(only, provider="alipay", single_minor=500_00, at=SIGNED)
    subscribed(acme, qingyu)
    general = Authorisation.objects.get(scope="all")
    assert debit(OPENS)[0] == 1
    assert Payment.objects.get().authorisation == general


def test_without_any_general_consent_an_agreement_that_only_holds_lets_nothing_be_debited(acme, qingyu):
    only = agreements.authorise(acme, seller=qingyu, text="t", text_version="1", at=SIGNED, by=None, scope="renews")
    mandates.record_signed(only, provider="alipay", single_minor=500_00, at=SIGNED)
    subscribed(acme, qingyu, renews=False)
    held()


@pytest.mark.parametrize(("per_month", "paid"), [(398_00, 2), (397_99, 1)])
def test_an_authorisation_has_a_ceiling_for_the_month(acme, qingyu, per_month, paid):
    consent = agreements.authorise(
        acme, seller=qingyu, text="t", text_version="1", at=SIGNED, by=None, per_month_minor=per_month
    )
    mandates.record_signed(consent, provider="alipay", single_minor=500_00, at=SIGNED)
    subscribed(acme, qingyu)
    subscribed(acme, qingyu, "2026-02-02", code="other", label="two")
    debit(OPENS)
    debit("2026-02-07 07:00")
    assert [state for _at, _basis, state, _amount in debits()] == ["succeeded"] * paid


def test_what_is_under_way_counts_for_the_month(acme, qingyu, simulation):
    consent = agreements.authorise(
        acme, seller=qingyu, text="t", text_version="1", at=SIGNED, by=None, per_month_minor=397_99
    )
    mandates.record_signed(consent, provider="alipay", single_minor=500_00, at=SIGNED)
    subscribed(acme, qingyu)
    subscribed(acme, qingyu, "2026-02-02", code="other", label="two")
    simulation.behave("acme", "timeout")
    debit(OPENS)
    debit("2026-02-07 07:00")
    assert [state for _at, _basis, state, _amount in debits()] == ["unknown"]


def test_a_notice_that_never_came_lets_nothing_be_debited(acme, qingyu, mandate):
    version = shop.plan(qingyu, [BASE])
    shop.subscribe(acme, version, "2026-01-31", pays="mandate")
    for when in ("2026-01-31 00:00", DUE):
        shop.bill(when)
    held("2026-02-20 07:00")
    assert allowing.right(bill(), at=shop.at("2026-02-20 07:00")) == Held("not_delivered")


# The agreement


def test_without_an_agreement_the_bill_stays_open_and_its_payer_is_told_once(acme, qingyu):
    subscribed(acme, qingyu)
    held()
    held("2026-02-06 07:00")
    (said,) = told("debit_failed")
    assert said["number"] == bill().number
    assert "没有生效的扣款协议" in said["why"]


@pytest.mark.parametrize(("single", "paid"), [(199_00, 1), (198_99, 0)])
def test_a_debit_is_at_most_the_limit_of_the_agreement(acme, qingyu, single, paid):
    consent = agreements.authorise(acme, seller=qingyu, text="t", text_version="1", at=SIGNED, by=None)
    mandates.record_signed(consent, provider="alipay", single_minor=single, at=SIGNED)
    subscribed(acme, qingyu)
    assert debit(OPENS)[0] == paid
    assert [said["why"][:13] for said in told("debit_failed")] == ["账单金额超过协议约定的单笔"] * (1 - paid)


def test_a_bill_above_the_limit_is_debited_under_a_new_agreement(acme, qingyu):
    brought(acme, qingyu, single=100_00)
    subscribed(acme, qingyu)
    held()
    agreed(acme, qingyu, provider="alipay", at=shop.at("2026-02-05 08:00"), execute_on=day("2026-02-06"))
    assert debit("2026-02-05 08:05")[0] == 1


def test_ending_leaves_the_bill_open(sub, mandate):
    mandates.end(mandate, at=shop.at("2026-02-04 09:00"), by=None)
    held()
    shop.bill("2026-02-06 00:00")
    assert (bill().status, Subscription.objects.get().status) == ("open", "past_due")


# What became of it


def test_a_refusal_says_why_and_is_not_tried_again_by_itself(sub, simulation):
    simulation.behave("acme", "decline")
    assert debit(OPENS) == (0, 0, 1, 0)
    simulation.behave("acme", "approve")
    for when in ("2026-02-05 12:00", "2026-02-06 07:00"):
        assert debit(when) == (0, 0, 0, 1)
    assert debits() == [("02-05 07:00", "automatic", "failed", 199_00)]
    (said,) = told("debit_failed")
    assert (said["number"], said["amount_minor"], said["method"]) == (bill().number, 199_00, "支付宝")
    books_agree()


def test_what_failed_is_tried_again_when_dunning_asks(sub, simulation):
    simulation.behave("acme", "decline")
    debit(OPENS)
    simulation.behave("acme", "approve")
    assert debiting.retry([bill().pk], at=shop.at("2026-02-06 06:59")).held == 1
    assert debiting.retry([bill().pk], at=shop.at("2026-02-06 09:00")).paid == 1
    assert [state for _at, _basis, state, _amount in debits()] == ["failed", "succeeded"]


def test_what_failed_is_tried_again_under_a_new_agreement(sub, acme, qingyu, simulation):
    simulation.behave("acme", "decline")
    debit(OPENS)
    simulation.behave("acme", "approve")
    agreed(acme, qingyu, provider="alipay", at=shop.at("2026-02-05 08:00"), execute_on=day("2026-02-06"))
    assert debit("2026-02-05 08:05")[0] == 1


@pytest.mark.parametrize("failure", list(Failure))
def test_every_reason_is_told_in_words(sub, monkeypatch, failure):
    answers(monkeypatch, "debit", Refused(failure))
    debit(OPENS)
    assert Payment.objects.get().failure == failure
    if failure != Failure.NO_CONTRACT:
        (said,) = told("debit_failed")
        assert len(said["why"]) > 10


def test_a_timeout_is_unknown_and_nothing_is_tried_meanwhile(sub, simulation, mandate):
    simulation.behave("acme", "timeout")
    assert debit(OPENS) == (0, 1, 0, 0)
    simulation.behave("acme", "approve")
    assert debit("2026-02-05 07:00") == (0, 0, 0, 0)
    assert debiting.retry([bill().pk], at=shop.at(OPENS)) == debiting.Debited()
    assert called(mandate, "debit") == 1


def test_a_timeout_that_succeeded_is_found_by_asking(sub, simulation, mandate):
    simulation.behave("acme", "timeout_then_approve")
    debit(OPENS)
    asking.ask(at=shop.at("2026-02-05 07:01"))
    assert debits() == [("02-05 07:00", "automatic", "succeeded", 199_00)]
    assert bill().status == "paid"
    books_agree()


def test_a_call_that_never_arrived_is_made_again_on_another_day(sub, monkeypatch, simulation):
    answers(monkeypatch, "debit", NoAnswer())
    debit(OPENS)
    monkeypatch.undo()
    asking.ask(at=shop.at("2026-02-05 07:20"))
    assert Payment.objects.get().failure == Failure.CLOSED
    assert debit("2026-02-05 12:00")[0] == 0
    assert debit("2026-02-06 07:00")[0] == 1


def test_what_is_accepted_first_is_paid_by_the_callback_however_often(sub, monkeypatch):
    answers(monkeypatch, "debit", lambda asked: Report(State.WAITING, asked.reference))
    assert debit(OPENS) == (0, 1, 0, 0)
    payment = Payment.objects.get()
    report = Report(State.SUCCEEDED, payment.reference, "T1", 199_00, shop.at("2026-02-05 07:02"))
    for minute in (2, 3):
        paying.settle(payment.pk, report, at=shop.at(f"2026-02-05 07:0{minute}"))
    assert bill().status == "paid"
    assert len(told("payment_received")) == 1
    books_agree()


def test_a_failure_that_comes_later_is_told_too(sub, monkeypatch):
    answers(monkeypatch, "debit", lambda asked: Report(State.WAITING, asked.reference))
    debit(OPENS)
    payment = Payment.objects.get()
    report = Report(State.FAILED, payment.reference, failure=Failure.TOO_LITTLE)
    for _time in range(2):
        paying.settle(payment.pk, report, at=shop.at("2026-02-05 07:02"))
    assert len(told("debit_failed")) == 1


def test_a_provider_that_knows_no_agreement_is_asked_for_it(acme, qingyu, alipay, monkeypatch):
    subscribed(acme, qingyu)
    shop.bill(DUE)
    answers(monkeypatch, "debit", Refused(Failure.NO_CONTRACT))
    there = gateway(alipay)
    known = there.contracts[alipay.number]
    answers(monkeypatch, "ask_contract", known, replace(known, state=State.CLOSED))
    assert debit(OPENS) == (0, 0, 1, 0)
    assert Mandate.objects.get().status == "ended"
    assert told("debit_failed") == []
    assert len(told("mandate_ended")) == 1


# Withdrawn in between


def intended(sub):
    """A debit that is written down and not called for, as a killed worker leaves it."""
    shop.bill(DUE)
    mandate = mandates.in_force(sub.payer_id, sub.seller_id, "CNY")
    at = shop.at(OPENS)
    payment = debiting._intend(bill().pk, mandate.pk, at, again=False, any_hour=False)
    assert payment.status == "intended"
    return payment


def test_a_withdrawal_between_the_intent_and_the_call_stops_the_call(sub, mandate):
    intended(sub)
    mandates.end(mandate, at=shop.at(OPENS), by=None)
    assert debit("2026-02-05 07:01") == (0, 0, 0, 0)
    debiting.finish([bill().pk], at=shop.at("2026-02-05 07:01"))
    assert called(mandate, "debit") == 0
    assert debits() == [("02-05 07:00", "automatic", "intended", 199_00)]
    asking.ask(at=shop.at("2026-02-05 07:20"))
    assert debits() == [("02-05 07:00", "automatic", "failed", 199_00)]


def test_an_authorisation_withdrawn_alone_stops_the_call_too(sub, mandate):
    payment = intended(sub)
    agreements.withdraw(mandate.authorisation, at=shop.at(OPENS), by=None)
    assert paying.begin(payment, at=shop.at("2026-02-05 07:01")).failure == Failure.NO_CONTRACT
    assert called(mandate, "debit") == 0


def test_what_a_killed_worker_left_is_called_for_once(sub, mandate):
    intended(sub)
    assert debit("2026-02-05 07:01") == (1, 0, 0, 0)
    assert debit("2026-02-05 07:02") == (0, 0, 0, 0)
    assert called(mandate, "debit") == 1


def test_a_success_after_a_withdrawal_settles_nothing_and_goes_back(sub, acme, mandate, monkeypatch):
    answers(monkeypatch, "debit", lambda asked: Report(State.WAITING, asked.reference))
    debit(OPENS)
    payment = Payment.objects.get()
    mandates.end(mandate, at=shop.at("2026-02-05 07:01"), by=None)
    report = Report(State.SUCCEEDED, payment.reference, "T1", 199_00, shop.at("2026-02-05 07:02"))
    paying.settle(payment.pk, report, at=shop.at("2026-02-05 07:03"))
    assert (bill().status, bill().due_minor, holds(acme)) == ("open", 199_00, 199_00)
    assert undoing_debits.undo(at=shop.at("2026-02-05 07:04")) == 1
    refund = Refund.objects.get()
    assert (refund.payment, refund.amount_minor, refund.to, refund.status) == (payment, 199_00, "origin", "approved")
    assert (bill().status, bill().due_minor, holds(acme)) == ("open", 199_00, 0)
    books_agree()


def test_a_success_before_the_withdrawal_stands_however_late_it_is_heard(sub, acme, mandate, monkeypatch):
    answers(monkeypatch, "debit", lambda asked: Report(State.WAITING, asked.reference))
    debit(OPENS)
    payment = Payment.objects.get()
    mandates.end(mandate, at=shop.at("2026-02-05 07:02"), by=None)
    report = Report(State.SUCCEEDED, payment.reference, "T1", 199_00, shop.at("2026-02-05 07:01"))
    paying.settle(payment.pk, report, at=shop.at("2026-02-05 09:00"))
    assert (bill().status, holds(acme)) == ("paid", 0)
    assert undoing_debits.undo(at=shop.at("2026-02-05 09:01")) == 0
