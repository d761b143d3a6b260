"""Callbacks: signed, on the providers' schedules, until the merchant has heard."""

from datetime import UTC, datetime, timedelta

import pytest

from invoices.providers.sandbox import calling
from tests.invoices.sandbox.merchant import (
    HERE,
    check,
    check_wechat,
    debit,
    event_of,
    form_of,
    native,
    paid,
    precreate,
    sign_papay,
)

MINUTES = {
    "alipay": [0, 4, 14, 24, 84, 204, 564, 1464],
    "wechat": [0, 0.25, 0.5, 1, 4, 14, 34, 64, 94, 124, 184, 364, 544, 724, 1084, 1444],
}


def verify_form(sandbox, sent):
    told = form_of(sent)
    check(sandbox.account["alipay"]["secrets"]["public_key"], told.pop("signed"), told["sign"])
    return told


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
def test_it_is_sent_again_on_the_providers_schedule(sandbox, provider):
    sandbox.answering, began, seen = False, sandbox.now, []
    sandbox._send = lambda *sent: (seen.append((sandbox.now - began) / timedelta(minutes=1)), (500, b""))[1]
    paid(sandbox, provider)
    sandbox.advance(days=2)
    assert seen == MINUTES[provider]
    assert sandbox.calls()[0].state == "given up"


def test_debits_and_contracts_of_wechat_have_schedules_of_their_own(sandbox):
    assert calling.SCHEDULES["contract"][:7] == (10, 10, 10, 30, 30, 30, 300)
    assert calling.SCHEDULES["debit"] == (15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600)
    debit(sandbox, sign_papay(sandbox), "MZD00001")
    sandbox.advance(seconds=2)
    assert [call.schedule for call in sandbox.calls()] == ["contract", "debit"]


def test_a_repetition_has_the_same_number_and_a_fresh_signature(sandbox):
    sandbox.answering = False
    paid(sandbox, "wechat")
    sandbox.advance(seconds=15)
    first, second = (event_of(sandbox, sent) for sent in sandbox.sent)
    assert first["id"] == second["id"]
    times = [int(sent.headers["Wechatpay-Timestamp"]) for sent in sandbox.sent]
    assert times[1] - times[0] == 15


def test_a_repetition_of_alipay_has_the_same_number_too(sandbox):
    sandbox.answering = False
    paid(sandbox, "alipay")
    sandbox.advance(minutes=4)
    first, second = (verify_form(sandbox, sent) for sent in sandbox.sent)
    assert first["notify_id"] == second["notify_id"]
    assert (first["notify_time"], second["notify_time"]) == ("2026-12-01 10:00:00", "2026-12-01 10:04:00")


@pytest.mark.parametrize(
    ("style", "status", "body", "heard"),
    [
        ("alipay", 200, b"success", True),
        ("alipay", 200, b"success\n", False),
        ("alipay", 302, b"success", False),
        ("v3", 204, b"", True),
        ("v3", 401, b"", False),
        ("v2", 200, b"<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>", True),
        ("v2", 200, b"<xml><return_code>FAIL</return_code></xml>", False),
        ("v2", 200, b"SUCCESS", False),
    ],
)
def test_it_hears_an_answer_as_the_providers_do(style, status, body, heard):
    assert calling.heard(style, status, body) is heard


def test_it_speaks_to_a_merchant_over_http(sandbox):
    sandbox.receiver.answers = [(500, b"no"), (200, b"success")]
    precreate(sandbox)
    sandbox.order("alipay", "MZ000001").notify_url = sandbox.receiver.url
    sandbox.approve("alipay", "MZ000001")
    assert sandbox.calls()[0].answers == ["500 no"]
    sandbox.advance(minutes=4)
    assert [verify_form(sandbox, got)["trade_status"] for got in sandbox.receiver.got] == ["TRADE_SUCCESS"] * 2
    assert sandbox.calls()[0].state == "heard"


