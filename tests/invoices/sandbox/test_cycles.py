"""Alipay's cycle agreements: five days before the due day until its end, one success for each, a most for each."""

from datetime import UTC, datetime

import pytest

from tests.invoices.sandbox.merchant import alipay, alipay_page, cycle_pay, form_of, sign_cycle

# The agreement is due on the 6th; the sandbox begins on the 1st, which is the first day that it may be debited.
SIXTH_ENDS = datetime(2026, 12, 6, 16, tzinfo=UTC)


def test_it_debits_from_five_days_before(sandbox):
    agreement = sign_cycle(sandbox)
    assert cycle_pay(sandbox, agreement, "D1")["code"] == "10000"
    sandbox.deliver()
    told = form_of(sandbox.sent[-1])
    assert (told["out_trade_no"], told["trade_status"], told["total_amount"]) == ("D1", "TRADE_SUCCESS", "199.00")


def test_it_debits_no_earlier(sandbox):
    agreement = sign_cycle(sandbox, execute_time="2026-12-07")
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.CYCLE_PAY_DATE_NOT_MATCH"
    sandbox.advance(until=datetime(2026, 12, 1, 16, tzinfo=UTC))
    assert cycle_pay(sandbox, agreement, "D1")["code"] == "10000"


def test_it_debits_once_in_a_period(sandbox):
    agreement = sign_cycle(sandbox)
    cycle_pay(sandbox, agreement, "D1")
    assert cycle_pay(sandbox, agreement, "D2")["sub_code"] == "ACQ.CYCLE_PAY_DATE_NOT_MATCH"
    sandbox.advance(until=datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert cycle_pay(sandbox, agreement, "D2")["sub_code"] == "ACQ.CYCLE_PAY_DATE_NOT_MATCH"
    sandbox.advance(minutes=1)
    assert cycle_pay(sandbox, agreement, "D2")["code"] == "10000"


@pytest.mark.parametrize(("late", "code"), [(-1, "10000"), (0, "40004")])
def test_the_due_day_ends_at_midnight_in_beijing(sandbox, late, code):
    agreement = sign_cycle(sandbox)
    sandbox.advance(until=SIXTH_ENDS)
    sandbox.gate.clock.move(datetime.fromtimestamp(SIXTH_ENDS.timestamp() + late, UTC))
    assert cycle_pay(sandbox, agreement, "D1")["code"] == code


def test_it_debits_no_more_than_was_signed(sandbox):
    agreement = sign_cycle(sandbox, total_amount="300.00")
    assert cycle_pay(sandbox, agreement, "D1", "199.01")["sub_code"] == "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED"
    assert cycle_pay(sandbox, agreement, "D1")["code"] == "10000"
    sandbox.advance(until=datetime(2027, 1, 2, tzinfo=UTC))
    assert cycle_pay(sandbox, agreement, "D2", "101.01")["sub_code"] == "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED"


def test_it_debits_no_oftener_than_was_signed(sandbox):
    agreement = sign_cycle(sandbox, total_payments="1")
    cycle_pay(sandbox, agreement, "D1")
    sandbox.advance(until=datetime(2027, 1, 2, tzinfo=UTC))
    assert cycle_pay(sandbox, agreement, "D2")["sub_code"] == "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED"


def test_a_debit_that_fails_is_no_trade_and_may_be_tried_again(sandbox):
    agreement = sign_cycle(sandbox)
    sandbox.fault("decline@debit")
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.BUYER_BALANCE_NOT_ENOUGH"
    assert alipay(sandbox, "alipay.trade.query", {"out_trade_no": "D1"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert cycle_pay(sandbox, agreement, "D1")["code"] == "10000"
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


def test_it_can_be_put_off_and_not_forward(sandbox):
    agreement = sign_cycle(sandbox)
    modify = "alipay.user.agreement.executionplan.modify"
    assert alipay(sandbox, modify, {"agreement_no": agreement, "deduct_time": "2026-12-05"})["code"] == "40004"
    assert alipay(sandbox, modify, {"agreement_no": agreement, "deduct_time": "2026-12-20"})["code"] == "10000"
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.CYCLE_PAY_DATE_NOT_MATCH"


@pytest.mark.parametrize(
    "rule",
    [
        {"period_type": "DAY", "period": "6"},
        {"execute_time": "2026-12-29"},
        {"execute_time": "2026-11-30"},
        {"single_amount": "0.001"},
        {"period_type": "WEEK"},
    ],
)
def test_it_refuses_a_rhythm_that_alipay_does_not_have(sandbox, rule):
    params = {"period_type": "MONTH", "period": "1", "execute_time": "2026-12-06", "single_amount": "1.00"} | rule
    content = {
        "personal_product_code": "CYCLE_PAY_AUTH_P",
        "sign_scene": "INDUSTRY|DIGITAL_MEDIA",
        "external_agreement_no": "C1",
        "access_params": {"channel": "QRCODE"},
        "period_rule_params": params,
    }
    assert alipay_page(sandbox, "alipay.user.agreement.page.sign", content).status_code == 400


def test_an_agreement_is_known_while_it_is_in_force(sandbox):
    agreement = sign_cycle(sandbox)
    told = form_of(sandbox.sent[-1])
    assert (told["notify_type"], told["status"], told["agreement_no"]) == ("dut_user_sign", "NORMAL", agreement)
    query = "alipay.user.agreement.query"
    assert alipay(sandbox, query, {"agreement_no": agreement})["status"] == "NORMAL"
    alipay(sandbox, "alipay.user.agreement.unsign", {"agreement_no": agreement})
    assert alipay(sandbox, query, {"agreement_no": agreement})["sub_code"] == "USER_AGREEMENT_NOT_EXIST"
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.AGREEMENT_INVALID"


def test_a_payer_who_ends_it_is_told_of_at_the_gateway_of_the_application(sandbox):
    sandbox.gate.terms.app_gateway = "https://merchant.example/gateway"
    sign_cycle(sandbox)
    sandbox.unsign("alipay", "CYCLE1")
    assert sandbox.sent[-1].url == "https://merchant.example/gateway"
    assert form_of(sandbox.sent[-1])["status"] == "UNSIGN"
    sandbox.gate.terms.app_gateway = "none"
    sign_cycle(sandbox, "CYCLE2")
    count = len(sandbox.sent)
    sandbox.unsign("alipay", "CYCLE2")
    assert len(sandbox.sent) == count


def test_the_payer_may_end_it_just_before_a_debit(sandbox):
    agreement = sign_cycle(sandbox)
    sandbox.fault("unsign@alipay")
    assert cycle_pay(sandbox, agreement, "D1")["sub_code"] == "ACQ.AGREEMENT_INVALID"
    sandbox.deliver()
    assert form_of(sandbox.sent[-1])["notify_type"] == "dut_user_unsign"
