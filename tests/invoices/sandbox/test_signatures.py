"""What is not signed by the merchant is refused, and every answer is signed by the provider."""

import pytest
import requests
from cryptography.exceptions import InvalidSignature

from tests.invoices.sandbox.merchant import (
    alipay,
    alipay_request,
    native,
    papay,
    papay_fields,
    precreate,
    sign_papay,
    wechat_headers,
)


def test_it_refuses_a_changed_request_of_alipay(sandbox):
    told = alipay_request(sandbox, "alipay.trade.precreate", {"out_trade_no": "A1", "total_amount": "128.00"})
    told["biz_content"] = told["biz_content"].replace("128.00", "1.28")
    answer = requests.post(f"{sandbox.base}/gateway.do", data=told, timeout=10).json()
    assert answer["alipay_trade_precreate_response"]["sub_code"] == "isv.invalid-signature"
    assert not sandbox.gate.store.orders


def test_it_refuses_another_app_of_alipay(sandbox):
    content = {"out_trade_no": "A1", "total_amount": "1.00", "subject": "x"}
    assert alipay(sandbox, "alipay.trade.precreate", content, app_id="2021")["sub_code"] == "isv.invalid-app-id"


def test_it_refuses_a_request_of_alipay_in_another_zone(sandbox):
    told = alipay(sandbox, "alipay.trade.query", {"out_trade_no": "A1"}, timestamp="2026-12-01 02:00:00")
    assert told["sub_code"] == "isv.invalid-timestamp"
    told = alipay(sandbox, "alipay.trade.query", {"out_trade_no": "A1"}, timestamp="2026-12-01T10:00:00+08:00")
    assert told["sub_code"] == "isv.invalid-timestamp"


def test_it_tells_what_is_missing(sandbox):
    assert alipay(sandbox, "alipay.trade.query", {}, charset="")["code"] == "40001"
    assert alipay(sandbox, "alipay.no.such", {"a": 1})["sub_code"] == "isv.invalid-method"


def test_it_refuses_a_changed_request_of_wechat(sandbox):
    path, body = "/v3/pay/transactions/native", '{"amount":{"total":12800}}'
    headers = wechat_headers(sandbox, "POST", path, body)
    answer = requests.post(sandbox.base + path, data=body.replace("12800", "128"), headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")


def test_it_refuses_a_request_of_wechat_signed_for_another_query(sandbox):
    native(sandbox)
    merchant = sandbox.account["wechat"]["merchant"]
    path = "/v3/pay/transactions/out-trade-no/MZ000001?mchid="
    headers = wechat_headers(sandbox, "GET", path + "1900000001", "")
    assert requests.get(sandbox.base + path + merchant, headers=headers, timeout=10).status_code == 401


def test_it_refuses_an_old_request_of_wechat(sandbox):
    target = "/v3/bill/tradebill?bill_date=2026-11-30"
    headers = wechat_headers(sandbox, "GET", target, "")
    sandbox.advance(minutes=5, seconds=1)
    answer = requests.get(sandbox.base + target, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["message"]) == (401, "时间戳已过期")


def test_it_refuses_a_changed_request_of_papay(sandbox):
    told = papay_fields(sandbox, {"contract_id": "1", "version": "1.0"}) | {"contract_id": "2"}
    body = "<xml>" + "".join(f"<{k}>{v}</{k}>" for k, v in told.items()) + "</xml>"
    answer = requests.post(f"{sandbox.base}/papay/querycontract", data=body, timeout=10)
    assert "<return_code>FAIL</return_code>" in answer.text
    assert "签名错误" in answer.text


def test_it_takes_both_digests_of_papay(sandbox):
    contract = sign_papay(sandbox)
    for digest in ("MD5", "HMAC-SHA256"):
        told = papay(sandbox, "/papay/querycontract", {"contract_id": contract, "version": "1.0"}, digest)
        assert told["contract_state"] == "0"


def test_it_refuses_entities_and_four_byte_characters(sandbox):
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]><xml><sign>&a;</sign></xml>'
    assert "XML格式错误" in requests.post(f"{sandbox.base}/pay/pappayapply", data=bomb, timeout=10).text
    emoji = "<xml><body>\N{PARTY POPPER}</body></xml>".encode()
    assert "四字节" in requests.post(f"{sandbox.base}/pay/pappayapply", data=emoji, timeout=10).text


def test_an_answer_may_be_forged(sandbox):
    sandbox.fault("answer_forged")
    with pytest.raises(InvalidSignature):
        precreate(sandbox)
    assert sandbox.order("alipay", "MZ000001").state == "unborn"
