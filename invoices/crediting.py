"""Credit: the only answer to an issued invoice that was wrong. Nothing of the invoice is edited; a credit note refers to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from billing import ledger, wallets
from billing.lots import LotMove
from billing.models import Account, Posting
from invoices import freezing, recovering
from invoices.issuing import buyer_copy, seller_copy, series_of
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, NumberSeries
from invoices.payments import restore_service
from invoices.splitting import Funds, in_bill, places, split
from invoices.tax import LineTax, credit_tax
from tenants import audit
from tenants.errors import Invalid, WrongState
from tenants.models import User
from usage.periods import local_day

Kind = Account.Kind
Status = Invoice.Status
OWED = (Status.OPEN, Status.UNCOLLECTIBLE)
# Where the part of a bill goes back to that was paid neither from the balance nor by a gift.
TO_WALLET, TO_ORIGIN = "wallet", "origin"


@dataclass(frozen=True, slots=True)
class Part:
    """What is credited of one line."""

    line: InvoiceLine
    tax: LineTax


@transaction.atomic
def credit(
    invoice: Invoice,
    *,
    reason: str,
    at: datetime,
    by: User | None,
    amounts: Mapping[int, int] | None = None,
    returns: str = TO_WALLET,
) -> CreditNote:
    """Issue a credit note over an issued invoice: all of it that is left, or `amounts` (minor units by line id).

    An amount is on the line's own side: with tax when prices include it, else without. What is still owed is lowered
    first; only what was paid returns, where `returns` says (see `write`). Tax follows CONTRACTS rule 12, so that a full
    credit returns exactly the tax. Raises WrongState for a draft or when nothing is left, and Invalid, naming the line, for more
    than is left of it.
    """
    if not reason.strip():
        raise Invalid(_("Say why it is credited; the customer reads it on the credit note."), field="reason")
    wallets.lock(invoice.tenant_id, invoice.seller_id, invoice.currency)
    series = series_of(invoice.seller, NumberSeries.Kind.CREDIT_NOTE, local_day(at, invoice.seller.timezone).year)
    locked = (
        Invoice.objects.select_for_update(of=("self",), no_key=True)
        .select_related("seller", "tenant")
        .get(pk=invoice.pk)
    )
    if locked.status not in (Status.OPEN, Status.PAID, Status.UNCOLLECTIBLE):
        raise WrongState(_("Only an issued bill can be credited; a draft is simply discarded."))
    return write(series, locked, _parts(locked, amounts), reason=reason, at=at, by=by, returns=returns)


def write(
    series: NumberSeries,
    invoice: Invoice,
    parts: Sequence[Part],
    *,
    reason: str,
    at: datetime,
    by: User | None,
    first: CreditNote | None = None,
    returns: str = TO_WALLET,
) -> CreditNote:
    """Issue a credit note over parts of a bill; the caller has locked the wallet, the series and the bill, in this order.

    `first` is the note that began a sum which falls on several bills. What was paid returns in the ratio in which the bill
    was paid with money and with gifts (`splitting.split`): gifts and balance go back where they came from; the part that
    came from outside goes into the balance (`returns` is "wallet") or stands on REFUND_PAYABLE ("origin") until a refund
    pays it out: `owed_back(note)` says how much that is.
    """
    note = _write(series, invoice, _exactly(invoice, parts), reason, at, by, first)
    back = split(note.returned_minor, in_bill(invoice)) if note.returned_minor else Funds()
    lots = places(invoice, back, note) if back.balance or back.gift else []
    owed = note.total_minor - note.returned_minor
    recovering.recover(invoice, owed, source="credited_loss", source_id=note.pk, at=at)
    _settle(invoice, note, at)
    restore_service(invoice.tenant, at=at)
    ledger.post([_entry(note, back, returns, lots)])
    audit.record(
        "invoice.credited",
        tenant=invoice.tenant,
        target=f"invoice:{invoice.pk}",
        at=at,
        by=by,
        note=note.number,
        reason=reason,
    )
    return note


def void(invoice: Invoice, *, reason: str, at: datetime, by: User | None) -> CreditNote:
    """Undo an issued invoice entirely: a credit note over all that is left of it."""
    return credit(invoice, reason=reason, at=at, by=by)


def owed_back(note: CreditNote) -> int:
    """Return what a note put on REFUND_PAYABLE, in minor units: what refunds of it may pay out in all."""
    posted = Posting.objects.filter(transaction__source="credit_note", transaction__source_id=note.pk)
    return -posted.filter(account__kind=Kind.REFUND_PAYABLE).aggregate(sum=Sum("amount_minor", default=0))["sum"]


def left_of(line: InvoiceLine, *, inclusive: bool) -> int:
    """Return how much of a line can still be credited, on the line's own side."""
    whole = line.gross_minor if inclusive else line.gross_minor - line.tax_minor
    return whole - line.credited_minor


