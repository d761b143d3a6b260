"""How often which price is disputed, how often rightly, for how much, and how long the answer took. Reads only.

Counted by the day on which a dispute was opened, of the prices of lines; a dispute of a bill as a whole stands for itself. The
share of bills is of the issued bills of that time that have a line of the price. Upheld is what ended with something given
back, of what was answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Count

from invoices.models import Dispute, Invoice, InvoiceLine
from tenants.models import Seller
from usage.periods import local_midnight

State = Dispute.State
ANSWERED = (State.ANSWERED, State.APPEALED, State.SETTLED)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The disputes of one price code (empty: of bills as a whole), money in minor units; none of a share is None."""

    code: str
    name: str
    currency: str
    disputes: int
    bills: int
    waiting: int
    answered: int
    upheld: int
    disputed_minor: int
    given_minor: int
    days_to_answer: Decimal | None

    @property
    def share_of_bills(self) -> Decimal | None:
        """Disputes for a hundred bills with such a line."""
        return Decimal(self.disputes * 100) / self.bills if self.bills else None

    @property
    def share_upheld(self) -> Decimal | None:
        """How many of a hundred answers gave something back."""
        return Decimal(self.upheld * 100) / self.answered if self.answered else None


def by_price(seller: Seller, *, first: date, after: date) -> list[PriceRow]:
    """Return the rows of a seller for the local days from `first` until before `after`, the most disputed first."""
    since, until = local_midnight(first, seller.timezone), local_midnight(after, seller.timezone)
    mine = Dispute.objects.filter(seller=seller, opened_at__gte=since, opened_at__lt=until)
    found: dict[tuple[str, str], list[Dispute]] = {}
    for row in mine.select_related("line", "invoice").order_by("pk"):
        found.setdefault((row.line.code if row.line else "", row.invoice.currency), []).append(row)
    bills = _bills(seller, since, until)
    rows = [_row(code, currency, disputes, bills) for (code, currency), disputes in found.items()]
    return sorted(rows, key=lambda row: (-row.disputes, -row.disputed_minor, row.code))


def _bills(seller: Seller, since: datetime, until: datetime) -> dict[str, int]:
    """Return of how many issued bills each price code has a line; under the empty code all bills."""
    issued = Invoice.objects.issued().filter(seller=seller, issued_at__gte=since, issued_at__lt=until)
    lines = InvoiceLine.objects.filter(invoice__in=issued).order_by()
    counted = lines.values_list("code").annotate(bills=Count("invoice", distinct=True))
    return dict(counted) | {"": issued.count()}


def _row(code: str, currency: str, disputes: list[Dispute], bills: dict[str, int]) -> PriceRow:
    answered = [row for row in disputes if row.state in ANSWERED and row.answered_at is not None]
    return PriceRow(
        code=code,
        name=next((row.line.name for row in reversed(disputes) if row.line), ""),
        currency=currency,
        disputes=len(disputes),
        bills=bills.get(code, 0),
        waiting=sum(row.is_live for row in disputes),
        answered=len(answered),
        upheld=sum(row.given_minor > 0 for row in answered),
        disputed_minor=sum(row.amount_minor for row in disputes),
        given_minor=sum(row.given_minor for row in disputes),
        days_to_answer=_days(answered),
    )


def _days(answered: Iterable[Dispute]) -> Decimal | None:
    """Return the mean of days until the first answer, to one decimal."""
    seconds = [int((row.answered_at - row.opened_at).total_seconds()) for row in answered if row.answered_at]
    return round(Decimal(sum(seconds)) / len(seconds) / 86400, 1) if seconds else None
