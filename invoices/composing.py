"""Compose what is printed from the frozen rows of an issued document; nothing is computed from a price here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from billing import granting
from billing.models import Charge
from invoices import states
from invoices.capitals import in_capitals
from invoices.document import BankTransfer, Discount, DocumentLine, InvoiceDocument, Party, Period, Step, Tax, Usage
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from usage.periods import local_day

# A step of one of these kinds tells the price of a unit; a package holds many, so its price would mislead.
PRICED = frozenset({"unit", "flat"})


def invoice_document(invoice: Invoice, language: str) -> InvoiceDocument:
    """Return an issued invoice as it is printed in `language` (`zh-hans` or `en`), as it stood on the day of issue."""
    assert invoice.seller_copy is not None
    lines = list(invoice.lines.select_related("charge").order_by("position"))
    causes = granting.causes([line.charge_id for line in lines if line.discount_minor])
    with translation.override(language):
        return InvoiceDocument(
            kind="invoice",
            title=title(invoice.charge_on),
            due_date=invoice.due_on,
            due_minor=invoice.total_minor,
            status=str(states.BILL["open" if invoice.total_minor else "settled"].word),
            lines=tuple(_line(line, language, causes.get(line.charge_id, ())) for line in lines),
            transfer=_transfer(invoice.seller_copy, invoice.number or "") if invoice.total_minor else None,
            purchase_order=invoice.purchase_order,
            cost_centre=invoice.cost_centre,
            subtotal_minor=invoice.subtotal_minor,
            discount_minor=invoice.discount_minor,
            taxes=_taxes((line.tax_rate, line.gross_minor, line.tax_minor) for line in lines),
            period=_whole_period(lines),
            **_common(invoice, language),
        )


def credit_note_document(note: CreditNote, language: str) -> InvoiceDocument:
    """Return a credit note as it is printed in `language`; its amounts are positive."""
    lines = list(note.lines.select_related("line__charge").order_by("line__position"))
    inclusive = note.seller_copy["tax_inclusive"]
    with translation.override(language):
        return InvoiceDocument(
            kind="credit_note",
            title=_("Credit note"),
            status=str(states.BILL["credited"].word),
            lines=tuple(_credit_line(line, inclusive, language) for line in lines),
            subtotal_minor=sum(_side(line, inclusive) for line in lines),
            discount_minor=0,
            taxes=_taxes((line.line.tax_rate, line.gross_minor, line.tax_minor) for line in lines),
            refers_to=note.invoice.number or "",
            reason=note.reason,
            **_common(note, language),
        )


def title(charge_on: date) -> str:
    """Return what people call a bill: by the month in which it is asked for."""
    month = str(charge_on.month) if (translation.get_language() or "").startswith("zh") else f"{charge_on:%B}"
    return _("Bill of %(month)s %(year)s") % {"month": month, "year": charge_on.year}


def _common(paper: Invoice | CreditNote, language: str) -> dict[str, Any]:
    assert paper.issued_at is not None
    seller, buyer = paper.seller_copy, paper.buyer_copy
    assert seller is not None
    assert buyer is not None
    chinese = language.lower().startswith("zh")
    return {
        "language": "zh-Hans" if chinese else "en",
        "number": paper.number or "",
        "issue_date": local_day(paper.issued_at, paper.zone),
        "seller": seller_party(seller, chinese),
        "buyer": buyer_party(buyer, chinese),
        "currency": paper.currency,
        "total_minor": paper.total_minor,
        "net_minor": paper.total_minor - paper.tax_minor,
        "tax_included": seller["tax_inclusive"],
        "capitals": in_capitals(paper.total_minor, paper.currency) if chinese and paper.currency == "CNY" else "",
        "verification_code": verification_code(paper),
    }


def verification_code(paper: Invoice | CreditNote) -> str:
    """Return a short code over number, date and total, by which a copy is compared with ours."""
    text = (
        f"{paper.number}|{paper.issued_at:%Y-%m-%dT%H:%M:%S%z}|{paper.currency}|{paper.total_minor}|{paper.tax_minor}"
    )
    digest = sha256(text.encode()).hexdigest().upper()
    return "-".join((digest[:4], digest[4:8], digest[8:12]))


def seller_party(copy: Mapping[str, Any], chinese: bool) -> Party:
    """Return the seller as a document prints it, of the copy that it keeps."""
    return Party(
        legal_name=copy["legal_name"],
        tax_number=copy["tax_number"],
        address=copy["address"],
        phone=copy["phone"],
        bank_name=copy["bank_name"],
        bank_account=copy["bank_account"],
        brand=copy["brand"] if chinese else copy["brand_en"] or copy["brand"],
        mark=copy["mark"],
        colour=copy["colour"],
    )


def buyer_party(copy: Mapping[str, Any], chinese: bool) -> Party:
    """Return the buyer as a document prints it, of the copy that it keeps."""
    return Party(
        legal_name=copy["name"] if chinese else copy["name_en"] or copy["name"],
        tax_number=copy["tax_number"],
        address=copy["address"],
        phone=copy["phone"],
    )


def _transfer(seller: Mapping[str, Any], number: str) -> BankTransfer | None:
    if not seller["bank_account"]:
        return None
    return BankTransfer(
        account_name=seller["legal_name"],
        bank_name=seller["bank_name"],
        bank_account=seller["bank_account"],
        remark=number,
    )


def _line(line: InvoiceLine, language: str, causes: Sequence[granting.Cause]) -> DocumentLine:
    details = line.charge.details
    return DocumentLine(
        name=line.name_in(language),
        quantity=line.quantity,
        unit=line.unit_in(language),
        unit_price=unit_price(details),
        amount_minor=line.amount_minor,
        period=Period(first=line.service_start_on, last=line.service_end_on - timedelta(days=1)),
        note=_note(line, details),
        discounts=tuple(Discount(cause=one.said(language), amount_minor=one.amount_minor) for one in causes),
        tax_rate=line.tax_rate,
        tax_minor=line.tax_minor,
        explanation=tuple(_step(step, language) for step in details.get("steps", ())),
        usage=_usage(line, details),
    )


def _credit_line(credit: CreditNoteLine, inclusive: bool, language: str) -> DocumentLine:
    line = credit.line
    return DocumentLine(
        name=line.name_in(language),
        quantity=Decimal(1),
        amount_minor=_side(credit, inclusive),
        period=Period(first=line.service_start_on, last=line.service_end_on - timedelta(days=1)),
        tax_rate=line.tax_rate,
        tax_minor=credit.tax_minor,
    )


def _side(credit: CreditNoteLine, inclusive: bool) -> int:
    return credit.gross_minor if inclusive else credit.gross_minor - credit.tax_minor


def unit_price(details: Mapping[str, Any]) -> Decimal | None:
    """Return the one price of a unit, where a single step tells it."""
    steps = [step for step in details.get("steps", ()) if step["code"] not in ("proration", "pack")]
    if len(steps) == 1 and steps[0]["code"] in PRICED:
        return Decimal(steps[0]["unit_amount"])
    return None


def _note(line: InvoiceLine, details: Mapping[str, Any]) -> str:
    if line.reason == Charge.Reason.LATE:
        return _("Usage that was told after the period was billed")
    if days := details.get("days"):
        return _("%(used)s of %(whole)s days") % {"used": days[0], "whole": days[1]}
    return ""


def _step(step: Mapping[str, str], language: str) -> Step:
    return Step(
        text=step["zh"] if language.lower().startswith("zh") else step["en"],
        amount=Decimal(step["amount"]),
        quantity=Decimal(step["quantity"]),
        unit_amount=Decimal(step["unit_amount"]),
    )


def _usage(line: InvoiceLine, details: Mapping[str, Any]) -> Usage | None:
    if "measured" not in details:
        return None
    return Usage(
        measured=Decimal(details["measured"]),
        included=Decimal(details["included"]),
        covered=Decimal(details.get("covered") or 0),
        paid=line.quantity,
    )


def _taxes(rows: Iterable[tuple[Decimal, int, int]]) -> tuple[Tax, ...]:
    sums: dict[Decimal, list[int]] = defaultdict(lambda: [0, 0])
    for rate, gross, tax in rows:
        sums[rate][0] += gross - tax
        sums[rate][1] += tax
    return tuple(Tax(rate=rate, net_minor=net, tax_minor=tax) for rate, (net, tax) in sorted(sums.items()))


def _whole_period(lines: Sequence[InvoiceLine]) -> Period | None:
    if not lines:
        return None
    return Period(
        first=min(line.service_start_on for line in lines),
        last=max(line.service_end_on for line in lines) - timedelta(days=1),
    )
