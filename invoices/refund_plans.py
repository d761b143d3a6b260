"""What a refund of a bill would do: how much of which line, and which ways it would go. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _

from billing.formatting import money
from billing.money import allocate
from invoices import returnable, splitting
from invoices.models import Invoice, Refund
from invoices.returnable import Way
from tenants.errors import Conflict, Invalid, WrongState
from tenants.models import Seller

Status, To = Refund.Status, Refund.To


class AlreadyWaiting(Conflict):
    """A refund of this bill waits for approval already."""

    code = "refund_waiting"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a refund of a bill would do: what it takes off which line (with tax), and which ways it would go."""

    invoice: Invoice
    takes: Mapping[int, int]
    ways: Sequence[Way]
    needs_second: bool

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(way.amount_minor for way in self.ways)


def plan(
    invoice: Invoice, *, amount_minor: int | None = None, lines: Mapping[int, int] | None = None, to: str = To.ORIGIN
) -> Plan:
    """Return what `refunding.request` would do now; raise what it would."""
    refuse_unsettled(invoice)
    if Refund.objects.filter(invoice=invoice, status=Status.REQUESTED).exists():
        raise AlreadyWaiting(_("A refund of this bill waits for approval. Approve or decline it first."))
    takes = _takes(invoice, amount_minor, lines)
    total = sum(takes.values())
    needs_second = above_limit(invoice.seller, invoice.currency, total + _by_one(invoice))
    return Plan(invoice, takes, _ways(invoice, total, to), needs_second)


def _by_one(invoice: Invoice) -> int:
    """Return what was refunded of a bill without a second person: the limit is not passed in small parts."""
    alone = Refund.objects.filter(invoice=invoice, needs_second=False).exclude(status=Status.DECLINED)
    return alone.aggregate(sum=Sum("amount_minor", default=0))["sum"]


def refuse_unsettled(invoice: Invoice) -> None:
    """Raise WrongState for a bill of which nothing can be refunded: credited or refunded whole, or not settled yet."""
    if invoice.status == Invoice.Status.VOID:
        raise WrongState(_("Nothing is left of this bill that could be refunded."))
    if invoice.status != Invoice.Status.PAID:
        raise WrongState(_("Only a settled bill can be refunded; what is still due of a bill is credited."))


def _takes(invoice: Invoice, amount_minor: int | None, lines: Mapping[int, int] | None) -> dict[int, int]:
    left = returnable.left_by_line(invoice)
    whole = invoice.total_minor - invoice.credited_minor
    if not whole or not left:
        raise WrongState(_("Nothing is left of this bill that could be refunded."))
    if lines is not None:
        return _of_lines(lines, left, whole)
    amount = whole if amount_minor is None else amount_minor
    if not 0 < amount <= whole:
        most = money(whole, invoice.currency)
        raise Invalid(_("Of this bill at most %(most)s can be refunded.") % {"most": most}, field="amount")
    shares = allocate(amount, list(left.values()))
    return {pk: share for pk, share in zip(left, shares, strict=True) if share}


def _of_lines(lines: Mapping[int, int], left: Mapping[int, int], whole: int) -> dict[int, int]:
    for pk, amount in lines.items():
        if not 0 < amount <= left.get(pk, 0):
            raise Invalid(_("Of this line only what is left can be refunded."), field=f"lines.{pk}")
    if not 0 < sum(lines.values()) <= whole:
        raise Invalid(_("The lines come to more than is left of the bill."), field="lines")
    return dict(lines)


def _ways(invoice: Invoice, total: int, to: str) -> list[Way]:
    back = splitting.split(total, splitting.in_bill(invoice))
    if to == To.WALLET:
        # What was paid from the balance goes back as it came, also here; what came from outside stays with us.
        ways = returnable.ways_of_bill(invoice, 0, back.balance + back.gift)
        return [*ways, Way(None, back.outside, To.WALLET)] if back.outside else ways
    return returnable.ways_of_bill(invoice, back.outside, back.balance + back.gift)


def above_limit(seller: Seller, currency: str, total: int) -> bool:
    """Whether a second person is needed; a limit in another currency says nothing, so then too."""
    return currency != seller.currency or total > seller.refund_limit_minor
