"""Hold a day's statement against our payments and refunds and against the book; resolve differences; close what agrees.

A line is matched by its number, on whatever day we have it: what a provider counts to the other day at midnight agrees by
itself once that day's statement is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import ledger
from billing.models import Account, LedgerTransaction
from invoices import comparable, statements
from invoices.comparable import Ours
from invoices.models import BankCredit, Payment, ReconciledDay, Refund, StatementFile, StatementRow
from tenants import audit
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import Seller, User

log = structlog.get_logger(__name__)
Kind = Account.Kind
State, Resolution, Day = StatementRow.State, StatementRow.Resolution, ReconciledDay.State
OPEN = (State.MISSING_HERE, State.MISSING_THERE, State.AMOUNT_DIFFERS)
COUNTER = {
    Resolution.DIFFERENCES: Kind.DIFFERENCES,
    Resolution.FEES: Kind.FEES,
    Resolution.SUSPENSE: Kind.SUSPENSE,
}
# So long an open day is looked at again by itself.
LOOKED_AT = timedelta(days=40)


class DayClosed(WrongState):
    """The day is closed; nothing of it changes any more."""

    code = "day_closed"


def reconcile(*, at: datetime) -> int:
    """Fetch the statements that can be had, compare all open days, and close those of providers that agree.

    Returns how many days are open still. Run twice, it changes nothing.
    """
    for seller, provider, on in statements.wanted(at=at):
        late = at - timedelta(days=3) > _noon(seller, provider, on)
        if statements.fetch(seller, provider, on, at=at) is None and late:
            log.error("a statement is missing for days", seller=seller.code, provider=provider, day=str(on))
    files = StatementFile.objects.filter(fetched_at__gte=at - LOOKED_AT).select_related("seller")
    # The next day first: what stands on it at midnight is missing on the day before no more.
    days = {(file.seller, file.provider, file.day, file.currency) for file in files}
    found = [compare(*one, at=at) for one in sorted(days, key=lambda one: (one[2], one[0].pk, one[1]), reverse=True)]
    for day in found:
        # A day that was compared later may have found on it what was missing here.
        day.refresh_from_db()
        if day.state == Day.AGREES and day.provider != statements.BANK:
            close(day, at=at, by=None)
    return sum(day.state == Day.OPEN for day in found)


def _noon(seller: Seller, provider: str, day: date) -> datetime:
    return statements.bounds(seller, provider, day)[0] + timedelta(hours=12)


@transaction.atomic
def compare(seller: Seller, provider: str, day: date, currency: str, *, at: datetime) -> ReconciledDay:
    """Match the lines of a day, note what is missing on either side, and write the sums; a closed day stays as it is."""
    held = _held(seller, provider, day, currency, at)
    if held.state == Day.CLOSED:
        return held
    files = list(_files(held).order_by("pk"))
    for file in files:
        _book_fees(file, at)
    for row in _rows(held).filter(state__in=[State.MISSING_HERE, State.AMOUNT_DIFFERS], line__isnull=False):
        _match(row, at)
    _note_missing(held, files)
    return _sum_up(held, at)


def _held(seller: Seller, provider: str, day: date, currency: str, at: datetime) -> ReconciledDay:
    key = {"seller": seller, "provider": provider, "day": day, "currency": currency}
    ReconciledDay.objects.bulk_create([ReconciledDay(**key, compared_at=at)], ignore_conflicts=True)
    return ReconciledDay.objects.select_for_update(no_key=True, of=("self",)).select_related("seller").get(**key)


def _files(day: ReconciledDay) -> QuerySet[StatementFile]:
    return StatementFile.objects.filter(seller=day.seller_id, provider=day.provider, day=day.day, currency=day.currency)


def _rows(day: ReconciledDay) -> QuerySet[StatementRow]:
    found = StatementRow.objects.filter(file__in=_files(day)).select_related("file", "payment", "refunded__payment")
    return found.order_by("pk")


def _book_fees(file: StatementFile, at: datetime) -> None:
    """Book what the provider kept of a file's lines, once."""
    before = LedgerTransaction.objects.filter(source="statement_file", source_id=file.pk, kind="fees")
    if file.fees_minor and not before.exists():
        sides = ((Kind.FEES, file.fees_minor), (comparable.page_of(file.provider), -file.fees_minor))
        ledger.post([_entry(file, "statement_file", file.pk, "fees", sides, at)])


