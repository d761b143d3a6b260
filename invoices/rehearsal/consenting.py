"""What customers of an invented story authorise: some things and not others, and often less than their bills come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

Amount = Callable[[int, int], str]
SCOPES = ("renewal", "overage", "renewal,overage", "subscription", "all")
DEDUCTED = ("wallet", "mandate")


def invent(data: dict[str, Any], steps: list[dict[str, Any]], random: Random, *, amount: Amount) -> None:
    """In two fifths of the stories let customers agree to parts of their bills, below ceilings, and withdraw what they agreed
    to; most of them are deducted from by themselves."""
    if random.random() < 3 / 5:
        return
    for tenant in data["tenants"]:
        if tenant["pays"] not in DEDUCTED and random.random() < 0.8:
            tenant["pays"] = "wallet"
    modules = sorted(
        {p["code"] for plan in data["catalogue"]["plans"] for p in plan["prices"] if p["kind"] == "module"}
    )
    scopes = (*SCOPES, *(f"module:{code}" for code in modules), *(f"module:{code},renewal" for code in modules))
    for step in [one for one in steps if one["do"] == "subscribe"]:
        if step.get("authorise", {}) is not None and random.random() < 0.8:
            step["authorise"] = _agreed(random, scopes, amount)
    begun = [step for step in steps if step["do"] == "subscribe"]
    for first in begun:
        for _number in range(random.choice((0, 1, 2, 3))):
            at = datetime.fromisoformat(first["at"]) + timedelta(
                days=random.randrange(70), seconds=random.randrange(86400)
            )
            # Mostly given, and now and then what was agreed to at the purchase is withdrawn.
            given = random.random() < 0.7
            said = _agreed(random, scopes, amount) if given else _scope(first.get("authorise") or {})
            verb = "authorise" if given else "revoke"
            steps.append({"at": at.isoformat(), "do": verb, "tenant": first["tenant"], **_whose(first, said)})


def _agreed(random: Random, scopes: tuple[str, ...], amount: Amount) -> dict[str, Any]:
    said: dict[str, Any] = {"scope": random.choice(scopes)}
    said |= {"ceiling": amount(1, 900)} if random.random() < 0.5 else {}
    return said | ({"per_month": amount(20, 2000)} if random.random() < 0.4 else {})


def _scope(agreed: dict[str, Any]) -> dict[str, Any]:
    return {"scope": agreed["scope"]} if "scope" in agreed else {}


def _whose(first: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    return said | ({"subscription": name} if (name := first.get("as")) else {})
