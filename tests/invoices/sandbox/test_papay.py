"""WeChat's deductions: told on day 1, debited on days 3 to 9 by day, once; free in the first twelve hours; limits."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.invoices.sandbox.merchant import debit, keyed, papay, pre_notice, sign_papay, wechat, xml_fields

# The sandbox begins on 2026-12-01 at ten in Beijing; a notice then opens the 3rd to the 9th.
THIRD = datetime(2026, 12, 2, 23, tzinfo=UTC)  # 07:00 in Beijing


@pytest.fixture
def contract(sandbox):
    """A contract whose free hours are over, told of at ten in the morning of 2026-12-01."""
    sandbox.gate.clock.move(sandbox.now - timedelta(days=2))
    number = sign_papay(sandbox)
    sandbox.advance(days=2)
    assert pre_notice(sandbox, number).status_code == 204
    return number


def test_it_debits_from_the_third_day_in_the_morning(sandbox, contract):
    sandbox.gate.clock.move(THIRD - timedelta(minutes=1))
    assert debit(sandbox, contract, "MZD00001")["err_code"] == "INVALID_REQUEST"
    sandbox.gate.clock.move(THIRD)
    assert debit(sandbox, contract, "MZD00001")["result_code"] == "SUCCESS"


@pytest.mark.parametrize(
    ("at", "result"),
    [
        (THIRD + timedelta(hours=14, minutes=59), "SUCCESS"),
        (THIRD + timedelta(hours=15), "FAIL"),
        (THIRD + timedelta(days=6, hours=14), "SUCCESS"),
        (THIRD + timedelta(days=7), "FAIL"),
        (THIRD - timedelta(days=1), "FAIL"),
    ],
)
def test_it_debits_by_day_until_the_ninth_day(sandbox, contract, at, result):
    sandbox.gate.clock.move(at)
    assert debit(sandbox, contract, "MZD00001")["result_code"] == result


def test_it_is_told_by_day_only(sandbox, contract):
    sandbox.gate.clock.move(THIRD + timedelta(hours=15))
    assert pre_notice(sandbox, contract).status_code == 400


def test_a_debit_is_accepted_first_and_told_of_later(sandbox, contract):
    sandbox.gate.clock.move(THIRD)
    debit(sandbox, contract, "MZD00001")
    query = {"out_trade_no": "MZD00001"}
    assert papay(sandbox, "/pay/paporderquery", query)["trade_state"] == "ACCEPT"
    sandbox.advance(seconds=2)
    assert papay(sandbox, "/pay/paporderquery", query)["trade_state"] == "SUCCESS"
    told = xml_fields(sandbox.sent[-1].body)
    assert told["sign"] == keyed(told, sandbox.account["wechat"]["secrets"]["v2_key"])
    assert (told["result_code"], told["total_fee"], told["contract_id"]) == ("SUCCESS", "19900", contract)


def test_one_success_for_a_notice(sandbox, contract):
    sandbox.gate.clock.move(THIRD)
    debit(sandbox, contract, "MZD00001")
    sandbox.advance(days=1)
    assert debit(sandbox, contract, "MZD00002")["err_code_des"] == "本周期已扣费"


def test_a_debit_that_failed_is_closed_and_another_number_may_try(sandbox, contract):
    sandbox.gate.clock.move(THIRD)
    sandbox.fault("decline=BANKERROR")
    debit(sandbox, contract, "MZD00001")
    sandbox.advance(seconds=2)
    told = papay(sandbox, "/pay/paporderquery", {"out_trade_no": "MZD00001"})
    assert (told["trade_state"], told["trade_state_desc"]) == ("CLOSED", "BANKERROR")
    told = xml_fields(sandbox.sent[-1].body)
    assert (told["result_code"], told["err_code"]) == ("FAIL", "BANKERROR")
    assert debit(sandbox, contract, "MZD00001")["err_code"] == "ORDERCLOSED"
    assert debit(sandbox, contract, "MZD00002")["result_code"] == "SUCCESS"


def test_no_more_than_was_told(sandbox, contract):
    sandbox.gate.clock.move(THIRD)
    assert debit(sandbox, contract, "MZD00001", 19_901)["err_code"] == "INVALID_REQUEST"
    assert debit(sandbox, contract, "MZD00001", 19_900)["result_code"] == "SUCCESS"


def test_the_first_twelve_hours_need_no_notice(sandbox):
    first, second = sign_papay(sandbox, "C1"), sign_papay(sandbox, "C2")
    sandbox.advance(hours=11, minutes=59)
    assert debit(sandbox, first, "MZD00001")["result_code"] == "SUCCESS"
    sandbox.gate.clock.move(THIRD)
    assert debit(sandbox, second, "MZD00002")["err_code"] == "INVALID_REQUEST"


def test_the_free_hours_end_after_twelve(sandbox):
    sandbox.gate.clock.move(sandbox.now - timedelta(hours=2))  # eight in the morning
    contract = sign_papay(sandbox)
    sandbox.advance(hours=12)
    assert debit(sandbox, contract, "MZD00001")["err_code_des"] == "未发送预扣费通知或不在可扣费时间内"


def test_a_notice_is_good_until_the_ninth_day_at_most(sandbox, contract):
    assert pre_notice(sandbox, contract, days=30).status_code == 204
    assert {notice.ends_at - notice.opens_at for notice in sandbox.gate.store.notices.values()} == {timedelta(days=7)}


def test_one_success_a_day_and_five_hundred_at_most(sandbox):
    contract = sign_papay(sandbox)
    assert debit(sandbox, contract, "MZD00001", 50_001)["err_code"] == "RULELIMIT"
    debit(sandbox, contract, "MZD00001", 50_000)
    assert debit(sandbox, contract, "MZD00001", 50_000)["result_code"] == "SUCCESS"
    assert debit(sandbox, contract, "MZD00002", 100)["err_code"] == "INVALID_REQUEST"
    sandbox.advance(seconds=2)
    assert debit(sandbox, contract, "MZD00002", 100)["err_code"] == "RULELIMIT"
    assert pre_notice(sandbox, contract, 50_001).status_code == 400


def test_a_payer_pays_no_more_than_2500_a_day(sandbox):
    contracts = [sign_papay(sandbox, f"C{i}") for i in range(6)]
    for i, number in enumerate(contracts):
        sandbox.contract("wechat", f"C{i}").payer = "oThe-same"
        told = debit(sandbox, number, f"MZD0000{i}", 50_000)
        sandbox.advance(seconds=2)
    assert told["err_code_des"] == "超过单日限额"


def test_either_side_may_end_a_contract(sandbox):
    sandbox.gate.terms.unsign_url = "https://merchant.example/template"
    mine, theirs = sign_papay(sandbox, "C1"), sign_papay(sandbox, "C2")
    assert xml_fields(sandbox.sent[-1].body)["change_type"] == "ADD"
    papay(sandbox, "/papay/deletecontract", {"contract_id": mine, "contract_termination_remark": "x", "version": "1.0"})
    sandbox.deliver()
    sandbox.unsign("wechat", "C2")
    for sent, mode in zip(sandbox.sent[-2:], ("3", "2"), strict=True):
        told = xml_fields(sent.body)
        assert (sent.url, told["change_type"]) == (sandbox.gate.terms.unsign_url, "DELETE")
        assert told["contract_termination_mode"] == mode
    assert papay(sandbox, "/papay/querycontract", {"contract_id": theirs})["contract_state"] == "1"
    assert debit(sandbox, theirs, "MZD00001")["err_code"] == "CONTRACT_NOT_EXIST"
    assert pre_notice(sandbox, theirs).status_code == 404


def test_a_contract_that_nobody_signed_does_not_exist(sandbox):
    plan = sandbox.account["wechat"]["plan"]
    told = papay(sandbox, "/papay/querycontract", {"plan_id": plan, "contract_code": "NONE", "version": "1.0"})
    assert told["err_code"] == "CONTRACT_NOT_EXIST"


def test_a_debit_is_refunded_like_a_payment(sandbox):
    contract = sign_papay(sandbox)
    debit(sandbox, contract, "MZD00001")
    sandbox.advance(seconds=2)
    content = {
        "transaction_id": sandbox.order("wechat", "MZD00001").trade_no,
        "out_refund_no": "R1",
        "amount": {"refund": 900, "total": 19_900, "currency": "CNY"},
    }
    assert wechat(sandbox, "POST", "/v3/refund/domestic/refunds", content).json()["status"] == "PROCESSING"
    assert papay(sandbox, "/pay/paporderquery", {"out_trade_no": "MZD00001"})["trade_state"] == "REFUND"
