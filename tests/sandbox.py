"""A sandbox of the payment gateways for tests: on a free port of this machine, with a clock that stands.

from tests.sandbox import sandbox, sandbox_keys  # noqa: F401  (in a conftest: import and put into __all__)

def test_it_asks(sandbox):
    sandbox.account["alipay"]["secrets"]      # what accounts.set_up takes: app_id, merchant, plan, gateway, secrets
    sandbox.scan("alipay", "MZ1")             # a person opens the code
    sandbox.approve("alipay", "MZ1")          # and pays
    sandbox.fault("answer_lost@trade.refund") # see invoices/providers/sandbox/faults.py
    sandbox.advance(minutes=4)                # the clock goes on; debits, refunds and callbacks that are due happen
    sandbox.sent[-1].headers, .body           # every attempt of a callback, as it was sent
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from invoices.providers.sandbox import calling, contracting, keys, ordering, serving, settling
from invoices.providers.sandbox.clock import StandingClock
from invoices.providers.sandbox.gate import Sandbox
from invoices.providers.sandbox.records import Contract, Order
from invoices.providers.sandbox.store import Store

# Ten in the morning in Beijing, a Tuesday.
AT = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
HEARD = {"alipay": b"success", "v3": b"", "v2": b"<xml><return_code>SUCCESS</return_code></xml>"}


@dataclass(frozen=True)
class Sent:
    """An attempt of a callback."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Receiver(ThreadingHTTPServer):
    """A merchant's address on this machine: keeps what arrives and answers what it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/callbacks"
        self.got: list[Sent] = []
        self.answers: list[tuple[int, bytes]] = []
        self.usual: tuple[int, bytes] = (200, b"success")

    def answer(self) -> tuple[int, bytes]:
        return self.answers.pop(0) if self.answers else self.usual


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(Sent(self.path, dict(self.headers), body))
        status, said = self.server.answer()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Running:
    """A sandbox that is being served. Amounts are fen."""

    gate: Sandbox
    server: serving.Server
    receiver: Receiver
    sent: list[Sent] = field(default_factory=list)
    answering: bool = True  # False: every callback to an address that is not this machine's is refused with 500

    @property
    def base(self) -> str:
        return self.gate.base

    @property
    def account(self) -> dict[str, dict[str, Any]]:
        """By provider what `accounts.set_up` takes: app_id, merchant, plan, gateway, secrets."""
        return keys.account(self.gate.keys, self.base)

    @property
    def now(self) -> datetime:
        return self.gate.clock.now()

    def order(self, provider: str, number: str) -> Order:
        return self.gate.store.orders[f"{provider}:{number}"]

    def contract(self, provider: str, number: str) -> Contract:
        return self.gate.store.contracts[f"{provider}:{number}"]

    def scan(self, provider: str, number: str) -> None:
        """A person opens the code of a payment."""
        with self.gate.lock:
            ordering.scan(self.gate, self.order(provider, number))

    def approve(self, provider: str, number: str) -> None:
        """A person pays; callbacks that are due are sent."""
        with self.gate.lock:
            ordering.approve(self.gate, self.order(provider, number))
        self.deliver()

    def sign(self, provider: str, number: str) -> None:
        """A person signs a contract; callbacks that are due are sent."""
        with self.gate.lock:
            contracting.sign(self.gate, self.contract(provider, number))
        self.deliver()

    def unsign(self, provider: str, number: str) -> None:
        """A person ends a contract in the wallet."""
        with self.gate.lock:
            contracting.end(self.gate, self.contract(provider, number), contracting.BY_USER)
        self.deliver()

    def fault(self, *texts: str) -> None:
        for text in texts:
            self.gate.faults.add(text)

    def advance(self, *, until: datetime | None = None, **by: int) -> None:
        """Let time go on and everything happen that is due then, callbacks at their own instants."""
        end = until or self.now + timedelta(**by)
        while self.now < end:
            self.gate.clock.move(min([end, *self._instants(end)]))
            self.deliver()

    def _instants(self, end: datetime) -> list[datetime]:
        store = self.gate.store
        due = [call.due_at for call in store.calls.values()]
        due += [thing.settle_at for things in (store.orders, store.refunds) for thing in things.values()]
        return [at for at in due if at and self.now < at < end]

    def deliver(self) -> int:
        """Settle what is due and send the callbacks that are due; return how many attempts were made."""
        with self.gate.lock:
            settling.settle(self.gate)
        return calling.deliver(self.gate, self._send)

    def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.sent.append(Sent(url, headers, body))
        if url.startswith("http://127.0.0.1:"):
            return calling.post(url, headers, body)
        style = "alipay" if b"notify_id=" in body else "v2" if body.startswith(b"<xml>") else "v3"
        return (200, HEARD[style]) if self.answering else (500, b"")

    def calls(self) -> list[Any]:
        return list(self.gate.store.calls.values())


@pytest.fixture(scope="session")
def sandbox_keys() -> keys.Keys:
    """Keys, made once: four pairs take a second."""
    return keys.made()


@pytest.fixture
def sandbox(sandbox_keys: keys.Keys) -> Iterator[Running]:
    """A sandbox at ten in the morning of 2026-12-01 in Beijing."""
    clock = StandingClock(AT, lambda: datetime.now(UTC))
    gate = Sandbox(keys=sandbox_keys, store=Store(), clock=clock)
    server, receiver = serving.Server(gate), Receiver()
    threads = [server.begin(), Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)]
    threads[1].start()
    yield Running(gate, server, receiver)
    for served, thread in zip((server, receiver), threads, strict=True):
        served.shutdown()
        served.server_close()
        thread.join()
