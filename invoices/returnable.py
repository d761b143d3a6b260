"""What of a customer's payments can still go back the way it came: the limits of providers, and what is left of each.

Alipay and WeChat Pay pay a payment back within 365 days of its success, in at most 50 parts, with a minute between two of
them (WeChat: /v3/refund/domestic/refunds; we keep both to the stricter). A bank transfer knows no such limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Sum

from invoices.models import Allocation, Invoice, Payment, Refund
from invoices.providers.port import Failure
from invoices.tax import line_tax
from tenants.bulk import among

Method, Status, To = Payment.Method, Refund.Status, Refund.To

MOST_AGE = timedelta(days=365)
MOST_PARTS = 50
APART = timedelta(minutes=1)
AT_PROVIDER = (Method.ALIPAY, Method.WECHAT)
# What is asked for and not settled either way: it is spoken for.
LIVE = (Status.REQUESTED, Status.APPROVED, Status.INTENDED, Status.UNKNOWN)
# Answers after which no further try can help.
FOR_GOOD = frozenset({Failure.TOO_OLD, Failure.TOO_MANY, Failure.WAY_GONE, Failure.ACCOUNT, Failure.DECLINED})


@dataclass(frozen=True, slots=True)
class Way:
    """A part of what is returned and how it goes; no payment: into the balance, or by bank to whoever paid."""

    payment: Payment | None
    amount_minor: int
    to: str


def left_by_line(invoice: Invoice) -> dict[int, int]:
    """Return by line id what can still be given back of it, with tax; lines of nothing are left out."""
    assert invoice.seller_copy is not None
    inclusive, currency = invoice.seller_copy["tax_inclusive"], invoice.currency
    left = {
        line.pk: line.gross_minor - line_tax(line.credited_minor, line.tax_rate, inclusive, currency).gross
        for line in invoice.lines.order_by("position")
    }
    return {pk: amount for pk, amount in left.items() if amount > 0}


def ways_of_bill(invoice: Invoice, outside_minor: int, balance_minor: int) -> list[Way]:
    """Spread what returns of a bill over what paid it, newest first, each at most what is left of it: the part that came
    from outside over transfers and providers, the part from the balance over what was paid from there.

    What no payment can take any more goes into the balance too.
    """
    allocations = Allocation.objects.filter(invoice=invoice).select_related("payment")
    paid = sorted(allocations, key=lambda one: (one.payment.received_at, one.payment_id), reverse=True)
    left = left_of([one.payment for one in paid])
    went = _sums(Refund.objects.filter(invoice=invoice).exclude(status=Status.DECLINED))
    rests = {To.ORIGIN: outside_minor, To.WALLET: balance_minor}
    ways = []
    for one in paid:
        to = To.WALLET if one.payment.method == Method.WALLET else To.ORIGIN
        part = min(rests[to], one.amount_minor - went.get(one.payment_id, 0), left[one.payment_id])
        if part > 0:
            ways.append(Way(one.payment, part, to))
            rests[to] -= part
    rest = sum(rests.values())
    return [*ways, Way(None, rest, To.WALLET)] if rest else ways


def ways_of_balance(payments: Iterable[Payment], amount_minor: int, at: datetime) -> list[Way]:
    """Spread a withdrawal over the payments that it came from, newest first; the rest goes by bank.

    What a payment brought into the balance beside its bills comes first, then what credit notes returned of others.
    """
    usable = [one for one in payments if one.method != Method.WALLET and not refusal(one, at)]
    usable.sort(key=lambda one: (one.received_at, one.pk), reverse=True)
    left, free = left_of(usable), _beside_bills(usable)
    takes: dict[int, int] = {}
    rest = amount_minor
    for most in (free, left):
        for one in usable:
            part = min(rest, most[one.pk], left[one.pk])
            if part > 0:
                takes[one.pk] = takes.get(one.pk, 0) + part
                left[one.pk] -= part
                rest -= part
    ways = [Way(one, takes[one.pk], To.ORIGIN) for one in usable if one.pk in takes]
    return [*ways, Way(None, rest, To.ORIGIN)] if rest else ways


def left_of(payments: Iterable[Payment]) -> dict[int, int]:
    """Return by payment what has neither gone back nor is on its way."""
    rows = list(payments)
    held = _sums(Refund.objects.filter(among("payment", [one.pk for one in rows]), status__in=LIVE))
    return {one.pk: one.amount_minor - one.returned_minor - held.get(one.pk, 0) for one in rows}


def refusal(payment: Payment, at: datetime) -> str:
    """Return why a payment at a provider can take nothing back any more, as one of `port.Failure`; empty when it can."""
    if payment.method not in AT_PROVIDER:
        return ""
    if at > (payment.finished_at or payment.received_at) + MOST_AGE:
        return Failure.TOO_OLD
    known = payment.refunds.exclude(status__in=[Status.REQUESTED, Status.DECLINED])
    if known.filter(failure__in=FOR_GOOD - {Failure.TOO_MANY}).exists():
        return Failure.WAY_GONE
    return Failure.TOO_MANY if known.filter(sent_at__isnull=False).count() >= MOST_PARTS else ""


def not_before(payment: Payment) -> datetime | None:
    """Return when the next part of a payment may be sent, a minute after the last one; none: at any time."""
    sent = payment.refunds.filter(sent_at__isnull=False).order_by("-sent_at").values_list("sent_at", flat=True).first()
    return sent + APART if sent else None


def _beside_bills(payments: Iterable[Payment]) -> dict[int, int]:
    """Return by payment what went into the balance when it came in, less what was withdrawn of it."""
    rows = list(payments)
    named = among("payment", [one.pk for one in rows])
    settled = _sums(Allocation.objects.filter(named))
    gone = Q(invoice=None) & (Q(status__in=LIVE) | Q(status=Status.SUCCEEDED, to=To.ORIGIN))
    back = _sums(Refund.objects.filter(named, gone))
    return {one.pk: max(0, one.amount_minor - settled.get(one.pk, 0) - back.get(one.pk, 0)) for one in rows}


def _sums(rows: QuerySet[Any]) -> dict[int, int]:
    return dict(rows.order_by().values_list("payment").annotate(sum=Sum("amount_minor")))
