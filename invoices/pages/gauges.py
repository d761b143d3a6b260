"""The allowance bars: what is included, what was used, what is expected by the period's end, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting, previewing
from billing.models import Subscription
from billing.money import Money
from billing.previewing import UsageSoFar
from billing.terms import Clause
from invoices.pages import meters, wording
from invoices.pages.tables import address
from invoices.pages.visit import Visit

ZERO = Decimal(0)
HEADROOM = Decimal("1.05")


@dataclass(frozen=True)
class Gauge:
    """One meter with an allowance, or with none: then only the number and its cost are shown."""

    name: str
    address: str
    used: str
    allowance: str
    meter: meters.Meter
    why: str
    cost: str


def gauges(visit: Visit) -> tuple[Gauge, ...]:
    """Return one bar for each price by use in the running subscriptions."""
    mine = Subscription.objects.filter(tenant=visit.tenant).live().select_related("version", "seller")
    found = [(row, use) for row in mine.order_by("created_at", "pk") for use in previewing.running(row, at=visit.at)]
    return tuple(gauge(visit, row, use) for row, use in found)


def named(clause: Clause, language: str) -> tuple[str, str]:
    """Return name and unit of a clause in the reader's language."""
    if formatting.is_chinese(language):
        return clause.name, clause.unit
    return clause.name_en or clause.name, wording.units(clause.unit_en or clause.unit, language)


def shown(value: Decimal, unit: str) -> str:
    """Write a quantity for a bar: an average over time has ten decimals, of which two are shown. The bill has them all."""
    return formatting.quantity(round(value, 2) if value != round(value, 2) else value, unit)


def gauge(visit: Visit, row: Subscription, use: UsageSoFar) -> Gauge:
    name, unit = named(use.clause, visit.language)
    allowance = use.clause.price.included
    return Gauge(
        name=name,
        address=address(visit.to("usage"), {"meter": use.clause.code}),
        used=shown(use.measured, unit),
        allowance=formatting.quantity(allowance, unit) if allowance else "",
        meter=bar(name, use, allowance, unit),
        why=why(allowance, use.expected_quantity, unit),
        cost=cost(row.currency, use),
    )


def bar(name: str, use: UsageSoFar, allowance: Decimal, unit: str) -> meters.Meter:
    """Return the bar; above the allowance, or without one, the expected quantity sets the scale."""
    used, expected = use.measured, use.expected_quantity
    included = min(used, allowance) if allowance else ZERO
    whole = allowance if allowance and expected <= allowance else max(expected, used) * HEADROOM
    label = _("%(name)s: %(used)s used, %(coming)s expected") % {
        "name": name,
        "used": shown(used, unit),
        "coming": shown(expected, unit),
    }
    rest = max(expected - used, ZERO)
    return meters.meter(
        label, included=included, paid=used - included, coming=rest, whole=whole, limit=allowance or None
    )


def why(allowance: Decimal, expected: Decimal, unit: str) -> str:
    """Return the line below the bar."""
    said = {"quantity": shown(expected, unit)}
    if allowance and expected > allowance:
        return _("The line is what is included; hatched is expected: %(quantity)s") % said
    return _("Expected by the period's end: %(quantity)s") % said


def cost(currency: str, use: UsageSoFar) -> str:
    """Return what the use costs so far and what it is expected to, or that it costs nothing extra."""
    if not use.expected.amount_minor and not use.so_far.amount_minor:
        return _("nothing extra to pay")
    said = {
        "now": wording.amount(Money(use.so_far.amount_minor, currency)),
        "then": wording.amount(Money(use.expected.amount_minor, currency)),
    }
    if use.clause.price.maximum is not None:
        most = formatting.unit_price(use.clause.price.maximum, currency)
        return _("so far %(now)s, expected %(then)s, at most %(most)s") % {**said, "most": most}
    return _("so far %(now)s, expected %(then)s") % said
