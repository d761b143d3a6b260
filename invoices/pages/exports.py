"""The lists as CSV: UTF-8 with a mark, so that Excel and WPS open Chinese right; amounts as plain decimals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from billing import formatting, granting
from billing.money import Money, plain
from invoices.pages import bill as one
from invoices.pages import bills as many
from invoices.pages import choosing
from invoices.pages.visit import Visit
from usage.models import UsageEvent

MARK = "\ufeff"
# A cell that a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV text."""
    out = io.StringIO()
    out.write(MARK)
    csv.writer(out).writerows([[cell(value) for value in row] for row in rows])
    return out.getvalue()


def cell(value: object) -> str:
    """Write one value; a text that looks like a formula is quoted, a number is a number."""
    if isinstance(value, Money):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) and not text.lstrip("-").replace(".", "", 1).isdigit() else text


def bills(visit: Visit, query: Mapping[str, str]) -> str:
    """Return the bills that the filters in the address choose, all of them."""
    head = [_("Date"), _("What"), _("Contents"), _("Number"), _("Amount"), _("Currency"), _("State")]
    found = many.rows(visit, many.Filters.read(query))
    rows = [
        [row.day, row.title, row.reason, row.number, row.amount, row.amount.currency, row.state.word] for row in found
    ]
    return written([head, *rows])


def bill(visit: Visit, pk: int) -> str:
    """Return the lines of one bill."""
    head = [
        _("What"),
        _("From"),
        _("Last day"),
        _("Quantity"),
        _("Unit"),
        _("Amount"),
        _("Discount"),
        _("Tax"),
        _("With tax"),
        _("Currency"),
        _("Coupons"),
    ]
    found = one.find(visit, pk)
    causes = granting.causes([line.charge_id for line in found.lines.all() if line.discount_minor])
    rows = [
        [
            line.name_in(visit.language),
            line.service_start_on,
            one.titles.last_day(line.service_end_on),
            plain(line.quantity),
            line.unit_in(visit.language),
            *(
                Money(minor, found.currency)
                for minor in (line.amount_minor, line.discount_minor, line.tax_minor, line.gross_minor)
            ),
            found.currency,
            _(", ").join(cause.said(visit.language) for cause in causes.get(line.charge_id, ())),
        ]
        for line in found.lines.all()
    ]
    return written([head, *rows])


def events(visit: Visit, query: Mapping[str, str]) -> str:
    """Return the records of the meter and days in the address, oldest first, all of them."""
    head = [_("Time"), _("Key"), _("Kind"), _("Quantity"), _("Unit"), _("Properties")]
    chosen = choosing.choose(visit, query)
    if chosen is None:
        return written([head])
    unit = chosen.meter.unit_in(visit.language)
    return written([head, *(event(visit, row, unit) for row in choosing.events_of(visit, chosen).reverse().iterator())])


def event(visit: Visit, row: UsageEvent, unit: str) -> list[object]:
    at = formatting.moment(row.occurred_at.astimezone(visit.zone), visit.language)
    said = "; ".join(f"{name}={value}" for name, value in row.properties.items())
    return [at, row.key, UsageEvent.Kind(row.kind).label, plain(row.quantity), unit, said]
