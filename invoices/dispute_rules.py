"""What of a bill may be disputed, by whom it is answered in how many days, and what a day of usage is of its line. Reads only.

A bill that was issued and not cancelled, its lines of more than nothing, and of usage that is the sum of its days also single
days. What was disputed before, and was not withdrawn, is not disputed again: its answer may be appealed, once.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import F, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing import leaving_out
from billing.formatting import day as written
from billing.models import Price
from billing.money import divide_half_up
from invoices import returnable
from invoices.models import Dispute, DisputeTerms, Invoice, InvoiceLine
from tenants.errors import Conflict, Invalid, WrongState
from tenants.models import Seller
from usage.periods import local_day

State = Dispute.State
Days = tuple[date, date]
# So often the same thing may be disputed and withdrawn.
TIMES = 2


class AlreadyDisputed(Conflict):
    """This is in dispute now, or was before."""

    code = "already_disputed"


def terms(seller: Seller) -> DisputeTerms:
    """Return what a seller promises of disputes; the usual terms of one who has set nothing."""
    return DisputeTerms.objects.filter(seller=seller).first() or DisputeTerms(seller=seller)


def most(bill: Invoice, line: InvoiceLine | None = None, days: Days | None = None) -> int:
    """Return how much (minor units with tax) may be disputed of a bill, of a line or of its days; nothing is 0."""
    before = Dispute.objects.filter(invoice=bill).exclude(state=State.WITHDRAWN)
    left = bill.total_minor - bill.credited_minor - _contested(before)
    if line is not None:
        left = min(left, returnable.left_by_line(bill).get(line.pk, 0) - _contested(before.filter(line=line)))
    if line is not None and days is not None:
        left = min(left, of_days(line, days))
    return max(0, left)


def of_days(line: InvoiceLine, days: Days) -> int:
    """Return how much of a line (with tax, after discounts) the usage of local days is: what the line comes to less what it
    comes to without these days, as a share of the line, rounded once. Raises Invalid where it is no sum of days."""
    first, after = days
    if not line.service_start_on <= first < after <= line.service_end_on:
        raise Invalid(_("These days are not of the line's period."), field="days")
    found = None
    if line.kind == Price.Kind.USAGE and line.reason == "period" and line.amount_minor > 0:
        found = leaving_out.without(line.charge, first, after)
    if found is None:
        raise Invalid(_("This line is not a sum of days; dispute it as a whole."), field="days")
    if found.whole_minor <= 0:
        return 0
    return min(line.gross_minor, divide_half_up(line.gross_minor * found.share_minor, found.whole_minor))


def refuse(bill: Invoice, line: InvoiceLine | None, days: Days | None, *, at: datetime) -> None:
    """Raise what stands against a dispute: a bill that asks for nothing, a line of another bill, one disputed before."""
    if bill.status not in (Invoice.Status.OPEN, Invoice.Status.PAID):
        raise WrongState(_("Only an issued bill that was not cancelled can be disputed."))
    if line is not None and line.invoice_id != bill.pk:
        raise Invalid(_("This line is not of this bill."), field="line")
    if line is None and days is not None:
        raise Invalid(_("Days are of a line; name the line."), field="line")
    same = Dispute.objects.filter(invoice=bill, line=line)
    earlier = _overlapping(same.exclude(state=State.WITHDRAWN), days).order_by("-pk").first()
    if same.live().exists() or (earlier is not None and earlier.is_live):
        raise AlreadyDisputed(_("This is in dispute already; add to it there what you have to say."), field="line")
    if earlier is not None:
        raise AlreadyDisputed(_said_before(earlier, at), field="line")
    if same.filter(state=State.WITHDRAWN).count() >= TIMES:
        raise AlreadyDisputed(
            _("You disputed this twice and took it back. Call us instead: %(phone)s.") % {"phone": bill.seller.phone},
            field="line",
        )


def may_appeal(row: Dispute, *, at: datetime) -> bool:
    """Whether the answer of a dispute may be appealed now: once, in time, as long as something was not given back."""
    in_time = row.appeal_until is not None and local_day(at, row.tenant.timezone) <= row.appeal_until
    return row.state == State.ANSWERED and row.appealed_at is None and in_time and row.contested_minor > 0


def _said_before(earlier: Dispute, at: datetime) -> str:
    if may_appeal(earlier, at=at) and earlier.appeal_until is not None:
        told = {"day": written(earlier.appeal_until, earlier.tenant.language, "sentence")}
        return _("This was answered. Until %(day)s you can appeal there, once.") % told
    return _("This was disputed and answered before. Call us if you do not agree: %(phone)s.") % {
        "phone": earlier.seller.phone
    }


def _overlapping(rows: QuerySet[Dispute], days: Days | None) -> QuerySet[Dispute]:
    if days is None:
        return rows
    return rows.filter(Q(starts_on=None) | Q(starts_on__lt=days[1], ends_on__gt=days[0]))


def _contested(rows: QuerySet[Dispute]) -> int:
    return rows.aggregate(sum=Sum(F("amount_minor") - F("given_minor")))["sum"] or 0
