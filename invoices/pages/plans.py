"""The plans on sale side by side: what each costs from then on, what it would cost now, and what a longer term saves."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.utils.translation import gettext as _

from billing import contracts, formatting, timing
from billing.models import Change, PlanVersion, PriceList, Subscription
from billing.models.catalogue import Status
from billing.money import Money
from billing.terms import Contract
from billing.wording import refund_text
from invoices import changed, checkout, wishes
from invoices.checkout import Preview
from invoices.pages import comparing, wording
from invoices.pages.visit import Visit
from tenants.errors import DomainError
from usage.periods import Interval

Held = Mapping[str, Decimal]


@dataclass(frozen=True)
class Choice:
    """What a button leads to."""

    name: str
    address: str


@dataclass(frozen=True)
class PlanCard:
    """One plan on sale; `refusal` says why it cannot be chosen."""

    name: str
    current: bool
    in_all: str
    term: str
    saving: str
    refund: str
    prices: tuple[comparing.Row, ...]
    now: str
    choices: tuple[Choice, ...]
    refusal: str


@dataclass(frozen=True)
class PlansPage:
    """The page /subscription/<id>/plans/."""

    name: str
    cards: tuple[PlanCard, ...]
    back: str


@dataclass(frozen=True)
class Option:
    """One version on sale with the contract that it would make, and what a year of it comes to."""

    version: PlanVersion
    contract: Contract
    yearly: Decimal


def page(visit: Visit, row: Subscription) -> PlansPage:
    """Return the plans of the contract's product that are on sale, in the order of their yearly price by term."""
    contract = contracts.load([row])[row.pk]
    held = comparing.held_at(contract, max(visit.at, row.during.lower))
    options = [option(row, version, held) for version in on_sale(row)]
    options.sort(key=lambda one: (one.contract.term.rank, one.yearly, one.version.pk))
    saved = savings(options)
    cards = [card(visit, row, one, held, saved.get(one.version.pk, "")) for one in options]
    return PlansPage(row.plan.name_in(visit.language), tuple(cards), visit.to("subscription"))


def on_sale(row: Subscription) -> list[PlanVersion]:
    found = PlanVersion.objects.filter(
        plan__family=row.family_id, plan__on_sale=True, status=Status.PUBLISHED, currency=row.currency
    )
    return list(found.select_related("plan").order_by("plan__code"))


def option(row: Subscription, version: PlanVersion, held: Held) -> Option:
    contract = timing.prospect(row, version, listed(row))
    return Option(version, contract, timing.a_year(contract, held))


def listed(row: Subscription) -> PriceList | None:
    group = row.tenant.group_id
    if group is None:
        return None
    return PriceList.objects.filter(seller=row.seller_id, group=group, status=Status.PUBLISHED).first()


def savings(options: Sequence[Option]) -> dict[int, str]:
    """Return by version what it saves against the next shorter term of the same edition, in a sentence.

    Editions are told apart by what they charge for, and where several charge for the same by the order of their prices; where
    that leaves a doubt nothing is said.
    """
    kinds: dict[Any, dict[Interval, list[Option]]] = defaultdict(lambda: defaultdict(list))
    for one in options:
        kinds[frozenset((c.code, c.kind) for c in one.contract.clauses)][one.contract.term].append(one)
    found = {}
    for terms in kinds.values():
        ladder = [terms[term] for term in sorted(terms, key=lambda term: term.rank)]
        for shorter, longer in itertools.pairwise(ladder):
            if len(shorter) == len(longer):
                pairs = zip(shorter, longer, strict=True)
                found.update({long.version.pk: text for short, long in pairs if (text := saving(short, long))})
    return found


def saving(short: Option, long: Option) -> str:
    """Return “A year saves 20% against four quarters”, rounded down to whole percent; nothing where it saves none."""
    if not short.yearly or long.yearly >= short.yearly:
        return ""
    percent = ((1 - long.yearly / short.yearly) * 100).to_integral_value(ROUND_FLOOR)
    said = {
        "long": LONG[long.contract.term](),
        "percent": f"{percent}%",
        "shorts": shorts(long.contract.term, short.contract.term),
    }
    return _("%(long)s saves %(percent)s against %(shorts)s") % said if percent else ""


