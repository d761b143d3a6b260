"""What can be changed of a contract besides its plan: seats, modules, coupons; pausing and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import changing, contracts, formatting
from billing.models import Price, Redemption, Subscription
from billing.terms import Clause
from invoices import states
from invoices.pages import comparing, coupons, plans, titles
from invoices.pages.visit import Visit

State = Subscription.Status


@dataclass(frozen=True)
class Seats:
    """A price that is held in numbers."""

    code: str
    name: str
    figure: str
    held: str


@dataclass(frozen=True)
class Module:
    """An optional price: taken or not, and where its button leads."""

    name: str
    figure: str
    taken: bool
    address: str


@dataclass(frozen=True)
class Ending:
    """A way to stop, with what it means and where its button leads."""

    name: str
    sentence: str
    address: str


@dataclass(frozen=True)
class OptionsPage:
    """The page /subscription/<id>/options/."""

    name: str
    seats: tuple[Seats, ...]
    modules: tuple[Module, ...]
    removals: str
    coupons: tuple[tuple[str, states.State], ...]
    endings: tuple[Ending, ...]
    change: str
    plans: str
    back: str
    may_change: bool


def page(visit: Visit, row: Subscription) -> OptionsPage:
    """Return what can be changed of a contract, with what each costs."""
    contract = contracts.load([row])[row.pk]
    held = comparing.held_at(contract, max(visit.at, row.during.lower))
    clauses = [clause for clause in contract.clauses if clause.kind != Price.Kind.USAGE and not clause.one_off]
    return OptionsPage(
        name=row.plan.name_in(visit.language),
        seats=tuple(seats(visit, row, one, held.get(one.code)) for one in clauses if is_counted(one)),
        modules=tuple(module(visit, row, one, one.code in held) for one in clauses if one.optional),
        removals=removals(row),
        coupons=tuple(redeemed(visit, row)),
        endings=tuple(endings(visit, row)),
        change=visit.to("change", row.pk),
        plans=visit.to("plans", row.pk),
        back=visit.to("subscription"),
        may_change=row.status in changing.CHANGEABLE,
    )


def is_counted(clause: Clause) -> bool:
    return clause.kind == Price.Kind.SEAT and not clause.optional


def seats(visit: Visit, row: Subscription, clause: Clause, quantity: Decimal | None) -> Seats:
    return Seats(
        clause.code,
        comparing.name_of(visit, clause),
        comparing.figure(visit, clause, row.currency),
        f"{(quantity or Decimal(0)).normalize():f}",
    )


def module(visit: Visit, row: Subscription, clause: Clause, taken: bool) -> Module:
    do = "remove_module" if taken else "add_module"
    return Module(
        comparing.name_of(visit, clause),
        comparing.figure(visit, clause, row.currency),
        taken,
        plans.change_address(visit, row, do=do, price=clause.code),
    )


def removals(row: Subscription) -> str:
    """Return what becomes of what is removed, by the rule of the plan."""
    if row.version.credit_removals:
        return _("What is removed leaves at once, and is credited by days.")
    return _("What is removed can be used to the end of the period that is paid for.")


def redeemed(visit: Visit, row: Subscription) -> list[tuple[str, states.State]]:
    found = Redemption.objects.filter(subscription=row.pk).select_related("coupon", "subscription").order_by("position")
    return [(coupons.gives(visit, one), states.PACK["used_up" if one.used_up_at else "valid"]) for one in found]


def endings(visit: Visit, row: Subscription) -> list[Ending]:
    """Return the ways to stop that there are now."""
    found = []
    last = formatting.day(titles.last_day(row.term_end_on), visit.language, "weekday")
    if row.status in (State.ACTIVE, State.PAST_DUE) and not row.pause_on:
        sentence = _("From the end of the running period on nothing is billed, until you use it again.")
        found.append(Ending(_("Pause"), sentence, plans.change_address(visit, row, do="pause")))
    if row.pause_on:
        name = _("Use it again") if row.status == State.PAUSED else _("Do not pause")
        sentence = _("The rest of the running period is charged by days.") if row.status == State.PAUSED else ""
        found.append(Ending(name, sentence, plans.change_address(visit, row, do="resume")))
    if not row.cancelled_at and not row.end_on:
        sentence = _("In use until %(day)s; nothing is charged for the time after.") % {"day": last}
        found.append(Ending(_("Cancel at the term's end"), sentence, plans.change_address(visit, row, do="cancel")))
    now = plans.change_address(visit, row, do="cancel", when="now")
    found.append(Ending(_("Cancel now"), _refund(row), now))
    return found


def _refund(row: Subscription) -> str:
    if row.version.refund == "pro_rata":
        return _("It ends today; what is paid for the days after is given back.")
    return _("It ends today; under this plan what is paid already is not given back.")
