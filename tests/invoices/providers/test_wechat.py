"""The protocols of WeChat: what is believed of an answer of APIv3 and of APIv2, the codes, the states."""

import pytest

from invoices.providers import wechat_codes
from invoices.providers.port import Failure, NoAnswer, Refused, State
from invoices.providers.wechat import unpacked
from tests.invoices.providers.answering import NOW, says2, says3, server, wechat
from tests.invoices.providers.conftest import debit, refund_of

__all__ = ["says2", "says3", "server", "wechat"]

PAID3 = {"out_trade_no": "MZ000001", "mchid": "1900000109", "appid": "wx1", "trade_state": "SUCCESS"}
PAID3 |= {
    "transaction_id": "42",
    "amount": {"total": 12_30, "payer_total": 12_30},
    "payer": {"openid": "oUpF8uMuAJO_M2p"},
}
PAID3 |= {"success_time": "2026-12-01T10:00:00+08:00"}


def test_it_reads_chinese_without_a_charset(wechat, says3):
    says3(PAID3 | {"attach": "轻云 基础版 十二月"})
    report = wechat.ask("MZ000001")
    assert (report.state, report.amount_minor, report.payer) == (State.SUCCEEDED, 12_30, "oUp***2p")


@pytest.mark.parametrize(
    "other",
    [
        {"signed": False},
        {"Wechatpay-Serial": "5A3F"},
        {"Wechatpay-Signature": "AAAA"},
        {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"},
        {"Wechatpay-Signature-Type": ""},
        {"Wechatpay-Timestamp": "1796081401"},
    ],
)
def test_it_believes_no_answer_of_wechat_without_its_signature(wechat, says3, server, other):
    says3(PAID3, **other)
    with pytest.raises(NoAnswer):
        wechat.ask("MZ000001")
    assert len(server.asked) == 1  # and it asks nobody for another key


def test_a_refusal_needs_no_signature_and_a_wrong_one_is_refused(wechat, says3, order):
    says3({"code": "RULE_LIMIT", "message": "秘密"}, status=403, signed=False)
    with pytest.raises(Refused) as refused:
        wechat.begin(order)
    assert (refused.value.code, refused.value.detail) == (Failure.ABOVE_LIMIT, "RULE_LIMIT")
    assert "秘密" not in str(refused.value)
    says3({"code": "RULE_LIMIT"}, status=403, **{"Wechatpay-Nonce": "other"})
    with pytest.raises(NoAnswer):
        wechat.begin(order)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "<html>not found</html>"),
        (404, {"message": "no code"}),
        (403, {"code": "lower case or 138123456"}),
        (429, {"code": "FREQUENCY_LIMITED"}),
        (500, {"code": "SYSTEM_ERROR"}),
        (400, {"code": "ORDERPAID"}),
        (403, {"code": "OUT_TRADE_NO_USED"}),
        (200, "[]"),
        (400, "[" * 100_000),
        (200, "nonsense"),
    ],
)
def test_it_does_not_take_a_proxys_page_or_a_doubt_for_a_no(wechat, says3, order, status, said):
    says3(said, status=status)
    for call in (lambda: wechat.begin(order), lambda: wechat.ask("MZ000001")):
        with pytest.raises(NoAnswer):
            call()


@pytest.mark.parametrize(("code", "failure"), sorted(wechat_codes.FAILURES.items()))
def test_it_knows_wechats_codes(wechat, says2, code, failure):
    says2(result_code="FAIL", err_code=code, err_code_des="秘密")
    with pytest.raises(Refused) as refused:
        wechat.debit(debit("C1"))
    assert (refused.value.code, refused.value.detail) == (failure, code)
    assert "秘密" not in str(refused.value)


@pytest.mark.parametrize("code", sorted(wechat_codes.UNKNOWN))
def test_it_does_not_know_what_wechat_does_not_know(wechat, says2, code):
    says2(result_code="FAIL", err_code=code)
    with pytest.raises(NoAnswer):
        wechat.debit(debit("C1"))


def test_invalid_request_to_a_debit_means_that_no_notice_was_sent(wechat, says2):
    says2(result_code="FAIL", err_code="INVALID_REQUEST")
    with pytest.raises(Refused) as refused:
        wechat.debit(debit("C1"))
    assert refused.value.code == Failure.NOT_TOLD


