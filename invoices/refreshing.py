"""Refresh: reckon drafts again whose coupons give otherwise now that they, or others, are issued (CONTRACTS rule 10).

A coupon that gives once is used up by the first issued bill with a line of its subscription that is not zero, even if it
gives nothing there; on every other draft it gives nothing from then on. One redeemed since a draft was made gives on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from billing import granting
from billing.models import AppliedDiscount
from invoices import writing
from invoices.models import Invoice
from tenants.bulk import among

# Redeemed coupons that may change these drafts: (coupon, draft, whether it gives once, whether it gives on this draft).
# From the few coupons to their lines, whatever the statistics say: a run may have written all of these tables just now.
TOUCHED = """
WITH drafts AS MATERIALIZED (SELECT id, tenant_id, created_at FROM invoices_invoice WHERE id = ANY(%s::bigint[])),
waiting AS MATERIALIZED (
  SELECT r.id, r.subscription_id, r.redeemed_at, c.duration = 'once' AS once
  FROM billing_redemption r JOIN billing_coupon c ON c.id = r.coupon_id JOIN billing_subscription s ON s.id = r.subscription_id
  WHERE r.used_up_at IS NULL AND r.undone_at IS NULL AND s.payer_id IN (SELECT tenant_id FROM drafts)
)
SELECT DISTINCT w.id, l.invoice_id, w.once,
  EXISTS (SELECT 1 FROM billing_applieddiscount a JOIN invoices_invoiceline x ON x.charge_id = a.charge_id
    WHERE a.redemption_id = w.id AND x.invoice_id = l.invoice_id)
FROM waiting w CROSS JOIN LATERAL (
  SELECT x.invoice_id FROM billing_charge g JOIN invoices_invoiceline x ON x.charge_id = g.id
  WHERE g.subscription_id = w.subscription_id AND x.amount_minor <> 0 AND g.reason <> 'correction' OFFSET 0) l
JOIN drafts d ON d.id = l.invoice_id
WHERE w.once OR w.redeemed_at > d.created_at
"""


def refresh(drafts: Sequence[int], *, at: datetime) -> bool:
    """Reckon drafts again that are issued now, in this order, where their coupons ask for it; return whether any was.

    Coupons that give once are used up, and drafts on which they gave beside are reckoned without them.
    """
    touched = _touched(drafts)
    if not touched:
        return False
    place = {pk: number for number, pk in enumerate(drafts)}
    first: dict[int, int] = {}
    for coupon, draft, once, _gives in sorted(touched, key=lambda row: place[row[1]]):
        if once:
            first.setdefault(coupon, draft)
    # What gives where it should stays as it was announced.
    wrong = {draft for coupon, draft, once, gives in touched if gives != (not once or first[coupon] == draft)}
    allowed: dict[int, set[int]] = defaultdict(set)
    for coupon, draft in first.items():
        allowed[draft].add(coupon)
    _again(sorted(wrong, key=place.__getitem__), at, only=allowed)
    granting.use_up(list(first), at=at)
    elsewhere = AppliedDiscount.objects.filter(among("redemption", list(first)), final_at=None)
    others = elsewhere.exclude(among("charge__line__invoice", drafts)).order_by().values_list("charge__line__invoice")
    _again(sorted({pk for (pk,) in others}), at)
    return bool(wrong)


def _touched(drafts: Sequence[int]) -> list[tuple[int, int, bool, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(TOUCHED, [list(drafts)])
        return cursor.fetchall()


def _again(drafts: Sequence[int], at: datetime, *, only: dict[int, set[int]] | None = None) -> None:
    if not drafts:
        return
    list(Invoice.objects.filter(among("pk", drafts)).select_for_update(no_key=True).order_by("pk").values_list("pk"))
    groups = writing.read(drafts)
    writing.rewrite({pk: groups[pk] for pk in drafts}, at=at, only=only)
    # What a discount brought below zero is no bill: its charges wait for the next drafting, which credits them.
    if below := [pk for pk, group in groups.items() if group.total_minor < 0]:
        writing.undo(below)
