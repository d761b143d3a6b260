"""Invent a story: random customers of a random catalogue, who do random things over some months; one number tells which.

What comes out is plain data of the form of CONTRACTS §2. It is the same for the same number for ever: nothing is drawn but
from `random.Random(seed)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from invoices.rehearsal import consenting, pricing, regretting

ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "America/Sao_Paulo")
PAYS = ("manual", "wallet")
# Each with how often it is drawn.
VERBS = {
    "use": 30,
    "set_quantity": 16,
    "change_plan": 14,
    "add_module": 6,
    "remove_module": 5,
    "pay": 6,
    "pause": 5,
    "resume": 5,
    "cancel": 5,
    "keep": 4,
    "top_up": 5,
    "redeem": 4,
    "void_use": 3,
    "auto_renew": 2,
    "grant": 2,
    "subscribe": 3,
    "revoke": 1,
    "authorise": 1,
}
# What happens to money, drawn apart from the rest, with how often.
MONEY = {"provider": 5, "refund": 3, "pay": 3, "revoke": 1, "authorise": 1}
BEHAVIOURS = ("decline", "timeout", "timeout_then_approve", "timeout_then_approve", "approve")
FIRST_DAYS = (date(2026, 1, 1), date(2026, 1, 31), date(2027, 11, 30), date(2028, 2, 29))
# Events older than this are refused anyhow; a few are.
LATE_DAYS = 40


@dataclass(slots=True)
class _Invention:
    """A story in the making."""

    random: Random
    data: dict[str, Any]
    begins: datetime
    days: int
    steps: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, list[str]] = field(default_factory=dict)

    @property
    def tenants(self) -> list[str]:
        return [one["code"] for one in self.data["tenants"]]

    @property
    def plans(self) -> list[dict[str, Any]]:
        plans: list[dict[str, Any]] = self.data["catalogue"]["plans"]
        return plans

    def codes(self, kind: str) -> list[str]:
        """The codes of prices of a kind, in order, over all plans."""
        found = {p["code"]: None for plan in self.plans for p in plan["prices"] if p["kind"] == kind}
        return list(found) or [kind]

    def amount(self, low: int, high: int) -> str:
        """Return an amount in the story's currency."""
        return pricing.amount(self.random, self.data["currency"], low, high)


def invent(seed: int, *, steps: int | None = None) -> dict[str, Any]:
    """Return the story of a seed; `steps` cuts or stretches it."""
    random = Random(seed)
    zone = random.choice(ZONES)
    currency = random.choice(("CNY", "CNY", "JPY"))
    first = random.choice(FIRST_DAYS) + timedelta(days=random.choice((0, 0, 0, *range(60))))
    begins = datetime.combine(first, datetime.min.time()) + timedelta(minutes=random.randrange(1440))
    days = random.choice((35, 50, 70, 100, 130))
    data: dict[str, Any] = {
        "name": f"seed {seed}",
        "timezone": zone,
        "currency": currency,
        "until": (begins + timedelta(days=days + random.choice((0, 0, 36)))).isoformat(),
        **({"tax": tax} if (tax := _tax(random)) else {}),
        "catalogue": pricing.catalogue(random, currency),
        "tenants": _tenants(random, currency),
        "steps": [],
    }
    invention = _Invention(random, data, begins, days)
    _tell(invention, steps or min(random.randint(10, 25), random.randint(10, 25)))
    # Drawn apart, so that what is not about money stays what it was.
    _with_money(invention, Random(f"money of {seed}"))
    _with_budgets(invention, Random(f"budgets of {seed}"))
    _with_disputes(invention, Random(f"disputes of {seed}"))
    regretting.invent(data, invention.steps, Random(f"undo of {seed}"))
    agreed = Random(f"authorisations of {seed}")
    consenting.invent(data, invention.steps, agreed, amount=partial(pricing.amount, agreed, currency))
    data["steps"] = sorted(invention.steps, key=lambda step: step["at"])
    return data


def _tax(random: Random) -> dict[str, Any] | None:
    return random.choice(
        (None, {"rate": "0.06", "inclusive": True}, {"rate": "0.06", "inclusive": False}, {"rate": "0.13"})
    )


def _tenants(random: Random, currency: str) -> list[dict[str, Any]]:
    found = []
    for code in ("acme", "bell")[: random.choice((1, 1, 2))]:
        one: dict[str, Any] = {"code": code, "pays": random.choice(PAYS)}
        if random.random() < 0.7:
            one["wallet"] = pricing.amount(random, currency, 10, 3000)
        if random.random() < 0.3:
            one["timezone"] = random.choice(ZONES)
        found.append(one)
    return found


