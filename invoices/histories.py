"""What lines of drafts are compared with: the earlier periods of the same price, and the seats that were held then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from billing.models import Change, Charge, Price, SubscriptionItem
from invoices.models import Invoice, InvoiceLine
from invoices.usual import MOST_PERIODS, Line, Past
from tenants.bulk import among
from usage.periods import local_midnight

# A year, and a month for bills that came late.
REACH = timedelta(days=400)
# A commitment is agreed, a service is bought: a member saw both.
AGREED = ("minimum", "service")
# A subscription, a price code, the price in force, and the first day of the period.
Key = tuple[int, str, int | None]


class Row(NamedTuple):
    """A line of a bill, with what its charge says of the contract; a plain row, for a run has many."""

    invoice_id: int
    charge__subscription_id: int
    charge__price_id: int | None
    charge__acceptance_id: int
    code: str
    kind: str
    reason: str
    name: str
    name_en: str
    service_start_on: date
    service_end_on: date
    quantity: Decimal
    amount_minor: int
    credited_minor: int
    gross_minor: int

    @property
    def key(self) -> Key:
        return self.charge__subscription_id, self.code, self.charge__price_id

    @property
    def kept_minor(self) -> int:
        """What of the amount was not given back by a credit note."""
        if not self.credited_minor or not self.gross_minor:
            return self.amount_minor
        return self.amount_minor * (self.gross_minor - self.credited_minor) // self.gross_minor


@dataclass(slots=True)
class Compared:
    """The lines of one draft, each with its history, and the rows that they came from, by the same key."""

    lines: list[Line] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)


@dataclass(slots=True)
class _Before:
    """What bills before say of the subscriptions of these drafts."""

    periods: dict[Key, dict[date, list[Row]]]
    codes: set[tuple[int, str]]
    bills: dict[tuple[int, int], set[int]]


def of(drafts: Sequence[Invoice]) -> dict[int, Compared]:
    """Return what each draft is compared with, by id. A constant number of queries, whatever the number of drafts.

    Of a bill that was issued (to measure alarms) only what was billed before it counts.
    """
    mine = _rows(InvoiceLine.objects.filter(among("invoice", [draft.pk for draft in drafts])))
    subscriptions = {row.charge__subscription_id for row in mine}
    first = min((row.service_start_on for row in mine), default=None)
    if first is None:
        return {}
    issued = InvoiceLine.objects.filter(
        among("charge__subscription", subscriptions),
        service_start_on__gte=first - REACH,
        invoice__status__in=[Invoice.Status.OPEN, Invoice.Status.PAID, Invoice.Status.UNCOLLECTIBLE],
    )
    rows, seats, wished = _rows(issued), _seats(subscriptions), _wished(subscriptions)
    before = _before(rows)
    over = {draft.pk for draft in drafts if draft.status != Invoice.Status.DRAFT}
    zones = {draft.pk: draft.zone for draft in drafts}
    by_draft: dict[int, list[Row]] = defaultdict(list)
    for row in mine:
        by_draft[row.invoice_id].append(row)
    return {
        pk: _compared(lines, _before(_earlier(rows, lines)) if pk in over else before, seats, wished, zones[pk])
        for pk, lines in by_draft.items()
    }


def _earlier(rows: Sequence[Row], lines: Sequence[Row]) -> list[Row]:
    """Return the rows of the same contracts on bills before that of these lines."""
    contracts = {line.charge__subscription_id for line in lines}
    return [row for row in rows if row.invoice_id < lines[0].invoice_id and row.charge__subscription_id in contracts]


def _rows(query: Any) -> list[Row]:
    return [Row._make(row) for row in query.order_by("invoice_id", "position").values_list(*Row._fields)]


def _before(rows: Sequence[Row]) -> _Before:
    found = _Before(defaultdict(lambda: defaultdict(list)), set(), defaultdict(set))
    for row in rows:
        found.codes.add((row.charge__subscription_id, row.code))
        if row.reason != Charge.Reason.CHANGE:
            found.periods[row.key][row.service_start_on].append(row)
            found.bills[row.charge__subscription_id, row.charge__acceptance_id].add(row.invoice_id)
    return found


def _compared(
    rows: Sequence[Row], before: _Before, seats: Mapping[int, Any], wished: set[tuple[int, int | None]], zone: str
) -> Compared:
    """Return the lines of a draft by price and period: what a cap or late usage adds to a period counts with it."""
    found = Compared()
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parts[f"{row.charge__subscription_id}:{row.code}:{row.service_start_on}:{row.reason == 'change'}"].append(row)
    for key, mine in parts.items():
        row = mine[0]
        past = [
            _past(earlier, seats, zone)
            for start, earlier in sorted(before.periods.get(row.key, {}).items(), reverse=True)
            if start != row.service_start_on
        ]
        fresh = (row.charge__subscription_id, row.code) not in before.codes
        confirmed = row.reason == Charge.Reason.CHANGE or row.kind in AGREED
        confirmed = confirmed or (fresh and (row.charge__subscription_id, row.charge__price_id) in wished)
        bills = before.bills.get((row.charge__subscription_id, row.charge__acceptance_id), ()) if fresh else ()
        amount = sum(one.amount_minor for one in mine)
        found.rows[key] = row
        found.lines.append(
            Line(key, amount, _days(row), _units(row, seats, zone), past[:MOST_PERIODS], len(bills), confirmed)
        )
    return found


def _past(rows: Sequence[Row], seats: Mapping[int, Any], zone: str) -> Past:
    one = rows[0]
    return Past(sum(row.kept_minor for row in rows), _days(one), _units(one, seats, zone), one.invoice_id)


def _days(row: Row) -> int:
    return (row.service_end_on - row.service_start_on).days


def _units(row: Row, seats: Mapping[int, Any], zone: str) -> Decimal:
    """Return what a member confirmed the amount grows with: of usage the seats held on its first day, else the quantity."""
    if row.kind != Price.Kind.USAGE:
        return row.quantity
    start = local_midnight(row.service_start_on, zone)
    held = seats.get(row.charge__subscription_id, ())
    return sum(
        (q for since, until, q in held if (since is None or since <= start) and _after(until, start)), Decimal(0)
    )


def _after(until: datetime | None, start: datetime) -> bool:
    return until is None or until > start


def _seats(subscriptions: set[int]) -> dict[int, list[tuple[datetime | None, datetime | None, Decimal]]]:
    items = SubscriptionItem.objects.filter(
        among("subscription", subscriptions), price__kind=Price.Kind.SEAT, during__isempty=False
    )
    found: dict[int, list[tuple[datetime | None, datetime | None, Decimal]]] = defaultdict(list)
    told = items.values_list("subscription_id", "during__startswith", "during__endswith", "quantity")
    for pk, since, until, quantity in told:
        found[pk].append((since, until, quantity))
    return found


def _wished(subscriptions: set[int]) -> set[tuple[int, int | None]]:
    """Return the prices of which a member confirmed a quantity, by subscription."""
    changes = Change.objects.filter(among("subscription", subscriptions), kind=Change.Kind.QUANTITY)
    return set(changes.values_list("subscription_id", "price_id"))