def shorts(long: Interval, short: Interval) -> str:
    count = timing.A_YEAR[short] // timing.A_YEAR[long]
    return SEVERAL[short]() % {"count": count}


LONG = {
    Interval.DAY: lambda: _("A day"),
    Interval.WEEK: lambda: _("A week"),
    Interval.MONTH: lambda: _("A month"),
    Interval.QUARTER: lambda: _("A quarter"),
    Interval.HALF_YEAR: lambda: _("A half-year"),
    Interval.YEAR: lambda: _("A year"),
}
SEVERAL = {
    Interval.DAY: lambda: _("%(count)s days"),
    Interval.WEEK: lambda: _("%(count)s weeks"),
    Interval.MONTH: lambda: _("%(count)s months"),
    Interval.QUARTER: lambda: _("%(count)s quarters"),
    Interval.HALF_YEAR: lambda: _("%(count)s half-years"),
}


def card(visit: Visit, row: Subscription, one: Option, held: Held, saved: str) -> PlanCard:
    current = one.version.pk == row.version_id
    seen, refusal = (None, "") if current else tried(visit, row, one.version)
    return PlanCard(
        name=one.version.plan.name_in(visit.language),
        current=current,
        in_all=comparing.in_all(visit, row, one.contract, held),
        term=_("Term: %(term)s") % {"term": LONG[one.contract.term]().lower()},
        saving=saved,
        refund=refund_text(one.version.refund, one.version.undo_hours),
        prices=prices_of(visit, one, held),
        now=now(visit, seen) if seen else "",
        choices=choices(visit, row, one.version, seen) if seen else (),
        refusal=refusal,
    )


def prices_of(visit: Visit, one: Option, held: Held) -> tuple[comparing.Row, ...]:
    taken = dict(comparing.quantities(one.contract, held))
    return tuple(
        comparing.Row(
            comparing.name_of(visit, clause),
            comparing.written(visit, clause, taken.get(clause.code), one.version.currency),
            "",
        )
        for clause in one.contract.clauses
    )


def tried(visit: Visit, row: Subscription, version: PlanVersion) -> tuple[Preview | None, str]:
    """Return what a change to this version would do as the rules say, or why it cannot be done."""
    wish = wishes.Wish(do="change_plan", plan=version.plan.code)
    try:
        with transaction.atomic():
            return checkout.preview(lambda: wishes.try_out(wish, row, at=visit.at, by=visit.user)), ""
    except DomainError as refusal:
        return None, refusal.message


def now(visit: Visit, seen: Preview) -> str:
    """Return what it would cost now, or from when on it would count."""
    assert seen.change
    if seen.change.status == Change.Status.SCHEDULED:
        day = formatting.day(changed.effective_on(seen.change), visit.language, "weekday")
        return _("Nothing to pay now; it counts from %(day)s on.") % {"day": day}
    if seen.total_minor < 0:
        return _("Given back now: %(amount)s.") % {"amount": _money(-seen.total_minor, seen)}
    return _("To pay now: %(amount)s.") % {"amount": _money(seen.total_minor, seen)}


def _money(minor: int, seen: Preview) -> str:
    assert seen.change
    return wording.amount(Money(minor, seen.change.subscription.currency))


def choices(visit: Visit, row: Subscription, version: PlanVersion, seen: Preview) -> tuple[Choice, ...]:
    """Return the two times at which it can be changed; what the rules say comes first."""
    assert seen.change
    waits = seen.change.status == Change.Status.SCHEDULED
    names = {"": _("Look at the change"), "now": _("Change now instead"), "period_end": _("Change at the period's end")}
    return tuple(
        Choice(names[when], change_address(visit, row, do="change_plan", plan=version.plan.code, when=when))
        for when in ("", "now" if waits else "period_end")
    )


def change_address(visit: Visit, row: Subscription, **wish: str) -> str:
    """Return the address of the page on which a wish is confirmed."""
    return f"{visit.to('change', row.pk)}?{urlencode({name: value for name, value in wish.items() if value})}"
