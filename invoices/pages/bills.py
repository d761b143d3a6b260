"""The list of bills: sums, filters that live in the address, newest first, refunds and credits among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django.db.models import Prefetch, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing.money import Money
from invoices import allowing, states
from invoices.models import Allocation, CreditNote, Invoice, InvoiceLine
from invoices.pages import titles, wording
from invoices.pages.coming import Coming, coming_of
from invoices.pages.tables import address, whole
from invoices.pages.visit import Visit

FIRST_ROWS, MORE_ROWS, MOST_ROWS = 12, 24, 2000


@dataclass(frozen=True)
class Filters:
    """What the reader asked for; empty means all."""

    year: str = ""
    state: str = ""
    text: str = ""
    shown: int = FIRST_ROWS

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read the address; nonsense counts as not asked."""
        year = query.get("year", "")
        state = query.get("state", "")
        return cls(
            year=year if year.isdecimal() and len(year) == 4 and year != "0000" else "",
            state=state if state in states.BILL else "",
            text=query.get("text", "").strip()[:80],
            shown=whole(query.get("shown"), FIRST_ROWS, MOST_ROWS),
        )

    def as_query(self) -> dict[str, object]:
        return {"year": self.year, "state": self.state, "text": self.text}


@dataclass(frozen=True)
class BillRow:
    """One bill or credit note."""

    address: str
    day: date
    at: datetime
    title: str
    reason: str
    number: str
    announced: str
    amount: Money
    against: str
    state: states.State
    periodic: bool
    pay: str = ""


@dataclass(frozen=True)
class Sums:
    """The strip above the list, in the company's currency."""

    year: int
    paid: Money
    to_pay: Money
    overdue: Money
    credited: Money


@dataclass(frozen=True)
class Choice:
    """An option of a filter."""

    value: str
    name: str
    chosen: bool


@dataclass(frozen=True)
class BillsPage:
    """The page /bills/."""

    sums: Sums
    filters: Filters
    filtered: bool
    years: tuple[Choice, ...]
    states: tuple[Choice, ...]
    coming: Coming | None
    rows: tuple[BillRow, ...]
    total: Money
    count: int
    more: str
    export: str
    empty: str


def bills(visit: Visit, query: Mapping[str, str]) -> BillsPage:
    """Return the page for the filters in the address."""
    filters = Filters.read(query)
    filtered = any(filters.as_query().values())
    found = rows(visit, filters)
    following = None if filtered else coming_of(visit)
    return BillsPage(
        sums=sums(visit),
        filters=filters,
        filtered=filtered,
        years=years(visit, filters),
        states=state_choices(filters),
        coming=following,
        rows=tuple(found[: filters.shown]),
        total=total(found, visit.tenant.currency),
        count=len(found),
        more=more_address(visit, filters, len(found)),
        export=address(visit.to("bills_csv"), filters.as_query()),
        empty=nothing(filtered, following),
    )


def more_address(visit: Visit, filters: Filters, count: int) -> str:
    if count <= filters.shown:
        return ""
    return address(visit.to("bills"), filters.as_query(), shown=filters.shown + MORE_ROWS)


def nothing(filtered: bool, following: Coming | None) -> str:
    """Return what an empty list says: what will come, and when."""
    if filtered:
        return _("No bill fits these filters.")
    return _("No bill yet.") if following is None else _("No bill yet; the one above will be the first.")


def issued(visit: Visit) -> QuerySet[Invoice]:
    """Return the company's issued bills with their lines, newest first."""
    lines = Prefetch("lines", InvoiceLine.objects.order_by("position"))
    return Invoice.objects.issued().filter(tenant=visit.tenant).prefetch_related(lines).order_by("-issued_at", "-id")


def rows(visit: Visit, filters: Filters) -> list[BillRow]:
    """Return all rows that fit the filters, newest first."""
    invoices, notes = issued(visit), CreditNote.objects.filter(tenant=visit.tenant).select_related("invoice")
    if filters.year:
        invoices, notes = invoices.filter(charge_on__year=filters.year), notes.filter(issued_at__year=filters.year)
    if filters.text:
        wanted = containing(filters.text)
        invoices, notes = invoices.filter(wanted[0]).distinct(), notes.filter(wanted[1])
    found = [bill_row(visit, invoice) for invoice in invoices] + [credit_row(visit, note) for note in notes]
    found = against_the_one_before(sorted(found, key=lambda row: row.at, reverse=True), visit.language)
    return [row for row in found if not filters.state or row.state.code == filters.state]


def containing(text: str) -> tuple[Q, Q]:
    """Return what a bill and a credit note must hold to be found by a text: number, amount or content."""
    bill = Q(number__icontains=text) | Q(lines__name__icontains=text) | Q(lines__name_en__icontains=text)
    note = Q(number__icontains=text) | Q(reason__icontains=text)
    minor = amount_of(text)
    return (bill | Q(total_minor=minor), note | Q(total_minor=minor)) if minor is not None else (bill, note)


