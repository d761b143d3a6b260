"""What the sandbox remembers. Amounts are fen, instants aware; days are texts, `2026-12-01`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True, kw_only=True)
class Order:
    """A one-off payment or a debit. A code of Alipay is `unborn` until it is scanned."""

    provider: str  # alipay | wechat
    number: str  # ours: out_trade_no
    kind: str  # code | page | debit
    state: str  # unborn | open | accepted | paid | closed
    minor: int
    subject: str
    token: str
    notify_url: str
    opened_at: datetime
    code_at: datetime
    expires_at: datetime | None = None
    trade_no: str = ""
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    settle_at: datetime | None = None
    payer: str = ""
    attach: str = ""
    return_url: str = ""
    contract_no: str = ""
    period: str = ""  # of a debit: the due day (Alipay) or the notice (WeChat) that it uses up
    failure: str = ""
    digest: str = "MD5"

    @property
    def key(self) -> str:
        return f"{self.provider}:{self.number}"


@dataclass(slots=True, kw_only=True)
class Refund:
    """A part of a payment that goes back. Alipay's move at once, WeChat's after a while."""

    provider: str
    number: str  # ours: out_request_no, out_refund_no
    order_key: str
    minor: int
    reason: str
    refund_no: str
    asked_at: datetime
    state: str  # processing | done | abnormal
    settle_at: datetime | None = None
    done_at: datetime | None = None
    notify_url: str = ""

    @property
    def key(self) -> str:
        """Alipay's numbers of refunds are told apart within a trade only, WeChat's among all of a merchant's."""
        return f"{self.order_key}/{self.number}" if self.provider == "alipay" else f"wechat:{self.number}"


@dataclass(slots=True, kw_only=True)
class Contract:
    """A deduction agreement. `single_minor` and the rhythm bind Alipay's; WeChat's has notices instead."""

    provider: str
    number: str  # ours: external_agreement_no, contract_code
    state: str  # open | signed | ended
    token: str
    name: str
    notify_url: str
    opened_at: datetime
    product: str = ""  # Alipay's personal_product_code
    plan: str = ""  # WeChat's template, Alipay's scene
    return_url: str = ""
    contract_no: str = ""
    payer: str = ""
    signed_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    end_mode: int = 0
    period_type: str = ""
    period: int = 0
    execute_on: str = ""
    single_minor: int = 0
    total_minor: int = 0
    total_payments: int = 0
    serial: str = ""
    digest: str = "MD5"
    logon: str = ""

    @property
    def key(self) -> str:
        return f"{self.provider}:{self.number}"


@dataclass(slots=True, kw_only=True)
class Notice:
    """WeChat's pre-notice of a debit: when it may be made, and how much at most."""

    number: str
    contract_no: str
    minor: int
    told_at: datetime
    opens_at: datetime
    ends_at: datetime

    @property
    def key(self) -> str:
        return self.number


@dataclass(slots=True, kw_only=True)
class Call:
    """A callback: what it says, where it goes, how often it was tried and when it is due again."""

    number: str
    event: str  # the provider's number of the message: the same at every repetition
    provider: str
    kind: str  # payment | refund | signed | ended
    style: str  # alipay | v3 | v2
    url: str
    content: dict[str, Any]
    schedule: str
    made_at: datetime
    due_at: datetime | None
    state: str = "waiting"  # waiting | held | heard | given up | lost
    tries: int = 0
    marks: list[str] = field(default_factory=list)  # faults that its first attempt has
    answers: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.number
