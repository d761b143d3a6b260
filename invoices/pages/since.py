"""Against last time, in words and money: each line that differs, with its causes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.money import Money
from invoices import causes_of_change, since_last
from invoices.models import Invoice
from invoices.pages import wording
from invoices.pages.visit import Visit

CAUSES = {
    causes_of_change.NEW: gettext_lazy("was not on it"),
    causes_of_change.GONE: gettext_lazy("is no longer on it"),
    causes_of_change.PRICE: gettext_lazy("price"),
    causes_of_change.QUANTITY: gettext_lazy("quantity"),
    causes_of_change.USAGE: gettext_lazy("usage"),
    causes_of_change.DAYS: gettext_lazy("days"),
    causes_of_change.DISCOUNT: gettext_lazy("discounts"),
    causes_of_change.TAX: gettext_lazy("tax"),
    causes_of_change.OTHER: gettext_lazy("corrections"),
}
SHOWN = 3


@dataclass(frozen=True)
class MovedRow:
    """One line that differs; `causes` add up to `change`."""

    key: since_last.Key
    name: str
    before: Money
    after: Money
    change: str
    causes: tuple[tuple[str, str], ...]
    said: str


@dataclass(frozen=True)
class Since:
    """The bill against the one before: a sentence, and every line that makes the difference."""

    sentence: str
    older: str
    older_address: str
    before: Money
    after: Money
    change: str
    rows: tuple[MovedRow, ...]


def since(visit: Visit, bill: Invoice) -> Since | None:
    """Return how a periodic bill differs from the one before; None for the first, and for one of a change."""
    found = since_last.of_bill(bill)
    if found is None:
        return None
    rows = tuple(row(visit, one, found.currency) for one in found.lines)
    change = wording.change(Money(found.change_minor, found.currency))
    said = {
        "month": wording.month(found.older.charge_on, visit.language),
        "change": change,
        "parts": wording.joined([f"{one.name} {one.change}" for one in rows[:SHOWN]]),
    }
    same = not any(one.change_minor for one in found.lines)
    text = _("The same as the %(month)s bill") if same else _("%(change)s against the %(month)s bill: %(parts)s")
    return Since(
        sentence=text % said,
        older=found.older.number or "",
        older_address=visit.to("bill", found.older.pk),
        before=Money(found.before_minor, found.currency),
        after=Money(found.after_minor, found.currency),
        change=change,
        rows=rows,
    )


def row(visit: Visit, one: since_last.Moved, currency: str) -> MovedRow:
    causes = tuple((str(CAUSES[part.cause]), wording.change(Money(part.amount_minor, currency))) for part in one.parts)
    return MovedRow(
        key=one.key,
        name=one.name_in(visit.language),
        before=Money(one.before_minor, currency),
        after=Money(one.after_minor, currency),
        change=wording.change(Money(one.change_minor, currency)),
        causes=causes,
        said=wording.joined([f"{name} {amount}" for name, amount in causes]),
    )