def _parts(invoice: Invoice, amounts: Mapping[int, int] | None) -> list[Part]:
    assert invoice.seller_copy is not None
    inclusive = invoice.seller_copy["tax_inclusive"]
    lines = {line.pk: line for line in invoice.lines.order_by("position")}
    wanted = {pk: left_of(line, inclusive=inclusive) for pk, line in lines.items()} if amounts is None else amounts
    parts = []
    for pk, amount in wanted.items():
        line = lines.get(pk)
        if line is None:
            raise Invalid(_("This line is not of this bill."), field=f"lines.{pk}")
        left = left_of(line, inclusive=inclusive)
        if amounts is not None and not 0 < amount <= left:
            raise Invalid(
                _("Of “%(name)s” only what is left can be credited.") % {"name": line.name}, field=f"lines.{pk}"
            )
        if amount:
            parts.append(
                Part(line, credit_tax(line.credited_minor, amount, line.tax_rate, inclusive, invoice.currency))
            )
    total = sum(part.tax.gross for part in parts)
    if not 0 < total <= invoice.total_minor - invoice.credited_minor:
        raise WrongState(_("Nothing is left of this bill that could be credited."))
    return parts


def _exactly(invoice: Invoice, parts: Sequence[Part]) -> list[Part]:
    """Return parts that return no more tax than is left of the bill, and all of it where they take all that is left."""
    noted = invoice.credit_notes.aggregate(sum=Sum("tax_minor"))["sum"] or 0
    tax_left, left = invoice.tax_minor - noted, invoice.total_minor - invoice.credited_minor
    total, tax = sum(part.tax.gross for part in parts), sum(part.tax.tax for part in parts)
    wanted = tax_left if total == left else min(tax, tax_left)
    if wanted == tax:
        return list(parts)
    largest = max(range(len(parts)), key=lambda at: parts[at].tax.gross)
    moved = parts[largest].tax
    exact = LineTax(moved.net - wanted + tax, moved.tax + wanted - tax, moved.gross)
    return [Part(part.line, exact) if at == largest else part for at, part in enumerate(parts)]


def _write(
    series: NumberSeries,
    invoice: Invoice,
    parts: Sequence[Part],
    reason: str,
    at: datetime,
    by: User | None,
    first: CreditNote | None,
) -> CreditNote:
    assert invoice.seller_copy is not None
    inclusive = invoice.seller_copy["tax_inclusive"]
    number = series.last_number + 1
    total = sum(part.tax.gross for part in parts)
    note = CreditNote.objects.create(
        tenant=invoice.tenant,
        seller=invoice.seller,
        invoice=invoice,
        first=first,
        series=series,
        sequence=number,
        number=series.written(number),
        currency=invoice.currency,
        language=invoice.language,
        zone=invoice.zone,
        reason=reason,
        # Its amounts are on the side of the bill's, whatever the seller's prices include by now.
        seller_copy=seller_copy(invoice.seller) | {"tax_inclusive": inclusive},
        buyer_copy=buyer_copy(invoice.tenant),
        tax_minor=sum(part.tax.tax for part in parts),
        total_minor=total,
        returned_minor=max(0, total - invoice.due_minor),
        issued_at=at,
        issued_by=by,
    )
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            tenant=invoice.tenant, credit_note=note, line=part.line, gross_minor=part.tax.gross, tax_minor=part.tax.tax
        )
        for part in parts
    )
    series.last_number = number
    series.save(update_fields=["last_number"])
    for part in parts:
        part.line.credited_minor += part.tax.gross if inclusive else part.tax.net
        part.line.save(update_fields=["credited_minor"])
    return note


def _settle(invoice: Invoice, note: CreditNote, at: datetime) -> None:
    """Lower what is owed; a bill that is credited whole is void, one that owes nothing any more is paid."""
    invoice.credited_minor += note.total_minor
    invoice.paid_minor -= note.returned_minor
    if invoice.credited_minor == invoice.total_minor:
        invoice.status = Status.VOID
    elif invoice.total_minor == invoice.credited_minor + invoice.paid_minor and invoice.status in OWED:
        invoice.status, invoice.paid_at = Status.PAID, at
    freezing.clip(invoice)
    invoice.save(update_fields=["credited_minor", "paid_minor", "status", "paid_at", "frozen_minor"])


def _entry(note: CreditNote, back: Funds, returns: str, lots: Sequence[LotMove]) -> ledger.Entry:
    """Return the booking of a credit note: less revenue and tax, less owed; what was paid is the customer's again."""
    to_origin = back.outside if returns == TO_ORIGIN else 0
    return ledger.Entry(
        seller_id=note.seller_id,
        currency=note.currency,
        tenant_id=note.tenant_id,
        source="credit_note",
        source_id=note.pk,
        kind="issued",
        at=note.issued_at,
        sides=(
            (Kind.REVENUE_DEFERRED, note.total_minor - note.tax_minor),
            (Kind.TAX_PAYABLE, note.tax_minor),
            (Kind.RECEIVABLE, note.returned_minor - note.total_minor),
            (Kind.WALLET, to_origin - back.paid),
            (Kind.WALLET_GIFT, -back.gift),
            (Kind.REFUND_PAYABLE, -to_origin),
        ),
        lots=lots,
    )
