"""Switches at run time, as JSON: POST /sandbox/faults, /sandbox/clock; GET the same, and /sandbox/calls."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from invoices.providers.sandbox.faults import UnknownFault
from invoices.providers.sandbox.gate import Answer, Request, Sandbox, rfc3339


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Set or show a switch; 400 says what cannot be read."""
    try:
        if request.method == "POST":
            _set(sandbox, request.path, json.loads(request.body or b"{}"))
    except (UnknownFault, ValueError, TypeError, AttributeError) as wrong:
        return _json(400, {"error": str(wrong)})
    shown = SHOWN.get(request.path)
    return _json(200, shown(sandbox)) if shown else _json(404, {"error": request.path})


def _set(sandbox: Sandbox, path: str, told: Any) -> None:
    if path == "/sandbox/faults":
        if told.get("clear"):
            sandbox.faults.clear()
        for text in told.get("faults", []):
            sandbox.faults.add(text)
    elif path == "/sandbox/clock":
        at = datetime.fromisoformat(told["at"])
        if at.tzinfo is None:
            raise ValueError("at: an instant with its offset, 2026-12-01T09:00+08:00")
        sandbox.clock.move(at)
    elif path == "/sandbox/terms":
        for name, value in told.items():
            if type(getattr(sandbox.terms, name)) is not type(value):
                raise ValueError(name)
            setattr(sandbox.terms, name, value)


def _faults(sandbox: Sandbox) -> Any:
    return {"faults": sandbox.faults.shown()}


def _clock(sandbox: Sandbox) -> Any:
    return {"at": rfc3339(sandbox.clock.now())}


def _calls(sandbox: Sandbox) -> Any:
    calls = sandbox.store.calls.values()
    words = ("number", "event", "provider", "kind", "url", "state", "tries", "answers")
    return {"calls": [{word: getattr(call, word) for word in words} for call in calls]}


SHOWN = {"/sandbox/faults": _faults, "/sandbox/clock": _clock, "/sandbox/calls": _calls, "/sandbox/terms": lambda _: {}}


def _json(status: int, told: Any) -> Answer:
    return Answer(status, json.dumps(told, ensure_ascii=False).encode(), "application/json; charset=utf-8")
