"""What shows the four promises at work (promises.yaml): budgets, disputes, an undone purchase, a held bill, a double, evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from billing import budgets, watching
from billing.models import Subscription
from billing.money import Money
from invoices import (
    advising,
    answering_disputes,
    charge_reminders,
    coming_back,
    disputing,
    doubled,
    opinions,
    peering,
    taking_in,
    wishes,
)
from invoices import matching as bank
from invoices.demo import banking
from invoices.demo.paying import DAY, STATEMENTS, ZONE, Till
from invoices.demo.reading import months_before, read
from invoices.evidence import packing
from invoices.models import Dispute, Invoice, Payment
from tenants.delivery import message_id
from tenants.models import Delivery, Tenant, User
from usage import ingest

Said = Mapping[str, Any]
# For so long before now customers are told of doubles and budgets and reminded; a whole year of it only takes time.
WATCHED = 45
REPORT = """From: MAILER-DAEMON@mx.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; {reason}

--b
Content-Type: text/rfc822-headers

Message-ID: {sent}

--b--
"""


def act(till: Till, tenants: Mapping[str, Tenant], day: date) -> None:
    """Do what promises.yaml says of a day, at half past two in the afternoon."""
    at = datetime.combine(day, time(14, 30), ZONE)
    said = read("promises")
    for one in said["acts"]:
        if one["who"] in tenants and till.today - one["days"] * DAY == day:
            ACTS[one["do"]](till, tenants[one["who"]], one, at)
    if day == months_before(till.today, 0) - DAY:
        for one in said["bursts"]:
            if one["who"] in tenants:
                _burst(tenants[one["who"]], one, at)
    if day.weekday() < 5 and day > till.today - STATEMENTS * DAY:
        for one in said["again"]:
            if one["who"] in tenants:
                _pay_again(till, tenants[one["who"]], at)


def watch(till: Till, at: datetime) -> None:
    """Tell what a site tells beside its bills: reminders of deductions, budgets that are used, doubles that were found."""
    if at > till.now - timedelta(days=WATCHED):
        charge_reminders.remind(at=at)
        watching.tell(at=at)
        doubled.sweep(at=at)


def finish(now: datetime) -> None:
    """Do what needs the year's papers and mails: a mail comes back, evidence is made, and advice is reckoned."""
    said, today = read("promises"), now.astimezone(ZONE).date()
    for one in said["bounced"]:
        _bounce(one, now)
    for tenant in Tenant.objects.filter(code__in=[one["who"] for one in said["packs"]]):
        packing.keep(tenant, months_before(today, 1), months_before(today, 0), at=now, by=_owner(tenant))
    peering.reckon(at=now)
    advising.advise_all(at=now)


def _owner(tenant: Tenant) -> User:
    return tenant.members.get(role="owner").user


def _contract(tenant: Tenant) -> Subscription:
    return Subscription.objects.live().filter(tenant=tenant).select_related("seller").earliest("pk")


def _budget(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    minor = Money.of(said["amount"], tenant.currency).minor
    wish = budgets.Wish(minor, hard=said.get("hard", False), price_code=said.get("price", ""))
    budgets.set_one(tenant, wish, at=at, by=_owner(tenant))


def _dispute(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    """Open a dispute of the newest bill that has such a line, or of a part of it."""
    minor = Money.of(said["amount"], tenant.currency).minor if "amount" in said else None
    mine = Invoice.objects.issued().filter(tenant=tenant)
    bill = mine.filter(lines__code=said["line"], lines__gross_minor__gte=minor or 1).order_by("-issued_at").first()
    if bill is not None:
        line = bill.lines.filter(code=said["line"], gross_minor__gte=minor or 1).earliest("position")
        told = {"reason": said["reason"], "at": at, "by": _owner(tenant)}
        disputing.open(bill, line=line, amount_minor=minor, **told)


def _answer(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    found = Dispute.objects.filter(tenant=tenant, state=Dispute.State.OPEN).order_by("pk").first()
    if found is not None:
        minor = Money.of(said["amount"], tenant.currency).minor
        told = {"outcome": said["outcome"], "amount_minor": minor, "text": said["text"]}
        answering_disputes.settle(found, **told, at=at, by=till.by)


def _wish(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    wishes.carry_out(wishes.read(said["wish"]), _contract(tenant), at=at, by=_owner(tenant))


def _say(till: Till, tenant: Tenant, said: Said, at: datetime) -> None:
    opinions.say(tenant, score=said["score"], words=said["words"], at=at, by=_owner(tenant))


def _burst(tenant: Tenant, said: Said, at: datetime) -> None:
    event = {
        "key": f"{tenant.code}-burst",
        "meter": said["meter"],
        "quantity": said["quantity"],
        "occurred_at": at.isoformat(),
        "properties": {"region": "domestic"},
    }
    ingest.accept(tenant, [event], at=at)


def _pay_again(till: Till, tenant: Tenant, at: datetime) -> None:
    """Transfer once what was paid by a code in the days before."""
    mine = Payment.objects.filter(tenant=tenant, status=Payment.Status.SUCCEEDED, received_at__gt=at - 4 * DAY)
    first = mine.filter(product=Payment.Product.QR).order_by("received_at").first()
    if first is None or Payment.objects.filter(tenant=tenant, method=Payment.Method.TRANSFER).exists():
        return
    remark = banking.code(tenant, first.seller, at=at)
    row = banking.Row(f"{at:%Y%m%d}99000001", at - timedelta(hours=3), first.amount_minor, tenant.name, remark)
    name = f"{first.seller.code}-{at:%Y%m%d}-2.csv"
    taking_in.read(banking.statement([row]), name=name, seller=first.seller, at=at, by=till.by)
    bank.match_waiting(at=at)


def _bounce(said: Said, now: datetime) -> None:
    """Let the newest mail to a customer come back, as its server says it (RFC 3464)."""
    sent = Delivery.objects.filter(notice__tenant__code=said["who"], ok=True, channel="mail").order_by("-at").first()
    if sent is not None:
        named = {"address": sent.address, "reason": said["reason"], "sent": message_id(sent.notice, sent.address)}
        coming_back.take([REPORT.format(**named).replace("\n", "\r\n").encode()], at=now)


ACTS: Mapping[str, Callable[[Till, Tenant, Said, datetime], None]] = {
    "budget": _budget,
    "disputes": _dispute,
    "answers": _answer,
    "wishes": _wish,
    "says": _say,
}