def amount_of(text: str) -> int | None:
    """Read `2,707.00` as an amount in hundredths, or nothing."""
    try:
        minor = Decimal(text.replace(",", "").lstrip("¥")) * 100
    except InvalidOperation:
        return None
    return int(minor) if minor.is_finite() and minor == int(minor) and abs(minor) < 10**15 else None


def bill_row(visit: Visit, invoice: Invoice) -> BillRow:
    lines = list(invoice.lines.all())
    overdue = invoice.payable_on is not None and invoice.payable_on < visit.today
    disputed = 0 < invoice.due_minor <= invoice.frozen_minor
    assert invoice.issued_at is not None
    return BillRow(
        address=visit.to("bill", invoice.pk),
        day=invoice.charge_on,
        at=invoice.issued_at,
        title=titles.bill(invoice, lines, visit.today, visit.language),
        reason=titles.contents(lines, visit.language),
        number=invoice.number or "",
        announced=_announced(invoice),
        amount=Money(invoice.total_minor, invoice.currency),
        against="",
        state=states.of_bill(invoice.status, total_minor=invoice.total_minor, overdue=overdue, disputed=disputed),
        periodic=not invoice.origin,
        pay=visit.to_pay(invoice.pk) if is_to_pay(invoice) else "",
    )


def _announced(invoice: Invoice) -> str:
    """Return the most that the notices of a bill said, where it was to be deducted."""
    told = allowing.notices_of(invoice) if invoice.pays != "manual" else []
    if told:
        return wording.amount(Money(sum(one.total_minor for one in told), invoice.currency))
    return _("Confirmed on the spot") if invoice.origin else _("Paid by hand")


def is_to_pay(invoice: Invoice) -> bool:
    """Whether something of a bill is to be paid."""
    return invoice.status == Invoice.Status.OPEN and invoice.due_minor > 0


def credit_row(visit: Visit, note: CreditNote) -> BillRow:
    return BillRow(
        address=visit.to("bill", note.invoice_id),
        day=note.issued_at.astimezone(visit.zone).date(),
        at=note.issued_at,
        title=_("Credit for bill %(number)s") % {"number": note.invoice.number},
        reason=note.reason,
        number=note.number,
        announced=_("Not applicable"),
        amount=Money(-note.total_minor, note.currency),
        against="",
        state=states.BILL["credited"],
        periodic=False,
    )


def against_the_one_before(found: Sequence[BillRow], language: str) -> list[BillRow]:
    """Add to each periodic bill how it differs from the periodic bill before it."""
    said: list[BillRow] = []
    older: BillRow | None = None
    for row in reversed(found):
        if row.periodic and older and older.amount.currency == row.amount.currency:
            row = replace(row, against=compared(row.amount - older.amount, wording.month(older.day, language)))
        older = row if row.periodic else older
        said.append(row)
    return said[::-1]


def compared(change: Money, month: str) -> str:
    """Return how a bill differs from that of the month before."""
    if not change:
        return _("the same as %(month)s") % {"month": month}
    return _("%(change)s against %(month)s") % {"change": wording.change(change), "month": month}


def total(found: Iterable[BillRow], currency: str) -> Money:
    """Return the sum of exactly what is listed, in the company's currency."""
    return Money(sum(row.amount.minor for row in found if row.amount.currency == currency), currency)


def sums(visit: Visit) -> Sums:
    """Return the strip: paid this year less what was returned, to pay, overdue, credited this year."""
    currency, year = visit.tenant.currency, visit.today.year
    mine = Invoice.objects.filter(tenant=visit.tenant, currency=currency)
    notes = CreditNote.objects.filter(tenant=visit.tenant, currency=currency, issued_at__year=year)
    received = Allocation.objects.filter(tenant=visit.tenant, invoice__currency=currency, at__year=year)
    paid = added(received, "amount_minor") - added(notes, "returned_minor")
    return Sums(
        year=year,
        paid=Money(paid, currency),
        to_pay=Money(added(mine.open(), "due_minor"), currency),
        overdue=Money(added(mine.overdue(visit.today), "due_minor"), currency),
        credited=Money(added(notes, "total_minor"), currency),
    )


def added(rows: QuerySet, column: str) -> int:
    return rows.aggregate(sum=Sum(column))["sum"] or 0


def years(visit: Visit, filters: Filters) -> tuple[Choice, ...]:
    found = Invoice.objects.issued().filter(tenant=visit.tenant).dates("charge_on", "year", order="DESC")
    named = [
        Choice(str(day.year), _("Year %(year)s") % {"year": day.year}, str(day.year) == filters.year) for day in found
    ]
    return (Choice("", _("All years"), not filters.year), *named)


def state_choices(filters: Filters) -> tuple[Choice, ...]:
    shown = [
        states.BILL[code]
        for code in ("open", "overdue", "disputed", "paid", "settled", "credited", "void", "uncollectible")
    ]
    named = [Choice(state.code, str(state.word), state.code == filters.state) for state in shown]
    return (Choice("", _("All states"), not filters.state), *named)
