"""What providers tell us: believed for signature, freshness and merchant, or refused with the reason."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from invoices.providers.alipay import Alipay
from invoices.providers.port import Callback, Forged, Kind, NoAnswer, State
from invoices.providers.wechat import WeChat
from tests.invoices.providers.conftest import alipay_account, contract, debit, told, wechat_account


@pytest.fixture(params=["alipay", "wechat"])
def gateway(request, sandbox):
    return request.getfixturevalue(request.param)


@pytest.fixture
def arrived(sandbox, gateway, order, paid):
    paid(sandbox, gateway)
    return told(sandbox)


def refusal(gateway, callback: Callback) -> str:
    with pytest.raises(Forged) as forged:
        gateway.read(callback)
    return forged.value.code


def test_it_believes_a_payment(sandbox, gateway, order, arrived):
    message = gateway.read(arrived)
    assert (message.kind, message.about.reference) == (Kind.PAYMENT, order.reference)
    assert (message.about.state, message.about.amount_minor) == (State.SUCCEEDED, 12_30)
    assert message.about.provider_number
    assert message.about == gateway.ask(order.reference)
    assert message.message_id


def test_it_tells_a_repetition_by_its_number(sandbox, gateway, order, paid):
    sandbox.fault("callback_doubled")
    paid(sandbox, gateway)
    sandbox.advance(minutes=1)
    one, two = (gateway.read(told(sandbox, place)) for place in (0, 1))
    assert one == two


def test_it_believes_a_refund(sandbox, gateway, paid):
    refund = paid(sandbox, gateway)
    gateway.give_back(refund)
    sandbox.advance(minutes=1)
    message = gateway.read(told(sandbox))
    assert (message.kind, message.about.reference, message.about.state) == (
        Kind.REFUND,
        refund.reference,
        State.SUCCEEDED,
    )
    assert message.about.amount_minor in {None, 5_00}


def test_it_believes_a_contract_and_its_end(sandbox, gateway):
    requests.get(gateway.sign(contract(sandbox.now.date())), timeout=5)
    sandbox.sign(gateway.name, "MZ2026C1")
    message = gateway.read(told(sandbox))
    assert (message.kind, message.about.reference, message.about.state) == (Kind.SIGNED, "MZ2026C1", State.SUCCEEDED)
    assert message.about == gateway.ask_contract("MZ2026C1")
    sandbox.unsign(gateway.name, "MZ2026C1")
    ended = gateway.read(told(sandbox))
    assert (ended.kind, ended.about.reference, ended.about.state) == (Kind.ENDED, "MZ2026C1", State.CLOSED)
    assert ended.about.provider_number == message.about.provider_number
    assert ended.message_id != message.message_id


def test_it_believes_a_debit(sandbox, gateway):
    requests.get(gateway.sign(contract(sandbox.now.date())), timeout=5)
    sandbox.sign(gateway.name, "MZ2026C1")
    gateway.debit(debit(gateway.ask_contract("MZ2026C1").provider_number))
    sandbox.advance(seconds=10)
    message = gateway.read(told(sandbox))
    assert (message.kind, message.about.reference, message.about.state) == (Kind.PAYMENT, "MZ2026D1", State.SUCCEEDED)
    assert message.about.amount_minor == 99_00


@pytest.mark.parametrize("minutes", [6, -6, 60 * 24])
def test_it_refuses_what_is_not_fresh(gateway, arrived, minutes):
    assert refusal(gateway, replace(arrived, at=arrived.at + timedelta(minutes=minutes))) == "stale"


@pytest.mark.parametrize("minutes", [4, -4])
def test_it_believes_what_took_a_while(gateway, arrived, minutes):
    assert gateway.read(replace(arrived, at=arrived.at + timedelta(minutes=minutes)))


def test_it_refuses_a_forged_one(sandbox, gateway, paid):
    sandbox.fault("callback_forged")
    paid(sandbox, gateway)
    assert refusal(gateway, told(sandbox, 0)) == "signature"


def test_it_refuses_another_merchants(sandbox, gateway, paid):
    sandbox.fault("callback_merchant")
    paid(sandbox, gateway)
    assert refusal(gateway, told(sandbox, 0)) == "merchant"


def test_it_refuses_a_changed_byte_anywhere(gateway, arrived):
    for place in range(0, len(arrived.body), max(1, len(arrived.body) // 40)):
        changed = bytearray(arrived.body)
        changed[place] ^= 1
        with pytest.raises(Forged):
            gateway.read(replace(arrived, body=bytes(changed)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<xml/>",
        b"<xml><a>",
        b"\xff\xfe",
        b"a=1&a=2",
        b"sign=x&sign_type=RSA2",
        b"<" * 9999,
    ],
)
def test_it_refuses_nonsense(gateway, arrived, body):
    assert refusal(gateway, replace(arrived, body=body)) in {"signature", "malformed"}


def test_alipay_refuses_another_signature_type(alipay, sandbox, paid):
    paid(sandbox, alipay)
    arrived = told(sandbox)
    for other in ("RSA", "", "MD5"):
        fields = dict(parse_qsl(arrived.body.decode())) | {"sign_type": other}
        assert refusal(alipay, replace(arrived, body=urlencode(fields).encode())) == "signature"


def test_alipay_refuses_another_sellers(sandbox, alipay, paid):
    paid(sandbox, alipay)
    other = Alipay(alipay_account(sandbox.account["alipay"], seller_id="2088000000000009"))
    assert refusal(other, told(sandbox)) == "merchant"
    other = Alipay(alipay_account(sandbox.account["alipay"], app_id="2021000000000009"))
    assert refusal(other, told(sandbox)) == "merchant"


@pytest.mark.parametrize(
    "name",
    ["Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature-Type"],
)
def test_wechat_refuses_without_any_header(sandbox, wechat, paid, name):
    paid(sandbox, wechat)
    arrived = told(sandbox)
    without = {key: text for key, text in arrived.headers.items() if key.lower() != name.lower()}
    assert len(without) == len(arrived.headers) - 1
    assert refusal(wechat, replace(arrived, headers=without)) == "signature"
    for other in ("PUB_KEY_ID_0", "5A3F", "x", "WECHATPAY/SIGNTEST/abcd"):
        assert refusal(wechat, replace(arrived, headers={**without, name: other})) == "signature"


def test_wechat_takes_headers_in_any_case(sandbox, wechat, paid):
    paid(sandbox, wechat)
    arrived = told(sandbox)
    for how in (str.upper, str.lower, str.title):
        assert wechat.read(replace(arrived, headers={how(name): text for name, text in arrived.headers.items()}))


def test_wechat_opens_nothing_with_another_key(sandbox, wechat, paid):
    paid(sandbox, wechat)
    other = WeChat(wechat_account(sandbox.account["wechat"], v3_key="0" * 32))
    assert refusal(other, told(sandbox)) == "signature"


def test_wechat_never_asks_the_network_about_a_key(sandbox, wechat, paid, monkeypatch):
    paid(sandbox, wechat)
    arrived = told(sandbox)

    def refuse(*_args, **_more):
        raise AssertionError("a call")

    monkeypatch.setattr("invoices.providers.wire.call", refuse)
    monkeypatch.setattr("requests.get", refuse)
    headers = {name: "5A3F" if name.lower() == "wechatpay-serial" else text for name, text in arrived.headers.items()}
    assert refusal(wechat, replace(arrived, headers=headers)) == "signature"


def test_wechat_refuses_a_contract_signed_with_another_key_or_by_md5(sandbox, wechat):
    body = b"<xml><mch_id>1</mch_id><change_type>ADD</change_type><sign>%s</sign></xml>"
    for sign in (b"A" * 64, b"A" * 32, b"", "签".encode()):
        assert refusal(wechat, Callback(headers={}, body=body % sign, at=sandbox.now)) == "signature"


def test_wechat_without_a_key_of_apiv2_believes_no_xml(sandbox, wechat):
    wechat.papay = replace(wechat.papay, key="")
    fields = {"mch_id": wechat.account.merchant, "change_type": "ADD", "contract_code": "MZ2026C1", "contract_id": "1"}
    body = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
    signed = f"<xml>{body}<sign>{wechat.papay.signature(fields)}</sign></xml>".encode()
    assert refusal(wechat, Callback(headers={}, body=signed, at=sandbox.now)) == "signature"


def test_xml_with_a_document_type_is_nonsense(sandbox, wechat):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><mch_id>&b;</mch_id></xml>'
    assert refusal(wechat, Callback(headers={}, body=bomb, at=sandbox.now)) == "malformed"


def test_an_amount_of_another_size_is_told_as_it_is(sandbox, gateway, paid):
    sandbox.fault("callback_amount")
    paid(sandbox, gateway)
    assert gateway.read(told(sandbox)).about.amount_minor == 13_30


def test_a_message_is_of_no_unknown_kind(sandbox, alipay, wechat, monkeypatch):
    monkeypatch.setattr(alipay.client, "is_signed", lambda fields: True)
    fields = {"app_id": alipay.account.app_id, "notify_time": "2026-12-01 10:00:00", "notify_id": "1"}
    body = urlencode(fields | {"notify_type": "servicemarket_order_notify"}).encode()
    assert refusal(alipay, Callback(headers={}, body=body, at=sandbox.now)) == "kind"


def test_json_is_read_after_its_signature_only(sandbox, wechat):
    deep = json.dumps({"a": 1}).encode() + b"[" * 100_000
    assert refusal(wechat, Callback(headers={}, body=deep, at=sandbox.now)) == "signature"
    assert issubclass(Forged, Exception)
    assert not issubclass(Forged, NoAnswer)
