"""What a plan promises on refunds, and how much of a bill a customer may ask for under it.

Within `undo_hours` of a bill all of it; afterwards, under `pro_rata`, what is paid for days to come: the charged line's amount
after discount × unused days ÷ days that it covers, rounded (CONTRACTS rules 4 and 5; the day of asking is used). Usage is paid
for when it is over, and is not refunded by days. An operator may refund more than a customer may ask for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from billing.models import PlanVersion, Price
from billing.money import divide_half_up
from billing.wording import refund_text
from invoices import returnable
from invoices.models import Invoice, InvoiceLine
from usage.periods import local_day


def may_ask(invoice: Invoice, at: datetime) -> dict[int, int]:
    """Return by line id how much (minor units with tax) a customer may ask to have back of a settled bill; often nothing."""
    if invoice.status != Invoice.Status.PAID or invoice.issued_at is None:
        return {}
    left = returnable.left_by_line(invoice)
    most = invoice.total_minor - invoice.credited_minor
    found: dict[int, int] = {}
    for line in invoice.lines.select_related("charge__acceptance__version").order_by("position"):
        allowed = min(left.get(line.pk, 0), _of_line(line, invoice, at), most - sum(found.values()))
        if allowed > 0:
            found[line.pk] = allowed
    return found


def said(invoice_ids: Iterable[int]) -> tuple[str, ...]:
    """Return in a sentence for each what the plans of bills say about refunds, as they were accepted."""
    accepted = PlanVersion.objects.filter(acceptances__charges__line__invoice__in=list(invoice_ids))
    terms = accepted.order_by("refund", "undo_hours").values_list("refund", "undo_hours").distinct()
    return tuple(refund_text(refund, hours) for refund, hours in terms)


def _of_line(line: InvoiceLine, invoice: Invoice, at: datetime) -> int:
    version = line.charge.acceptance.version
    assert invoice.issued_at
    if at < invoice.issued_at + timedelta(hours=version.undo_hours):
        return line.gross_minor
    if version.refund != PlanVersion.Refund.PRO_RATA or line.kind == Price.Kind.USAGE:
        return 0
    days = (line.service_end_on - line.service_start_on).days
    unused = (line.service_end_on - local_day(at, invoice.zone)).days - 1
    return divide_half_up(line.gross_minor * min(max(unused, 0), days), days) if days else 0
