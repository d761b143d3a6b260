"""The page on which something of a bill is disputed: a line, days of its usage, or all of it; and what that freezes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Price
from billing.money import Money
from invoices import dispute_rules, freezing
from invoices.dispute_rules import Days
from invoices.models import Invoice, InvoiceLine
from invoices.pages import days as usage_days
from invoices.pages import disputes, titles, wording
from invoices.pages.bill import find, spoken
from invoices.pages.refunds import typed
from invoices.pages.visit import Visit
from tenants.errors import DomainError, Invalid


@dataclass(frozen=True)
class Choice:
    """Something of the bill that may be disputed."""

    value: str
    name: str
    amount: Money
    chosen: bool


@dataclass(frozen=True)
class DayRow:
    """A day of the line's usage, and the address that disputes it alone."""

    day: date
    quantity: str
    address: str
    chosen: bool


@dataclass(frozen=True)
class Wish:
    """What is to be disputed, as the address has it: the line, the days, and how much of it."""

    line: InvoiceLine | None
    days: Days | None
    amount: str


@dataclass(frozen=True)
class AskPage:
    """The page /bills/<pk>/dispute/."""

    title: str
    choices: tuple[Choice, ...]
    day_rows: tuple[DayRow, ...]
    line: str
    first: str
    last: str
    what: str
    most: Money
    amount: Money
    frozen: Money
    still_due: Money
    is_paid: bool
    answer_by: str
    terms: tuple[str, ...]
    refusal: str
    may: bool
    back: str


def page(visit: Visit, pk: int, query: Mapping[str, str]) -> AskPage:
    """Return what a dispute of this would freeze, or why it cannot be opened."""
    bill = find(visit, pk)
    refusal = ""
    try:
        wish = read(visit, bill, query)
    except Invalid as wrong:
        wish, refusal = Wish(None, None, ""), wrong.message
    most, amount = 0, 0
    try:
        dispute_rules.refuse(bill, wish.line, wish.days, at=visit.at)
        most = dispute_rules.most(bill, wish.line, wish.days)
        amount = amount_of(visit, wish, most)
    except DomainError as refused:
        refusal = refusal or refused.message
    due, currency = freezing.due(bill), bill.currency
    frozen = min(due - bill.frozen_minor, amount)
    first, last = (wish.days[0], wish.days[1] - timedelta(days=1)) if wish.days else (None, None)
    return AskPage(
        title=_("Dispute bill %(number)s") % {"number": bill.number},
        choices=_choices(visit, bill, wish),
        day_rows=_days(visit, bill, wish) if wish.line else (),
        line=str(wish.line.pk) if wish.line else "",
        first=str(first or ""),
        last=str(last or ""),
        what=_what(visit, wish),
        most=Money(most, currency),
        amount=Money(amount, currency),
        frozen=Money(frozen, currency),
        still_due=Money(due - bill.frozen_minor - frozen, currency),
        is_paid=bill.status == Invoice.Status.PAID,
        answer_by=spoken(visit, visit.today + timedelta(days=dispute_rules.terms(bill.seller).answer_days)),
        terms=disputes.terms(bill.seller),
        refusal=refusal,
        may=visit.member.role in disputes.MAY,
        back=visit.to("bill", bill.pk),
    )


def read(visit: Visit, bill: Invoice, query: Mapping[str, str]) -> Wish:
    """Read what is to be disputed; raise Invalid for a line or days that the bill has not."""
    named = query.get("line", "")
    line = next((one for one in bill.lines.all() if str(one.pk) == named), None)
    if named and line is None:
        raise Invalid(_("This line is not of this bill."), field="line")
    first, last = _day(query.get("first", "")), _day(query.get("last", ""))
    days = (first or last, (last or first) + timedelta(days=1)) if first or last else None  # type: ignore[operator]
    return Wish(line, days if line else None, query.get("amount", "").strip()[:20])  # type: ignore[arg-type]


def amount_of(visit: Visit, wish: Wish, most: int) -> int:
    """Return how much is disputed: what is written, else all that may be; raise Invalid for more."""
    amount = typed(visit, wish.amount) if wish.amount else most
    if amount > most:
        raise Invalid(
            _("Of this at most %(most)s can be disputed.")
            % {"most": wording.amount(Money(most, visit.tenant.currency))},
            field="amount",
        )
    return amount


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(_("Write a day such as 2026-12-01."), field="first") from None


def _what(visit: Visit, wish: Wish) -> str:
    if wish.line is None:
        return _("the whole bill")
    name = wish.line.name_in(visit.language)
    if wish.days is None:
        return name
    first, last = wish.days[0], wish.days[1] - timedelta(days=1)
    told = {"name": name, "first": spoken(visit, first), "last": spoken(visit, last)}
    return _("%(name)s on %(first)s") % told if first == last else _("%(name)s from %(first)s to %(last)s") % told


def _period(visit: Visit, line: InvoiceLine) -> str:
    return formatting.period_days(line.service_start_on, titles.last_day(line.service_end_on), visit.language)


def _choices(visit: Visit, bill: Invoice, wish: Wish) -> tuple[Choice, ...]:
    whole = Choice("", _("the whole bill"), Money(bill.total_minor, bill.currency), wish.line is None)
    lines = [
        Choice(
            str(line.pk),
            f"{line.name_in(visit.language)} {_period(visit, line)}",
            Money(line.gross_minor, bill.currency),
            wish.line == line,
        )
        for line in bill.lines.all()
        if line.gross_minor > 0
    ]
    return (*lines, whole)


def _days(visit: Visit, bill: Invoice, wish: Wish) -> tuple[DayRow, ...]:
    """Return the days of a line of usage that is their sum; nothing for another line, or of a subsidiary's."""
    line = wish.line
    assert line is not None
    charge = line.charge
    meter = charge.price.meter if charge.price and charge.tenant_id == visit.tenant.pk else None
    if (
        line.kind != Price.Kind.USAGE
        or line.reason != "period"
        or meter is None
        or meter.aggregation not in usage_days.ADDING
    ):
        return ()
    window = usage_days.Window(
        line.service_start_on, line.service_end_on, charge.period.start_on, visit.tenant.timezone
    )
    unit = line.unit_in(visit.language)
    chosen = wish.days
    return tuple(
        DayRow(
            day,
            wording.count(quantity, unit, visit.language),
            f"{visit.to('dispute_ask', bill.pk)}?line={line.pk}&first={day}&last={day}",
            chosen is not None and chosen[0] <= day < chosen[1],
        )
        for day, quantity in sorted(usage_days.by_day(charge.tenant_id, meter, window, charge.price).items())
        if quantity
    )
