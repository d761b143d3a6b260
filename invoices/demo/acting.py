"""What happens to the demo's customers beside their bills: gifts, packs, coupons, refunds, a change (money.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing import packs
from billing.models import Subscription
from billing.money import Money
from invoices import by_hand, checkout, purchasing, refunding, wishes
from invoices.demo import opening
from invoices.demo.paying import Till
from invoices.demo.reading import read
from invoices.hand_kinds import Hand
from invoices.models import Invoice, OperatorAct
from invoices.providers.simulated import Behaviour
from tenants.models import Member, Tenant
from usage.models import Meter

ZONE = ZoneInfo("Asia/Shanghai")
Said = Mapping[str, Any]


def act(till: Till, tenants: Mapping[str, Tenant], day: date) -> None:
    """Do what money.yaml says of a day, at two in the afternoon."""
    at = datetime.combine(day, time(14), ZONE)
    for said in read("money")["acts"]:
        if said["who"] in tenants and till.today - timedelta(days=said["days"]) == day:
            ACTS[said["do"]](till, tenants[said["who"]], said, at)


def _subscription(tenant: Tenant) -> Subscription:
    return Subscription.objects.live().filter(tenant=tenant).select_related("seller").earliest("pk")


def _gift(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    """Give something to the balance, as an act by hand: above the seller's limit it waits for a second person."""
    until = at + timedelta(days=said["for_days"])
    given = Hand(
        kind=OperatorAct.Kind.TOP_UP,
        tenant=tenant,
        seller=_subscription(tenant).seller,
        currency=tenant.currency,
        target=f"tenant:{tenant.pk}",
        wish={
            "amount_minor": Money.of(said["amount"], tenant.currency).minor,
            "gift": True,
            "expires": until.isoformat(),
        },
        reason=said["reason"],
        key=f"demo {tenant.code} {said['days']}",
    )
    by_hand.do(given, at=at, by=till.by)


def _pack(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    meter = Meter.objects.get(seller=_subscription(tenant).seller, code=said["meter"])
    until = at + timedelta(days=said["for_days"])
    packs.grant(tenant, meter, Decimal(said["quantity"]), until, reason=said["reason"], at=at, by=till.by)


def _coupon(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    owner = tenant.members.get(role="owner").user
    checkout.redeem(_subscription(tenant), said["code"], at=at, by=owner)


def _refund(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    """Return a part of the newest settled bill that has such a line, the way it was paid."""
    minor = Money.of(said["amount"], tenant.currency).minor
    settled = Invoice.objects.filter(tenant=tenant, status=Invoice.Status.PAID)
    bill = settled.filter(lines__code=said["line"], lines__gross_minor__gte=minor).order_by("-issued_at").first()
    if bill is not None:
        line = bill.lines.filter(code=said["line"], gross_minor__gte=minor).earliest("position")
        refunding.request(bill, lines={line.pk: minor}, reason=said["reason"], at=at, by=till.by)


def _seats(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    owner = tenant.members.get(role="owner").user
    checkout.set_quantity(_subscription(tenant), said["price"], Decimal(said["quantity"]), at=at, by=owner)


def _declines(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    till.simulation.behave(tenant.code, Behaviour.DECLINE)


def _limit(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    """The owner has a second payer invited, and sets above which amount a purchase needs both."""
    opening.invite(tenant, said["email"], said["second"], Member.Role.PAYER, at=at, by=till.by)
    owner = tenant.members.get(role="owner").user
    purchasing.set_limit(tenant, Money.of(said["amount"], tenant.currency).minor, at=at, by=owner)


def _asks(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    """The owner asks for more seats than one person may buy; the request waits."""
    wish = wishes.read({"do": "set_quantity", "price": said["price"], "quantity": said["quantity"]})
    owner = tenant.members.get(role="owner").user
    purchasing.ask(_subscription(tenant), wish, "", at=at, by=owner)


ACTS: Mapping[str, Callable[[Till, Tenant, Said, datetime], None]] = {
    "gift": _gift,
    "pack": _pack,
    "coupon": _coupon,
    "refund": _refund,
    "seats": _seats,
    "declines": _declines,
    "limit": _limit,
    "asks": _asks,
}
