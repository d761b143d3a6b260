"""The page of one line: how it was computed, what it stands on, the events behind it, and what was taken for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import formatting, granting
from billing.models import Charge
from billing.money import Money, plain
from invoices.deriving import Derivation, derive
from invoices.deriving import usage as metering
from invoices.models import InvoiceLine
from invoices.pages import bases, charts, days, proof, since, titles, wording
from invoices.pages.tables import address, whole
from invoices.pages.visit import Visit
from tenants.errors import NotFound
from usage.models import UsageEvent
from usage.periods import local_midnight

PAGE, MOST_PAGES = 100, 100_000
DAY = timedelta(days=1)


@dataclass(frozen=True)
class EventRow:
    """One event; `state` says whether it counts on this line, and if not, why."""

    at: datetime
    key: str
    quantity: str
    properties: str
    state: str
    counts: bool


@dataclass(frozen=True)
class Events:
    """The events of the line, of one day where asked, a page at a time."""

    rows: tuple[EventRow, ...]
    count: int
    day: date | None
    all_days: str
    earlier: str
    later: str
    export: str


@dataclass(frozen=True)
class LinePage:
    """The page /bills/<pk>/lines/<line>/."""

    name: str
    bill: str
    back: str
    first: date
    last: date
    reason: str
    proof: proof.Proof
    steps: tuple[tuple[str, str], ...]
    amount: Money
    discounts: tuple[tuple[str, Money], ...]
    tax_said: str
    total: Money
    price: tuple[tuple[str, str, str], ...]
    packs: tuple[tuple[str, str], ...]
    corrects: tuple[tuple[str, str, Money], ...]
    taken: tuple[tuple[str, str, str], ...]
    moved: since.MovedRow | None
    days: tuple[tuple[days.Day, str], ...]
    chart: charts.Chart | None
    events: Events | None
    unit: str


def find(visit: Visit, pk: int, line: int) -> InvoiceLine:
    """Return a line of an issued bill of this company, about its own contract; raise NotFound for any other."""
    found = InvoiceLine.objects.filter(pk=line, invoice=pk, invoice__tenant=visit.tenant)
    row = found.exclude(invoice__status="draft").select_related("invoice", "charge__period").first()
    if row is None or row.charge.tenant_id != visit.tenant.pk:
        raise NotFound(_("There is no such line."))
    return row


def page(visit: Visit, pk: int, line: int, query: Mapping[str, str]) -> LinePage:
    """Return the page of one line."""
    row = find(visit, pk, line)
    one = derive(row.charge_id)
    shown = proof.proofs(visit, [row])[row.pk]
    causes = granting.causes([row.charge_id]).get(row.charge_id, [])
    currency = row.invoice.currency
    unit = wording.units(row.unit_in(visit.language), visit.language)
    return LinePage(
        name=row.name_in(visit.language),
        bill=row.invoice.number or "",
        back=f"{visit.to('bill', pk)}#line-{row.pk}",
        first=row.service_start_on,
        last=titles.last_day(row.service_end_on),
        reason=bases.reason(row.reason),
        proof=shown,
        steps=steps(one, visit.language),
        amount=Money(row.amount_minor, currency),
        discounts=tuple((cause.said(visit.language), Money(-cause.amount_minor, currency)) for cause in causes),
        tax_said=bases.tax(row, one),
        total=Money(row.gross_minor, currency),
        price=bases.price(visit, one),
        packs=bases.packs(visit, one, unit),
        corrects=bases.corrects(visit, one),
        taken=bases.taken(visit, row.invoice),
        moved=moved(visit, row, one),
        days=of_days(visit, row, shown),
        chart=shown.chart,
        events=events(visit, row, one, query) if one.data["how"]["type"] == "usage" else None,
        unit=unit,
    )


def moved(visit: Visit, row: InvoiceLine, one: Derivation) -> since.MovedRow | None:
    """Return what changed on this line against last time."""
    found = since.since(visit, row.invoice)
    key = (one.of.charge.subscription_id, row.code, row.reason)
    return next((other for other in found.rows if other.key == key), None) if found else None


def steps(one: Derivation, language: str) -> tuple[tuple[str, str], ...]:
    """Return the stored steps of the price: words and amount."""
    charge = one.of.charge
    return tuple(
        (step["text"], formatting.unit_price(Decimal(step["amount"]), charge.currency))
        for step in proof.steps(charge, language)
        if step.get("code") != "pack"
    )


def of_days(visit: Visit, row: InvoiceLine, shown: proof.Proof) -> tuple[tuple[days.Day, str], ...]:
    """Return the line's days, each with the address of its events."""
    here = visit.to("line", row.invoice_id, row.pk)
    rows = shown.chart.days if shown.chart else ()
    return tuple((one, f"{address(here, {'day': one.day.isoformat()})}#events") for one in rows)


