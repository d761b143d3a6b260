"""What we ask of a provider, and what it can answer: one Protocol, whoever it is. Pure: no network, no table.

A call either returns a report or raises: `NoAnswer` when the outcome is unknown (timeout, lost connection, nonsense, a
wrong signature on the answer), `Refused` when the provider said no and nothing has happened. Amounts are minor units of CNY
(fen); adapters convert (Alipay and the bills of both say yuan). Instants are aware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class NoAnswer(Exception):
    """The provider did not answer, or not so that it can be believed: the outcome is unknown until it is asked for."""


class Refused(Exception):
    """The provider said no; nothing has happened. `code` is one of ours (`Failure`), `detail` the provider's own code."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code, self.detail = code, detail


class Forged(Exception):
    """A callback that is not to be believed: `code` says which check it failed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class State(StrEnum):
    """Where an order, a debit or a refund is at the provider."""

    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    # The provider has never heard of it (of an Alipay code: until it is scanned), or it was closed unpaid.
    MISSING = "missing"
    CLOSED = "closed"


class Failure(StrEnum):
    """Why nothing was taken, in our words; each has a translated sentence that says what to do (`providers.reasons`)."""

    TOO_LITTLE = "balance_too_low"
    ABOVE_LIMIT = "above_provider_limit"
    BANK = "bank_declined"
    ACCOUNT = "payer_account_abnormal"
    NO_CONTRACT = "agreement_ended"
    NOT_TOLD = "provider_not_told"
    WRONG_DAY = "outside_provider_window"
    EXPIRED = "expired"
    CLOSED = "closed"
    DECLINED = "declined"
    UNPAID = "not_paid"
    TOO_OLD = "too_old_to_refund"
    TOO_MANY = "too_many_refunds"
    WAY_GONE = "payer_account_gone"
    MISCONFIGURED = "provider_refused_us"
    OTHER = "provider_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A one-off payment to begin: our number, what it is for, until when it can be paid."""

    reference: str
    amount_minor: int
    subject: str
    expires_at: datetime
    page: bool = False  # a page of the provider, else a code to scan
    return_to: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of an order or a debit. `amount_minor` is what was really paid."""

    state: State
    reference: str
    provider_number: str = ""
    amount_minor: int | None = None
    at: datetime | None = None
    failure: str = ""
    payer: str = ""  # already shortened by the adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A refund to make: our stable number of it, the payment it is a part of, and how much that payment was."""

    reference: str
    payment_reference: str
    payment_provider_number: str
    amount_minor: int
    payment_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a provider says of a refund."""

    state: State
    reference: str
    provider_number: str = ""
    amount_minor: int | None = None
    at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A deduction agreement to be signed: the most of one debit, and for Alipay the rhythm and the first day."""

    reference: str
    single_minor: int
    name: str
    every_months: int = 1
    execute_on: date | None = None
    return_to: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a provider says of a contract: SUCCEEDED is in force, WAITING being signed, CLOSED ended, MISSING never signed."""

    state: State
    reference: str
    provider_number: str = ""
    payer: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """A deduction under a contract: our number of it, and the provider's of the contract."""

    reference: str
    contract: str
    amount_minor: int
    subject: str


class Kind(StrEnum):
    """What a callback is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    SIGNED = "signed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Message:
    """A callback that was checked for signature, freshness and merchant. What it is about is in `about`."""

    kind: Kind
    message_id: str
    about: Report | Returned | Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What arrived at our address: raw, for the signature is over it."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A row of a provider's bill: a payment that came in or a refund that went out (`refund`), and the fee on it."""

    reference: str  # ours: of the payment, or of the refund
    provider_number: str
    amount_minor: int
    fee_minor: int
    at: datetime
    refund: bool
    payment_reference: str


class Gateway(Protocol):
    """A provider, as one seller's account sees it."""

    name: str

    def begin(self, order: Order) -> str:
        """Open an order and return where it is paid: the content of a code, or the address of a page."""

    def ask(self, reference: str, *, debit: bool = False) -> Report:
        """Say where an order or a debit is."""

    def close(self, reference: str, *, debit: bool = False) -> Report:
        """Make an unpaid order unpayable; one that is paid meanwhile reports SUCCEEDED."""

    def give_back(self, refund: Return) -> Returned:
        """Pay a part of a payment back; the same number again pays nothing twice."""

    def ask_refund(self, refund: Return) -> Returned:
        """Say where a refund is."""

    def sign(self, contract: Contract) -> str:
        """Return where a payer signs a contract."""

    def ask_contract(self, reference: str, provider_number: str = "") -> Signed:
        """Say whether a contract is in force."""

    def end_contract(self, reference: str, provider_number: str) -> Signed:
        """End a contract at the provider."""

    def tell_of_debit(self, debit: Debit) -> tuple[datetime, datetime] | None:
        """Tell the provider of a debit to come, and return from when until when it may be made; None: nothing is asked."""

    def debit(self, debit: Debit) -> Report:
        """Deduct under a contract. WAITING: accepted, the outcome comes by callback or by asking."""

    def read(self, callback: Callback) -> Message:
        """Return what a callback says; raise Forged unless signature, freshness (5 minutes) and merchant are right."""

    def statement(self, day: date) -> Sequence[StatementLine]:
        """Return a day's bill (of the provider's day, Asia/Shanghai), from ten o'clock of the next day on."""
