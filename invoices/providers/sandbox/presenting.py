"""Orders, contracts and callbacks as the page shows them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from invoices.providers.sandbox import contracting, ordering
from invoices.providers.sandbox.faults import MEANINGS
from invoices.providers.sandbox.gate import Sandbox, beijing, yuan
from invoices.providers.sandbox.records import Call, Contract, Order

LATEST = 30
PROVIDERS = {"alipay": _("Alipay"), "wechat": _("WeChat Pay")}
STATES = {
    "unborn": _("not scanned"),
    "open": _("waiting"),
    "accepted": _("in progress"),
    "paid": _("paid"),
    "closed": _("closed"),
    "signed": _("valid"),
    "ended": _("terminated"),
    "over": _("too late"),
}
CALL_STATES = {
    "waiting": _("waiting"),
    "held": _("held back"),
    "heard": _("heard"),
    "given up": _("given up"),
    "lost": _("lost"),
}
KINDS = {
    "payment": _("payment made"),
    "refund": _("refund"),
    "signed": _("contract signed"),
    "ended": _("contract ended"),
}


def order(sandbox: Sandbox, shown: Order) -> dict[str, Any]:
    """Return what the page of a payment shows."""
    open_now = ordering.payable(sandbox, shown)
    over = shown.state in ("unborn", "open") and not open_now
    return {
        "contract": False,
        "provider": PROVIDERS[shown.provider],
        "colour": shown.provider,
        "merchant": _merchant(sandbox, shown.provider),
        "number": shown.number,
        "subject": shown.subject,
        "amount": yuan(shown.minor),
        "until": beijing(ordering.ends_at(shown))[:16],
        "open": open_now,
        "state": "over" if over else shown.state,
        "state_text": STATES["over" if over else shown.state],
    }


def contract(sandbox: Sandbox, shown: Contract) -> dict[str, Any]:
    """Return what the page of a contract shows."""
    open_now = shown.state == "open" and sandbox.clock.now() < shown.opened_at + contracting.PAGE
    return {
        "contract": True,
        "provider": PROVIDERS[shown.provider],
        "colour": shown.provider,
        "merchant": _merchant(sandbox, shown.provider),
        "number": shown.number,
        "subject": shown.name,
        "amount": yuan(shown.single_minor or sandbox.terms.single_minor),
        "monthly": shown.period_type == "MONTH",
        "period": shown.period,
        "first": shown.execute_on,
        "until": beijing(shown.opened_at + contracting.PAGE)[:16],
        "open": open_now,
        "state": shown.state if shown.state != "open" or open_now else "over",
        "state_text": STATES[shown.state if shown.state != "open" or open_now else "over"],
    }


def _merchant(sandbox: Sandbox, provider: str) -> str:
    return sandbox.keys.alipay_seller if provider == "alipay" else sandbox.keys.wechat_merchant


def overview(sandbox: Sandbox) -> dict[str, Any]:
    """Return the latest of everything, and the switches."""
    store = sandbox.store
    return {
        "now": beijing(sandbox.clock.now()),
        "orders": [_line(sandbox, o) for o in list(store.orders.values())[::-1][:LATEST]],
        "contracts": [_contract_line(sandbox, c) for c in list(store.contracts.values())[::-1][:LATEST]],
        "calls": [_call(c) for c in list(store.calls.values())[::-1][:LATEST]],
        "faults": sandbox.faults.shown(),
        "meanings": MEANINGS.items(),
    }


def _line(sandbox: Sandbox, shown: Order) -> dict[str, Any]:
    link = sandbox.page(shown.token) if shown.token else ""
    about = {"provider": PROVIDERS[shown.provider], "colour": shown.provider, "number": shown.number, "link": link}
    return about | {"amount": yuan(shown.minor), "state": STATES[shown.state], "subject": shown.subject}


def _contract_line(sandbox: Sandbox, shown: Contract) -> dict[str, Any]:
    about = {"provider": PROVIDERS[shown.provider], "colour": shown.provider, "number": shown.number}
    return about | {"link": sandbox.page(shown.token), "state": STATES[shown.state], "subject": shown.name}


def _call(shown: Call) -> dict[str, Any]:
    return {
        "provider": PROVIDERS[shown.provider],
        "colour": shown.provider,
        "kind": KINDS[shown.kind],
        "state": CALL_STATES[shown.state],
        "tries": shown.tries,
        "next": beijing(shown.due_at) if shown.due_at else "",
        "answer": shown.answers[-1] if shown.answers else "",
    }
