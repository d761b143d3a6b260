"""Our side of a reconciliation: what a provider's statement should show, where it is booked, and which line shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from billing import ledger
from billing.models import Account, Posting
from invoices import statements
from invoices.models import BankCredit, Payment, Refund, StatementRow
from tenants.models import Seller

Kind = Account.Kind
State = StatementRow.State
ARRIVED = (Payment.Status.SUCCEEDED, Payment.Status.REFUNDED)
# A line in one of these states stands for what it names; resolved, it does so when something was there.
SHOWN = Q(state__in=[State.MATCHED, State.AMOUNT_DIFFERS]) | Q(state=State.RESOLVED, difference=State.AMOUNT_DIFFERS)
# What is on the page of cash by other ways than payments and refunds, and is compared with nothing.
KNOWN = ("payment", "refund", "bank_credit", "statement_row", "statement_file")


@dataclass(frozen=True, slots=True)
class Ours:
    """A payment or a refund of ours: what it moved (+ came in, − went out), and when."""

    moved_minor: int
    at: datetime
    payment: Payment | None = None
    refund: Refund | None = None
    credit: BankCredit | None = None

    @property
    def sources(self) -> list[tuple[str, int]]:
        """The sources under which it is booked."""
        found = [("payment", self.payment.pk)] if self.payment else []
        found += [("refund", self.refund.pk)] if self.refund else []
        return found + ([("bank_credit", self.credit.pk)] if self.credit else [])


def page_of(provider: str) -> Kind:
    """Return the page of the book on which a provider's money stands."""
    return ledger.CASH_OF.get(provider, Kind.CASH)


def of_day(seller: Seller, provider: str, day: date, currency: str) -> Iterator[Ours]:
    """Yield what moved on a provider's day and no line of any statement shows."""
    first, end = statements.bounds(seller, provider, day)
    during = {"seller": seller, "currency": currency}
    shown = StatementRow.objects.filter(SHOWN)
    payments = Payment.objects.filter(
        ~Exists(shown.filter(payment=OuterRef("pk"))), provider=provider, status__in=ARRIVED, **during
    )
    payments = payments.filter(received_at__gte=first, received_at__lt=end, bank_credit=None)
    refunds = sent(seller, provider).filter(~Exists(shown.filter(refunded=OuterRef("pk"))), currency=currency)
    yield from (of_payment(one) for one in payments.order_by("pk"))
    yield from (of_refund(one) for one in refunds.filter(arrived_at__gte=first, arrived_at__lt=end).order_by("pk"))


def sent(seller: Seller, provider: str) -> QuerySet[Refund]:
    """Return the refunds that a provider, or the bank, has paid out."""
    by_bank = Q(payment=None) | Q(payment__provider="bank")
    way = by_bank if provider == statements.BANK else Q(payment__provider=provider)
    return Refund.objects.filter(way, seller=seller, to=Refund.To.ORIGIN, status=Refund.Status.SUCCEEDED)


def of_payment(payment: Payment) -> Ours:
    return Ours(payment.amount_minor, payment.received_at, payment=payment)


def of_refund(refund: Refund) -> Ours:
    assert refund.arrived_at is not None
    return Ours(-refund.amount_minor, refund.arrived_at, refund=refund)


def of_credit(credit: BankCredit) -> Ours:
    # Recorded by hand it was booked under the payment; the two bookings of the credit cancel each other out.
    return Ours(credit.amount_minor, credit.received_at, payment=credit.payment, credit=credit)


def of_row(row: StatementRow) -> Ours | None:
    """Return what a line was found to be here, or nothing."""
    if row.difference == State.MISSING_HERE:
        return None
    if row.refunded is not None:
        return of_refund(row.refunded)
    if row.file.provider == statements.BANK and row.line is not None:
        return of_credit(credit_of(row))
    return of_payment(row.payment) if row.payment is not None else None


def credit_of(row: StatementRow) -> BankCredit:
    """Return the credit that was imported with a bank's line."""
    credits = BankCredit.objects.filter(seller=row.file.seller_id, reference=row.provider_number)
    found = credits.select_related("payment").order_by("pk").first()
    assert found is not None, "a bank's line is kept with its credit"
    return found


def find(row: StatementRow) -> tuple[Payment | None, Refund | None, BankCredit | None]:
    """Return which of ours has a line's number, whatever its state and amount, that no other line shows."""
    others, file = StatementRow.objects.filter(SHOWN).exclude(pk=row.pk), row.file
    if row.refund:
        return None, _refund_of(row, others), None
    if file.provider == statements.BANK:
        credits = BankCredit.objects.filter(seller=file.seller_id, reference=row.provider_number)
        credit = credits.select_related("payment").order_by("pk").first()
        return credit.payment if credit else None, None, credit
    mine = Payment.objects.filter(seller=file.seller_id, provider=file.provider, reference=row.reference)
    return mine.filter(~Exists(others.filter(payment=OuterRef("pk")))).first(), None, None


def _refund_of(row: StatementRow, others: QuerySet[StatementRow]) -> Refund | None:
    """Return the refund with a line's number: ours at a provider, the bank's own of a transfer."""
    file = row.file
    if file.provider == statements.BANK:
        by_bank = Q(payment=None) | Q(payment__provider="bank")
        mine = Refund.objects.filter(by_bank, seller=file.seller_id, provider_number=row.provider_number)
    else:
        mine = Refund.objects.filter(seller=file.seller_id, payment__provider=file.provider, reference=row.reference)
    return mine.filter(~Exists(others.filter(refunded=OuterRef("pk")))).order_by("pk").first()


def booked(seller: Seller, provider: str, currency: str, sources: Iterable[tuple[str, int]]) -> int:
    """Return what the provider's page of the book says of these sources."""
    by_source: dict[str, list[int]] = {}
    for source, pk in sources:
        by_source.setdefault(source, []).append(pk)
    wanted = Q(pk__in=[])
    for source, pks in by_source.items():
        wanted |= Q(transaction__source=source, transaction__source_id__in=pks)
    # What was sent back to a payer is no line that we know the number of.
    return _sum(_page(seller, provider, currency).filter(wanted).exclude(transaction__kind="returned"))


def strays(seller: Seller, provider: str, day: date, currency: str) -> int:
    """Return what came onto the page on this day from anywhere else: nothing should."""
    first, end = statements.bounds(seller, provider, day)
    mine = _page(seller, provider, currency).exclude(transaction__source__in=KNOWN)
    return 0 if provider == statements.BANK else _sum(mine.filter(transaction__at__gte=first, transaction__at__lt=end))


def _page(seller: Seller, provider: str, currency: str) -> QuerySet[Posting]:
    return Posting.objects.filter(account__seller=seller, account__currency=currency, account__kind=page_of(provider))


def _sum(postings: QuerySet[Posting]) -> int:
    return postings.aggregate(sum=Sum("amount_minor"))["sum"] or 0
