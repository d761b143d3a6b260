"""The protocol of Alipay: what is believed of an answer, the clock, the codes."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from invoices.providers import alipay_codes
from invoices.providers.alipay_client import raw_members
from invoices.providers.port import Failure, NoAnswer, Refused, State
from tests.invoices.providers.answering import NOW, Told, alipay, says, server
from tests.invoices.providers.conftest import debit

__all__ = ["alipay", "says", "server"]

PAID = {"code": "10000", "msg": "Success", "out_trade_no": "MZ1", "trade_no": "20261", "trade_status": "TRADE_SUCCESS"}
PAID |= {"total_amount": "12.30", "send_pay_date": "2026-12-02 07:00:00", "buyer_logon_id": "159****5620"}


@pytest.mark.parametrize("subject", ["a } b", "{", '"}', "}}}{{", '\\"}', "</x>}", '"alipay_trade_query_response":{'])
def test_a_brace_in_a_subject_breaks_nothing(alipay, says, subject):
    says("alipay.trade.query", PAID | {"subject": subject})
    assert alipay.ask("MZ1").state is State.SUCCEEDED


def test_it_tells_alipay_beijings_time_whatever_the_machines(alipay, says, server, order):
    says(
        "alipay.trade.precreate",
        {"code": "10000", "out_trade_no": order.reference, "qr_code": "https://qr.alipay.com/1"},
    )
    alipay.begin(order)
    method, path, body = server.asked[0]
    told = parse_qs(body.decode())
    assert told["timestamp"] == ["2026-12-02 07:30:00"]
    assert (method, urlsplit(path).query) == ("POST", "charset=utf-8")  # nothing of it stands in the address
    assert json.loads(told["biz_content"][0])["time_expire"] == "2026-12-01 11:00:00"


@pytest.mark.parametrize("sign", ["", "AAAA", "!!", "签"])
def test_it_believes_no_answer_of_alipay_without_its_signature(alipay, says, sign):
    says("alipay.trade.query", PAID, sign=sign)
    with pytest.raises(NoAnswer):
        alipay.ask("MZ1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"sign":' + b"[" * 100_000,
        b'{"alipay_trade_query_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}',
        b'{"error_response":{"code":"40002","sub_code":"isv.invalid-signature"}}',
    ],
)
def test_it_believes_nothing_of_alipay_that_is_unsigned_or_nonsense(alipay, server, body):
    server.next = Told(body=body)
    with pytest.raises(NoAnswer):
        alipay.ask("MZ1")


@pytest.mark.parametrize(
    ("code", "sub_code"), [("20000", "isp.unknow-error"), ("10003", ""), ("40004", "ACQ.SYSTEM_ERROR")]
)
def test_it_does_not_know_what_alipay_does_not_know(alipay, says, code, sub_code):
    says("alipay.trade.pay", {"code": code, "msg": "x", "sub_code": sub_code, "out_trade_no": "MZ2026D1"})
    with pytest.raises(NoAnswer):
        alipay.debit(debit("A1"))


@pytest.mark.parametrize(("code", "failure"), sorted(alipay_codes.FAILURES.items()))
def test_it_knows_alipays_codes(alipay, says, code, failure):
    says("alipay.trade.pay", {"code": "40004", "sub_code": code, "sub_msg": "秘密"})
    with pytest.raises(Refused) as refused:
        alipay.debit(debit("A1"))
    assert (refused.value.code, refused.value.detail) == (failure, code)
    assert "秘密" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "sub_code", "failure"),
    [
        ("40004", "ACQ.SOMETHING_NEW", Failure.OTHER),
        ("40001", "isv.missing-method", Failure.MISCONFIGURED),
        ("40002", "isv.invalid-parameter", Failure.MISCONFIGURED),
        ("40006", "isv.insufficient-isv-permissions", Failure.MISCONFIGURED),
        ("40003", "", Failure.MISCONFIGURED),
    ],
)
def test_it_tells_a_no_of_alipay_from_a_mistake_of_ours(alipay, says, code, sub_code, failure):
    says("alipay.trade.pay", {"code": code, "sub_code": sub_code}, name="error_response" if code != "40004" else "")
    with pytest.raises(Refused) as refused:
        alipay.debit(debit("A1"))
    assert refused.value.code == failure


def test_a_code_is_a_code_and_nothing_else(alipay, says):
    says("alipay.trade.pay", {"code": "40004", "sub_code": "x" * 200 + " 1381234"})
    with pytest.raises(Refused) as refused:
        alipay.debit(debit("A1"))
    assert refused.value.detail == "40004"


def test_it_believes_no_answer_about_another_order(alipay, says):
    says("alipay.trade.query", PAID)
    with pytest.raises(NoAnswer):
        alipay.ask("MZ2")


def test_a_trade_that_was_paid_and_wholly_returned_was_paid(alipay, says):
    says("alipay.trade.query", PAID | {"trade_status": "TRADE_CLOSED"})
    assert (alipay.ask("MZ1").state, alipay.ask("MZ1").amount_minor) == (State.SUCCEEDED, 12_30)
    says("alipay.trade.query", {**PAID, "trade_status": "TRADE_CLOSED", "send_pay_date": ""})
    assert alipay.ask("MZ1").state is State.CLOSED


@pytest.mark.parametrize("other", [{"trade_status": "NEW"}, {"total_amount": "12.345"}, {"total_amount": None}])
def test_it_takes_nonsense_of_alipay_for_no_answer(alipay, says, other):
    says("alipay.trade.query", PAID | other)
    with pytest.raises(NoAnswer):
        alipay.ask("MZ1")


def test_it_cuts_out_members_as_they_were_written():
    text = '{\n "a" : {"x": "}\\"{"} ,"b":[1, {"c":"]"}],"sign":"s", "a": 2}'
    assert raw_members(text) == {"a": '{"x": "}\\"{"}', "b": '[1, {"c":"]"}]', "sign": '"s"'}
    for bad in ("", "{", "{}", '{"a":1', '{"a" 1}', '["a"]', '{"a":1;"b":2}'):
        with pytest.raises(ValueError, match=r"."):
            raw_members(bad)


def test_alipay_fetches_bills_from_nowhere_else(alipay, says):
    for url in (
        "http://10.0.0.1/x",
        "https://evil.example/x",
        "file:///etc/passwd",
        "https://x.alipay.com.evil.cn/",
        "",
    ):
        says("alipay.data.dataservice.bill.downloadurl.query", {"code": "10000", "bill_download_url": url})
        with pytest.raises(NoAnswer, match="unknown address"):
            alipay.statement(NOW.date())
