"""A line computed again from its records, and whether it agrees with the bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

from billing import formatting, previewing
from billing.models import Charge
from billing.money import Money, round_half_up
from invoices.models import InvoiceLine
from invoices.pages import wording
from invoices.pages.visit import Visit
from tenants.errors import NotFound


@dataclass(frozen=True)
class Again:
    """The answer: a sentence that names when, from how many records, and the amount."""

    name: str
    sentence: str
    agrees: bool
    back: str


def again(visit: Visit, pk: int, line: int, *, at: datetime) -> Again:
    """Compute one line of a bill again; raise NotFound for a line of anybody else's."""
    found = InvoiceLine.objects.filter(pk=line, invoice=pk, invoice__tenant=visit.tenant).exclude(
        invoice__status="draft"
    )
    row = found.select_related("charge__period").first()
    if row is None or row.charge.tenant_id != visit.tenant.pk:
        raise NotFound(_("There is no such line."))
    said, agrees = outcome(visit, row.charge, at)
    return Again(row.name_in(visit.language), said, agrees, f"{visit.to('bill', pk)}#line-{row.pk}")


def outcome(visit: Visit, charge: Charge, at: datetime) -> tuple[str, bool]:
    """Measure and rate a usage line again; add up the steps of any other."""
    found = previewing.recompute(charge)
    said = {"at": formatting.moment(at.astimezone(visit.zone), visit.language)}
    if found is None:
        minor = steps_minor(charge)
        said |= {"amount": wording.amount(Money(minor, charge.currency))}
        if minor == charge.amount_minor:
            return _("Computed again on %(at)s: the steps add up to %(amount)s, the same as on the bill.") % said, True
        return _(
            "Computed again on %(at)s: the steps add up to %(amount)s, not to the bill. We look into it."
        ) % said, False
    said |= {
        "count": formatting.quantity(found.events),
        "amount": wording.amount(Money(found.amount_minor, charge.currency)),
        "charged": wording.amount(Money(found.charged_minor, charge.currency)),
    }
    if found.agrees:
        return _("Computed again on %(at)s from %(count)s records: %(amount)s, the same as charged.") % said, True
    return _(
        "Computed again on %(at)s from %(count)s records: %(amount)s, charged %(charged)s. "
        "The difference of late records comes on the next bill as a line of its own."
    ) % said, False


def steps_minor(charge: Charge) -> int:
    """Return the stored steps added up and rounded, in minor units."""
    exact = sum((Fraction(Decimal(step["amount"])) for step in charge.details.get("steps", [])), Fraction(0))
    return round_half_up(exact, charge.currency)
