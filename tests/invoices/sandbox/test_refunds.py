"""Refunds: each number once, no more than was paid, in the providers' windows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.invoices.sandbox.merchant import alipay, alipay_refund, event_of, order_query, paid, wechat, wechat_refund

QUERY = "alipay.trade.fastpay.refund.query"


def test_a_number_of_alipay_pays_once(sandbox):
    paid(sandbox, "alipay")
    first, again = alipay_refund(sandbox, "R1", "28.00"), alipay_refund(sandbox, "R1", "28.00")
    assert (first["fund_change"], again["fund_change"]) == ("Y", "N")
    assert first["refund_fee"] == again["refund_fee"] == "28.00"
    assert alipay_refund(sandbox, "R1", "29.00")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert alipay_refund(sandbox, "R2", "100.00")["refund_fee"] == "128.00"


def test_alipay_pays_no_more_back_than_was_paid(sandbox):
    paid(sandbox, "alipay")
    alipay_refund(sandbox, "R1", "28.00")
    assert alipay_refund(sandbox, "R2", "100.01")["sub_code"] == "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    assert alipay_refund(sandbox, "", "5.00")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"


def test_alipay_knows_a_refund_by_its_number_only(sandbox):
    paid(sandbox, "alipay")
    alipay_refund(sandbox, "R1", "28.00")
    found = alipay(sandbox, QUERY, {"out_trade_no": "MZ000001", "out_request_no": "R1"})
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "28.00")
    missing = alipay(sandbox, QUERY, {"out_trade_no": "MZ000001", "out_request_no": "R2"})
    assert missing["code"] == "10000"
    assert "refund_status" not in missing


def test_a_trade_of_alipay_is_closed_when_all_went_back_and_finished_after_a_year(sandbox):
    for number in ("MZ000001", "MZ000002"):
        paid(sandbox, "alipay", number)
    alipay_refund(sandbox, "R1", "128.00")
    sandbox.advance(days=365, seconds=1)
    states = {
        n: alipay(sandbox, "alipay.trade.query", {"out_trade_no": n})["trade_status"] for n in ("MZ000001", "MZ000002")
    }
    assert states == {"MZ000001": "TRADE_CLOSED", "MZ000002": "TRADE_FINISHED"}
    assert alipay_refund(sandbox, "R2", "1.00", order="MZ000002")["sub_code"] == "ACQ.TRADE_HAS_FINISHED"


def test_a_refund_of_wechat_is_accepted_first_and_paid_later(sandbox):
    paid(sandbox, "wechat")
    assert wechat_refund(sandbox, "R1", 2_800).json()["status"] == "PROCESSING"
    sandbox.advance(seconds=2)
    assert wechat(sandbox, "GET", "/v3/refund/domestic/refunds/R1").json()["status"] == "SUCCESS"
    told = event_of(sandbox, sandbox.sent[-1])
    assert (told["event_type"], told["opened"]["amount"]["refund"]) == ("REFUND.SUCCESS", 2_800)
    assert order_query(sandbox)["trade_state"] == "REFUND"


def test_a_number_of_wechat_pays_once(sandbox):
    paid(sandbox, "wechat")
    first = wechat_refund(sandbox, "R1", 2_800).json()
    sandbox.advance(minutes=5)
    again = wechat_refund(sandbox, "R1", 2_800).json()
    assert first["refund_id"] == again["refund_id"]
    assert len(sandbox.gate.store.refunds) == 1
    assert wechat_refund(sandbox, "R1", 2_900).json()["code"] == "INVALID_REQUEST"


def test_refunds_of_one_order_of_wechat_are_a_minute_apart(sandbox):
    paid(sandbox, "wechat")
    wechat_refund(sandbox, "R1", 100)
    sandbox.advance(seconds=59)
    answer = wechat_refund(sandbox, "R2", 100)
    assert (answer.status_code, answer.json()["code"]) == (429, "FREQUENCY_LIMITED")
    sandbox.advance(seconds=1)
    assert wechat_refund(sandbox, "R2", 100).status_code == 200


def test_an_order_of_wechat_has_fifty_parts(sandbox):
    paid(sandbox, "wechat")
    for part in range(50):
        assert wechat_refund(sandbox, f"R{part}", 100).status_code == 200
        sandbox.advance(minutes=1)
    assert "最大退款次数" in wechat_refund(sandbox, "R50", 100).json()["message"]


@pytest.mark.parametrize(("days", "status"), [(365, 200), (366, 400)])
def test_wechat_pays_back_for_a_year(sandbox, days, status):
    paid(sandbox, "wechat")
    sandbox.advance(days=days)
    assert wechat_refund(sandbox, "R1", 100).status_code == status


def test_wechat_says_when_the_payer_is_gone(sandbox):
    paid(sandbox, "wechat")
    sandbox.fault("refund_abnormal")
    wechat_refund(sandbox, "R1", 12_800)
    sandbox.advance(seconds=2)
    assert wechat(sandbox, "GET", "/v3/refund/domestic/refunds/R1").json()["status"] == "ABNORMAL"
    assert event_of(sandbox, sandbox.sent[-1])["event_type"] == "REFUND.ABNORMAL"


def test_a_number_that_comes_twice_at_once_pays_once(sandbox):
    paid(sandbox, "alipay")
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda _: alipay_refund(sandbox, "R1", "28.00"), range(4)))
    assert sorted(answer["fund_change"] for answer in told) == ["N", "N", "N", "Y"]


def test_nothing_unpaid_is_refunded(sandbox):
    paid(sandbox, "wechat")
    assert wechat_refund(sandbox, "R1", 12_801).status_code == 400
    assert alipay_refund(sandbox, "R1", "1.00")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
