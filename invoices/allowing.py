"""May a bill be deducted now? Asks for the notice that arrived, the time since, the amount announced, and the authorisation.

CONTRACTS rules 16–18: each answer is either the right to take, which the payment names, or what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Sum

from billing.models import Subscription
from invoices.models import ChargeNotice, Invoice, InvoiceLine, Payment
from invoices.taking import Basis, Right
from tenants import agreements
from tenants.models import Authorisation
from usage.periods import local_day, local_midnight

Pays = Subscription.Pays
# A bill that is announced for itself carries the notice's day and version.
ANNOUNCED = "announced:"


@dataclass(frozen=True, slots=True)
class Held:
    """Why a bill is not deducted: no_provider, no_notice, not_delivered, too_early, above_notice or no_authorisation."""

    reason: str


def right(bill: Invoice, *, at: datetime) -> Right | Held:
    """Return by what right a bill's whole due may be deducted at `at`, or what is missing."""
    if bill.pays != Pays.WALLET:
        return Held("no_provider")
    authorisation = authorisation_for(bill, at=at)
    if was_confirmed(bill):
        return Right(basis=Basis.CONFIRMED, authorisation=authorisation) if authorisation else Held("no_authorisation")
    notices, before = notices_of(bill), _others(bill)
    if not notices:
        return Held("no_notice")
    if any(notice.charge_at is None for notice in notices):
        return Held("not_delivered")
    if any(notice.charge_at is not None and notice.charge_at > at for notice in notices):
        return Held("too_early")
    if bill.due_minor + _taken(before) > sum(notice.total_minor for notice in _together(notices, before)):
        return Held("above_notice")
    if authorisation is None:
        return Held("no_authorisation")
    return Right(basis=Basis.AUTOMATIC, authorisation=authorisation, notice=notices[-1])


def was_confirmed(bill: Invoice) -> bool:
    """Return whether a member confirmed this very bill, and the balance was too low then."""
    return Payment.objects.filter(invoice=bill, basis=Basis.CONFIRMED, status=Payment.Status.FAILED).exists()


def origin(due_on: date, version: int) -> str:
    """Return the mark of a bill that the notice of this day and version announces."""
    return f"{ANNOUNCED}{due_on}:{version}"


def parsed(mark: str) -> tuple[date, int]:
    """Return the day and the version that an `origin` names."""
    day, version = mark.removeprefix(ANNOUNCED).split(":")
    return date.fromisoformat(day), int(version)


def notices_of(bill: Invoice) -> list[ChargeNotice]:
    """Return the notices under which a bill is deducted, earliest day first; none when some part was not announced."""
    mine = ChargeNotice.objects.filter(
        tenant=bill.tenant_id, seller=bill.seller_id, currency=bill.currency, pays=bill.pays
    )
    if bill.origin.startswith(ANNOUNCED):
        day, version = parsed(bill.origin)
        return list(mine.filter(due_on=day, version=version))
    dues = _dues(bill)
    latest = newest(mine.filter(due_on__in=dues, of=ChargeNotice.Of.RENEWAL))
    return [latest[due] for due in sorted(dues)] if dues <= latest.keys() else []


def _dues(bill: Invoice) -> set[date]:
    """Return the days on which a bill's lines fell due; those of a confirmed change need no notice (rule 16)."""
    lines = InvoiceLine.objects.filter(invoice=bill).exclude(amount_minor=0)
    announced = set(lines.exclude(reason="change").values_list("charge__due_on", flat=True))
    return announced or set(lines.values_list("charge__due_on", flat=True))


def newest(notices: Iterable[ChargeNotice]) -> dict[date, ChargeNotice]:
    """Return the notice in force of each due day."""
    return {notice.due_on: notice for notice in sorted(notices, key=lambda notice: notice.version)}


def authorisation_for(bill: Invoice, *, at: datetime) -> Authorisation | None:
    """Return an authorisation in force that covers a bill's due, also with what was deducted under it this month."""
    billed = InvoiceLine.objects.filter(invoice=bill).values_list("charge__subscription", flat=True).distinct()
    subscriptions = set(billed)
    scope = f"subscription:{subscriptions.pop()}" if len(subscriptions) == 1 else "all"
    candidates = agreements.covering(
        bill.tenant, seller=bill.seller, amount_minor=bill.due_minor, currency=bill.currency, scope=scope, at=at
    )
    for candidate in candidates:
        if candidate.per_month_minor is None:
            return candidate
        if _this_month(candidate, bill.zone, at) + bill.due_minor <= candidate.per_month_minor:
            return candidate
    return None


def _this_month(authorisation: Authorisation, zone: str, at: datetime) -> int:
    first = local_day(at, zone).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    taken = authorisation.payments.filter(
        status=Payment.Status.SUCCEEDED,
        received_at__gte=local_midnight(first, zone),
        received_at__lt=local_midnight(after, zone),
    )
    return taken.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def _others(bill: Invoice) -> list[Invoice]:
    """Return the other bills under the same notices: of the same days, or of the same notice of its own."""
    same = Invoice.objects.issued().filter(
        tenant=bill.tenant_id, seller=bill.seller_id, currency=bill.currency, pays=bill.pays, origin=bill.origin
    )
    if not bill.origin:
        same = same.filter(lines__charge__due_on__in=_dues(bill)).distinct()
    return list(same.exclude(pk=bill.pk))


def _together(notices: list[ChargeNotice], others: list[Invoice]) -> list[ChargeNotice]:
    """Return all notices of these bills, each once."""
    return list({one.pk: one for one in (*notices, *(one for bill in others for one in notices_of(bill)))}.values())


def _taken(bills: list[Invoice]) -> int:
    """Return what was deducted for these bills by itself."""
    taken = Payment.objects.filter(invoice__in=bills, basis=Basis.AUTOMATIC, status=Payment.Status.SUCCEEDED)
    return taken.aggregate(sum=Sum("amount_minor"))["sum"] or 0
