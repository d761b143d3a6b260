"""Examine drafts before they are issued: one that is far from the customer's own history is held, and both sides are told.

Off until a seller sets his thresholds (`Seller.hold_factor`). Lines of a confirmed change or purchase are never held, a
member saw them. A hold stays until a person ends it (`holding`) or until the draft, written anew, is usual again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from billing.models import Price
from invoices import allowing, histories
from invoices.models import BillHold, Invoice
from invoices.usual import Far, Limits, is_judged_line, judge
from tenants import audit, notices
from tenants.bulk import among
from tenants.models.companies import Language

# What makes a draft the same bill, also when it is written anew.
GROUP = ("tenant_id", "seller_id", "currency", "pays", "charge_on", "origin")


@transaction.atomic
def examine(draft_ids: Iterable[int], *, at: datetime) -> set[int]:
    """Hold those drafts that are far from what is usual; return the ids of all that are held now.

    Issued bills, and drafts of a confirmed change, are passed over. Examining again changes nothing unless the draft has
    changed: then its hold is judged anew, and ends as corrected when it is usual again. A yes is good for what it was
    asked about: a draft that became dearer is held again.
    """
    periodic = Q(origin="") | Q(origin__startswith=allowing.ANNOUNCED)
    drafts = Invoice.objects.filter(periodic, among("pk", list(draft_ids)), status=Invoice.Status.DRAFT)
    live = BillHold.objects.live().filter(tenant=OuterRef("tenant"))
    ids = list(drafts.filter(Q(seller__hold_factor__isnull=False) | Exists(live)).values_list("pk", flat=True))
    if not ids:
        return set()
    locked = Invoice.objects.filter(among("pk", ids), status=Invoice.Status.DRAFT).select_for_update(
        of=("self",), no_key=True
    )
    found = list(locked.select_related("seller", "tenant").order_by("pk"))
    holds = _holds(found, at)
    judged = [draft for draft in found if draft.seller.hold_factor is not None and _is_due(draft, holds.get(draft.pk))]
    far = _far(judged)
    for draft in judged:
        _decide(draft, far.get(draft.pk, []), holds.get(draft.pk), at)
    return set(BillHold.objects.live().filter(among("invoice", ids)).values_list("invoice_id", flat=True))


def judged_at(draft: Invoice, limits: Limits, *, times: int = 1) -> list[Far]:
    """Return what of a bill, also of an issued one, is far at these thresholds: for trying them, and for measuring alarms.

    With `times` as if all its usage had cost so many times as much.
    """
    found = histories.of([draft]).get(draft.pk)
    if found is None:
        return []
    usage = {key for key, row in found.rows.items() if row.kind == Price.Kind.USAGE}
    lines = [replace(one, amount_minor=one.amount_minor * (times if one.key in usage else 1)) for one in found.lines]
    return judge(lines, limits)


def is_judged(bill: Invoice) -> bool:
    """Return whether some line of a bill has a history long enough to be judged by, and was not confirmed."""
    found = histories.of([bill]).get(bill.pk)
    return found is not None and any(is_judged_line(line) for line in found.lines)


def _holds(drafts: Sequence[Invoice], at: datetime) -> dict[int, BillHold]:
    """Return the latest hold of each draft; one whose draft was written anew takes the new one."""
    mine = {tuple(getattr(draft, name) for name in GROUP): draft for draft in drafts}
    named = {draft.pk for draft in drafts}
    rows = BillHold.objects.filter(among("tenant", {draft.tenant_id for draft in drafts}))
    rows = rows.filter(Q(invoice=None) | Q(among("invoice", named)))
    found: dict[int, BillHold] = {}
    for hold in rows.select_for_update(no_key=True).order_by("pk"):
        pk = hold.invoice_id
        if pk is None:
            draft = mine.get(tuple(getattr(hold, name) for name in GROUP))
            if draft is None or ((other := found.get(draft.pk)) is not None and other.released_at is None):
                continue
            BillHold.objects.filter(pk=hold.pk).update(invoice=draft)
            hold.invoice, pk = draft, draft.pk
        found[pk] = hold
    return found


def _is_due(draft: Invoice, hold: BillHold | None) -> bool:
    """Whether a draft has to be judged: never held, changed since, or dearer than what was agreed to."""
    if hold is None:
        return True
    if hold.released_at is None:
        return hold.subtotal_minor != draft.subtotal_minor
    return draft.subtotal_minor > hold.subtotal_minor


def _far(drafts: Sequence[Invoice]) -> dict[int, list[dict[str, Any]]]:
    """Return the reasons to hold each of these drafts, with their figures, as they are kept."""
    found = {}
    compared = histories.of(drafts) if drafts else {}
    for draft in drafts:
        mine = compared.get(draft.pk)
        assert draft.seller.hold_factor is not None
        assert draft.seller.hold_least_minor is not None
        limits = Limits(draft.seller.hold_factor, draft.seller.hold_least_minor)
        if mine and (far := judge(mine.lines, limits)):
            found[draft.pk] = [_reason(one, mine.rows) for one in far]
    return found


def _reason(far: Far, rows: Mapping[str, histories.Row]) -> dict[str, Any]:
    told = asdict(far) | {"spreads": str(far.spreads)}
    row = rows.get(told.pop("key"))
    named = {name: getattr(row, name, "") for name in ("code", "name", "name_en")}
    first, last = (str(getattr(row, name, "")) for name in ("service_start_on", "service_end_on"))
    return named | {"first": first, "end": last} | told


def _decide(draft: Invoice, reasons: list[dict[str, Any]], hold: BillHold | None, at: datetime) -> None:
    sums = {"subtotal_minor": draft.subtotal_minor, "total_minor": draft.total_minor, "examined_at": at}
    live = hold if hold is not None and hold.released_at is None else None
    if live is not None and reasons:
        BillHold.objects.filter(pk=live.pk).update(reasons=reasons, **sums)
    elif live is not None:
        BillHold.objects.filter(pk=live.pk).update(released_at=at, outcome=BillHold.Outcome.CORRECTED, **sums)
        _record("bill.hold_corrected", live, draft, at)
    elif reasons:
        fresh = BillHold.objects.create(
            **{name: getattr(draft, name) for name in GROUP}, invoice=draft, reasons=reasons, held_at=at, **sums
        )
        _record("bill.held", fresh, draft, at)
        tell(fresh, draft, key=f"bill-held:{fresh.pk}", at=at)


def _record(verb: str, hold: BillHold, draft: Invoice, at: datetime) -> None:
    target = f"bill_hold:{hold.pk}"
    audit.record(verb, tenant=draft.tenant_id, target=target, at=at, by=None, amount_minor=draft.total_minor)


def tell(hold: BillHold, draft: Invoice, *, key: str, at: datetime) -> None:
    """Tell the customer that a bill waits for his yes, with the comparison; the operators see it in their queue."""
    tenant = draft.tenant
    english = tenant.language == Language.ENGLISH
    lines = [
        {
            "name": (english and one["name_en"]) or one["name"],
            "why": one["why"],
            "amount_minor": one["amount_minor"],
            "usual_minor": one["usual_minor"],
            "highest_minor": one["highest_minor"],
        }
        for one in hold.reasons
    ]
    notices.announce(
        tenant,
        kind="bill_held",
        key=key,
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/held/{hold.pk}/",
            "currency": hold.currency,
            "total_minor": hold.total_minor,
            "charge_on": str(hold.charge_on),
            "pays": hold.pays,
            "lines": lines,
        },
        at=at,
        seller=draft.seller,
    )
