"""Issue: the one irreversible step. Number, freeze, post; nothing of an issued invoice is edited afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from billing import granting, ledger
from billing.models import Account
from invoices import examining, refreshing
from invoices.models import Invoice, InvoiceLine, NumberSeries
from tenants import audit
from tenants.bulk import among, update_from
from tenants.models import Seller, Tenant, User
from usage.periods import local_day

Kind = Account.Kind
BUYER = ("code", "name", "name_en", "tax_number", "address", "phone")


class Draft(NamedTuple):
    """What numbering and booking need to know of a draft; a plain row, for a run has many."""

    pk: int
    tenant_id: int
    seller_id: int
    discount_minor: int
    currency: str
    zone: str
    charge_on: date
    charge_at: datetime | None
    total_minor: int
    tax_minor: int

    def due_on(self, at: datetime, payment_days: int) -> date:
        """When it is to be paid: when it is deducted, else on the day of issue or after the payment days (rule 20)."""
        if self.charge_at is not None:
            return local_day(max(self.charge_at, at), self.zone)
        return local_day(at, self.zone) + timedelta(days=payment_days)

    def is_ready(self, at: datetime) -> bool:
        """Whether its day has come, and of a deduction the instant."""
        return self.charge_on <= local_day(at, self.zone) and (self.charge_at is None or self.charge_at <= at)


@transaction.atomic
def issue(draft_ids: Iterable[int], *, at: datetime, by: User | None = None) -> list[int]:
    """Issue drafts whose billing day has come and that are not held; return the ids of those that were issued.

    Numbers are gapless in each series: the series is locked, as many numbers are given as there are drafts, and all of it
    commits or none. Seller and buyer are copied as they are now, and discounts are final from now on. An invoice of zero
    is paid at once (CONTRACTS rule 9).
    """
    wanted = list(draft_ids)
    named = Invoice.objects.filter(among("pk", wanted)).values_list("seller_id", flat=True).distinct()
    sellers = list(Seller.objects.filter(pk__in=set(named)).order_by("pk"))
    # Series before invoices, by ascending id: the one order of locks.
    series = {seller.pk: _series(seller, local_day(at, seller.timezone).year) for seller in sellers}
    drafts = _ready(wanted, at)
    if held := examining.examine([draft.pk for draft in drafts], at=at):
        drafts = [draft for draft in drafts if draft.pk not in held]
    if refreshing.refresh([draft.pk for draft in sorted(drafts, key=_in_order)], at=at):
        drafts = _ready([draft.pk for draft in drafts], at)
    for seller in sellers:
        mine = [invoice for invoice in drafts if invoice.seller_id == seller.pk]
        if mine:
            _issue(seller, series[seller.pk], mine, at, by)
    if discounted := [draft.pk for draft in drafts if draft.discount_minor]:
        lines = InvoiceLine.objects.filter(among("invoice", discounted), discount_minor__gt=0)
        granting.seal(list(lines.values_list("charge_id", flat=True)), at=at)
    return [invoice.pk for invoice in drafts]


def seller_copy(seller: Seller) -> dict[str, Any]:
    """Return what a document keeps of its seller."""
    kept = (
        "code",
        "legal_name",
        "brand",
        "brand_en",
        "mark",
        "colour",
        "tax_number",
        "tax_status",
        "address",
        "phone",
        "email",
    )
    copy = {name: getattr(seller, name) for name in (*kept, "bank_name", "bank_account", "timezone")}
    return copy | {"tax_inclusive": seller.tax_inclusive}


def buyer_copy(tenant: Tenant) -> dict[str, Any]:
    """Return what a document keeps of its buyer."""
    return {name: getattr(tenant, name) for name in BUYER}


def series_of(seller: Seller, kind: str, year: int) -> NumberSeries:
    """Return a seller's number series, locked for the rest of the transaction."""
    suffix = {NumberSeries.Kind.CREDIT_NOTE: "C", NumberSeries.Kind.QUOTE: "Q"}.get(NumberSeries.Kind(kind), "")
    named = {"seller": seller, "kind": kind, "year": year}
    locked = NumberSeries.objects.select_for_update(no_key=True)
    found = locked.filter(**named).first()
    if found is None:
        NumberSeries.objects.get_or_create(**named, defaults={"prefix": f"{seller.number_prefix}{suffix}"})
        found = locked.get(**named)
    return found


def _series(seller: Seller, year: int) -> NumberSeries:
    return series_of(seller, NumberSeries.Kind.INVOICE, year)


def _ready(ids: Sequence[int], at: datetime) -> list[Draft]:
    drafts = Invoice.objects.filter(among("pk", ids), status=Invoice.Status.DRAFT)
    locked = drafts.select_for_update(no_key=True).order_by("pk").values_list(*Draft._fields)
    return [draft for draft in map(Draft._make, locked) if draft.is_ready(at)]


def _in_order(draft: Draft) -> tuple[date, int]:
    return draft.charge_on, draft.pk


def _issue(seller: Seller, series: NumberSeries, drafts: list[Draft], at: datetime, by: User | None) -> None:
    numbered = sorted(drafts, key=_in_order)
    rows = list(_numbered(seller, series, numbered, at, by))
    columns = ["status", "series_id", "sequence", "number", "issued_at", "issued_by_id", "due_on", "paid_at"]
    types = ["text", "bigint", "bigint", "text", "timestamptz", "bigint", "date", "timestamptz"]
    update_from("invoices_invoice", [*columns, "seller_copy", "buyer_copy"], [*types, "jsonb", "jsonb"], rows)
    NumberSeries.objects.filter(pk=series.pk).update(last_number=series.last_number + len(rows))
    ledger.post(_entry(invoice, at) for invoice in numbered)
    if by is not None:
        for invoice in numbered:
            audit.record("invoice.issued", tenant=invoice.tenant_id, target=f"invoice:{invoice.pk}", at=at, by=by)


def _numbered(
    seller: Seller, series: NumberSeries, drafts: Sequence[Draft], at: datetime, by: User | None
) -> Iterator[tuple[Any, ...]]:
    sold_by = seller_copy(seller)
    buyers = {
        row["pk"]: row for row in Tenant.objects.filter(among("pk", {d.tenant_id for d in drafts})).values("pk", *BUYER)
    }
    for sequence, invoice in enumerate(drafts, start=series.last_number + 1):
        settled = invoice.total_minor == 0
        yield (
            invoice.pk,
            str(Invoice.Status.PAID if settled else Invoice.Status.OPEN),
            series.pk,
            sequence,
            series.written(sequence),
            at,
            by.pk if by else None,
            invoice.due_on(at, seller.payment_days),
            at if settled else None,
            sold_by,
            {name: buyers[invoice.tenant_id][name] for name in BUYER},
        )


def _entry(invoice: Draft, at: datetime) -> ledger.Entry:
    """Return the booking of an issued invoice: owed by the customer, of it tax, and the rest not earned yet."""
    return ledger.Entry(
        seller_id=invoice.seller_id,
        currency=invoice.currency,
        tenant_id=invoice.tenant_id,
        source="invoice",
        source_id=invoice.pk,
        kind="issued",
        at=at,
        sides=(
            (Kind.RECEIVABLE, invoice.total_minor),
            (Kind.TAX_PAYABLE, -invoice.tax_minor),
            (Kind.REVENUE_DEFERRED, invoice.tax_minor - invoice.total_minor),
        ),
    )