def _match(row: StatementRow, at: datetime) -> None:
    payment, refund, credit = comparable.find(row)
    ours = _arrived(payment, refund, credit)
    before, row.payment, row.refunded = row.difference, payment, refund
    if ours is None:
        row.state = row.difference = State.MISSING_HERE
    elif abs(ours.moved_minor) != row.amount_minor:
        row.state = row.difference = State.AMOUNT_DIFFERS
    else:
        row.state, row.difference = State.MATCHED, ""
    if row.difference != before:
        # What an operator asked for meanwhile was about another difference.
        row.resolution, row.reason, row.asked_by, row.needs_second = "", "", None, False
    row.save()
    if ours is not None:
        _found_elsewhere(row, ours, at)


def _arrived(payment: Payment | None, refund: Refund | None, credit: BankCredit | None) -> Ours | None:
    """Return what is here and has really come in or gone out."""
    if credit is not None:
        return comparable.of_credit(credit)
    if payment is not None and payment.status in comparable.ARRIVED:
        return comparable.of_payment(payment)
    if refund is not None and refund.arrived_at is not None and refund.to == Refund.To.ORIGIN:
        return comparable.of_refund(refund)
    return None


def _found_elsewhere(row: StatementRow, ours: Ours, at: datetime) -> None:
    """Resolve that it was missing on another day: it stands here."""
    missing = StatementRow.objects.filter(line=None, state=State.MISSING_THERE).select_related("file__seller")
    missing = missing.filter(payment=ours.payment) if ours.refund is None else missing.filter(refunded=ours.refund)
    for other in missing.exclude(payment=None, refunded=None):
        other.state, other.resolution, other.resolved_at = State.RESOLVED, Resolution.OTHER_DAY, at
        other.reason = _("It stands on the statement of %(day)s.") % {"day": row.file.day}
        other.asked_by, other.needs_second = None, False
        other.save()
        if other.file.day != row.file.day:
            file = other.file
            _sum_up(_held(file.seller, file.provider, file.day, file.currency, at), at)


def _note_missing(day: ReconciledDay, files: Sequence[StatementFile]) -> None:
    """Note what we have of this day and no statement shows."""
    if not files:
        return
    for ours in comparable.of_day(day.seller, day.provider, day.day, day.currency):
        whose = {"payment": ours.payment, "refunded": ours.refund}
        if StatementRow.objects.filter(line=None, **whose).exists():
            continue
        of = ours.refund or ours.payment
        assert of is not None
        StatementRow.objects.create(
            file=files[-1],
            **whose,
            reference=of.reference,
            provider_number=of.provider_number,
            amount_minor=abs(ours.moved_minor),
            at=ours.at,
            refund=ours.refund is not None,
            state=State.MISSING_THERE,
            difference=State.MISSING_THERE,
        )


def _sum_up(day: ReconciledDay, at: datetime) -> ReconciledDay:
    """Write the sums of a day, which is locked, and whether it agrees."""
    if day.state == Day.CLOSED:
        return day
    rows = list(_rows(day))
    day.statement_minor = sum(_signed(row) for row in rows)
    day.fees_minor = sum(file.fees_minor for file in _files(day))
    shown = [
        (row, comparable.of_row(row)) for row in rows if row.resolution != Resolution.OTHER_DAY or row.state in OPEN
    ]
    day.payments_minor = sum(row.corrected_minor + (ours.moved_minor if ours else 0) for row, ours in shown)
    sources = [source for _row, ours in shown if ours for source in ours.sources]
    sources += [("statement_row", row.pk) for row in rows]
    day.ledger_minor = comparable.booked(day.seller, day.provider, day.currency, sources)
    day.ledger_minor += comparable.strays(day.seller, day.provider, day.day, day.currency)
    day.differences = sum(row.state in OPEN for row in rows)
    agree = day.statement_minor == day.payments_minor == day.ledger_minor and not day.differences
    day.state, day.compared_at = Day.AGREES if agree else Day.OPEN, at
    day.save()
    return day


def _signed(row: StatementRow) -> int:
    """Return what a line of the statement moved; what the statement has not moved nothing."""
    if row.line is None:
        return 0
    return -row.amount_minor if row.refund else row.amount_minor


def missing_minor(row: StatementRow) -> int:
    """Return what the book lacks of what the statement says: + is to come onto the page of cash, − to go off it."""
    ours = comparable.of_row(row)
    return _signed(row) - (ours.moved_minor if ours else 0)


