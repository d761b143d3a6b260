"""A customer who is debited under an agreement with a provider, for tests of agreements and of debits."""

from __future__ import annotations

from datetime import date, datetime

from invoices import announcing, debiting, mandates
from invoices.models import ChargeNotice, Invoice, Mandate, Payment
from invoices.providers import gateways
from tenants import agreements
from tenants.models import Notice
from tests import shop
from tests.invoices.deducting import BASE, deliver

SIGNED = shop.at("2026-01-31 09:00")


def offered(who, sold_by, *, provider="wechat", at=SIGNED, single=500_00, **more) -> Mandate:
    """Offer an agreement, and have it signed at the provider's page as far as the address."""
    said = {"text": "同意从支付宝或微信扣款", "text_version": "m-1"}
    made = mandates.offer(who, seller=sold_by, provider=provider, single_minor=single, at=at, by=None, **said, **more)
    return mandates.sign(made, at=at)


def agreed(who, sold_by, *, at=SIGNED, **more) -> Mandate:
    """Have an agreement in force, signed at `at`: the provider was asked, and said so."""
    found = mandates.ask_one(offered(who, sold_by, at=at, **more), at=at)
    assert found is not None
    assert found.status == "active"
    return found


def brought(who, sold_by, *, provider="alipay", at=SIGNED, single=500_00, **more) -> Mandate:
    """Have an agreement that was in force before: without `execute_on` one of Alipay that may debit on any day."""
    consent = agreements.authorise(
        who, seller=sold_by, text="同意扣款", text_version="m-1", at=at, by=None, ceiling_minor=single
    )
    return mandates.record_signed(consent, provider=provider, single_minor=single, at=at, **more)


def subscribed(who, sold_by, start="2026-01-31", amount="199.00", code="standard", **more):
    """Subscribe to a monthly plan that is debited under an agreement; its first bill is announced and delivered at once,
    and may be deducted five days later."""
    version = shop.plan(sold_by, [BASE | {"amount": amount}], code=code)
    begun = shop.subscribe(who, version, start, pays="mandate", **more)
    tick(f"{start} 00:00")
    return begun


def tick(when: str) -> None:
    """Announce, deliver and bill at a local time; nothing is debited."""
    announcing.announce(at=shop.at(when))
    deliver(when)
    shop.bill(when)
    deliver(when)


def debit(when: str, **how) -> tuple[int, int, int, int]:
    """Issue what is due and debit at a local time; return (paid, under way, failed, held)."""
    shop.bill(when)
    done = debiting.debit(at=shop.at(when), **how)
    return done.paid, done.under_way, done.failed, done.held


def gateway(mandate: Mandate):
    """Return the simulated gateway of an agreement."""
    return gateways.gateway_for(mandate.seller, mandate.provider)


def called(mandate: Mandate, call: str) -> int:
    """Return how often the provider was asked for something."""
    return sum(name == call for name, _number in gateway(mandate).calls)


def debits() -> list[tuple[str, str, str, int]]:
    """Return (local day and hour, basis, state, amount) of all debits, in order."""
    rows = Payment.objects.filter(product="debit").order_by("pk")
    return [(f"{p.recorded_at.astimezone(shop.SHANGHAI):%m-%d %H:%M}", p.basis, p.status, p.amount_minor) for p in rows]


def told(kind: str) -> list[dict[str, object]]:
    """Return what customers were told of a kind, in order."""
    return [notice.payload for notice in Notice.objects.filter(kind=kind).order_by("pk")]


def bill() -> Invoice:
    """Return the only bill."""
    return Invoice.objects.get()


def notice() -> ChargeNotice:
    """Return the announcement of the first bill."""
    return ChargeNotice.objects.get(of="bill")


def day(text: str) -> date:
    return date.fromisoformat(text)


def window(first: str, last: str) -> tuple[datetime, datetime]:
    """Return what WeChat answers when it is told: from seven in the morning of one day until ten in the evening of another."""
    return shop.at(f"{first} 07:00"), shop.at(f"{last} 22:00")
