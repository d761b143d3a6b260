"""Which announcements a deduction takes up, and how much of each: never more than they said, whoever takes it.

A bill is held to the notices of the days on which its lines fell due; what is above one of them may be in another under
which it was announced together with other bills of these days (CONTRACTS rule 17: one notice per payer and due day).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, Sum

from invoices.models import ChargeNotice, Invoice, InvoiceLine, NoticeUse, Payment

# Money that was taken, or may have been.
TAKEN = (Payment.Status.SUCCEEDED, Payment.Status.INTENDED, Payment.Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Use:
    """How much, in minor units, a deduction takes up of a notice."""

    notice: ChargeNotice
    amount_minor: int


def attribute(
    bill: Invoice,
    amount_minor: int,
    notices: Sequence[ChargeNotice],
    others: Callable[[], Iterable[ChargeNotice]],
    *,
    at: datetime,
) -> tuple[Use, ...] | None:
    """Return what of each notice a deduction takes up, or None where less is left of them than is to be taken.

    `notices` are those of the days on which the bill's lines fell due: first as much as fell due on each day, then what is
    left of them; then what is left of `others` (asked for only if needed) whose time has come too.
    """
    left, uses = _left(notices), Counter[int]()
    open_minor = amount_minor
    for wanted in (_by_day(bill), None):
        for notice in notices:
            share = open_minor if wanted is None else min(open_minor, max(0, wanted[notice.due_on]))
            part = min(share, max(0, left[notice.pk] - uses[notice.pk]))
            uses[notice.pk] += part
            open_minor -= part
    known = {notice.pk: notice for notice in notices}
    if open_minor:
        more = {one.pk: one for one in others() if one.pk not in known and one.charge_at and one.charge_at <= at}
        left |= _left(list(more.values()))
        known |= more
        for pk in more:
            uses[pk] = min(open_minor, max(0, left[pk]))
            open_minor -= uses[pk]
    return None if open_minor else tuple(Use(known[pk], part) for pk, part in uses.items() if part)


def write(payment: Payment, uses: Iterable[Use]) -> None:
    """Keep what a payment takes up; the database refuses what is above a notice, too early, or not delivered."""
    NoticeUse.objects.bulk_create(
        NoticeUse(tenant=payment.tenant, payment=payment, notice=use.notice, amount_minor=use.amount_minor)
        for use in uses
    )


def _left(notices: Sequence[ChargeNotice]) -> dict[int, int]:
    """Return what is left of each notice; the versions of the notice of a day's renewals are one announcement."""
    if not notices:
        return {}
    first = notices[0]
    days = {notice.due_on for notice in notices if notice.of == ChargeNotice.Of.RENEWAL}
    same = Q(
        notice__tenant=first.tenant_id,
        notice__seller=first.seller_id,
        notice__currency=first.currency,
        notice__pays=first.pays,
        notice__due_on__in=days,
        notice__of=ChargeNotice.Of.RENEWAL,
    )
    mine = NoticeUse.objects.filter(same | Q(notice__in=[notice.pk for notice in notices]))
    by_day: dict[date, int] = defaultdict(int)
    by_notice: dict[int, int] = defaultdict(int)
    taken = mine.filter(payment__status__in=TAKEN).values_list("notice", "notice__due_on", "notice__of")
    for pk, day, of, amount in taken.annotate(sum=Sum("amount_minor")):
        by_notice[pk] += amount
        if of == ChargeNotice.Of.RENEWAL:
            by_day[day] += amount
    return {
        notice.pk: notice.total_minor
        - (by_day[notice.due_on] if notice.of == ChargeNotice.Of.RENEWAL else by_notice[notice.pk])
        for notice in notices
    }


def _by_day(bill: Invoice) -> Counter[date]:
    """Return what of a bill fell due on each day, with tax."""
    found: Counter[date] = Counter()
    rows = InvoiceLine.objects.filter(invoice=bill).values_list("charge__due_on").annotate(sum=Sum("gross_minor"))
    for day, amount in rows.order_by():
        found[day] += amount
    return found
