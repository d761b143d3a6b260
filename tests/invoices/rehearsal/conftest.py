"""Stories to begin from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from invoices.rehearsal import rehearse

METERS = [{"code": "messages", "aggregation": "sum", "unit": "条"}]
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "200.00"}
MESSAGES = {
    "code": "messages",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
BUY = {"at": "2026-01-31T09:00:00", "do": "subscribe", "tenant": "acme", "plan": "standard"}


def story(
    *steps: dict[str, Any], until: str = "2026-03-02T00:00:00", pays: str = "manual", **more: Any
) -> dict[str, Any]:
    """Return a story of one customer and one plan: 199.00 a month, 200.00 a seat, messages beyond 1,000 at 0.05."""
    told: dict[str, Any] = {
        "name": "a story",
        "until": until,
        "catalogue": {"meters": METERS, "plans": [{"code": "standard", "prices": [BASE, SEAT, MESSAGES]}]},
        "tenants": [{"code": "acme", "pays": pays}],
        "steps": list(steps),
    }
    return deepcopy(told | more)


def use(at: str, quantity: str, **more: Any) -> dict[str, Any]:
    """Return a step of usage."""
    return {"at": at, "do": "use", "tenant": "acme", "meter": "messages", "quantity": quantity} | more


def played(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what comes of a story."""
    return rehearse(story(*steps, **more))


def sums(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (day of issue, status, total) of each bill."""
    return [(bill["issued_at"][:10], bill["status"], bill["total"]) for bill in told["invoices"]]


def refusals(told: dict[str, Any]) -> list[tuple[int, str]]:
    """Return (step, code) of each refusal."""
    return [(one["step"], one["code"]) for one in told["refused"]]


def usage(told: dict[str, Any], place: int) -> list[str]:
    """Return the quantities of the usage lines of a bill."""
    return [line["quantity"] for line in told["invoices"][place]["lines"] if line["kind"] == "usage"]
