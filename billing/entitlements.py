"""Entitlements: may this customer use this module, or so many more units, right now? (REQUIREMENTS E2, CONTRACTS rule 19)

Answered from the counters themselves, which every accepted event moves in its own transaction: an answer lags behind usage by
nothing. It is an answer, no lock: events are never refused for it, and what came above a hard cap is the seller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import budgets, contracts, covering
from billing.charging import Measure, included_in, is_metered, of_usage
from billing.measures import Question, measure
from billing.models import Budget, Subscription
from billing.relief import Cap, Spot, room
from billing.terms import Clause, Contract
from tenants.errors import Invalid
from tenants.models import Tenant
from usage.models import Meter

ZERO = Decimal(0)
Reach = Budget.Reach
RUNNING = (Subscription.Status.TRIALING, Subscription.Status.ACTIVE, Subscription.Status.PAST_DUE)
# A suspended or closed customer uses nothing; a restricted one no more than he has paid for.
SHUT = (Tenant.Status.SUSPENDED, Tenant.Status.CLOSED)


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes or no with its reason; amounts are minor units before discount and tax.

    Reasons: `bought`, `within_allowance`, `costs`, `not_bought`, `restricted`, `suspended`, `cap_reached`, `ask`. `free_left`
    is what is left of included units, `packs_left` of resource packs, `cost_minor` what these units would cost.
    `used_minor` and `cap_minor` are of the budget that answers, or that warns (`warning`); `budget` is its id.
    """

    allowed: bool
    reason: str
    message: str = ""
    free_left: Decimal | None = None
    packs_left: Decimal | None = None
    cost_minor: int = 0
    currency: str = ""
    used_minor: int | None = None
    cap_minor: int | None = None
    budget: int | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A usage price in its running period, as it stands and with more units on top."""

    subscription: Subscription
    question: Question
    now_minor: int
    measured: Measure

    def spot(self, more: int = 0) -> Spot:
        """Return it as budgets know it."""
        clause = self.question.clause
        meter = clause.meter.meter_id if clause.meter else None
        return Spot(self.question.key, self.subscription.pk, clause.code, meter, self.now_minor + more)


def check(
    tenant: Tenant,
    *,
    module: str | None = None,
    meter: str | None = None,
    quantity: Decimal | int = 1,
    at: datetime,
) -> Answer:
    """Return whether a customer may use a module (a price's code), or `quantity` more units of a meter (its code), at `at`.

    Raises Invalid unless one of the two is named and the quantity is above zero.
    """
    return check_many(tenant, [(module, meter, Decimal(quantity))], at=at)[0]


def check_many(
    tenant: Tenant, asked: Sequence[tuple[str | None, str | None, Decimal]], *, at: datetime
) -> list[Answer]:
    """Return the answers to several questions (module, meter, quantity), each for itself, read at once."""
    for number, (module, meter, quantity) in enumerate(asked):
        if bool(module) == bool(meter):
            raise Invalid(_("Name a module or a meter."), field=f"[{number}].meter")
        if not quantity.is_finite() or quantity <= 0:
            raise Invalid(_("Ask for more than zero."), field=f"[{number}].quantity")
    if tenant.status in SHUT:
        return [Answer(False, "suspended", _("The service of this customer is suspended.")) for _one in asked]
    live = Subscription.objects.filter(tenant=tenant, status__in=RUNNING).order_by("pk")
    mine = contracts.with_terms(live)
    agreed = contracts.load(mine)
    use = _running(mine, agreed, at) if any(meter for _module, meter, _q in asked) else []
    rows = budgets.in_force([tenant.pk], at=at) if use else []
    codes = _meter_codes(use)
    return [
        _of_module(module, agreed, at) if module else _of_meter(tenant, meter or "", quantity, use, codes, rows, at)
        for module, meter, quantity in asked
    ]


def used(tenant: Tenant, *, at: datetime) -> list[Running]:
    """Return what a customer's running usage comes to now, price by price."""
    mine = contracts.with_terms(Subscription.objects.filter(tenant=tenant, status__in=RUNNING).order_by("pk"))
    return running(mine, at=at)


def running(mine: Sequence[Subscription], *, at: datetime) -> list[Running]:
    """Return the same of several customers' subscriptions, which have version and seller."""
    return _running(mine, contracts.load(mine), at)


def _running(mine: Sequence[Subscription], agreed: Mapping[int, Contract], at: datetime) -> list[Running]:
    last = contracts.last_periods(mine)
    asked = (
        (s, stretch, clause)
        for s in mine
        for stretch in last.get(s.pk, {}).values()
        if stretch.start <= at < stretch.end and not stretch.closed
        for clause in agreed[s.pk].all_clauses
        if is_metered(clause, stretch, first=agreed[s.pk].paid_from)
    )
    questions = [Question(n, s, stretch, clause) for n, (s, stretch, clause) in enumerate(asked)]
    found = covering.expect(questions, measure(questions), at=at) if questions else {}
    return [
        Running(
            q.subscription,
            q,
            of_usage(q.clause, q.stretch, found[q.key], currency=q.subscription.currency).amount_minor,
            found[q.key],
        )
        for q in questions
    ]


def _of_module(code: str, agreed: Mapping[int, Contract], at: datetime) -> Answer:
    for contract in agreed.values():
        for clause in contract.clauses:
            if clause.code == code and clause.quantity_at(at):
                return Answer(True, "bought", currency=contract.currency)
    return Answer(False, "not_bought", _("“%(code)s” is not in the plan.") % {"code": code})


def _of_meter(
    tenant: Tenant,
    code: str,
    quantity: Decimal,
    running: Sequence[Running],
    codes: Mapping[int, str],
    rows: Sequence[Budget],
    at: datetime,
) -> Answer:
    mine = [
        one for one in running if _meter(one.question.clause) in codes and codes[_meter(one.question.clause)] == code
    ]
    current = [one for one in mine if _stands(one.question.clause, at)]
    if not current:
        return Answer(False, "not_bought", _("“%(code)s” is not in the plan.") % {"code": code})
    one = current[0]
    more, free, packs = _more(one, quantity, at)
    answer = Answer(True, "costs" if more > 0 else "within_allowance", "", free, packs, more, one.subscription.currency)
    if tenant.status == Tenant.Status.RESTRICTED and more > 0:
        told = _("Service is restricted until the open bill is paid; what is included goes on.")
        return replace(answer, allowed=False, reason="restricted", message=told)
    return _bounded(answer, one, running, rows, at) if more > 0 else answer


def _more(one: Running, quantity: Decimal, at: datetime) -> tuple[int, Decimal, Decimal]:
    """Return what so many more units cost, and what is left free: of included units, and of packs."""
    clause, stretch = one.question.clause, one.question.stretch
    found = one.measured
    added = quantity if clause.meter and clause.meter.aggregation in ("sum", "count") else max(ZERO, quantity)
    each = None if found.transactions is None else (*found.transactions, added)
    raised = Measure(found.quantity + added, each, found.events + 1, found.before)
    key = one.question.key
    then = covering.expect([one.question], {key: raised}, at=at, more={key: added})[key]
    cost = of_usage(clause, stretch, then, currency=one.subscription.currency).amount_minor - one.now_minor
    free = max(ZERO, included_in(clause, stretch) - found.quantity - (found.before or ZERO))
    return cost, free, _packs_left(one, at)


def _packs_left(one: Running, at: datetime) -> Decimal:
    """Return what packs would still cover of very many more units."""
    clause = one.question.clause
    if not covering.is_covered(clause):
        return ZERO
    free = included_in(clause, one.question.stretch)
    many = Measure(max(one.measured.quantity, free) + MANY, None, 0, one.measured.before)
    key = one.question.key
    then = covering.expect([one.question], {key: many}, at=at, more={key: many.quantity - one.measured.quantity})[key]
    return then.covered - one.measured.covered


# Above what packs hold.
MANY = Decimal(10) ** 15


def _bounded(answer: Answer, one: Running, running: Sequence[Running], rows: Sequence[Budget], at: datetime) -> Answer:
    """Return the answer of the budgets that bound a price: the first that says no, else a warning of the first reached."""
    caps = {row.pk: budgets.cap_of(row, at=at) for row in rows if row.currency == one.subscription.currency}
    hard = [caps[row.pk] for row in rows if row.hard and row.pk in caps]
    warned = answer
    for row in rows:
        cap = caps.get(row.pk)
        if cap is None or not cap.holds(one.spot()):
            continue
        before = used_of(cap, running, hard, one)
        if before + answer.cost_minor <= cap.most_minor:
            continue
        told = replace(answer, used_minor=before, cap_minor=cap.most_minor, budget=row.pk)
        if row.on_reach == Reach.STOP:
            return replace(told, allowed=False, reason="cap_reached", message=_("The cap that you set is reached."))
        if row.on_reach == Reach.ASK:
            said = _("Your budget is reached: somebody who may pay can release more for this period.")
            return replace(told, allowed=False, reason="ask", message=said)
        if not warned.warning:
            warned = replace(told, warning="budget_reached", message=_("Your budget is reached; usage goes on."))
    return warned


def used_of(cap: Cap, running: Iterable[Running], hard: Sequence[Cap], one: Running | None = None) -> int:
    """Return what is used of a budget by what runs, in minor units: of the periods that end on the same day as `one`'s."""
    beside = [
        each
        for each in running
        if one is None
        or (each.question.stretch.over_on, each.subscription.seller_id, each.subscription.currency)
        == (one.question.stretch.over_on, one.subscription.seller_id, one.subscription.currency)
    ]
    return room([each.spot() for each in beside], cap, hard)


def _meter(clause: Clause) -> int:
    return clause.meter.meter_id if clause.meter else 0


def _stands(clause: Clause, at: datetime) -> bool:
    return (clause.since is None or clause.since <= at) and (clause.until is None or at < clause.until)


def _meter_codes(running: Sequence[Running]) -> Mapping[int, str]:
    ids = {_meter(one.question.clause) for one in running}
    return dict(Meter.objects.filter(pk__in=ids).values_list("pk", "code")) if ids else {}
