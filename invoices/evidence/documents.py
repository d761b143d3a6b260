"""Bills, credit notes and how their coupons were spread, as plain data for a pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Sum

from billing import granting
from billing.models import AppliedDiscount, BillingPeriod, Charge, Coupon, Redemption
from billing.models.catalogue import Interval
from billing.money import plain
from invoices.deriving.standing import instant
from invoices.evidence.gathering import Scope
from invoices.models import CreditNote, Document, Invoice
from tenants.bulk import among
from usage.periods import add_months

RANK = {name: rank for rank, name in enumerate(Interval.values)}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a bill as coupons see it, with the plan's period that it belongs to."""

    charge: Charge
    whole: BillingPeriod


def bills(scope: Scope) -> list[dict[str, Any]]:
    """Return the bills with their sums, sides, lines and coupons."""
    return [_bill(bill) for bill in scope.invoices]


def notes(scope: Scope) -> list[dict[str, Any]]:
    """Return the credit notes with what each takes of which line."""
    return [_note(note) for note in scope.notes]


def files_of(scope: Scope) -> list[Document]:
    """Return the PDFs that were made of these bills, credit notes and notices."""
    kinds = (
        (Document.Kind.INVOICE, scope.invoices),
        (Document.Kind.CREDIT_NOTE, scope.notes),
        (Document.Kind.NOTICE, scope.notices),
    )
    found = [
        row
        for kind, sources in kinds
        for row in Document.objects.filter(tenant=scope.tenant, kind=kind, source_id__in=[one.pk for one in sources])
    ]
    return sorted(found, key=lambda row: (row.kind, row.source_id, row.language))


def _bill(bill: Invoice) -> dict[str, Any]:
    lines = sorted(bill.lines.all(), key=lambda line: line.position)
    return {
        "id": bill.pk,
        "number": bill.number,
        "seller": bill.seller.code,
        "status": bill.status,
        "currency": bill.currency,
        "pays": bill.pays,
        "issued_at": instant(bill.issued_at) if bill.issued_at else None,
        "charge_on": str(bill.charge_on),
        "charge_at": instant(bill.charge_at) if bill.charge_at else None,
        "due_on": str(bill.due_on) if bill.due_on else None,
        "zone": bill.zone,
        "tax_inclusive": bool((bill.seller_copy or {}).get("tax_inclusive", True)),
        "seller_copy": bill.seller_copy,
        "buyer_copy": bill.buyer_copy,
        "purchase_order": bill.purchase_order,
        "cost_centre": bill.cost_centre,
        "subtotal_minor": bill.subtotal_minor,
        "discount_minor": bill.discount_minor,
        "tax_minor": bill.tax_minor,
        "total_minor": bill.total_minor,
        "paid_minor": bill.paid_minor,
        "credited_minor": bill.credited_minor,
        "due_minor": bill.due_minor,
        "frozen_minor": bill.frozen_minor,
        "lines": [line.charge_id for line in lines],
        "capped": sorted(granting.capped(line.charge_id for line in lines if line.reason == Charge.Reason.CAP).items()),
        "coupons": _coupons([line.charge_id for line in lines]),
    }


def _note(note: CreditNote) -> dict[str, Any]:
    return {
        "number": note.number,
        "invoice": note.invoice.number,
        "first": note.first.number if note.first else None,
        "issued_at": instant(note.issued_at),
        "reason": note.reason,
        "currency": note.currency,
        "tax_inclusive": bool(note.seller_copy.get("tax_inclusive", True)),
        "tax_minor": note.tax_minor,
        "total_minor": note.total_minor,
        "returned_minor": note.returned_minor,
        "invoice_total_minor": note.invoice.total_minor,
        "invoice_tax_minor": note.invoice.tax_minor,
        "lines": [
            {
                "line": part.line_id,
                "name": part.line.name,
                "gross_minor": part.gross_minor,
                "tax_minor": part.tax_minor,
                "of_gross_minor": part.line.gross_minor,
            }
            for part in sorted(note.lines.all(), key=lambda part: part.pk)
        ],
        "charges": list(note.charges.order_by("position").values_list("charge", flat=True)),
    }


def _coupons(charge_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return each coupon that gave on a bill, in the order in which it was taken, with all that it could give there."""
    gave = list(AppliedDiscount.objects.filter(among("charge", charge_ids)).order_by("pk"))
    if not gave:
        return []
    order = {pk: place for place, pk in enumerate(charge_ids)}
    charges = sorted(
        Charge.objects.filter(among("pk", charge_ids)).select_related("period"), key=lambda row: order[row.pk]
    )
    wholes = _wholes(charges)
    redeemed = Redemption.objects.filter(pk__in={one.redemption_id for one in gave}).select_related("coupon")
    found = []
    for one in sorted(redeemed, key=lambda row: (row.subscription_id, bool(not row.coupon.applies_to), row.position)):
        lines = [_Line(c, wholes[c.period_id]) for c in charges if c.subscription_id == one.subscription_id]
        found.append(_coupon(one, lines, min(row.pk for row in gave if row.redemption_id == one.pk)))
    return found


def _coupon(one: Redemption, lines: Sequence[_Line], first: int) -> dict[str, Any]:
    coupon, once = one.coupon, one.coupon.duration == Coupon.Duration.ONCE
    parts = [[line.charge.pk, _part(one, line)] for line in lines]
    earlier = AppliedDiscount.objects.filter(pk__lt=first)
    rest = {}
    for line in lines:
        name = _part(one, line)
        if name is not None and coupon.amount_minor is not None:
            inside = earlier.filter(
                redemption=one, charge__period__start__gte=line.whole.start, charge__period__start__lt=line.whole.end
            )
            given = 0 if once else inside.aggregate(sum=Sum("amount_minor"))["sum"] or 0
            rest[name] = max(0, coupon.amount_minor - given)
    spent = earlier.filter(redemption__coupon=coupon).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    return {
        "redemption": one.pk,
        "subscription": one.subscription_id,
        "coupon": coupon.code,
        "percent": None if coupon.percent is None else plain(coupon.percent),
        "amount_minor": coupon.amount_minor,
        "duration": coupon.duration,
        "months": coupon.months,
        "counted_from": str(one.counted_from),
        "applies_to": coupon.applies_to,
        "parts": parts,
        "rest": rest,
        "most": None if coupon.budget_minor is None else max(0, coupon.budget_minor - spent),
    }


def _part(one: Redemption, line: _Line) -> str | None:
    """Return which period of the plan a line's share of a coupon belongs to; None where it gives nothing there."""
    coupon, first = one.coupon, line.whole.start_on
    # What a cap takes off or lets go is no price that a coupon gives on.
    of_cap = line.charge.reason == Charge.Reason.CAP
    if of_cap or line.charge.amount_minor <= 0 or (coupon.applies_to and line.charge.code not in coupon.applies_to):
        return None
    if coupon.months is not None and not _lasts(one.counted_from, coupon.months, first):
        return None
    return "once" if coupon.duration == Coupon.Duration.ONCE else str(first)


def _lasts(since: date, months: int, first: date) -> bool:
    return since <= first < add_months(since, months)


def _wholes(charges: Sequence[Charge]) -> dict[int, BillingPeriod]:
    """Return, by period, the plan's period that holds its start: of those that do, the one of the longest rhythm."""
    known = granting.periods_from([charge.period_id for charge in charges])
    found = {}
    for charge in charges:
        own = charge.period
        holding = [p for p in known if p.subscription_id == own.subscription_id and p.start <= own.start < p.end]
        found[own.pk] = max(holding, key=lambda p: RANK[p.interval], default=own)
    return found
