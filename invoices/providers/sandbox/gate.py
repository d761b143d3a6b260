"""The sandbox itself: what both gateways share."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

from invoices.providers.sandbox.clock import BEIJING, Clock
from invoices.providers.sandbox.faults import Faults
from invoices.providers.sandbox.keys import Keys
from invoices.providers.sandbox.store import Store

YUAN = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,2}))?")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True, kw_only=True)
class Terms:
    """What a provider and a merchant agree on beside the protocol. Amounts are fen, times the provider's seconds."""

    # WeChat's default limits of deductions: for each, and for each payer and day.
    single_minor: int = 500_00
    day_minor: int = 2_500_00
    # How long WeChat takes over a debit and over a refund.
    debit_seconds: int = 2
    refund_seconds: int = 2
    # Fee of both: 0.60 %.
    fee_basis_points: int = 60
    # Where the end of a contract is told when the payer ends it: Alipay's application gateway and the address on WeChat's
    # template. Empty: the contract's own notify_url; "none": nowhere, as with a merchant who has set none.
    app_gateway: str = ""
    unsign_url: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What came in over HTTP. `path` is without the query, header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A gateway's no: its code and text, and the HTTP status where that says something (WeChat v3)."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message or code, status


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """Keys, records, clock and faults. Whoever reads or changes records holds the lock."""

    keys: Keys
    store: Store
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    terms: Terms = field(default_factory=Terms)
    base: str = "http://127.0.0.1"  # set when it is served
    lock: Any = field(default_factory=RLock)
    # Addresses of bills to download, by token: until when, and what.
    downloads: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)

    def page(self, token: str) -> str:
        """Return the address of the page where a person approves or declines."""
        return f"{self.base}/p/{token}"


def token() -> str:
    return secrets.token_urlsafe(9)


def digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def beijing(at: datetime) -> str:
    """Return `yyyy-MM-dd HH:mm:ss` of Beijing."""
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def rfc3339(at: datetime) -> str:
    return at.astimezone(BEIJING).isoformat(timespec="seconds")


def yuan(minor: int) -> str:
    """Return fen as a text of yuan with two decimals."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"


def fen(text: str) -> int:
    """Return a text of yuan as fen; raise ValueError unless it is 0.01 to 100,000,000 with at most two decimals."""
    found = YUAN.fullmatch(text)
    minor = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if not 1 <= minor <= 100_000_000_00:
        raise ValueError(text)
    return minor


def on_loopback(address: str) -> bool:
    """Say whether an address leads nowhere but to this machine."""
    return urlsplit(address).hostname in LOOPBACK
