"""Write drafts: the rows of bills to be, in a handful of statements; or those of a draft that is reckoned again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing import granting
from billing.models import Charge
from invoices import discounting, sources
from invoices.grouping import Group, Waiting
from invoices.models import BillHold, Invoice, InvoiceLine
from tenants.bulk import among, copy_in, mark, reserve, update_from
from tenants.models import Tenant

LINE_COLUMNS = [
    "tenant_id",
    "invoice_id",
    "charge_id",
    "position",
    "code",
    "kind",
    "reason",
    "name",
    "name_en",
    "service_start_on",
    "service_end_on",
    "quantity",
    "unit",
    "unit_en",
    "amount_minor",
    "discount_minor",
    "tax_rate",
    "tax_minor",
    "gross_minor",
    "credited_minor",
]
INVOICE_COLUMNS = [
    "id",
    "tenant_id",
    "seller_id",
    "currency",
    "pays",
    "charge_on",
    "charge_at",
    "origin",
    "status",
    "zone",
    "language",
    "purchase_order",
    "cost_centre",
    "subtotal_minor",
    "discount_minor",
    "tax_minor",
    "total_minor",
    "paid_minor",
    "credited_minor",
    "created_at",
]
SUMS = ["subtotal_minor", "discount_minor", "tax_minor", "total_minor"]


def write(groups: Sequence[Group], payers: Mapping[int, Tenant], *, at: datetime) -> list[int]:
    """Write reckoned groups as drafts and take their charges; return the drafts' ids."""
    if not groups:
        return []
    numbers = reserve(Invoice, len(groups))
    rows = list(zip(numbers, groups, strict=True))
    copy_in(Invoice, INVOICE_COLUMNS, (_invoice_row(n, group, payers[group.side[0]], at) for n, group in rows))
    _write_lines(rows)
    mark(Charge, "taken_at", at, [charge.pk for group in groups for charge in group.charges])
    return numbers


def undo(drafts: Sequence[int]) -> int:
    """Delete drafts that the caller has locked and free their charges; a hold waits for the draft to be written anew."""
    freed = _clear(drafts)
    Charge.objects.filter(among("pk", freed)).update(taken_at=None)
    BillHold.objects.filter(among("invoice", drafts)).update(invoice=None)
    return Invoice.objects.filter(among("pk", drafts)).delete()[0]


def read(drafts: Sequence[int]) -> dict[int, Group]:
    """Return the groups of drafts as they stand, not reckoned, by id."""
    heads = Invoice.objects.filter(among("pk", drafts))
    named = "pk", "tenant_id", "seller_id", "currency", "pays", "charge_on", "origin"
    found = {
        pk: Group((payer, seller, currency, pays), day, origin=origin)
        for pk, payer, seller, currency, pays, day, origin in heads.order_by("pk").values_list(*named)
    }
    lines = InvoiceLine.objects.filter(among("invoice", drafts)).order_by("invoice", "position")
    for invoice, *charge in lines.values_list("invoice", *(f"charge__{name}" for name in Waiting._fields)):
        found[invoice].charges.append(Waiting(*charge))
    return found


def reckon(groups: Sequence[Group], *, held: bool = True) -> None:
    """Reckon discounts and taxes of groups, in the order in which they will be issued."""
    discounting.apply(groups, held=held)
    sources.tax(groups)


def rewrite(
    groups: Mapping[int, Group], *, at: datetime, only: Mapping[int, set[int]] | None = None, held: bool = True
) -> None:
    """Reckon drafts again, by id in the order of issue, and write their lines anew; the caller has locked them.

    `only` names the coupons that give once and may do so there, by draft.
    """
    ids, whole = list(groups), list(groups.values())
    _clear(ids)
    by_place = None if only is None else {ids.index(pk): coupons for pk, coupons in only.items() if pk in groups}
    discounting.apply(whole, held=held, only=by_place)
    sources.tax(whole)
    _write_lines(list(groups.items()))
    types = ["bigint"] * len(SUMS)
    update_from("invoices_invoice", SUMS, types, [(pk, *_sums(group)) for pk, group in groups.items()])
    mark(Charge, "taken_at", at, [charge.pk for group in whole for charge in group.charges])


def _clear(drafts: Sequence[int]) -> list[int]:
    """Delete the lines of drafts and their discounts; return the charges, which stay taken."""
    lines = InvoiceLine.objects.filter(among("invoice", drafts))
    discounted: dict[bool, list[int]] = defaultdict(list)
    for charge, off in lines.values_list("charge_id", "discount_minor"):
        discounted[off != 0].append(charge)
    lines.delete()
    if discounted[True]:
        granting.remove(discounted[True])
    return discounted[True] + discounted[False]


def _write_lines(rows: Sequence[tuple[int, Group]]) -> None:
    copy_in(InvoiceLine, LINE_COLUMNS, (row for number, group in rows for row in _line_rows(number, group)))
    granting.write([one for _n, group in rows for taken in group.discounts.values() for one in taken])


def _sums(group: Group) -> tuple[int, int, int, int]:
    return group.amount_minor, group.discount_minor, sum(tax.tax for tax in group.taxes), group.total_minor


def _invoice_row(number: int, group: Group, payer: Tenant, at: datetime) -> tuple[Any, ...]:
    payer_id, seller_id, currency, pays = group.side
    return (
        number,
        payer_id,
        seller_id,
        currency,
        pays,
        group.charge_on,
        group.charge_at,
        group.origin,
        "draft",
        payer.timezone,
        payer.language,
        _one({c.subscription__purchase_order for c in group.charges}) or payer.purchase_order,
        _one({c.subscription__cost_centre for c in group.charges}) or payer.cost_centre,
        *_sums(group),
        0,
        0,
        at,
    )


def _line_rows(number: int, group: Group) -> Iterator[tuple[Any, ...]]:
    for position, (charge, tax) in enumerate(zip(group.charges, group.taxes, strict=True), start=1):
        yield (
            group.side[0],
            number,
            charge.pk,
            position,
            charge.code,
            charge.kind,
            charge.reason,
            charge.name,
            charge.name_en,
            charge.service_start_on,
            charge.service_end_on,
            charge.quantity,
            charge.unit,
            charge.unit_en,
            charge.amount_minor,
            group.off(charge) if group.discounts else 0,
            charge.tax_rate,
            tax.tax,
            tax.gross,
            0,
        )


def _one(values: set[str]) -> str:
    """Return the value that all share, or nothing."""
    return values.pop() if len(values) == 1 else ""