def _with_money(story: _Invention, random: Random) -> None:
    """In a third of the stories let somebody be debited by a provider, who does not always answer, and give money back."""
    if random.random() < 2 / 3:
        return
    if story.data["currency"] == "CNY":
        for tenant in story.data["tenants"]:
            if random.random() < 0.6:
                tenant["pays"] = "mandate"
    verbs, weights = list(MONEY), list(MONEY.values())
    for verb in random.choices(verbs, weights, k=random.choice((1, 2, 3, 4))):
        at = story.begins + timedelta(days=random.randrange(story.days), seconds=random.randrange(86400))
        said: dict[str, Any] = {"at": at.isoformat(), "do": verb, "tenant": random.choice(story.tenants)}
        story.steps.append(said | _of_money(story, random, verb))


def _with_disputes(story: _Invention, random: Random) -> None:
    """In a third of the stories let somebody dispute a bill, a line or a part of it, and let it be answered, mostly."""
    if random.random() < 2 / 3:
        return
    prices = [price["code"] for plan in story.plans for price in plan["prices"]]
    for _time in range(random.choice((1, 1, 2, 3))):
        tenant = random.choice(story.tenants)
        at = story.begins + timedelta(days=random.randrange(story.days), seconds=random.randrange(86400))
        said: dict[str, Any] = {"price": random.choice(prices)} if random.random() < 0.6 else {}
        said |= {"amount": pricing.amount(random, story.data["currency"], 1, 300)} if random.random() < 0.4 else {}
        said |= {"invoice": random.randrange(1, 5)} if random.random() < 0.5 else {}
        story.steps.append({"at": at.isoformat(), "do": "dispute", "tenant": tenant, **said})
        if random.random() < 0.8:
            later = at + timedelta(days=random.randrange(12), seconds=random.randrange(1, 86400))
            outcome = random.choice(("credit", "refund", "explain", "explain"))
            answer = {"at": later.isoformat(), "do": "settle_dispute", "tenant": tenant, "outcome": outcome}
            story.steps.append(answer)


def _with_budgets(story: _Invention, random: Random) -> None:
    """In a half of the stories let customers set budgets, most of them hard, change them and end them."""
    if random.random() < 0.5:
        return
    for _number in range(random.choice((1, 1, 2, 4))):
        at = story.begins + timedelta(days=random.randrange(story.days), seconds=random.randrange(86400))
        said: dict[str, Any] = {"at": at.isoformat(), "do": "set_budget", "tenant": random.choice(story.tenants)}
        if random.random() < 0.5:
            said["meter"] = random.choice(story.data["catalogue"]["meters"])["code"]
        if random.random() < 0.85:
            said |= {"amount": pricing.amount(random, story.data["currency"], 1, 90), "hard": random.random() < 0.8}
        story.steps.append(said)


def _of_money(story: _Invention, random: Random, verb: str) -> dict[str, Any]:
    part = {"amount": pricing.amount(random, story.data["currency"], 1, 900)} if random.random() < 0.4 else {}
    if verb == "provider":
        return {"behaviour": random.choice(BEHAVIOURS)}
    if verb == "refund":
        return part | {"to": random.choice(("origin", "origin", "wallet"))}
    if verb == "pay":
        return part | {"method": random.choice(("alipay", "wechat", "transfer", "wallet"))}
    return {}


def _tell(story: _Invention, count: int) -> None:
    """Draw steps: first each customer subscribes, then anything at any time, often on round days or at one instant."""
    random = story.random
    for tenant in story.tenants:
        at = story.begins + timedelta(days=random.choice((0, 0, 0, 3)))
        story.steps.append({"at": at.isoformat(), "do": "subscribe", "tenant": tenant, **_subscribe(story, at)})
    verbs, weights = list(VERBS), list(VERBS.values())
    instants = _instants(story, count - len(story.tenants))
    for at in instants:
        verb, tenant = random.choices(verbs, weights)[0], random.choice(story.tenants)
        said = WORDS[verb](story, at, tenant)
        if said is not None:
            story.steps.append({"at": at.isoformat(), "do": verb, "tenant": tenant, **said})


def _instants(story: _Invention, count: int) -> list[datetime]:
    random, found = story.random, list[datetime]()
    while len(found) < count:
        at = story.begins + timedelta(days=random.randrange(story.days), seconds=random.randrange(86400))
        if random.random() < 0.15:
            at = at.replace(hour=0, minute=0, second=0)
        found += [at] * min(random.choice((1, 1, 1, 1, 1, 2, 3)), count - len(found))
        if random.random() < 0.2:
            # A second thought on the same day.
            found.append(at.replace(hour=23, minute=random.randrange(60)))
    return sorted(found[:count])


