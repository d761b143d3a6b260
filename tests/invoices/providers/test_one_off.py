"""One-off payments at both providers: opened, asked for, closed, paid back in parts."""

from dataclasses import replace

import pytest

from invoices.providers.port import Failure, NoAnswer, Refused, State
from tests.invoices.providers.conftest import refund_of


@pytest.fixture(params=["alipay", "wechat"])
def gateway(request, sandbox):
    return request.getfixturevalue(request.param)


def test_it_opens_a_code_that_is_paid_once(sandbox, gateway, order, paid):
    refund = paid(sandbox, gateway)
    report = gateway.ask(order.reference)
    assert (report.state, report.amount_minor, report.at) == (State.SUCCEEDED, 12_30, sandbox.now)
    assert report.provider_number == refund.payment_provider_number != ""
    assert "*" in report.payer


def test_it_returns_what_is_paid_where(gateway, order):
    assert "://" in gateway.begin(order)


def test_alipay_knows_a_code_when_it_is_scanned(sandbox, alipay, order):
    alipay.begin(order)
    assert alipay.ask(order.reference).state is State.MISSING
    assert alipay.close(order.reference).state is State.MISSING
    sandbox.scan("alipay", order.reference)
    assert alipay.ask(order.reference).state is State.WAITING


def test_wechat_knows_a_code_at_once(wechat, order):
    wechat.begin(order)
    assert wechat.ask(order.reference).state is State.WAITING


def test_it_has_never_heard_of_another_number(gateway):
    assert gateway.ask("MZ0000000").state is State.MISSING


def test_it_closes_what_is_unpaid(sandbox, gateway, order):
    gateway.begin(order)
    if gateway.name == "alipay":
        sandbox.scan("alipay", order.reference)
    assert gateway.close(order.reference).state is State.CLOSED
    asked = gateway.ask(order.reference)
    assert (asked.state, asked.failure, asked.amount_minor) == (State.CLOSED, Failure.CLOSED, None)


def test_it_says_that_what_it_should_close_was_paid(sandbox, gateway, order, paid):
    paid(sandbox, gateway)
    assert gateway.close(order.reference).state is State.SUCCEEDED


def test_alipay_has_a_page(sandbox, alipay, order):
    url = alipay.begin(replace(order, page=True, return_to="https://bills.example.com/c/acme/"))
    assert url.startswith(f"{sandbox.account['alipay']['gateway']}?")
    assert "method=alipay.trade.page.pay" in url
    assert "sign=" in url


def test_it_pays_back_in_parts(sandbox, gateway, order, paid):
    first = paid(sandbox, gateway)
    given = gateway.give_back(first)
    assert given.state in {State.SUCCEEDED, State.WAITING}
    sandbox.advance(minutes=2)
    asked = gateway.ask_refund(first)
    assert (asked.state, asked.amount_minor, asked.reference) == (State.SUCCEEDED, 5_00, first.reference)
    second = replace(first, reference="MZ20261201R2", amount_minor=7_30)
    gateway.give_back(second)
    sandbox.advance(minutes=2)
    assert gateway.ask_refund(second).amount_minor == 7_30
    # All of it went back, and it was paid all the same.
    report = gateway.ask(order.reference)
    assert (report.state, report.amount_minor) == (State.SUCCEEDED, 12_30)


def test_it_pays_the_same_number_back_once(sandbox, gateway, order, paid):
    refund = paid(sandbox, gateway)
    for _ in range(3):
        gateway.give_back(refund)
        sandbox.advance(minutes=2)
    rest = replace(refund, reference="MZ20261201R9", amount_minor=7_30)
    gateway.give_back(rest)
    sandbox.advance(minutes=2)
    assert gateway.ask_refund(rest).state is State.SUCCEEDED


def test_it_refuses_to_pay_back_more_than_was_paid(sandbox, gateway, paid):
    refund = paid(sandbox, gateway, amount_minor=13_00)
    with pytest.raises(Refused):
        gateway.give_back(refund)
    assert gateway.ask_refund(refund).state is State.MISSING


def test_it_finds_the_payers_account_gone(sandbox, wechat, paid):
    sandbox.fault("refund_abnormal")
    refund = paid(sandbox, wechat)
    wechat.give_back(refund)
    sandbox.advance(minutes=2)
    asked = wechat.ask_refund(refund)
    assert (asked.state, asked.failure) == (State.FAILED, Failure.WAY_GONE)


@pytest.mark.parametrize("fault", ["timeout", "answer_lost", "error", "busy", "answer_forged"])
def test_it_does_not_know_what_became_of_an_order(sandbox, gateway, order, fault):
    sandbox.fault(fault)
    with pytest.raises(NoAnswer):
        gateway.begin(order)
    # The same number again opens no second order, and now there is an answer.
    assert "://" in gateway.begin(order)


@pytest.mark.parametrize("fault", ["timeout", "answer_lost", "error", "busy", "answer_forged"])
def test_it_does_not_know_what_became_of_a_refund(sandbox, gateway, order, paid, fault):
    refund = paid(sandbox, gateway)
    sandbox.fault(fault)
    with pytest.raises(NoAnswer):
        gateway.give_back(refund)
    sandbox.advance(minutes=2)
    happened = fault in {"answer_lost", "answer_forged"}
    assert gateway.ask_refund(refund).state is (State.SUCCEEDED if happened else State.MISSING)
    gateway.give_back(refund)
    sandbox.advance(minutes=2)
    assert gateway.ask_refund(refund).amount_minor == 5_00
    rest = refund_of(gateway.ask(order.reference), 7_30, "R8")
    gateway.give_back(rest)  # nothing went back twice: the rest is still there
    sandbox.advance(minutes=2)
    assert gateway.ask_refund(rest).state is State.SUCCEEDED


@pytest.mark.parametrize("fault", ["timeout", "error", "busy", "answer_forged"])
def test_asking_may_stay_without_an_answer(sandbox, gateway, order, fault):
    gateway.begin(order)
    sandbox.fault(fault)
    with pytest.raises(NoAnswer):
        gateway.ask(order.reference)


def test_it_reads_a_day(sandbox, gateway, order, paid):
    refund = paid(sandbox, gateway)
    gateway.give_back(refund)
    sandbox.advance(minutes=2)
    day = sandbox.now.date()
    sandbox.advance(hours=26)
    lines = gateway.statement(day)
    assert [(one.reference, one.amount_minor, one.refund) for one in lines] == [
        (order.reference, 12_30, False),
        (refund.reference, 5_00, True),
    ]
    assert {one.payment_reference for one in lines} == {order.reference}
    assert lines[0].fee_minor > 0 >= lines[1].fee_minor
    assert lines[0].provider_number == refund.payment_provider_number


def test_it_reads_a_day_on_which_nothing_happened(sandbox, gateway):
    day = sandbox.now.date()
    sandbox.advance(hours=26)
    assert list(gateway.statement(day)) == []
