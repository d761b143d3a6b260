"""A line computed again before the customer's eyes: from the events themselves, and whether it agrees with the bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing import formatting
from billing.money import Money
from invoices.deriving import again as computing
from invoices.deriving import derive
from invoices.pages import line as lines
from invoices.pages import wording
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Again:
    """The answer: a sentence that names when, from how many records, and the amount."""

    name: str
    sentence: str
    agrees: bool
    back: str


def again(visit: Visit, pk: int, line: int, *, at: datetime) -> Again:
    """Compute one line of a bill again; raise NotFound for a line of anybody else's."""
    row = lines.find(visit, pk, line)
    found = computing.again(derive(row.charge_id))
    said = {
        "at": formatting.moment(at.astimezone(visit.zone), visit.language),
        "amount": wording.amount(Money(found.amount_minor, row.charge.currency)),
        "charged": wording.amount(Money(found.charged_minor, row.charge.currency)),
    }
    back = f"{visit.to('bill', pk)}#line-{row.pk}"
    return Again(row.name_in(visit.language), sentence(found, said), found.agrees, back)


def sentence(found: computing.Again, said: dict[str, str]) -> str:
    """Return what came out, and where it does not agree, what comes of that."""
    if found.count is not None:
        return of_usage(found, found.count, said)
    if found.agrees:
        words = {
            "days": _("Computed again on %(at)s from price, quantity and days: %(amount)s, the same as on the bill."),
            "credit": _("Computed again on %(at)s from the lines it gives back: %(amount)s, the same as on the bill."),
            "minimum": _("Computed again on %(at)s from all lines of the period: %(amount)s, the same as on the bill."),
        }
        steps = _("Computed again on %(at)s: the steps add up to %(amount)s, the same as on the bill.")
        return words.get(found.kind, steps) % said
    return _("Computed again on %(at)s: %(amount)s, on the bill %(charged)s. We look into it.") % said


def of_usage(found: computing.Again, count: computing.Count, said: dict[str, str]) -> str:
    """Return what the records say, one by one, beside the counters and the bill."""
    said = said | {"count": formatting.quantity(count.events), "counters": formatting.quantity(count.counter_events)}
    if not count.agrees:
        return (
            _("Counted again on %(at)s: %(count)s records, our counter says %(counters)s. We look into it at once.")
            % said
        )
    if found.agrees:
        return _("Computed again on %(at)s from %(count)s records: %(amount)s, the same as charged.") % said
    return (
        _(
            "Computed again on %(at)s from %(count)s records: %(amount)s, charged %(charged)s. "
            "The difference of late records comes on the next bill as a line of its own."
        )
        % said
    )