def _subscribe(story: _Invention, at: datetime, _tenant: str = "") -> dict[str, Any]:
    random, plan = story.random, story.random.choice(story.plans)
    held = {p["code"]: str(random.randrange(0, 9)) for p in plan["prices"] if p["kind"] == "seat"}
    said: dict[str, Any] = {"plan": plan["code"]}
    said |= {"quantities": held} if held and random.random() < 0.9 else {}
    modules = [p["code"] for p in plan["prices"] if p.get("optional") and random.random() < 0.5]
    said |= {"modules": modules} if modules else {}
    coupons = [c["code"] for c in story.data["catalogue"]["coupons"] if random.random() < 0.4]
    said |= {"coupons": coupons} if coupons else {}
    if random.random() < 0.1:
        said["auto_renew"] = False
    if random.random() < 0.05:
        said["authorise"] = None
    if random.random() < 0.1:
        said["start"] = (at + timedelta(days=random.randrange(1, 10))).date().isoformat()
    elif random.random() < 0.1:
        said |= {"end": (at + timedelta(days=random.randrange(30, 120))).date().isoformat(), "auto_renew": False}
    return said


def _use(story: _Invention, at: datetime, tenant: str) -> dict[str, Any]:
    random = story.random
    keys = story.keys.setdefault(tenant, [])
    meter = random.choice(story.data["catalogue"]["meters"])
    key = random.choice(keys) if keys and random.random() < 0.05 else f"{tenant}-{len(keys) + 1}"
    keys.append(key)
    said: dict[str, Any] = {"meter": meter["code"], "quantity": pricing.quantity(random), "key": key}
    if random.random() < 0.4:
        back = timedelta(seconds=random.randrange(LATE_DAYS * 86400))
        said["occurred_at"] = max(story.begins, at - back).isoformat()
    if meter["aggregation"] == "unique":
        said["properties"] = {"user": random.choice("abcdefgh")}
        del said["quantity"]
    return said


def _void(story: _Invention, _at: datetime, tenant: str) -> dict[str, Any] | None:
    keys = story.keys.get(tenant)
    return {"key": story.random.choice(keys)} if keys else None


def _set_quantity(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"price": story.random.choice(story.codes("seat")), "quantity": str(story.random.randrange(0, 12))}


def _module(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"price": story.random.choice(story.codes("module"))}


def _change_plan(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    said: dict[str, Any] = {"plan": story.random.choice(story.plans)["code"]}
    when = story.random.choice((None, "now", "now", "period_end"))
    return said | ({"when": when} if when else {})


def _cancel(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"when": story.random.choice(("now", "period_end", "period_end", "period_end"))}


def _redeem(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any] | None:
    coupons: Sequence[Mapping[str, Any]] = story.data["catalogue"]["coupons"]
    return {"coupon": story.random.choice(coupons)["code"]} if coupons else None


def _grant(story: _Invention, at: datetime, _tenant: str) -> dict[str, Any]:
    meter = story.random.choice(story.data["catalogue"]["meters"])["code"]
    expires = at + timedelta(days=story.random.randrange(5, 90))
    return {"meter": meter, "quantity": str(story.random.randrange(1, 800)), "expires": expires.isoformat()}


def _top_up(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"amount": story.amount(1, 2000), "gift": story.random.random() < 0.2}


def _auto_renew(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"on": story.random.random() < 0.5}


def _authorise(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {"ceiling": story.amount(50, 500)} if story.random.random() < 0.5 else {}


def _pay(story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    # Now and then a part, or more than is owed.
    return {"amount": story.amount(1, 900)} if story.random.random() < 0.3 else {}


def _nothing(_story: _Invention, _at: datetime, _tenant: str) -> dict[str, Any]:
    return {}


WORDS: Mapping[str, Callable[[_Invention, datetime, str], dict[str, Any] | None]] = {
    "use": _use,
    "void_use": _void,
    "set_quantity": _set_quantity,
    "add_module": _module,
    "remove_module": _module,
    "change_plan": _change_plan,
    "cancel": _cancel,
    "redeem": _redeem,
    "grant": _grant,
    "top_up": _top_up,
    "auto_renew": _auto_renew,
    "authorise": _authorise,
    "revoke": _nothing,
    "pay": _pay,
    "pause": _nothing,
    "resume": _nothing,
    "keep": _nothing,
    "subscribe": _subscribe,
}
