"""Faults of requests, and how they are set."""

import pytest
import requests

from invoices.providers.sandbox.faults import Fault, Faults, UnknownFault, read
from tests.invoices.sandbox.merchant import alipay, alipay_refund, native, order_query, paid, precreate


def test_it_reads_a_fault():
    assert read("decline") == Fault("decline", "", 1, "")
    assert read("callback_lost@refund*3") == Fault("callback_lost", "refund", 3, "")
    assert read("decline@debit*all=BANKERROR") == Fault("decline", "debit", -1, "BANKERROR")


@pytest.mark.parametrize("text", ["", "nonsense", "decline**", "timeout*x"])
def test_it_refuses_what_is_no_fault(text):
    with pytest.raises(UnknownFault):
        read(text)


def test_a_fault_is_used_up():
    faults = Faults(["timeout@trade.pay*2", "timeout@refund"])
    assert not faults.take("timeout", "alipay.trade.query")
    assert [bool(faults.take("timeout", "alipay.trade.pay")) for _ in range(3)] == [True, True, False]
    assert [fault["where"] for fault in faults.shown()] == ["refund"]


def test_a_provider_or_a_kind_is_named_whole():
    faults = Faults(["decline@pay"])
    assert not faults.take("decline", "alipay", "debit")
    assert faults.take("decline", "alipay", "pay")


def test_a_request_may_be_lost(sandbox):
    sandbox.fault("timeout")
    with pytest.raises(requests.ConnectionError):
        native(sandbox)
    assert not sandbox.gate.store.orders


def test_an_answer_may_be_lost_after_success(sandbox):
    paid(sandbox, "alipay")
    sandbox.fault("answer_lost@alipay.trade.refund")
    with pytest.raises(requests.ConnectionError):
        alipay_refund(sandbox, "R1", "28.00")
    assert alipay_refund(sandbox, "R1", "28.00")["fund_change"] == "N"


def test_a_gateway_may_be_down(sandbox):
    sandbox.fault("error@gateway.do")
    told = requests.post(f"{sandbox.base}/gateway.do", data={"method": "alipay.trade.query"}, timeout=10)
    assert told.status_code == 502


def test_a_gateway_may_not_know(sandbox):
    sandbox.fault("busy*2")
    assert alipay(sandbox, "alipay.trade.query", {"out_trade_no": "A1"})["code"] == "20000"
    assert (answer := native(sandbox)).status_code == 500
    assert answer.json()["code"] == "SYSTEM_ERROR"


def test_a_payer_may_decline_and_pay_later(sandbox):
    native(sandbox)
    sandbox.fault("decline@pay")
    with pytest.raises(Exception, match="DECLINED"):
        sandbox.approve("wechat", "MZ000001")
    assert order_query(sandbox)["trade_state"] == "NOTPAY"
    sandbox.approve("wechat", "MZ000001")
    assert order_query(sandbox)["trade_state"] == "SUCCESS"


def test_faults_are_set_at_run_time(sandbox):
    address = f"{sandbox.base}/sandbox/faults"
    told = requests.post(address, json={"faults": ["busy@precreate"]}, timeout=10).json()
    assert told["faults"] == [{"name": "busy", "where": "precreate", "times": 1, "value": ""}]
    assert precreate(sandbox)["code"] == "20000"
    assert requests.post(address, json={"faults": ["nonsense"]}, timeout=10).status_code == 400
    requests.post(address, json={"faults": ["busy*all"]}, timeout=10)
    assert requests.post(address, json={"clear": True}, timeout=10).json() == {"faults": []}


def test_the_calendar_and_the_terms_are_moved_at_run_time(sandbox):
    told = requests.post(f"{sandbox.base}/sandbox/clock", json={"at": "2026-12-03T07:00+08:00"}, timeout=10).json()
    assert told == {"at": "2026-12-03T07:00:00+08:00"}
    assert requests.post(f"{sandbox.base}/sandbox/clock", json={"at": "2026-12-03"}, timeout=10).status_code == 400
    requests.post(f"{sandbox.base}/sandbox/terms", json={"unsign_url": "none"}, timeout=10)
    assert sandbox.gate.terms.unsign_url == "none"
    assert requests.post(f"{sandbox.base}/sandbox/terms", json={"nothing": 1}, timeout=10).status_code == 400
    assert requests.post(f"{sandbox.base}/sandbox/terms", json={"single_minor": "x"}, timeout=10).status_code == 400


def test_it_shows_its_callbacks(sandbox):
    paid(sandbox, "alipay")
    told = requests.get(f"{sandbox.base}/sandbox/calls", timeout=10).json()["calls"]
    assert [(call["kind"], call["state"], call["tries"]) for call in told] == [("payment", "heard", 1)]


def test_it_answers_this_machine_only(sandbox):
    answer = requests.get(f"{sandbox.base}/", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 403
