"""Budgets and caps: what a company lets usage cost it, how far each is used, and what happens when it gets there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from billing import budgets, watching
from billing.budgets import Wish
from billing.models import Budget, Charge
from billing.money import Money
from billing.watching import Standing
from invoices.pages import meters, wording
from invoices.pages.visit import Visit
from tenants.errors import Invalid, NotFound
from usage.models import Meter

# So many former budgets are shown.
SHOWN = 50


@dataclass(frozen=True)
class BudgetRow:
    """A budget in force, on its next billing day; `used` and `expected` are none where nothing runs that it bounds."""

    name: str
    amount: Money
    allowed: Money
    hard: bool
    reach: str
    set_by: str
    set_at: datetime
    used: Money | None
    expected: Money | None
    over_on: date | None
    percent: int
    passes: bool
    meter: meters.Meter | None
    end: str
    release: str


@dataclass(frozen=True)
class Former:
    """A budget that has ended."""

    name: str
    amount: Money
    hard: bool
    set_by: str
    set_at: datetime
    ended_by: str
    ended_at: datetime


@dataclass(frozen=True)
class Choice:
    """Something that may be bounded."""

    value: str
    name: str


@dataclass(frozen=True)
class BudgetsPage:
    """The page Budgets & caps."""

    rows: tuple[BudgetRow, ...]
    former: tuple[Former, ...]
    choices: tuple[Choice, ...]
    reaches: tuple[Choice, ...]
    saved: Money | None
    currency: str
    set: str
    may_pay: bool


def page(visit: Visit) -> BudgetsPage:
    """Return the budgets of a company, those in force and those before."""
    standing: dict[int, Standing] = {}
    for one in watching.standings(visit.tenant, at=visit.at):
        first = standing.get(one.budget.pk)
        if first is None or first.percent < one.percent:
            standing[one.budget.pk] = one
    current = budgets.in_force([visit.tenant.pk], at=visit.at)
    ended = Budget.objects.filter(tenant=visit.tenant, ended_at__isnull=False).select_related("meter")
    caps = Charge.objects.filter(tenant=visit.tenant, reason=Charge.Reason.CAP, currency=visit.tenant.currency)
    saved = -(caps.aggregate(sum=Sum("undiscounted_minor"))["sum"] or 0)
    return BudgetsPage(
        rows=tuple(_row(visit, row, standing.get(row.pk)) for row in current),
        former=tuple(_former(visit, row) for row in ended.order_by("-ended_at", "-pk")[:SHOWN]),
        choices=_choices(visit),
        reaches=tuple(Choice(value, said) for value, said in reaches().items()),
        saved=Money(saved, visit.tenant.currency) if saved else None,
        currency=visit.tenant.currency,
        set=visit.to("set_budget"),
        may_pay=visit.member.may_pay,
    )


def reaches() -> dict[str, str]:
    """Return what may happen when a budget is reached, as a reader chooses it."""
    return {
        "warn": _("Tell us, usage goes on"),
        "ask": _("Ask us: somebody who may pay releases more"),
        "stop": _("Stop: our service says no to more"),
    }


def set_one(visit: Visit, *, what: str, amount: str, hard: bool, on_reach: str) -> Budget:
    """Set a budget from what a member wrote; raise Invalid or NotFound, naming the field."""
    wish = _named(visit, what)
    wish = replace(wish, amount_minor=_money(visit, amount).minor, hard=hard, on_reach=on_reach)
    return budgets.set_one(visit.tenant, wish, at=visit.at, by=visit.user)


def end(visit: Visit, pk: int) -> Budget:
    """End a budget of the company."""
    return budgets.end(_mine(visit, pk), at=visit.at, by=visit.user)


def release(visit: Visit, pk: int, amount: str) -> Money:
    """Let more pass a budget for the running period."""
    more = _money(visit, amount)
    budgets.release(_mine(visit, pk), more.minor, at=visit.at, by=visit.user)
    return more


def named(row: Budget, visit: Visit) -> str:
    """Return what a budget bounds."""
    if row.subscription_id and row.subscription is not None:
        return _("Usage of “%(plan)s”") % {"plan": row.subscription.plan.name_in(visit.language)}
    if row.price_code:
        return next((one.name for one in _choices(visit) if one.value == f"price:{row.price_code}"), row.price_code)
    return row.meter.name_in(visit.language) if row.meter else _("All usage")


def _named(visit: Visit, what: str) -> Wish:
    kind, _colon, code = what.partition(":")
    if not what or kind not in ("meter", "price"):
        return Wish(0)
    if kind == "meter":
        return budgets.named(visit.tenant, meter=code)
    return budgets.named(visit.tenant, price_code=code)


def _choices(visit: Visit) -> tuple[Choice, ...]:
    """Return what may be bounded: everything, each meter in use, and each usage price that shares its meter with another."""
    clauses = budgets.metered(visit.tenant)
    by_meter = {row.pk: row for row in Meter.objects.filter(pk__in={c.meter.meter_id for c in clauses if c.meter})}
    found = [Choice("", _("All usage"))]
    found += [Choice(f"meter:{row.code}", row.name_in(visit.language)) for row in by_meter.values()]
    of_meter = [clause.meter.meter_id for clause in clauses if clause.meter]
    for clause in clauses:
        if (clause.meter and of_meter.count(clause.meter.meter_id) > 1) or clause.optional:
            name = clause.name_en if visit.language == "en" and clause.name_en else clause.name
            found.append(Choice(f"price:{clause.code}", name))
    return tuple(dict.fromkeys(found))


def _row(visit: Visit, row: Budget, one: Standing | None) -> BudgetRow:
    most = budgets.cap_of(row, at=visit.at).most_minor
    name = named(row, visit)
    return BudgetRow(
        name=name,
        amount=Money(row.amount_minor, row.currency),
        allowed=Money(most, row.currency),
        hard=row.hard,
        reach=reaches()[row.on_reach],
        set_by=row.set_by_name,
        set_at=row.set_at,
        used=Money(one.used_minor, row.currency) if one else None,
        expected=Money(one.expected_minor, row.currency) if one else None,
        over_on=one.over_on if one else None,
        percent=one.percent if one else 0,
        passes=one is not None and one.expected_minor > most,
        meter=_bar(name, one, row.currency) if one else None,
        end=visit.to("end_budget", row.pk),
        release=visit.to("release_budget", row.pk),
    )


def _bar(name: str, one: Standing, currency: str) -> meters.Meter:
    used, most, expected = (Decimal(n) for n in (one.used_minor, one.most_minor, one.expected_minor))
    said = {
        "name": name,
        "used": wording.amount(Money(one.used_minor, currency)),
        "most": wording.amount(Money(one.most_minor, currency)),
    }
    label = _("%(name)s: %(used)s of %(most)s") % said
    whole = max(used, most, expected, Decimal(1)) * Decimal("1.05")
    inside = min(used, most)
    return meters.meter(
        label, included=inside, paid=used - inside, coming=max(Decimal(0), expected - used), whole=whole, limit=most
    )


def _former(visit: Visit, row: Budget) -> Former:
    assert row.ended_at is not None
    amount = Money(row.amount_minor, row.currency)
    return Former(named(row, visit), amount, row.hard, row.set_by_name, row.set_at, row.ended_by_name, row.ended_at)


def _mine(visit: Visit, pk: int) -> Budget:
    found = Budget.objects.filter(tenant=visit.tenant, pk=pk).select_related("tenant").first()
    if found is None:
        raise NotFound(_("There is no such budget."))
    return found


def _money(visit: Visit, text: str) -> Money:
    try:
        return Money.of(text.replace(",", "").replace("¥", "").strip(), visit.tenant.currency)
    except ValueError:
        raise Invalid(_("This is no amount: write digits, such as 500.00."), field="amount") from None
