"""How one line is computed: sentence, sum with operators, days, records, basis (PAGES §1.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Acceptance, Charge
from invoices import composing
from invoices.models import InvoiceLine
from invoices.pages import charts, days, wording
from invoices.pages.tables import address
from invoices.pages.visit import Visit
from tenants.models import Tenant
from usage.models import Meter


@dataclass(frozen=True)
class Working:
    """One row of the sum: operator, words, figure; a result stands under a rule."""

    sign: str
    words: str
    figure: str
    result: bool = False


@dataclass(frozen=True)
class Proof:
    """What unfolds under a line. `again` is where it is computed anew from the records, `page` where all of it
    stands; `company` whose line it is."""

    company: str
    sentence: str
    workings: tuple[Working, ...]
    unit_price: str
    chart: charts.Chart | None
    records: int
    records_address: str
    basis: str
    again: str
    page: str


def proofs(visit: Visit, lines: Sequence[InvoiceLine]) -> dict[int, Proof]:
    """Return the proof of every line; of a subsidiary's the sum alone, its records are its own."""
    found = Charge.objects.filter(pk__in=[line.charge_id for line in lines]).select_related("price__meter", "period")
    charges = {charge.pk: charge for charge in found}
    agreed, owners = acceptances(charges.values()), subsidiaries(visit)
    return {line.pk: proof(visit, line, charges[line.charge_id], agreed, owners) for line in lines}


def acceptances(charges: Iterable[Charge]) -> dict[int, Acceptance]:
    """Return the acceptances of charges, so far as they are this company's own."""
    found = Acceptance.objects.filter(pk__in={charge.acceptance_id for charge in charges}).select_related(
        "version__plan"
    )
    return {row.pk: row for row in found}


def subsidiaries(visit: Visit) -> dict[int, str]:
    """Return the names of the companies that this one pays for."""
    return {row.pk: row.name_in(visit.language) for row in Tenant.objects.filter(parent=visit.tenant)}


def proof(
    visit: Visit, line: InvoiceLine, charge: Charge, agreed: Mapping[int, Acceptance], owners: Mapping[int, str]
) -> Proof:
    own = charge.tenant_id == visit.tenant.pk
    meter = charge.price.meter if charge.price and own else None
    window = days.Window(line.service_start_on, line.service_end_on, charge.period.start_on, visit.tenant.timezone)
    return Proof(
        company="" if own else owners.get(charge.tenant_id, ""),
        sentence=sentence(charge, line, visit.language),
        workings=workings(charge, line, visit.language),
        unit_price=unit_price(charge),
        chart=chart(visit, charge, meter, window) if meter else None,
        records=days.events(charge.tenant_id, meter, window, charge.price) if meter else 0,
        records_address=records(visit, charge, window) if meter else "",
        basis=accepted(visit, agreed.get(charge.acceptance_id)),
        again=visit.to("recompute", line.invoice_id, line.pk) if own else "",
        page=visit.to("line", line.invoice_id, line.pk) if own else "",
    )


def records(visit: Visit, charge: Charge, window: days.Window) -> str:
    return address(visit.to("events"), {"meter": charge.code, "from": window.start.isoformat()})


def steps(charge: Charge, language: str) -> list[dict[str, str]]:
    """Return the stored steps with their words in the reader's language as `text`."""
    key = "zh" if formatting.is_chinese(language) else "en"
    return [{**step, "text": step.get(key) or step.get("text", "")} for step in charge.details.get("steps", [])]


def sentence(charge: Charge, line: InvoiceLine, language: str) -> str:
    """Return the line's computation in one sentence of everyday words."""
    unit = wording.units(line.unit_in(language), language)
    measured, included = charge.details.get("measured"), charge.details.get("included")
    if measured is None or charge.details.get("covered") or not Decimal(included or 0):
        said = [step["text"] for step in steps(charge, language)]
        return _("; ").join(said) if said else _("Nothing was to be charged.")
    figures = {
        "measured": formatting.quantity(Decimal(measured), unit),
        "included": formatting.quantity(Decimal(included), unit),
        "over": formatting.quantity(line.quantity, unit),
    }
    if not line.quantity:
        return _("%(measured)s were used, all within what is included.") % figures
    return _("%(measured)s were used, %(included)s are included, %(over)s are paid for.") % figures


