"""Two plans side by side: what each price is now and would be, and what a period comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import contracts, formatting, timing
from billing.models import Price, Subscription
from billing.money import Money
from billing.rating import rate
from billing.terms import Clause, Contract
from invoices.confirming import Offer
from invoices.pages import controls, prices, wording
from invoices.pages.visit import Visit
from invoices.tax import line_tax

FIXED = (Price.Kind.BASE, Price.Kind.SEAT, Price.Kind.MODULE)


@dataclass(frozen=True)
class Row:
    """One thing, as it is now and as it would be."""

    name: str
    now: str
    then: str


@dataclass(frozen=True)
class Comparison:
    """The table “what changes”."""

    now: str
    then: str
    rows: tuple[Row, ...]


def comparison(visit: Visit, offer: Offer) -> Comparison:
    """Return the two plans of a change of plan, with the quantities that are held."""
    change, before = offer.papers.change, offer.before
    assert change
    assert change.version
    old = contracts.load([before])[before.pk]
    new = timing.prospect(before, change.version, change.price_list)
    held = held_of(old, offer)
    shown = [(_("Each period"), in_all(visit, before, old, held), in_all(visit, before, new, held))]
    codes = dict.fromkeys(clause.code for clause in (*old.clauses, *new.clauses))
    sides = [{clause.code: clause for clause in contract.clauses} for contract in (old, new)]
    taken = [dict(quantities(contract, held)) for contract in (old, new)]
    for code in codes:
        name = next(side[code] for side in reversed(sides) if code in side)
        texts = [
            written(visit, side[code], mine.get(code), before.currency) if code in side else _("not part of it")
            for side, mine in zip(sides, taken, strict=True)
        ]
        shown.append((name_of(visit, name), texts[0], texts[1]))
    rows = tuple(Row(*row) for row in shown)
    return Comparison(before.plan.name_in(visit.language), change.version.plan.name_in(visit.language), rows)


def held_of(contract: Contract, offer: Offer) -> dict[str, Decimal]:
    return held_at(contract, offer.papers.change.at if offer.papers.change else offer.until)


def held_at(contract: Contract, at: object) -> dict[str, Decimal]:
    """Return the quantities in force at an instant by code."""
    return {c.code: quantity for c in contract.clauses if (quantity := c.quantity_at(at)) is not None}  # type: ignore[arg-type]


def quantities(contract: Contract, held: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    return [(clause.code, quantity) for clause, quantity in timing.taken_with(contract.clauses, held)]


def name_of(visit: Visit, clause: Clause) -> str:
    return clause.name if formatting.is_chinese(visit.language) else clause.name_en or clause.name


def unit_of(visit: Visit, clause: Clause) -> str:
    return clause.unit if formatting.is_chinese(visit.language) else clause.unit_en or clause.unit


def written(visit: Visit, clause: Clause, quantity: Decimal | None, currency: str) -> str:
    """Return what one price is: how much it asks, and of how many."""
    if clause.optional and quantity is None:
        return _("can be added: %(price)s") % {"price": figure(visit, clause, currency)}
    if clause.kind == Price.Kind.SEAT and quantity is not None:
        count = wording.count(quantity, unit_of(visit, clause), visit.language)
        return _("%(count)s, %(price)s") % {"count": count, "price": figure(visit, clause, currency)}
    return figure(visit, clause, currency)


def figure(visit: Visit, clause: Clause, currency: str) -> str:
    params = clause.price.to_json()
    words = prices.describe(clause.price.model, params, currency=currency, unit=unit_of(visit, clause))
    return _("; ").join((words.figure, *words.terms))


def per_rhythm(subscription: Subscription, contract: Contract, held: Mapping[str, Decimal]) -> dict[str, int]:
    """Return what base, seats and modules come to in each rhythm, with tax, in minor units."""
    sums: dict[str, int] = defaultdict(int)
    for clause, quantity in timing.taken_with(contract.clauses, held):
        if clause.kind in FIXED and not clause.one_off:
            amount = rate(clause.price, quantity, contract.currency).amount_minor
            tax = line_tax(amount, clause.tax_rate, subscription.seller.tax_inclusive, contract.currency)
            sums[clause.interval] += tax.gross
    return dict(sums)


def in_all(visit: Visit, subscription: Subscription, contract: Contract, held: Mapping[str, Decimal]) -> str:
    """Return what is fixed, as “¥2,583.00 each month”; several rhythms are joined."""
    sums = per_rhythm(subscription, contract, held)
    return wording.joined(
        [
            _("%(amount)s %(every)s")
            % {"amount": wording.amount(Money(minor, contract.currency)), "every": controls.EVERY[interval]()}
            for interval, minor in sorted(sums.items(), key=lambda pair: -pair[1])
        ]
    )
