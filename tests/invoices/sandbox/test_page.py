"""The page of a scanned code, and the overview."""

import re

import pytest
import requests

from tests.invoices.sandbox.merchant import native, paid, precreate, sign_cycle, sign_papay


def page(sandbox, provider, number, *, contract=False):
    record = sandbox.contract(provider, number) if contract else sandbox.order(provider, number)
    return sandbox.gate.page(record.token)


def test_a_person_pays_on_the_page(sandbox):
    address = precreate(sandbox)["qr_code"]
    shown = requests.get(address, timeout=10).text
    assert "¥128.00" in shown
    assert "轻语 SCRM {2026-12}" in shown
    assert "付款 ¥128.00" in shown
    after = requests.post(address, data={"do": "approve"}, timeout=10)
    assert after.history[0].status_code == 303
    assert "付款成功" in after.text
    assert sandbox.order("alipay", "MZ000001").state == "paid"
    assert "<form" not in after.text


def test_a_person_declines_on_the_page_and_nothing_is_paid(sandbox):
    address = native(sandbox).json()["code_url"]
    after = requests.post(f"{address}?lang=en", data={"do": "decline"}, timeout=10).text
    assert "Declined. Nothing was paid" in after
    assert "Pay ¥128.00" in after
    assert sandbox.order("wechat", "MZ000001").state == "open"


def test_it_says_when_a_code_has_run_out(sandbox):
    address = native(sandbox).json()["code_url"]
    sandbox.advance(hours=2)
    assert "二维码已失效" in requests.get(address, timeout=10).text
    requests.post(address, data={"do": "approve"}, timeout=10)
    assert sandbox.order("wechat", "MZ000001").state == "open"


def test_a_code_that_ran_out_is_replaced_by_a_fresh_one(sandbox):
    old = precreate(sandbox)["qr_code"]
    assert precreate(sandbox)["qr_code"] == old
    sandbox.advance(hours=2)
    new = precreate(sandbox)["qr_code"]
    assert requests.get(old, timeout=10).status_code == 404
    assert requests.get(new, timeout=10).ok


def test_a_contract_shows_its_most_and_its_rhythm_and_may_be_ended(sandbox):
    sign_cycle(sandbox)
    address = page(sandbox, "alipay", "CYCLE1", contract=True)
    shown = requests.get(f"{address}?lang=en", timeout=10).text
    assert "¥199.00" in shown
    assert "every month" in shown
    assert "2026-12-06" in shown
    assert "已解除" in requests.post(address, data={"do": "end"}, timeout=10).text
    assert sandbox.contract("alipay", "CYCLE1").state == "ended"


def test_a_contract_is_signed_on_the_page(sandbox):
    sandbox.fault("decline@sign")
    with pytest.raises(Exception, match="DECLINED"):
        sign_papay(sandbox)
    address = page(sandbox, "wechat", "CONTRACT1", contract=True)
    assert "同意签约" in requests.get(address, timeout=10).text
    assert "协议生效中" in requests.post(address, data={"do": "approve"}, timeout=10).text
    assert sandbox.contract("wechat", "CONTRACT1").state == "signed"


def test_it_leads_back_to_the_merchant_on_this_machine_only(sandbox):
    precreate(sandbox)
    order = sandbox.order("alipay", "MZ000001")
    order.return_url = "http://127.0.0.1:8000/pay/1/"
    sandbox.approve("alipay", "MZ000001")
    shown = requests.get(page(sandbox, "alipay", "MZ000001"), timeout=10).text
    assert "http://127.0.0.1:8000/pay/1/?app_id=" in shown
    order.return_url = "https://merchant.example/"
    assert "merchant.example" not in requests.get(page(sandbox, "alipay", "MZ000001"), timeout=10).text


@pytest.mark.parametrize(
    ("asked", "found"), [("en-GB", 'lang="en"'), ("zh-CN", 'lang="zh-CN"'), ("de", 'lang="zh-CN"')]
)
def test_it_speaks_the_readers_language(sandbox, asked, found):
    assert found in requests.get(f"{sandbox.base}/", headers={"Accept-Language": asked}, timeout=10).text


def test_the_overview_shows_everything_and_sets_faults(sandbox):
    paid(sandbox, "alipay")
    sign_cycle(sandbox)
    after = requests.post(f"{sandbox.base}/?lang=en", data={"fault": "callback_lost@refund*2"}, timeout=10).text
    for word in ("MZ000001", "CYCLE1", "contract signed", "callback_lost@refund*2", "128.00"):
        assert word in after
    wrong = requests.post(f"{sandbox.base}/", data={"fault": "<b>"}, timeout=10)
    assert wrong.status_code == 400
    assert "<b>" not in wrong.text
    requests.post(f"{sandbox.base}/", data={"fault": "", "do": "clear"}, timeout=10)
    assert sandbox.gate.faults.shown() == []


def test_it_reaches_for_nothing_outside(sandbox):
    paid(sandbox, "alipay")
    for address in (f"{sandbox.base}/", page(sandbox, "alipay", "MZ000001")):
        answer = requests.get(address, timeout=10)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        found = re.findall(r"(?:src|href|action)=\"(https?:[^\"]+)", answer.text)
        assert [link for link in found if not link.startswith(sandbox.base)] == []
        assert "<script" not in answer.text


def test_another_site_cannot_press_the_button(sandbox):
    address = native(sandbox).json()["code_url"]
    answer = requests.post(address, data={"do": "approve"}, headers={"Origin": "https://evil.example"}, timeout=10)
    assert answer.status_code == 403
    assert sandbox.order("wechat", "MZ000001").state == "open"