@pytest.mark.parametrize(
    "other",
    [
        {"sign": "A" * 64},
        {"sign": "签"},
        {"return_code": "FAIL"},
        {"mch_id": "1900000110"},
        {"result_code": "FAIL"},
        {"result_code": "FAIL", "err_code": "1381234 秘密"},
    ],
)
def test_it_believes_no_answer_of_apiv2_that_is_not_signed_for_us(wechat, says2, other):
    says2(**other)
    with pytest.raises(NoAnswer):
        wechat.debit(debit("C1"))


@pytest.mark.parametrize(
    ("state", "desc", "found", "failure"),
    [
        ("ACCEPT", "", State.WAITING, ""),
        ("NOTPAY", "", State.WAITING, ""),
        ("PAY_FAIL", "银行卡余额不足", State.FAILED, Failure.TOO_LITTLE),
        ("PAY_FAIL", "超过限额", State.FAILED, Failure.ABOVE_LIMIT),
        ("CLOSED", "RULELIMIT", State.CLOSED, Failure.ABOVE_LIMIT),
        ("CLOSED", "", State.CLOSED, Failure.CLOSED),
        ("PAYERROR", "", State.FAILED, Failure.OTHER),
    ],
)
def test_it_knows_the_states_of_a_debit(wechat, says2, state, desc, found, failure):
    says2(out_trade_no="MZ2026D1", trade_state=state, trade_state_desc=desc)
    report = wechat.ask("MZ2026D1", debit=True)
    assert (report.state, report.failure, report.amount_minor) == (found, failure, None)


def test_a_debit_of_no_amount_or_of_another_number_is_no_answer(wechat, says2):
    says2(out_trade_no="MZ2026D1", trade_state="SUCCESS")
    with pytest.raises(NoAnswer):
        wechat.ask("MZ2026D1", debit=True)
    says2(out_trade_no="MZ2026D2", trade_state="SUCCESS", total_fee="1")
    with pytest.raises(NoAnswer):
        wechat.ask("MZ2026D1", debit=True)


def test_too_little_on_the_sellers_own_account_is_not_the_customers_fault(wechat, says3):
    says3(PAID3)
    refund = refund_of(wechat.ask("MZ000001"), 5_00)
    says3({"code": "NOT_ENOUGH", "message": "x"}, status=403)
    with pytest.raises(Refused) as refused:
        wechat.give_back(refund)
    assert refused.value.code == Failure.MISCONFIGURED


@pytest.mark.parametrize(
    ("status", "state", "failure"),
    [
        ("SUCCESS", State.SUCCEEDED, ""),
        ("PROCESSING", State.WAITING, ""),
        ("CLOSED", State.CLOSED, Failure.CLOSED),
        ("ABNORMAL", State.FAILED, Failure.WAY_GONE),
    ],
)
def test_it_knows_the_states_of_a_refund(wechat, says3, status, state, failure):
    says3(PAID3)
    refund = refund_of(wechat.ask("MZ000001"), 5_00)
    told = {"out_refund_no": refund.reference, "refund_id": "50", "status": status, "amount": {"refund": 5_00}}
    says3(told)
    found = wechat.give_back(refund)
    assert (found.state, found.failure, found.amount_minor) == (state, failure, 5_00)
    assert wechat.ask_refund(refund) == found
    says3(told | {"out_refund_no": "other"})
    with pytest.raises(NoAnswer):
        wechat.ask_refund(refund)


def test_a_bill_of_wechat_must_be_the_one_it_spoke_of(wechat, says3, server):
    for answer in (
        {"hash_type": "SHA1", "hash_value": "0", "download_url": "https://evil.example/x"},
        {"hash_type": "SHA1", "hash_value": "0", "download_url": f"{server.url}.evil.example/x"},
        # The server answers every address with the same text, whose hash is another one.
        {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": f"{server.url}/v3/billdownload/file?token=1"},
        {"hash_type": "MD5", "hash_value": "0" * 40, "download_url": f"{server.url}/v3/billdownload/file?token=1"},
    ):
        says3(answer)
        with pytest.raises(NoAnswer):
            wechat.statement(NOW.date())


def test_a_broken_archive_is_no_bill(wechat):
    for bad in (b"\x1f\x8b", b"\x1f\x8b\x08\x00nonsense", b"\x1f\x8b\x08\x00" + b"\x00" * 40):
        with pytest.raises(NoAnswer):
            unpacked(bad)
