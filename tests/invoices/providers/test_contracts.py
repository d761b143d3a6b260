"""Deduction agreements of both providers: signed, debited, ended; and what each allows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import requests

from invoices.providers.notation import BEIJING
from invoices.providers.port import Failure, NoAnswer, Refused, State
from invoices.providers.wechat import window
from tests.invoices.providers.conftest import contract, debit


@pytest.fixture(params=["alipay", "wechat"])
def gateway(request, sandbox):
    return request.getfixturevalue(request.param)


@pytest.fixture
def opened():
    """Let the payer's wallet open the page on which a contract is signed."""

    def follow(url: str) -> None:
        assert requests.get(url, timeout=5).status_code == 200

    return follow


@pytest.fixture
def signed(sandbox, opened):
    def sign(gateway):
        opened(gateway.sign(contract(sandbox.now.date())))
        sandbox.sign(gateway.name, "MZ2026C1")
        return gateway.ask_contract("MZ2026C1")

    return sign


def test_it_is_signed_asked_for_and_ended(sandbox, gateway, opened):
    assert gateway.ask_contract("MZ2026C1").state is State.MISSING
    opened(gateway.sign(contract(sandbox.now.date())))
    assert gateway.ask_contract("MZ2026C1").state in {State.WAITING, State.MISSING}
    sandbox.sign(gateway.name, "MZ2026C1")
    found = gateway.ask_contract("MZ2026C1")
    assert (found.state, found.reference, found.at) == (State.SUCCEEDED, "MZ2026C1", sandbox.now)
    assert found.provider_number
    assert "*" in found.payer
    assert gateway.ask_contract("MZ2026C1", found.provider_number).state is State.SUCCEEDED
    assert gateway.end_contract("MZ2026C1", found.provider_number).state is State.CLOSED
    assert gateway.ask_contract("MZ2026C1", found.provider_number).state is State.CLOSED
    assert gateway.end_contract("MZ2026C1", found.provider_number).state is State.CLOSED


def test_it_sees_that_the_payer_ended_it(sandbox, gateway, signed):
    found = signed(gateway)
    sandbox.unsign(gateway.name, "MZ2026C1")
    assert gateway.ask_contract("MZ2026C1", found.provider_number).state is State.CLOSED


def test_alipay_debits_at_once(sandbox, alipay, signed):
    found = signed(alipay)
    assert alipay.tell_of_debit(debit(found.provider_number)) is None
    report = alipay.debit(debit(found.provider_number))
    assert (report.state, report.amount_minor, report.at) == (State.SUCCEEDED, 99_00, sandbox.now)
    assert alipay.ask("MZ2026D1", debit=True).state is State.SUCCEEDED


def test_wechat_debits_in_the_first_hours_without_a_notice(sandbox, wechat, signed):
    found = signed(wechat)
    assert wechat.debit(debit(found.provider_number)).state is State.WAITING
    assert wechat.ask("MZ2026D1", debit=True).state is State.WAITING
    sandbox.advance(seconds=10)
    report = wechat.ask("MZ2026D1", debit=True)
    assert (report.state, report.amount_minor) == (State.SUCCEEDED, 99_00)
    assert "*" in report.payer


def test_wechat_wants_to_be_told_before(sandbox, wechat, signed):
    found = signed(wechat)
    sandbox.advance(days=1)
    with pytest.raises(Refused) as refused:
        wechat.debit(debit(found.provider_number))
    assert refused.value.code == Failure.NOT_TOLD
    first, last = wechat.tell_of_debit(debit(found.provider_number))
    assert first == datetime(2026, 12, 4, 7, tzinfo=BEIJING)
    assert last == datetime(2026, 12, 10, 22, tzinfo=BEIJING)
    with pytest.raises(Refused):
        wechat.debit(debit(found.provider_number, "MZ2026D2"))
    sandbox.advance(until=first + timedelta(hours=1))
    wechat.debit(debit(found.provider_number, "MZ2026D3"))
    sandbox.advance(seconds=10)
    assert wechat.ask("MZ2026D3", debit=True).state is State.SUCCEEDED


