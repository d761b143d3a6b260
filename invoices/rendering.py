"""Documents and their notices: which issued papers have no file yet, and how a finished file is stored and announced.

Typesetting itself is slow and is done by the edge between two verbs, in no transaction: `waiting`, typeset, `store`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext as _

from invoices import allowing, composing, crediting, parking
from invoices.capitals import in_capitals
from invoices.document import InvoiceDocument
from invoices.models import CreditNote, Document, Invoice, Parked, Payment, Quote
from invoices.pages import quoted
from invoices.pages.quoted import QuoteDocument
from tenants import files, notices
from usage.periods import local_day

Paper = Invoice | CreditNote | Quote
Typeset = Callable[[InvoiceDocument | QuoteDocument], bytes]
LINES_IN_A_MAIL = 12
# Of each paper: the kind of its document, and when it became one.
PAPERS: tuple[tuple[type[Paper], str, str], ...] = (
    (Invoice, Document.Kind.INVOICE, "issued_at"),
    (CreditNote, Document.Kind.CREDIT_NOTE, "issued_at"),
    (Quote, Document.Kind.QUOTE, "sent_at"),
)

log = structlog.get_logger(__name__)


def waiting(limit: int, *, part: tuple[int, int] = (0, 1)) -> list[Paper]:
    """Return issued papers without a document in their own language, oldest first; parked ones are left out.

    `part` (n, of) lets several workers share the work by id.
    """
    number, of = part
    found: list[Paper] = []
    for model, kind, since in PAPERS:
        made = Document.objects.filter(kind=kind, source_id=OuterRef("pk"), language=OuterRef("language"))
        parked = Parked.objects.filter(tenant=OuterRef("tenant"), stage=Parked.Stage.RENDER, resolved_at=None)
        papers = model.objects.filter(~Exists(made), ~Exists(parked), **{f"{since}__isnull": False})
        if of > 1:
            papers = papers.extra(where=[f'"{model._meta.db_table}".id %% %s = %s'], params=[of, number])
        found += list(papers.select_related("tenant", "seller").order_by("pk")[: limit - len(found)])
    return found


def render(paper: Paper, typeset: Typeset, *, at: datetime) -> Document | None:
    """Make and store the document of a paper and announce it; park it, with the reason, when it cannot be printed.

    Whatever is wrong with one paper, the others go on; only a fault of the database's own is raised.
    """
    try:
        pdf = typeset(compose(paper, paper.language))
    except (OperationalError, InterfaceError):
        raise
    except Exception as refusal:
        log.warning("not printed", paper=str(paper), error=str(refusal), kind=type(refusal).__name__)
        parking.park(paper.tenant_id, stage=Parked.Stage.RENDER, refusal=refusal, at=at)
        return None
    return store(paper, pdf, at=at)


def compose(paper: Paper, language: str) -> InvoiceDocument | QuoteDocument:
    """Return what is printed of a paper in a language."""
    if isinstance(paper, Quote):
        return quoted.compose(paper, language)
    if isinstance(paper, CreditNote):
        return composing.credit_note_document(paper, language)
    return composing.invoice_document(paper, language)


def store(paper: Paper, pdf: bytes, *, at: datetime) -> Document:
    """Keep a finished file and owe the customer the notice with it, in one transaction, once."""
    kind = next(kind for model, kind, _since in PAPERS if isinstance(paper, model))
    name = f"{paper}.pdf".replace("/", "-")
    act = "sent" if isinstance(paper, Quote) else "issued"
    digest = files.keep(pdf)
    with transaction.atomic():
        document, new = Document.objects.get_or_create(
            kind=kind,
            source_id=paper.pk,
            language=paper.language,
            defaults={"tenant_id": paper.tenant_id, "name": name, "sha256": digest, "bytes": len(pdf), "made_at": at},
        )
        if new:
            notices.announce(
                paper.tenant,
                kind=f"{kind}_{act}",
                key=f"{kind}-{act}:{paper.pk}",
                payload=_payload(paper, at),
                attachments=[notices.Attachment(document.name, document.sha256)],
                language=paper.language,
                seller=paper.seller,
                at=at,
            )
    return document


def _payload(paper: Paper, at: datetime) -> dict[str, Any]:
    if isinstance(paper, Quote):
        return quoted.letter(paper)
    return _credit_payload(paper) if isinstance(paper, CreditNote) else _invoice_payload(paper, at)


def _invoice_payload(invoice: Invoice, at: datetime) -> dict[str, Any]:
    # It may have been deducted while the file was typeset.
    invoice.refresh_from_db(fields=["status", "due_minor", "frozen_minor"])
    printed = composing.invoice_document(invoice, invoice.language)
    lines = [_line(line) for line in printed.lines if line.amount_minor]
    if len(lines) > LINES_IN_A_MAIL:
        rest = lines[LINES_IN_A_MAIL - 1 :]
        with translation.override(invoice.language):
            name = _("%(count)s more lines") % {"count": len(rest)}
        more = {"name": name, "amount_minor": sum(x["amount_minor"] for x in rest)}
        lines = [*lines[: LINES_IN_A_MAIL - 1], more]
    return {
        "tenant": invoice.tenant.name_in(invoice.language),
        "path": f"/c/{invoice.tenant.code}/bills/{invoice.pk}/",
        "number": printed.number,
        "title": printed.title,
        "currency": invoice.currency,
        "total_minor": invoice.total_minor,
        "due_minor": invoice.due_minor,
        "due_date": str(invoice.due_on),
        "deducted_on": _deducted_on(invoice, at),
        "capitals": printed.capitals,
        "lines": lines,
    }


def _deducted_on(invoice: Invoice, at: datetime) -> str:
    """Return the day on which what is due is deducted as announced; '' where somebody has to pay it, as things are."""
    then = max(at, invoice.charge_at) if invoice.charge_at else at
    in_vain = Payment.objects.filter(invoice=invoice, status=Payment.Status.FAILED).exists()
    if in_vain or isinstance(allowing.right(invoice, at=then), allowing.Held):
        return ""
    return str(local_day(then, invoice.zone))


def _line(line: Any) -> dict[str, Any]:
    return {
        "name": line.name,
        "amount_minor": line.discounted_minor,
        "quantity": f"{line.quantity:f}",
        "unit": line.unit,
        "unit_price": f"{line.unit_price:f}" if line.unit_price is not None else "",
        "first": str(line.period.first),
        "last": str(line.period.last),
    }


def _credit_payload(note: CreditNote) -> dict[str, Any]:
    chinese = note.language.startswith("zh") and note.currency == "CNY"
    back = crediting.owed_back(note)
    return {
        "tenant": note.tenant.name_in(note.language),
        "path": f"/c/{note.tenant.code}/bills/{note.invoice_id}/",
        "number": note.number,
        "back_minor": back,
        "to_balance_minor": note.returned_minor - back,
        "refers_to": note.invoice.number,
        "currency": note.currency,
        "total_minor": note.total_minor,
        "returned_minor": note.returned_minor,
        "reason": note.reason,
        "capitals": in_capitals(note.total_minor, note.currency) if chinese else "",
        "issued_on": str(local_day(note.issued_at, note.zone)),
    }