def workings(charge: Charge, line: InvoiceLine, language: str) -> tuple[Working, ...]:
    """Return the sum as a bookkeeper writes it: measured − included = paid for, × price = amount."""
    unit = wording.units(line.unit_in(language), language)
    rows: list[Working] = []
    measured, included = charge.details.get("measured"), charge.details.get("included")
    if measured is not None:
        rows.append(Working("", _("Measured"), formatting.quantity(Decimal(measured), unit)))
        if Decimal(included or 0):
            rows.append(Working("\u2212", _("Included"), formatting.quantity(Decimal(included), unit)))
        if covered := Decimal(charge.details.get("covered") or 0):
            rows.append(Working("\u2212", _("Covered by resource packs"), formatting.quantity(covered, unit)))
        rows.append(Working("=", _("To be paid for"), formatting.quantity(line.quantity, unit), result=True))
    rows += step_rows(charge, language, unit)
    rows.append(Working("=", _("Amount"), formatting.money(charge.amount_minor, charge.currency), result=True))
    return tuple(rows)


def step_rows(charge: Charge, language: str, unit: str) -> list[Working]:
    """Return one row for a single price, else one per step of the price."""
    found = [step for step in steps(charge, language) if step.get("code") != "pack"]
    if unit_price(charge):
        if charge.details.get("measured") is None:
            first = Working("", _("Quantity"), formatting.quantity(charge.quantity, unit))
            return [first, Working("×", _("Price of one"), unit_price(charge))]
        return [Working("×", _("Price of one"), unit_price(charge))]
    return [
        Working("+" if n else "", step["text"], formatting.unit_price(Decimal(step["amount"]), charge.currency))
        for n, step in enumerate(found)
    ]


def unit_price(charge: Charge) -> str:
    """Return the one price of one unit, or nothing where several make the amount."""
    price = None if charge.details.get("days") else composing.unit_price(charge.details)
    return "" if price is None else formatting.unit_price(price, charge.currency)


def chart(visit: Visit, charge: Charge, meter: Meter, window: days.Window) -> charts.Chart:
    """Return the line's days, divided where what is included ran out."""
    # What of the allowance was used; where some was paid for, that is all of it.
    allowance = Decimal(charge.details.get("included") or 0) or None
    found = days.by_day(charge.tenant_id, meter, window, charge.price)
    rows = days.split(meter, found, window, days.used_before(charge.tenant_id, meter, window, charge.price), allowance)
    return charts.daily(
        f"line{charge.pk}",
        rows,
        unit=wording.units(meter.unit_in(visit.language), visit.language),
        language=visit.language,
        allowance=allowance,
        adding=meter.aggregation in days.ADDING,
    )


def accepted(visit: Visit, agreed: Acceptance | None) -> str:
    """Return which accepted price version a line stands on; a subsidiary's acceptance is on its own pages."""
    if agreed is None:
        return _("accepted by the subsidiary; its own pages show what and when")
    said = {
        "number": agreed.version.number,
        "by": agreed.accepted_by_name,
        "day": formatting.day(agreed.at.astimezone(visit.zone).date(), visit.language),
    }
    if agreed.accepted_by_name:
        return _("price list version %(number)s, accepted by %(by)s on %(day)s") % said
    return _("price list version %(number)s, accepted on %(day)s") % said


def basis(visit: Visit, lines: Sequence[InvoiceLine]) -> tuple[tuple[str, str, str], ...]:
    """Return what the bill as a whole stands on: the plans' accepted versions. (name, words, address)."""
    agreed = acceptances(Charge.objects.filter(pk__in=[line.charge_id for line in lines]))
    return tuple(
        (row.version.plan.name_in(visit.language), accepted(visit, row), visit.to("costs")) for row in agreed.values()
    )
