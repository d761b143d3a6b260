"""One-off payments of both gateways: the codes, what is known of them when, closing."""

import pytest
import requests

from tests.invoices.sandbox.merchant import alipay, alipay_page, native, order_query, precreate, wechat


def status(sandbox, number="MZ000001"):
    return alipay(sandbox, "alipay.trade.query", {"out_trade_no": number})


def test_a_trade_of_alipay_exists_only_once_its_code_is_scanned(sandbox):
    told = precreate(sandbox)
    assert status(sandbox)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert alipay(sandbox, "alipay.trade.close", {"out_trade_no": "MZ000001"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert requests.get(told["qr_code"], timeout=10).ok
    assert status(sandbox)["trade_status"] == "WAIT_BUYER_PAY"
    sandbox.approve("alipay", "MZ000001")
    found = status(sandbox)
    assert (found["trade_status"], found["total_amount"]) == ("TRADE_SUCCESS", "128.00")


def test_an_order_of_wechat_exists_at_once(sandbox):
    assert native(sandbox).status_code == 200
    assert order_query(sandbox)["trade_state"] == "NOTPAY"
    sandbox.approve("wechat", "MZ000001")
    found = order_query(sandbox)
    assert (found["trade_state"], found["amount"]["payer_total"]) == ("SUCCESS", 12_800)
    assert found["success_time"] == "2026-12-01T10:00:00+08:00"


def test_a_page_of_alipay_leads_to_the_payment(sandbox):
    content = {
        "out_trade_no": "MZ000002",
        "total_amount": "0.01",
        "subject": "x",
        "product_code": "FAST_INSTANT_TRADE_PAY",
    }
    answer = alipay_page(sandbox, "alipay.trade.page.pay", content, return_url="http://127.0.0.1:8000/back")
    assert answer.ok
    assert answer.history[0].status_code == 302
    assert status(sandbox, "MZ000002")["trade_status"] == "WAIT_BUYER_PAY"


def test_closing_makes_an_order_unpayable_and_a_payment_stays(sandbox):
    merchant = {"mchid": sandbox.account["wechat"]["merchant"]}
    for number in ("MZ|00001", "MZ000002"):
        native(sandbox, number)
    sandbox.approve("wechat", "MZ000002")
    close = "/v3/pay/transactions/out-trade-no/{}/close"
    assert wechat(sandbox, "POST", close.format("MZ%7C00001"), merchant).status_code == 204
    assert wechat(sandbox, "POST", close.format("MZ000002"), merchant).json()["code"] == "ORDERPAID"
    assert order_query(sandbox, "MZ%7C00001")["trade_state"] == "CLOSED"
    with pytest.raises(Exception, match="NOT_PAYABLE"):
        sandbox.approve("wechat", "MZ|00001")


def test_the_same_number_for_another_amount_is_refused(sandbox):
    precreate(sandbox)
    assert precreate(sandbox, amount="1.00")["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"
    native(sandbox)
    assert native(sandbox, total=1).json()["code"] == "OUT_TRADE_NO_USED"
    sandbox.approve("wechat", "MZ000001")
    assert native(sandbox).json()["code"] == "ORDERPAID"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("out_trade_no", "short"),
        ("notify_url", "http://merchant.example/"),
        ("notify_url", "https://merchant.example/?a=1"),
        ("amount", {"total": 1.0, "currency": "CNY"}),
        ("amount", {"total": 0, "currency": "CNY"}),
        ("amount", {"total": 1, "currency": "USD"}),
        ("description", "x" * 128),
        ("time_expire", "2026-12-01T10:00:30+08:00"),
        ("time_expire", "2026-12-02T10:00:00"),
        ("mchid", "1900000001"),
    ],
)
def test_wechat_refuses_what_its_rules_refuse(sandbox, field, value):
    assert native(sandbox, **{field: value}).status_code == 400


@pytest.mark.parametrize("open_it", [precreate, native])
def test_a_code_is_good_for_two_hours(sandbox, open_it):
    open_it(sandbox)
    provider = "alipay" if open_it is precreate else "wechat"
    sandbox.advance(hours=2)
    with pytest.raises(Exception, match="NOT_PAYABLE"):
        sandbox.approve(provider, "MZ000001")
    open_it(sandbox)
    sandbox.approve(provider, "MZ000001")
    assert sandbox.order(provider, "MZ000001").state == "paid"