def events(visit: Visit, row: InvoiceLine, one: Derivation, query: Mapping[str, str]) -> Events:
    """Return one page of the events that the line measures, oldest first; of one day where the address names it."""
    day, number = day_of(query.get("day")), whole(query.get("page"), 1, MOST_PAGES) or 1
    found = events_of(one, day)
    here, count = visit.to("line", row.invoice_id, row.pk), found.count()
    chosen = {"day": day.isoformat() if day else ""}
    start = (number - 1) * PAGE
    rows = tuple(event(visit, told, one) for told in found[start : start + PAGE])
    return Events(
        rows=rows,
        count=count,
        day=day,
        all_days=f"{here}#events" if day else "",
        earlier=f"{address(here, chosen, page=number - 1)}#events" if number > 1 else "",
        later=f"{address(here, chosen, page=number + 1)}#events" if start + PAGE < count else "",
        export=address(visit.to("line_csv", row.invoice_id, row.pk), chosen),
    )


def day_of(text: str | None) -> date | None:
    """Read a day from the address; nonsense counts as not asked."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def events_of(one: Derivation, day: date | None = None) -> QuerySet[UsageEvent]:
    """Return the uses of the line's own stretch that its price takes, oldest first: also those taken back or late."""
    own, zone = metering.wants(one.of)["own"], one.of.stretch.span.zone
    start, end = own.start, own.end
    if day is not None:
        start, end = max(start, local_midnight(day, zone)), min(end, local_midnight(day + DAY, zone))
    found = UsageEvent.objects.filter(
        tenant=own.tenant_id, meter=own.meter_id, kind="use", occurred_at__gte=start, occurred_at__lt=end
    )
    if own.match:
        found = found.filter(dimension__contains=own.match)
    for other in own.others if not own.match else ():
        found = found.exclude(dimension__contains=other)
    return found.select_related("voided_by").order_by("occurred_at", "id")


def event(visit: Visit, told: UsageEvent, one: Derivation) -> EventRow:
    said, counts = state(told, one.of.charge)
    return EventRow(
        at=told.occurred_at,
        key=told.key,
        quantity=wording.count(told.quantity, one.of.charge.unit, visit.language),
        properties=_(", ").join(f"{name}={value}" for name, value in told.properties.items()),
        state=said,
        counts=counts,
    )


def state(told: UsageEvent, charge: Charge) -> tuple[str, bool]:
    """Return whether an event counts on a line, in words: taken back, told too late for it, or counted."""
    back = getattr(told, "voided_by", None)
    if back is not None and back.received_at < charge.created_at:
        return _("taken back by %(key)s, does not count") % {"key": back.key}, False
    if told.received_at >= charge.created_at:
        return _("told after this bill, charged on a later one"), False
    if back is not None:
        return _("taken back later by %(key)s, given back on a later bill") % {"key": back.key}, True
    return _("counts"), True


def rows(visit: Visit, one: Derivation, day: date | None) -> Iterator[list[object]]:
    """Yield the events of a line for a file, heading first."""
    yield [_("Time"), _("Key"), _("Quantity"), _("Unit"), _("Properties"), _("Told"), _("State")]
    unit = one.of.charge.unit
    for told in events_of(one, day).iterator(chunk_size=2000):
        at, received = (
            formatting.moment(when.astimezone(visit.zone), visit.language)
            for when in (told.occurred_at, told.received_at)
        )
        properties = "; ".join(f"{name}={value}" for name, value in told.properties.items())
        yield [at, told.key, plain(told.quantity), unit, properties, received, state(told, one.of.charge)[0]]
