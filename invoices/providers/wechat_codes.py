"""What WeChat Pay's codes mean to us, of APIv3 and of APIv2, which write some of them differently. Pure.

Sources: the error codes of /v3/pay/transactions, /v3/refund/domestic/refunds, /v3/bill, of the APIs of papay, and
research/china.md §1.2–1.3. What is in no list is `Failure.OTHER`: WeChat said no, and nothing has happened.
"""

from __future__ import annotations

from typing import Final

from invoices.providers.port import Failure, State

# These say nothing about the outcome, or that the number is known already: the order has to be looked at.
UNKNOWN: Final = frozenset(
    {
        "SYSTEMERROR",
        "SYSTEM_ERROR",
        "BIZERR_NEED_RETRY",
        "FREQUENCY_LIMITED",
        "FREQUENCY_LIMIT",
        "RATELIMIT_EXCEEDED",
        "ORDERPAID",
        "ORDER_PAID",
        "OUT_TRADE_NO_USED",
        "ORDER_ACCEPTED",
        "ACCEPTED",
        "USERPAYING",
    }
)
NOT_THERE: Final = frozenset({"ORDERNOTEXIST", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "REFUNDNOTEXIST", "NOT_FOUND"})
NO_CONTRACT: Final = frozenset(
    {"CONTRACT_NOT_EXIST", "CONTRACTNOTEXIST", "CONTRACT_NOT_EXISTED", "CONTRACT_NOT_EXISTS"}
)
CONTRACT_OVER: Final = NO_CONTRACT | {"CONTRACT_TERMINATED", "CONTRACT_HAS_TERMINATED", "CONTRACT_NOT_VALID"}
CLOSED: Final = frozenset({"ORDERCLOSED", "ORDER_CLOSED"})
NO_BILL: Final = frozenset({"NO_STATEMENT_EXIST"})

STATES: Final = {
    "SUCCESS": State.SUCCEEDED,
    "REFUND": State.SUCCEEDED,  # it was paid, and some of it went back
    "NOTPAY": State.WAITING,
    "USERPAYING": State.WAITING,
    "ACCEPT": State.WAITING,
    "CLOSED": State.CLOSED,
    "REVOKED": State.CLOSED,
    "PAYERROR": State.FAILED,
    "PAY_FAIL": State.FAILED,
}
REFUNDS: Final = {
    "SUCCESS": (State.SUCCEEDED, ""),
    "PROCESSING": (State.WAITING, ""),
    "CLOSED": (State.CLOSED, Failure.CLOSED),
    "REFUNDCLOSE": (State.CLOSED, Failure.CLOSED),
    # The payer's account or card is gone: the seller has to pay it back another way.
    "ABNORMAL": (State.FAILED, Failure.WAY_GONE),
    "CHANGE": (State.FAILED, Failure.WAY_GONE),
}

FAILURES: Final = {
    code: failure
    for failure, codes in {
        Failure.TOO_LITTLE: "NOTENOUGH",
        Failure.ABOVE_LIMIT: "RULELIMIT RULE_LIMIT QUOTA_EXCEED AMOUNT_LIMIT",
        Failure.BANK: "BANKERROR BANK_ERROR CARD_NOT_SUPPORT NOTSUPORTCARD",
        Failure.ACCOUNT: "USER_ACCOUNT_ABNORMAL ACCOUNT_ERROR ACCOUNTERROR USER_NOT_EXIST",
        Failure.NO_CONTRACT: " ".join(CONTRACT_OVER),
        # Of pappayapply: the notice before the debit was not sent, or not in time.
        Failure.NOT_TOLD: "HAS_NOT_NOTIFY NOTIFY_NOT_SENT",
        Failure.WRONG_DAY: "TIME_NOT_ALLOWED OUT_OF_TIME DEDUCT_TIME_INVALID",
        Failure.CLOSED: " ".join(CLOSED),
        Failure.UNPAID: "ORDERNOTEXIST ORDER_NOT_EXIST",
        Failure.DECLINED: "TRADE_ERROR AUTH_CODE_INVALID ORDERREVERSED RISK_CONTROL",
        Failure.TOO_OLD: "TRADE_OVERDUE",
        Failure.TOO_MANY: "REFUND_COUNT_LIMIT",
        # Ours to mend: the contract with WeChat, the keys, what we sent.
        Failure.MISCONFIGURED: """
            APPID_NOT_EXIST MCHID_NOT_EXIST APPID_MCHID_NOT_MATCH MCH_NOT_EXISTS LACK_PARAMS PARAM_ERROR NO_AUTH NOAUTH
            SIGN_ERROR SIGNERROR NOT_UTF8 XML_FORMAT_ERROR POST_DATA_EMPTY REQUIRE_POST_METHOD INVALID_TRANSACTIONID
            ERROR TRADE_TYPE_ERROR""",
    }.items()
    for code in codes.split()
}
# The same words about something else: INVALID_REQUEST to a debit says that no notice was sent before (china.md §1.3).
OF_DEBITS: Final = {"INVALID_REQUEST": Failure.NOT_TOLD}
# What the description of a failed debit says where there is no code.
WORDS: Final = (
    ("余额不足", Failure.TOO_LITTLE),
    ("限额", Failure.ABOVE_LIMIT),
    ("解约", Failure.NO_CONTRACT),
    ("银行", Failure.BANK),
)
# NOT_ENOUGH to a refund is the seller's own balance, which the customer can do nothing about.
OF_REFUNDS: Final = {
    "NOT_ENOUGH": Failure.MISCONFIGURED,
    "NOTENOUGH": Failure.MISCONFIGURED,
    "USER_ACCOUNT_ABNORMAL": Failure.WAY_GONE,
}