def test_the_window_of_wechat_is_of_beijings_days():
    # 23:30 of the 1st in London is the 2nd in Beijing.
    first, last = window(datetime(2026, 12, 1, 23, 30, tzinfo=UTC))
    assert (first.date(), last.date()) == (date(2026, 12, 4), date(2026, 12, 10))


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("NOTENOUGH", Failure.TOO_LITTLE),
        ("RULELIMIT", Failure.ABOVE_LIMIT),
        ("BANKERROR", Failure.BANK),
        ("USER_ACCOUNT_ABNORMAL", Failure.ACCOUNT),
    ],
)
def test_it_says_why_wechat_took_nothing(sandbox, wechat, signed, code, failure):
    found = signed(wechat)
    sandbox.fault(f"decline={code}")
    wechat.debit(debit(found.provider_number))
    sandbox.advance(seconds=10)
    report = wechat.ask("MZ2026D1", debit=True)
    assert (report.state, report.failure, report.amount_minor) == (State.CLOSED, failure, None)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("ACQ.BUYER_BALANCE_NOT_ENOUGH", Failure.TOO_LITTLE),
        ("ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", Failure.ABOVE_LIMIT),
        ("ACQ.PAYMENT_FAIL", Failure.BANK),
        ("ACQ.BUYER_ENABLE_STATUS_FORBID", Failure.ACCOUNT),
        ("ACQ.CYCLE_PAY_DATE_NOT_MATCH", Failure.WRONG_DAY),
    ],
)
def test_it_says_why_alipay_took_nothing(sandbox, alipay, signed, code, failure):
    found = signed(alipay)
    sandbox.fault(f"decline={code}")
    with pytest.raises(Refused) as refused:
        alipay.debit(debit(found.provider_number))
    assert (refused.value.code, refused.value.detail) == (failure, code)


def test_alipay_debits_once_in_a_period_and_not_above_its_limit(sandbox, alipay, signed):
    found = signed(alipay)
    with pytest.raises(Refused) as refused:
        alipay.debit(debit(found.provider_number, "MZ2026D0", 300_01))
    assert refused.value.code == Failure.ABOVE_LIMIT
    alipay.debit(debit(found.provider_number))
    with pytest.raises(Refused) as refused:
        alipay.debit(debit(found.provider_number, "MZ2026D2"))
    assert refused.value.code == Failure.WRONG_DAY


def test_a_debit_of_a_contract_that_ended_takes_nothing(sandbox, gateway, signed):
    found = signed(gateway)
    sandbox.fault("unsign")
    with pytest.raises(Refused) as refused:
        gateway.debit(debit(found.provider_number))
    assert refused.value.code == Failure.NO_CONTRACT


@pytest.mark.parametrize("fault", ["timeout", "answer_lost", "error", "busy", "answer_forged"])
def test_it_does_not_know_what_became_of_a_debit(sandbox, gateway, signed, fault):
    found = signed(gateway)
    sandbox.fault(fault)
    with pytest.raises(NoAnswer):
        gateway.debit(debit(found.provider_number))
    sandbox.advance(seconds=10)
    happened = fault in {"answer_lost", "answer_forged"}
    assert gateway.ask("MZ2026D1", debit=True).state is (State.SUCCEEDED if happened else State.MISSING)


def test_the_same_number_again_takes_nothing_twice(sandbox, gateway, signed):
    found = signed(gateway)
    gateway.debit(debit(found.provider_number))
    sandbox.advance(seconds=10)
    with pytest.raises(NoAnswer):
        gateway.debit(debit(found.provider_number))
    assert gateway.ask("MZ2026D1", debit=True).amount_minor == 99_00


def test_it_signs_nothing_without_what_the_provider_wants(alipay, wechat):
    for bad in (contract(None), contract(date(2026, 12, 29))):
        with pytest.raises(Refused):
            alipay.sign(bad)
    wechat.papay = replace(wechat.papay, key="")
    for call in (
        lambda: wechat.sign(contract(None)),
        lambda: wechat.debit(debit("C1")),
        lambda: wechat.end_contract("MZ2026C1", "C1"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == Failure.MISCONFIGURED
