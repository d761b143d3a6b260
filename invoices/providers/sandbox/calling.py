"""Callbacks: when they are sent and sent again, what their faults are, and whether the merchant heard.

The schedules are the providers' own; the clock may compress them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import requests
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from invoices.providers.sandbox import enveloping
from invoices.providers.sandbox.gate import Sandbox, on_loopback, yuan
from invoices.providers.sandbox.records import Call

MINUTE, HOUR = 60, 3600
# Seconds before each attempt after the first, which is made at once.
SCHEDULES: dict[str, tuple[int, ...]] = {
    "alipay": (4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR),
    "wechat": (
        *(15, 15, 30, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE, HOUR),
        *(3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR),
    ),
    "contract": (10, 10, 10, 30, 30, 30, *(300,) * 15),
    "debit": (15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600),
}
# How long a merchant may take to answer.
PATIENCE = 5
LATE = 600

Send = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]


def announce(sandbox: Sandbox, kind: str, style: str, url: str, content: dict[str, Any], schedule: str) -> None:
    """Put a callback on its schedule, with the faults that are set for it."""
    if not url:
        return
    now = sandbox.clock.now()
    provider = "alipay" if style == "alipay" else "wechat"
    event = secrets.token_hex(16) if style == "alipay" else f"EV-{secrets.token_hex(14)}"
    call = Call(
        number=f"{len(sandbox.store.calls):06}",
        event=event,
        provider=provider,
        kind=kind,
        style=style,
        url=url,
        content=content,
        schedule=schedule,
        made_at=now,
        due_at=now,
    )
    _spoil(sandbox, call)
    sandbox.store.keep(call)
    if sandbox.faults.take("callback_doubled", provider, kind):
        sandbox.store.keep(replace(call, number=f"{len(sandbox.store.calls):06}", marks=[], answers=[]))


def _spoil(sandbox: Sandbox, call: Call) -> None:
    """Give a new callback the faults that are set for its kind."""
    about = (call.provider, call.kind, call.style)
    if sandbox.faults.take("callback_lost", *about):
        call.state, call.due_at = "lost", None
    if sandbox.faults.take("callback_reordered", *about):
        call.state, call.due_at = "held", None
    if late := sandbox.faults.take("callback_late", *about):
        call.due_at = sandbox.clock.after(int(late.value or LATE))
    call.marks += [mark for mark in ("forged", "stale") if sandbox.faults.take(f"callback_{mark}", *about)]
    if sandbox.faults.take("callback_amount", *about):
        _one_yuan_more(call)
    if sandbox.faults.take("callback_merchant", *about):
        _another_merchant(call)


def _one_yuan_more(call: Call) -> None:
    inner = call.content.get("resource", call.content)
    if call.style == "v3":
        word = "refund" if call.kind == "refund" else "total"
        inner["amount"] = inner["amount"] | {k: v + 100 for k, v in inner["amount"].items() if k.endswith(word)}
    elif call.style == "v2":
        inner |= {word: str(int(inner[word]) + 100) for word in ("total_fee", "cash_fee") if word in inner}
    else:
        words = [word for word in inner if word.endswith("_amount") and word != "point_amount"]
        inner |= {
            word: yuan(_cents(inner[word]) + 100) for word in [*words, *(["refund_fee"] * ("refund_fee" in inner))]
        }


def _cents(text: str) -> int:
    return int(text.replace(".", ""))


def _another_merchant(call: Call) -> None:
    inner = call.content.get("resource", call.content)
    others = {
        "mchid": "1900000001",
        "mch_id": "1900000001",
        "seller_id": "2088000000000001",
        "app_id": "2021000000000001",
    }
    inner |= {word: other for word, other in others.items() if word in inner}


def due(sandbox: Sandbox) -> list[Call]:
    """Return the callbacks whose time has come, the oldest first."""
    now = sandbox.clock.now()
    waiting = [c for c in sandbox.store.calls.values() if c.state == "waiting" and c.due_at and c.due_at <= now]
    return sorted(waiting, key=lambda call: (call.due_at, call.number))


def deliver(sandbox: Sandbox, send: Send) -> int:
    """Send what is due, once each; return how many attempts were made. Nothing is locked while a merchant is spoken to."""
    tried = 0
    while True:
        with sandbox.lock:
            ready = due(sandbox)
            if not ready:
                return tried
            call = ready[0]
            headers, body = enveloping.compose(sandbox, call)
            # No other thread takes it meanwhile.
            call.due_at, call.tries = None, call.tries + 1
        said = _speak(send, call, headers, body)
        with sandbox.lock:
            _remember(sandbox, call, said)
        tried += 1


def _speak(send: Send, call: Call, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    try:
        return send(call.url, headers, body)
    except (requests.RequestException, OSError) as wrong:
        return 0, type(wrong).__name__.encode()


def _remember(sandbox: Sandbox, call: Call, said: tuple[int, bytes]) -> None:
    status, body = said
    call.answers.append(f"{status} {body[:80].decode('utf-8', 'replace')}".strip())
    waits = SCHEDULES[call.schedule]
    if heard(call.style, status, body):
        call.state = "heard"
    elif call.tries > len(waits):
        call.state = "given up"
    else:
        call.due_at = sandbox.clock.after(waits[call.tries - 1])
    sandbox.store.keep(call)
    _release(sandbox, call)


def _release(sandbox: Sandbox, sent: Call) -> None:
    """What was held until the next callback has been sent may go now."""
    held = [call for call in sandbox.store.calls.values() if call.state == "held" and call.number != sent.number]
    for call in held:
        call.state, call.due_at = "waiting", sandbox.clock.now()
        sandbox.store.keep(call)


def heard(style: str, status: int, body: bytes) -> bool:
    """Say whether an answer counts: exactly `success` for Alipay, 200 or 204 for WeChat v3, return_code SUCCESS for v2."""
    if style == "alipay":
        return status == 200 and body == b"success"
    if style == "v3":
        return status in (200, 204)
    try:
        return status == 200 and ElementTree.fromstring(body).findtext("return_code") == "SUCCESS"
    except (ElementTree.ParseError, DefusedXmlException):
        return False


def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Send over HTTP to this machine and nowhere else; redirects are not followed."""
    if not on_loopback(url):
        return 0, b"not on this machine"
    answer = requests.post(url, data=body, headers=dict(headers), timeout=PATIENCE, allow_redirects=False)
    return answer.status_code, answer.content
