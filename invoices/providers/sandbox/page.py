"""What a person sees: the page of a scanned code, with approve and decline; and an overview with the switches."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from django.template.loader import render_to_string
from django.utils import translation

from invoices.providers.sandbox import contracting, ordering, presenting, returning
from invoices.providers.sandbox.faults import UnknownFault
from invoices.providers.sandbox.gate import Answer, Refusal, Request, Sandbox, on_loopback
from invoices.providers.sandbox.records import Contract, Order
from invoices.providers.sandbox.store import by_token

HTML = "text/html; charset=utf-8"
LANGUAGES = {"zh": "zh-hans", "en": "en"}
# Nothing is fetched from anywhere, and no script runs.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Show a page, or do what its button says and show it again."""
    origin = request.headers.get("origin", "")
    if request.method == "POST" and origin not in ("", "null") and not on_loopback(origin):
        return Answer(403, b"this machine only")
    if request.path == "/":
        return _overview(sandbox, request)
    record = _named(sandbox, request.path.removeprefix("/p/"))
    if record is None:
        return _html(request, "sandbox/gone.html", {}, 404)
    if request.method == "POST":
        return _do(sandbox, request, record)
    if isinstance(record, Order):
        ordering.scan(sandbox, record)
    return _html(request, "sandbox/code.html", _shown(sandbox, request, record))


def _named(sandbox: Sandbox, name: str) -> Order | Contract | None:
    things = [*sandbox.store.orders.values(), *sandbox.store.contracts.values()]
    return by_token(things, name) if name else None


def _shown(sandbox: Sandbox, request: Request, record: Order | Contract) -> dict[str, Any]:
    shown = presenting.order(sandbox, record) if isinstance(record, Order) else presenting.contract(sandbox, record)
    told = parse_qs(request.query).get("told", [""])[0]
    return shown | {"told": told, "back": returning.address(sandbox, record)}


def _do(sandbox: Sandbox, request: Request, record: Order | Contract) -> Answer:
    """Do what a button says; what cannot be done is told on the page."""
    do, told = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("do"), ""
    try:
        if isinstance(record, Order):
            told = _pay(sandbox, record, do)
        elif do == "end":
            contracting.end(sandbox, record, contracting.BY_USER)
        elif do == "approve":
            contracting.sign(sandbox, record)
        else:
            told = "declined"
    except Refusal as no:
        told = no.code.lower()
    query = {"lang": _language(request)} | ({"told": told} if told else {})
    return Answer(303, headers={"Location": f"{request.path}?{urlencode(query)}"})


def _pay(sandbox: Sandbox, order: Order, do: str | None) -> str:
    """Pay, or leave it open: a payer who declines may still pay later, and nobody is told."""
    if do != "approve":
        return "declined"
    ordering.approve(sandbox, order)
    return ""


def _overview(sandbox: Sandbox, request: Request) -> Answer:
    wrong = ""
    if request.method == "POST":
        told = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        try:
            _switch(sandbox, told)
        except UnknownFault as unknown:
            wrong = str(unknown)
        if not wrong:
            return Answer(303, headers={"Location": f"/?lang={_language(request)}"})
    return _html(
        request, "sandbox/overview.html", presenting.overview(sandbox) | {"wrong": wrong}, 400 if wrong else 200
    )


def _switch(sandbox: Sandbox, told: dict[str, str]) -> None:
    if told.get("do") == "clear":
        sandbox.faults.clear()
    elif told.get("fault"):
        sandbox.faults.add(told["fault"])


def _language(request: Request) -> str:
    """Return the language that was asked for: in the address, else by the browser, else Chinese."""
    asked = parse_qs(request.query).get("lang", [""])[0]
    if asked in LANGUAGES:
        return asked
    first = request.headers.get("accept-language", "zh")[:2].lower()
    return "en" if first == "en" else "zh"


def _html(request: Request, template: str, shown: dict[str, Any], status: int = 200) -> Answer:
    language = _language(request)
    shown = shown | {"lang": language, "path": request.path, "home": f"/?lang={language}"}
    with translation.override(LANGUAGES[language]):
        text = render_to_string(template, shown)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Answer(status, text.encode(), HTML, headers)
