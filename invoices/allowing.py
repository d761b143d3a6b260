"""May a bill be deducted now? Asks for the notice that arrived, the time since, the amount announced, and the authorisation.

CONTRACTS rules 16–18, the same for the balance and for a deduction agreement: each answer is either the right to take,
which the payment names, or what is missing. What a provider asks for besides is `debit_rules`' business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial

from django.db.models import QuerySet, Sum

from billing.models import Price, Subscription
from invoices import attributing, mandates
from invoices.attributing import TAKEN
from invoices.models import ChargeNotice, Invoice, InvoiceLine, Mandate, Payment
from invoices.taking import Basis, Right
from tenants import agreements
from tenants.bulk import among
from tenants.models import Authorisation
from tenants.models.agreements import RENEWS
from usage.periods import local_day, local_midnight

Pays, Status = Subscription.Pays, Payment.Status
# A bill that is announced for itself carries the notice's day and version.
ANNOUNCED = "announced:"
# What use costs, by kind or by reason of its line; and what is due whatever is used.
OF_USE = frozenset({"usage", "minimum", "late", "cap"})
OF_RENEWAL = frozenset({"period", "correction"})


@dataclass(frozen=True, slots=True)
class Held:
    """Why a bill is not deducted: no_way, no_mandate, nothing_due, frozen, no_notice, not_delivered, too_early, above_notice,
    no_authorisation, above_ceiling, above_month, not_covered (its authorisations do not cover every line); of an agreement
    also what its provider asks for (`debit_rules`)."""

    reason: str


def right(bill: Invoice, *, at: datetime, hold: bool = False) -> Right | Held:
    """Return by what right all of a bill that nobody disputes may be deducted at `at`, or what is missing.

    With `hold` the authorisation is locked until the transaction ends: nobody withdraws it meanwhile, and no other bill
    takes what is left of its month.
    """
    if bill.pays == Pays.MANUAL:
        return Held("no_way")
    mandate = mandates.in_force(bill.tenant_id, bill.seller_id, bill.currency) if bill.pays == Pays.MANDATE else None
    if bill.pays == Pays.MANDATE and mandate is None:
        return Held("no_mandate")
    if not bill.claimable_minor:
        return Held("frozen" if bill.due_minor else "nothing_due")
    if bill.due_again_on is not None and local_day(at, bill.zone) < bill.due_again_on:
        # What was in dispute and was explained is not taken before the day by which it is to be paid by then.
        return Held("too_early")
    if was_confirmed(bill):
        found = authorised(bill, mandate, at=at, hold=hold)
        return found if isinstance(found, Held) else Right(basis=Basis.CONFIRMED, authorisation=found)
    notices = notices_of(bill)
    if not notices:
        return Held("no_notice")
    if any(notice.charge_at is None for notice in notices):
        return Held("not_delivered")
    if any(notice.charge_at is not None and notice.charge_at > at for notice in notices):
        return Held("too_early")
    uses = attributing.attribute(bill, bill.claimable_minor, notices, lambda: _together(bill), at=at)
    if uses is None:
        return Held("above_notice")
    found = authorised(bill, mandate, at=at, hold=hold)
    if isinstance(found, Held):
        return found
    used = [use.notice for use in uses]
    last = notices[-1] if notices[-1] in used else used[-1]
    return Right(basis=Basis.AUTOMATIC, authorisation=found, notice=last, uses=uses)


def was_confirmed(bill: Invoice) -> bool:
    """Return whether a member confirmed this very bill, and it could not be taken then."""
    return Payment.objects.filter(invoice=bill, basis=Basis.CONFIRMED, status=Status.FAILED).exists()


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


def items_for(subscription: int, kind: str, reason: str, code: str) -> frozenset[str]:
    """Return the items any of which lets a line be deducted; the database asks the same (`invoices_line_items`).

    What a member changed (reason `change`) is neither a renewal nor use: `all` or its subscription covers it.
    """
    items = {agreements.ALL, f"subscription:{subscription}"}
    if kind in OF_USE or reason in OF_USE:
        items.add(agreements.OVERAGE)
    elif reason in OF_RENEWAL:
        items.add(agreements.RENEWAL)
    if kind == Price.Kind.MODULE:
        items.add(f"module:{code}")
    return frozenset(items)


def needed(bill: Invoice) -> set[frozenset[str]]:
    """Return what an authorisation must cover, line by line: of each set of items one. What gives back needs none."""
    return _needed_by_bill([bill])[bill.pk]


def _needed_by_bill(bills: Iterable[Invoice]) -> dict[int, set[frozenset[str]]]:
    lines = InvoiceLine.objects.filter(among("invoice", [bill.pk for bill in bills]), amount_minor__gt=0)
    found: dict[int, set[frozenset[str]]] = defaultdict(set)
    named = lines.values_list("invoice", "charge__subscription", "kind", "reason", "code").distinct()
    for invoice, subscription, kind, reason, code in named.order_by():
        found[invoice].add(items_for(subscription, kind, reason, code))
    return found


def authorised(bill: Invoice, mandate: Mandate | None, *, at: datetime, hold: bool = False) -> Authorisation | Held:
    """Return an authorisation in force that covers all lines of a bill, also with what was deducted under it this month;
    or what is missing.

    The text of an agreement lets be deducted through its provider, never from the balance.
    """
    rows = _in_force(bill, mandate, at)
    if hold:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return _first_of(rows, needed(bill), bill.claimable_minor, lambda one: this_month(one, bill.zone, at))


def beyond_agreement(bills: Sequence[Invoice], mandate: Mandate | None, *, at: datetime) -> set[int]:
    """Return those (by id) of these bills of one payer, seller, currency and way that no authorisation in force covers.

    None of them is deducted, whatever was announced. It asks once for all of them, so that bills which stay open after a
    withdrawal cost no pass anything.
    """
    rows = list(_in_force(bills[0], mandate, at)) if bills else []
    if not rows:
        return {bill.pk for bill in bills}
    items = _needed_by_bill(bills)
    month = cache(lambda one, zone: this_month(one, zone, at))
    return {
        bill.pk
        for bill in bills
        if isinstance(_first_of(rows, items[bill.pk], bill.claimable_minor, partial(month, zone=bill.zone)), Held)
    }


def _in_force(bill: Invoice, mandate: Mandate | None, at: datetime) -> QuerySet[Authorisation]:
    """Return the authorisations for the way of a bill, whatever they cover."""
    general = agreements.covering(
        bill.tenant_id,
        seller=bill.seller_id,
        amount_minor=0,
        currency=bill.currency,
        items=(),
        at=at,
        way=mandate.provider if mandate else Payment.Method.WALLET,
    )
    return _of_way(general, mandate, at)


def _first_of(
    rows: Iterable[Authorisation], items: set[frozenset[str]], amount: int, month: Callable[[Authorisation], int]
) -> Authorisation | Held:
    """Return the first of them that covers one of each of `items` and `amount`, with what `month` says was taken under it."""
    reason = "no_authorisation"
    for one in rows:
        if any(one.items.isdisjoint(any_of) for any_of in items):
            reason = "not_covered"
        elif one.ceiling_minor is not None and amount > one.ceiling_minor:
            reason = "above_ceiling"
        elif one.per_month_minor is not None and month(one) + amount > one.per_month_minor:
            reason = "above_month"
        else:
            return one
    return Held(reason)


def _of_way(candidates: QuerySet[Authorisation], mandate: Mandate | None, at: datetime) -> QuerySet[Authorisation]:
    """Return those of them that let this way be used: the agreement's own; where that only holds it, the general ones."""
    if mandate is None or mandate.authorisation.scope == RENEWS:
        held = mandate is None or agreements.is_in_force(mandate.authorisation, at)
        return candidates.filter(mandates=None) if held else candidates.none()
    return candidates.filter(pk=mandate.authorisation_id)


def this_month(authorisation: Authorisation, zone: str, at: datetime) -> int:
    """Return what was asked for under an authorisation, and was taken or may have been, in the month of `at` in a zone."""
    first = local_day(at, zone).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    taken = authorisation.payments.filter(
        status__in=TAKEN,
        recorded_at__gte=local_midnight(first, zone),
        recorded_at__lt=local_midnight(after, zone),
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


def _together(bill: Invoice) -> list[ChargeNotice]:
    """Return the notices of the other bills under a bill's notices."""
    return [notice for other in _others(bill) for notice in notices_of(other)]