def test_it_speaks_to_nobody_outside_this_machine():
    assert calling.post("http://192.0.2.1/callbacks", {}, b"") == (0, b"not on this machine")


def test_nobody_listening_is_an_attempt(sandbox):
    native(sandbox)
    sandbox.order("wechat", "MZ000001").notify_url = "http://127.0.0.1:9/callbacks"
    sandbox.approve("wechat", "MZ000001")
    assert sandbox.calls()[0].answers == ["0 ConnectionError"]


def test_a_callback_may_be_lost(sandbox):
    sandbox.fault("callback_lost@payment")
    paid(sandbox, "alipay")
    sandbox.advance(days=2)
    assert sandbox.sent == []


def test_a_callback_may_come_twice(sandbox):
    sandbox.fault("callback_doubled")
    paid(sandbox, "wechat")
    assert len({event_of(sandbox, sent)["id"] for sent in sandbox.sent}) == 1
    assert len(sandbox.sent) == 2


def test_a_callback_may_overtake_another(sandbox):
    sandbox.fault("callback_reordered")
    paid(sandbox, "alipay", "MZ000001")
    assert sandbox.sent == []
    paid(sandbox, "alipay", "MZ000002")
    assert [form_of(sent)["out_trade_no"] for sent in sandbox.sent] == ["MZ000002", "MZ000001"]


def test_a_callback_may_be_late(sandbox):
    sandbox.fault("callback_late=7200")
    paid(sandbox, "alipay")
    sandbox.advance(hours=1, minutes=59)
    assert sandbox.sent == []
    sandbox.advance(minutes=1)
    assert verify_form(sandbox, sandbox.sent[0])["notify_time"] == "2026-12-01 12:00:00"


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
def test_a_callback_may_be_forged_once(sandbox, provider):
    sandbox.answering = False
    sandbox.fault("callback_forged")
    paid(sandbox, provider)
    sandbox.advance(minutes=4)
    verify = verify_form if provider == "alipay" else lambda box, sent: check_wechat(box, sent.headers, sent.body)
    with pytest.raises(Exception, match=r"^$") as wrong:
        verify(sandbox, sandbox.sent[0])
    assert wrong.typename == "InvalidSignature"
    verify(sandbox, sandbox.sent[1])


def test_a_callback_of_papay_may_be_forged(sandbox):
    sandbox.fault("callback_forged")
    sign_papay(sandbox)
    good = sandbox.account["wechat"]["secrets"]["v2_key"].encode()
    assert good not in sandbox.sent[0].body
    assert sandbox.calls()[0].marks == ["forged"]


def test_a_callback_may_be_stale(sandbox):
    sandbox.fault("callback_stale@wechat")
    paid(sandbox, "wechat")
    check_wechat(sandbox, sandbox.sent[0].headers, sandbox.sent[0].body)
    signed = datetime.fromtimestamp(int(sandbox.sent[0].headers["Wechatpay-Timestamp"]), UTC)
    assert sandbox.now - signed == timedelta(minutes=10)


def test_a_callback_may_be_of_another_amount(sandbox):
    sandbox.fault("callback_amount*2")
    paid(sandbox, "alipay")
    paid(sandbox, "wechat")
    assert verify_form(sandbox, sandbox.sent[0])["total_amount"] == "129.00"
    assert event_of(sandbox, sandbox.sent[1])["opened"]["amount"]["total"] == 12_900
    assert sandbox.order("wechat", "MZ000001").minor == 12_800


def test_a_callback_may_be_of_another_merchant(sandbox):
    sandbox.fault("callback_merchant*all")
    paid(sandbox, "alipay")
    paid(sandbox, "wechat")
    account = sandbox.account
    assert verify_form(sandbox, sandbox.sent[0])["seller_id"] != account["alipay"]["merchant"]
    assert event_of(sandbox, sandbox.sent[1])["opened"]["mchid"] != account["wechat"]["merchant"]


def test_it_tells_where_it_was_asked_to(sandbox):
    paid(sandbox, "wechat")
    assert sandbox.sent[0].url == HERE
