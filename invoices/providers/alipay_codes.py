"""What Alipay's codes mean to us. Pure.

Sources: the lists of business errors of alipay.trade.pay, precreate, query, close, refund and alipay.user.agreement.*, and
research/china.md §1.1. What is in no list is `Failure.OTHER`: Alipay said no, and nothing has happened.
"""

from __future__ import annotations

from typing import Final

from invoices.providers.port import Failure, State

DONE: Final = "10000"
BUSINESS: Final = "40004"
# 20000: not available; 10003: the payment is under way. Of both nobody knows how they end.
UNKNOWN_CODES: Final = frozenset({"20000", "10003"})
# Business errors that say nothing about the outcome, and those after which the order has to be looked at.
UNKNOWN: Final = frozenset(
    {
        "ACQ.SYSTEM_ERROR",
        "SYSTEM_ERROR",
        "ACQ.TRADE_HAS_SUCCESS",
        "ACQ.CONTEXT_INCONSISTENT",
        "ISP.UNKNOW-ERROR",
        "AOP.UNKNOW-ERROR",
        "ACQ.TRADE_SETTLE_ERROR",
    }
)
NOT_THERE: Final = frozenset({"ACQ.TRADE_NOT_EXIST"})
NO_AGREEMENT: Final = frozenset({"USER_AGREEMENT_NOT_EXIST", "AGREEMENT_NOT_EXIST"})
# Closing: it is paid or closed already, whichever has to be asked.
NOT_CLOSABLE: Final = frozenset(
    {"ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS"}
)
NO_BILL: Final = frozenset({"ISP.BILL_NOT_EXIST", "ISP.BILL-NOT-EXIST", "BILL_NOT_EXIST"})

STATES: Final = {
    "WAIT_BUYER_PAY": State.WAITING,
    "TRADE_SUCCESS": State.SUCCEEDED,
    "TRADE_FINISHED": State.SUCCEEDED,
    "TRADE_CLOSED": State.CLOSED,
}
AGREEMENTS: Final = {"NORMAL": State.SUCCEEDED, "TEMP": State.WAITING, "STOP": State.CLOSED, "UNSIGN": State.CLOSED}

FAILURES: Final = {
    code: failure
    for failure, codes in {
        Failure.TOO_LITTLE: "ACQ.BUYER_BALANCE_NOT_ENOUGH ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
        Failure.ABOVE_LIMIT: """
            ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR
            ACQ.BEYOND_PAY_RESTRICTION ACQ.BEYOND_PER_RECEIPT_RESTRICTION ACQ.TOTAL_FEE_EXCEED
            ACQ.PRODUCT_AMOUNT_LIMIT_ERROR ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED
            ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED""",
        Failure.BANK: "ACQ.PAYMENT_FAIL ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE ACQ.NOT_SUPPORT_PAYMENT_INST",
        Failure.ACCOUNT: """
            ACQ.BUYER_ENABLE_STATUS_FORBID ACQ.ERROR_BALANCE_PAYMENT_DISABLE ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT
            ACQ.MOBILE_PAYMENT_SWITCH_OFF ACQ.USER_FACE_PAYMENT_SWITCH_OFF ACQ.BUYER_NOT_EXIST ACQ.BUYER_NOT_NORMAL
            ACQ.TRADE_BUYER_NOT_MATCH""",
        Failure.NO_CONTRACT: """
            ACQ.AGREEMENT_NOT_EXIST ACQ.AGREEMENT_INVALID ACQ.AGREEMENT_STATUS_NOT_NORMAL ACQ.AGREEMENT_ERROR
            USER_AGREEMENT_NOT_EXIST AGREEMENT_NOT_EXIST""",
        Failure.WRONG_DAY: "ACQ.CYCLE_PAY_DATE_NOT_MATCH",
        Failure.DECLINED: "ACQ.PAYMENT_REQUEST_HAS_RISK ACQ.BUYER_SELLER_EQUAL",
        Failure.CLOSED: "ACQ.TRADE_HAS_CLOSE ACQ.TRADE_CLOSED",
        Failure.UNPAID: "ACQ.TRADE_NOT_EXIST ACQ.TRADE_STATUS_ERROR ACQ.REASON_TRADE_STATUS_INVALID",
        Failure.TOO_OLD: "ACQ.TRADE_HAS_FINISHED ACQ.TRADE_NOT_ALLOW_REFUND",
        Failure.TOO_MANY: "ACQ.REFUND_CHARGE_ERROR",
        Failure.WAY_GONE: "ACQ.REFUND_ACCOUNT_NOT_EXIST ACQ.USER_NOT_MATCH_ERR ACQ.BUYER_ERROR",
        # Ours to mend: the contract with Alipay, the keys, what we sent, or too little on the seller's own account.
        Failure.MISCONFIGURED: """
            ACQ.INVALID_PARAMETER ACQ.ACCESS_FORBIDDEN ACQ.EXIST_FORBIDDEN_WORD ACQ.PARTNER_ERROR
            ACQ.MERCHANT_AGREEMENT_NOT_EXIST ACQ.MERCHANT_AGREEMENT_INVALID ACQ.MERCHANT_STATUS_NOT_NORMAL
            ACQ.SELLER_BEEN_BLOCKED ACQ.SELLER_BALANCE_NOT_ENOUGH ACQ.SELLER_NOT_EXIST ACQ.AMOUNT_OR_CURRENCY_ERROR
            ACQ.CURRENCY_NOT_SUPPORT ACQ.REFUND_AMT_NOT_EQUAL_TOTAL ACQ.REASON_TRADE_REFUND_FEE_ERR
            REASON_TRADE_REFUND_FEE_ERR ACQ.REFUND_FEE_ERROR ACQ.DISCORDANT_REPEAT_REQUEST""",
    }.items()
    for code in codes.split()
}