@transaction.atomic
def resolve(row: StatementRow, resolution: str, *, reason: str, at: datetime, by: User | None) -> StatementRow:
    """Resolve a difference as an operator decides: book what the book lacks, or note that it stands on another day.

    Above the seller's limit (that of refunds) the first operator asks for it and a second does the same to confirm it. Raises
    Invalid, WrongState for one that is resolved, DayClosed, NotAllowed for a second word of the same person.
    """
    if not reason.strip():
        raise Invalid(_("Say why; it stands in the audit log."), field="reason")
    if resolution not in Resolution.values:
        raise Invalid(_("Choose how it is resolved."), field="resolution")
    day, row = _locked(row, at)
    lacks = missing_minor(row)
    if resolution == Resolution.OTHER_DAY and row.state != State.MISSING_THERE:
        raise Invalid(_("Only what the statement has not can stand on another day's."), field="resolution")
    moves = 0 if resolution == Resolution.OTHER_DAY else lacks
    limited = row.file.currency != row.file.seller.currency or abs(moves) > row.file.seller.refund_limit_minor
    if moves and limited and not _is_second(row, resolution, by):
        row.resolution, row.reason, row.asked_by, row.needs_second = resolution, reason.strip()[:300], by, True
        row.save(update_fields=["resolution", "reason", "asked_by", "needs_second"])
        _record("statement.correction_asked", row, moves, at, by)
        return row
    row.state, row.resolution, row.reason = State.RESOLVED, resolution, reason.strip()[:300]
    row.corrected_minor, row.resolved_at, row.resolved_by = moves, at, by
    row.save()
    if moves:
        sides = ((comparable.page_of(row.file.provider), moves), (COUNTER[Resolution(resolution)], -moves))
        ledger.post([_entry(row.file, "statement_row", row.pk, "corrected", sides, at)])
    _record("statement.resolved", row, moves, at, by)
    _sum_up(day, at)
    return row


def _is_second(row: StatementRow, resolution: str, by: User | None) -> bool:
    if not row.needs_second or row.resolution != resolution:
        return False
    if by is None or row.asked_by_id is None or row.asked_by_id == by.pk:
        raise NotAllowed(_("A correction of this amount is confirmed by a second person, not by who asked for it."))
    return True


def _locked(row: StatementRow, at: datetime) -> tuple[ReconciledDay, StatementRow]:
    file = row.file
    day = _held(file.seller, file.provider, file.day, file.currency, at)
    if day.state == Day.CLOSED:
        raise DayClosed(_("This day is closed; nothing of it changes any more."))
    held = StatementRow.objects.select_for_update(no_key=True, of=("self",))
    row = held.select_related("file__seller", "payment", "refunded__payment", "asked_by").get(pk=row.pk)
    if row.state not in OPEN:
        raise WrongState(_("This difference is resolved already."))
    return day, row


@transaction.atomic
def close(day: ReconciledDay, *, at: datetime, by: User | None) -> ReconciledDay:
    """Close a day that agrees: nothing of it changes any more. Raises Conflict when it does not agree, or is not over."""
    day = compare(day.seller, day.provider, day.day, day.currency, at=at)
    if day.state == Day.CLOSED:
        return day
    if day.state != Day.AGREES:
        raise Conflict(_("This day does not agree yet: resolve its differences first."))
    if at < statements.bounds(day.seller, day.provider, day.day)[1]:
        raise Conflict(_("This day is not over yet."))
    day.state, day.closed_at, day.closed_by = Day.CLOSED, at, by
    day.save(update_fields=["state", "closed_at", "closed_by"])
    audit.record(
        "day.closed",
        tenant=None,
        target=f"reconciled_day:{day.pk}",
        at=at,
        by=by,
        provider=day.provider,
        day=str(day.day),
        sum=str(day.statement_minor),
    )
    return day


def _record(verb: str, row: StatementRow, moves: int, at: datetime, by: User | None) -> None:
    audit.record(
        verb,
        tenant=row.payment.tenant_id if row.payment else None,
        target=f"statement_row:{row.pk}",
        at=at,
        by=by,
        resolution=row.resolution,
        reason=row.reason,
        corrected_minor=moves,
    )


def _entry(
    file: StatementFile, source: str, pk: int, kind: str, sides: Sequence[tuple[str, int]], at: datetime
) -> ledger.Entry:
    return ledger.Entry(
        seller_id=file.seller_id,
        currency=file.currency,
        tenant_id=None,
        source=source,
        source_id=pk,
        kind=kind,
        at=at,
        sides=sides,
    )
