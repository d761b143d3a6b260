"""Draft: take charges off the shelf into draft invoices, grouped as one bill each (CONTRACTS rule 9).

A group is payer, seller, currency, way of payment and billing day. It becomes an invoice when some line is not zero and
takes waiting zero lines along. Lines are one-to-one with charges, so a charge cannot be billed twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from billing.models import Charge, Subscription
from invoices.models import Invoice, InvoiceLine
from invoices.tax import LineTax, line_tax
from invoices.totals import Totals
from tenants import audit
from tenants.bulk import among, copy_in, mark, reserve
from tenants.models import Tenant, User

# (payer, seller, currency, way of payment)
Side = tuple[int, int, str, str]
KINDS = {"base": 0, "seat": 1, "module": 2, "service": 3, "usage": 4, "minimum": 5}
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


class Waiting(NamedTuple):
    """A charge that waits, with what its subscription says of the bill; a plain row, for a run has many."""

    pk: int
    payer_id: int
    seller_id: int
    subscription_id: int
    currency: str
    code: str
    kind: str
    reason: str
    name: str
    name_en: str
    service_start_on: date
    service_end_on: date
    quantity: Decimal
    unit: str
    unit_en: str
    amount_minor: int
    tax_rate: Decimal
    tax_inclusive: bool
    due_on: date
    subscription__pays: str
    subscription__purchase_order: str
    subscription__cost_centre: str


@dataclass(slots=True)
class Group:
    """The charges of one bill to be."""

    side: Side
    charge_on: date
    charges: list[Waiting] = field(default_factory=list)

    @property
    def amount_minor(self) -> int:
        """Their sum, before discount and tax."""
        return sum(charge.amount_minor for charge in self.charges)

    @property
    def is_debt(self) -> bool:
        """Whether it comes to less than nothing, before or after tax (lines of one bill may have different rates)."""
        if all(charge.amount_minor >= 0 for charge in self.charges):
            return False
        return self.amount_minor < 0 or sum(_tax(charge).gross for charge in self.charges) < 0


@transaction.atomic
def draft(payer_ids: Iterable[int], *, at: datetime) -> list[int]:
    """Draft what waits for these payers; return the ids of the drafts.

    A payer with a subscription that is still due at `at` is passed over: his bill would be cut in two. So is one that
    another worker holds.
    """
    payers = _lock(payer_ids, at)
    groups = _groups(payers)
    if _take_back(groups):
        groups = _groups(payers)
    if not groups:
        return []
    numbers = reserve(Invoice, len(groups))
    taxes = {number: [_tax(charge) for charge in group.charges] for number, group in zip(numbers, groups, strict=True)}
    rows = list(zip(numbers, groups, strict=True))
    copy_in(Invoice, INVOICE_COLUMNS, (_invoice_row(n, g, payers[g.side[0]], taxes[n], at) for n, g in rows))
    copy_in(InvoiceLine, LINE_COLUMNS, (row for n, g in rows for row in _line_rows(n, g, taxes[n])))
    taken = [charge.pk for group in groups for charge in group.charges]
    mark(Charge, "taken_at", at, taken)
    return numbers


@transaction.atomic
def discard(drafts: Sequence[int], *, at: datetime, by: User | None) -> int:
    """Void drafts: their lines go and their charges are free again. Issued invoices are passed over."""
    invoices = Invoice.objects.filter(pk__in=drafts, status=Invoice.Status.DRAFT)
    payers = dict(invoices.select_for_update(no_key=True).order_by("pk").values_list("pk", "tenant_id"))
    _undo(list(payers))
    for pk, payer in payers.items():
        audit.record("draft.discarded", tenant=payer, target=f"invoice:{pk}", at=at, by=by)
    return len(payers)


def _undo(drafts: Sequence[int]) -> int:
    """Delete drafts that the caller has locked and free their charges."""
    lines = InvoiceLine.objects.filter(among("invoice", drafts))
    freed = list(lines.values_list("charge_id", flat=True))
    lines.delete()
    Charge.objects.filter(among("pk", freed)).update(taken_at=None)
    return Invoice.objects.filter(among("pk", drafts)).delete()[0]


def waiting_payers(at: datetime) -> Any:
    """Return the query of payers for whom something waits that may be drafted at `at`."""
    due = Subscription.objects.due(at).filter(payer=OuterRef("pk"))
    # What comes to nothing makes no bill of its own.
    worth = Charge.objects.waiting().filter(payer=OuterRef("pk")).exclude(amount_minor=0)
    return Tenant.objects.filter(Exists(worth), ~Exists(due))


def _groups(payers: dict[int, Tenant]) -> list[Group]:
    return [group for side in _sides(payers).values() for group in group_up(side)]


def _take_back(groups: Sequence[Group]) -> bool:
    """Take drafts of the same bills back, which wait for their day: one day is one bill."""
    wanted = {(*group.side, group.charge_on) for group in groups}
    drafts = Invoice.objects.filter(
        among("tenant", {group.side[0] for group in groups}), status=Invoice.Status.DRAFT, origin=""
    )
    waiting = drafts.values_list("pk", "tenant_id", "seller_id", "currency", "pays", "charge_on")
    same = [pk for pk, *bill in waiting.select_for_update(no_key=True).order_by("pk") if tuple(bill) in wanted]
    return bool(same) and bool(_undo(same))


def group_up(charges: Sequence[Waiting]) -> Iterator[Group]:
    """Yield the bills of one side of charges, earliest day first.

    Zero charges go with the first bill of their day or later and wait when there is none; a group below zero waits for
    charges that it can be set off against.
    """
    by_day: dict[date, Group] = {}
    for charge in sorted((c for c in charges if c.amount_minor), key=lambda c: c.due_on):
        group = by_day.setdefault(charge.due_on, Group(_side(charge), charge.due_on))
        group.charges.append(charge)
    groups = _without_debts([by_day[day] for day in sorted(by_day)])
    for charge in charges:
        if not charge.amount_minor and (home := next((g for g in groups if g.charge_on >= charge.due_on), None)):
            home.charges.append(charge)
    for group in groups:
        group.charges.sort(key=_place)
        yield group


def _without_debts(groups: list[Group]) -> list[Group]:
    """Join each group that is below zero to the next one, until the sum is not below zero; a last one waits."""
    done: list[Group] = []
    carried: list[Waiting] = []
    for group in groups:
        group.charges = carried + group.charges
        if group.is_debt:
            carried = group.charges
        else:
            carried = []
            done.append(group)
    return done


def _lock(payer_ids: Iterable[int], at: datetime) -> dict[int, Tenant]:
    payers = waiting_payers(at).filter(among("pk", payer_ids))
    return {p.pk: p for p in payers.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")}


def _sides(payers: dict[int, Tenant]) -> dict[Side, list[Waiting]]:
    found: dict[Side, list[Waiting]] = defaultdict(list)
    charges = Charge.objects.waiting().filter(among("payer", payers)).order_by("pk")
    for charge in map(Waiting._make, charges.values_list(*Waiting._fields)):
        found[_side(charge)].append(charge)
    return found


def _side(charge: Waiting) -> Side:
    return charge.payer_id, charge.seller_id, charge.currency, charge.subscription__pays


def _place(charge: Waiting) -> tuple[Any, ...]:
    """Where a charge stands on the bill: by subscription, what is paid ahead first, then by kind as in the price list."""
    return charge.subscription_id, charge.kind == "usage", charge.service_start_on, KINDS.get(charge.kind, 9), charge.pk


def _tax(charge: Waiting) -> LineTax:
    return line_tax(charge.amount_minor, charge.tax_rate, charge.tax_inclusive, charge.currency)


def _invoice_row(number: int, group: Group, payer: Tenant, taxes: Sequence[LineTax], at: datetime) -> tuple[Any, ...]:
    payer_id, seller_id, currency, pays = group.side
    sums = Totals(
        subtotal=group.amount_minor,
        discount=0,
        net=sum(tax.net for tax in taxes),
        tax=sum(tax.tax for tax in taxes),
        total=sum(tax.gross for tax in taxes),
    )
    return (
        number,
        payer_id,
        seller_id,
        currency,
        pays,
        group.charge_on,
        "",
        "draft",
        payer.timezone,
        payer.language,
        _one({c.subscription__purchase_order for c in group.charges}) or payer.purchase_order,
        _one({c.subscription__cost_centre for c in group.charges}) or payer.cost_centre,
        sums.subtotal,
        sums.discount,
        sums.tax,
        sums.total,
        0,
        0,
        at,
    )


def _line_rows(number: int, group: Group, taxes: Sequence[LineTax]) -> Iterator[tuple[Any, ...]]:
    for position, (charge, tax) in enumerate(zip(group.charges, taxes, strict=True), start=1):
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
            0,
            charge.tax_rate,
            tax.tax,
            tax.gross,
            0,
        )


def _one(values: set[str]) -> str:
    """Return the value that all share, or nothing."""
    return values.pop() if len(values) == 1 else ""
