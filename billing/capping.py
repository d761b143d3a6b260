"""Caps at a close: what usage came to above a customer's hard cap is taken off with lines of reason `cap` (CONTRACTS rule 19).

All usage of one customer with one seller whose periods end on the same local day is bounded together, late usage included: what
one billing day asks for. Lines are written again as differences, so that the charges of that day never come to more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from billing import budgets, contracts, settled
from billing.cap_lines import NARROW, WIDE, Made, line_of
from billing.charges import Line
from billing.charging import Worth
from billing.contracts import stretch
from billing.models import BillingPeriod, Charge, ChargeCredit, Subscription
from billing.money import divide_half_up
from billing.relief import Cap, Relief, Spot, spread
from billing.terms import Stretch
from billing.undoing import Back, Charged, undo
from tenants.bulk import among
from tenants.models import Tenant
from usage.periods import local_day

DAY = timedelta(days=1)
CAP = Charge.Reason.CAP
# Whose usage is bounded together: customer, seller, currency, local day on which the periods end.
Window = tuple[int, int, str, date]
# A price in a part of a period: the period, the price (0: none), what tells the part apart.
Place = tuple[int, int, str]


@dataclass(slots=True)
class Spent:
    """What was charged at one place, and what caps took off it by now, by kind of cap and charge."""

    first: Charge
    amount_minor: int = 0
    charges: list[int] = field(default_factory=list)
    given: dict[str, dict[int, list[int]]] = field(default_factory=lambda: {NARROW: {}, WIDE: {}})

    def off(self, kind: str) -> int:
        """What caps of a kind took off, before discount."""
        return sum(before for _amount, before in self.given[kind].values())


@dataclass(slots=True)
class Day:
    """One window: its places, the caps that count for it, and what they shall take off in all."""

    window: Window
    caps: list[Cap] = field(default_factory=list)
    places: dict[Place, Spent] = field(default_factory=dict)
    numbers: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    wanted: Mapping[Place, Relief] = field(default_factory=dict)

    def reckon(self, more: Mapping[Place, int]) -> None:
        """Reckon what the caps shall take off, with `more` charged at some places."""
        found = self.places.items()
        self.wanted = spread([_spot(p, one.first, one.amount_minor + more.get(p, 0)) for p, one in found], self.caps)

    def change(self, place: Place, kind: str) -> int:
        """Return by how much what caps of a kind take off a place shall rise; below zero it falls."""
        want = self.wanted[place]
        return (want.narrow if kind == NARROW else want.wide) - self.places[place].off(kind)


@dataclass(frozen=True, slots=True)
class Capped:
    """The days of a close that hard caps bound."""

    days: tuple[Day, ...] = ()


def hold(tenants: Iterable[int], *, wait: bool) -> set[int]:
    """Lock those of some customers who have hard caps; return those whom another worker holds.

    Two closes of one capped customer go one after the other, so that neither misses what the other charges. With `wait`,
    of a purchase that was just confirmed, it waits for the other.
    """
    capped = {row.tenant_id for row in budgets.hard_of(tenants)}
    if not capped:
        return set()
    rows = Tenant.objects.filter(among("pk", capped)).order_by("pk")
    held = rows.select_for_update(no_key=True) if wait else rows.select_for_update(no_key=True, skip_locked=True)
    return capped - set(held.values_list("pk", flat=True))


def meet(closed: Sequence[tuple[Subscription, Stretch]], late: Sequence[Line]) -> Capped:
    """Return the days that caps bound, of periods that closed and of late usage that is not written yet."""
    rows = budgets.hard_of({s.tenant_id for s, _stretch in closed} | {line.subscription.tenant_id for line in late})
    if not rows:
        return Capped()
    capped = {row.tenant_id for row in rows}
    windows = {_window(s, stretch.over_on) for s, stretch in closed if s.tenant_id in capped}
    windows |= {
        _window(ln.subscription, ln.worth.stretch.over_on) for ln in late if ln.subscription.tenant_id in capped
    }
    days = []
    for window in sorted(windows):
        day = Day(window)
        periods = _periods(window)
        if periods:
            mine = [row for row in rows if row.tenant_id == window[0]]
            day.caps = budgets.counting(mine, currency=window[2], end=max(period.end for period in periods))
        if day.caps:
            _read(day, periods)
            day.reckon(_of_late(late))
            days.append(day)
    return Capped(tuple(days))


def soften(late: Sequence[Line], capped: Capped) -> list[Line]:
    """Return the late lines as they stand beside the caps: a credit for usage above a cap gives back what the cap took off.

    So usage that is taken back above a cap returns nothing, and below it what was paid for it.
    """
    places = {place: day for day in capped.days for place in day.places}
    return [
        _softened(line, places[place]) if _place(line) in places and _changed(line) < 0 else line
        for line in late
        for place in [_place(line)]
    ]


def lines(capped: Capped, known: Sequence[Subscription], late: Sequence[Line], *, at: datetime) -> list[Line]:
    """Return the lines of the caps; all usage of their days, late usage too, stands on the shelf by now."""
    found: list[Line] = []
    for day in capped.days:
        for spent in day.places.values():
            spent.charges, spent.amount_minor = [], 0
            spent.given = {NARROW: {}, WIDE: {}}
        _read(day, _periods(day.window))
        day.reckon({})
        found += _lines(day, _subscriptions(day, known), {line.subscription.pk: line.due_on for line in late}, at)
    return found


def again(charge: Charge) -> tuple[Worth, int]:
    """Return what the lines of a cap come to, reckoned again from the usage that they bound, and what was charged of them.

    Both in minor units before discount: of the price in its part of the period, or of all that a wide cap bounds in it.
    """
    s = Subscription.objects.select_related("version", "seller").get(pk=charge.subscription_id)
    day = Day(_window(s, stretch(charge.period).over_on))
    periods = _periods(day.window)
    day.caps = budgets.counting(
        budgets.hard_of([s.tenant_id]), currency=s.currency, end=max(period.end for period in periods)
    )
    _read(day, periods)
    day.reckon({})
    kind = WIDE if charge.kind == WIDE else NARROW
    made: Made | None = None
    charged = 0
    for place, spent in sorted(day.places.items()):
        one = Made(kind, spent.first, charge.period)
        if one.scope == Made.scope_of(kind, charge) and (kind == NARROW or spent.first.tax_rate == charge.tax_rate):
            made = made or one
            off = day.wanted[place].narrow if kind == NARROW else day.wanted[place].wide
            made.add([Back(spent.first.pk, off, off)])
            charged += spent.off(kind)
    made = made or Made(kind, charge, charge.period)
    return line_of(made, s, _bound(day, made), 0, charge.due_on).worth, -charged


def _lines(day: Day, owners: Mapping[int, Subscription], late: Mapping[int, date], at: datetime) -> list[Line]:
    made: dict[tuple[object, ...], Made] = {}
    periods = {period.pk: period for period in _periods(day.window)}
    for place, spent in sorted(day.places.items()):
        for kind in (NARROW, WIDE):
            change = day.change(place, kind)
            if not change:
                continue
            parts = _taken_back(spent, kind, -change) if change < 0 else _given(spent, change)
            key = (place, kind) if kind == NARROW else (place[0], kind, spent.first.tax_rate)
            one = made.setdefault(key, Made(kind, spent.first, periods[place[0]]))
            one.add(parts)
    lines = []
    for one in made.values():
        s = owners[one.first.subscription_id]
        is_new = one.period.closed_at == at
        due_on = (
            stretch(one.period).over_on
            if is_new
            else late.get(s.pk) or min(late.values(), default=local_day(at, s.zone))
        )
        lines.append(line_of(one, s, _bound(day, one), day.numbers[one.scope], due_on))
        day.numbers[one.scope] += 1
    return lines


def _bound(day: Day, one: Made) -> tuple[Cap, int]:
    """Return the cap that a line tells of, and what the usage that it bounds came to."""
    spot = _spot(0, one.first, 0)
    mine = [cap for cap in day.caps if cap.wide == (one.kind == WIDE) and cap.holds(spot)]
    cap = min(mine, key=lambda cap: cap.most_minor) if mine else Cap(0)
    return cap, sum(spent.amount_minor for spent in day.places.values() if cap.holds(_spot(0, spent.first, 0)))


def _spot(place: object, first: Charge, amount: int) -> Spot:
    meter = first.price.meter_id if first.price else None
    return Spot(place, first.subscription_id, first.code, meter, amount)


def _given(spent: Spent, undone: int) -> list[Back]:
    """Return of which charges so much is taken off, newest first; after discount where they were billed by now.

    What is left of a charge, behind what a cap took off, was paid for what is left of its amount.
    """
    charges = list(Charge.objects.filter(pk__in=spent.charges).order_by("pk"))
    whole = settled.lines_of(charges).values()
    return undo([Charged(one.charge_id, one.left_undiscounted, one.left_minor) for one in whole], undone)


def _taken_back(spent: Spent, kind: str, freed: int) -> list[Back]:
    """Return what caps took off charges and shall not any more, newest first, as parts below zero."""
    backs = []
    for charge, (amount, before) in sorted(spent.given[kind].items(), reverse=True):
        part = min(freed, before)
        if part > 0:
            backs.append(Back(charge, -divide_half_up(amount * part, before), -part))
            freed -= part
    return backs


def _softened(line: Line, day: Day) -> Line:
    place = _place(line)
    spent = day.places[place]
    freed = {kind: max(0, -day.change(place, kind)) for kind in (NARROW, WIDE)}
    covered = min(-_changed(line), sum(freed.values()))
    if not covered and not spent.off(NARROW) and not spent.off(WIDE):
        return line
    parts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    rest = covered
    for kind, most in freed.items():
        for back in _taken_back(spent, kind, min(rest, most)):
            parts[back.charge_id][0] -= back.amount_minor
            parts[back.charge_id][1] -= back.undiscounted_minor
        rest -= min(rest, most)
    for back in _given(spent, -_changed(line) - covered):
        parts[back.charge_id][0] += back.amount_minor
        parts[back.charge_id][1] += back.undiscounted_minor
    backs = [Back(charge, amount, before) for charge, (amount, before) in sorted(parts.items(), reverse=True)]
    worth = replace(line.worth, amount_minor=-sum(back.amount_minor for back in backs))
    return replace(line, worth=worth, gives_back=backs)


def _read(day: Day, periods: Sequence[BillingPeriod]) -> None:
    """Read what was charged in the periods of a day, and what caps took off it."""
    mine = Charge.objects.filter(
        period__in=[period.pk for period in periods], seller=day.window[1], currency=day.window[2]
    )
    rows = list(mine.filter(kind__in=["usage", WIDE]).select_related("price").order_by("pk"))
    caps = {row.pk: WIDE if row.kind == WIDE else NARROW for row in rows if row.reason == CAP}
    day.numbers = Counter(Made.scope_of(caps[row.pk], row) for row in rows if row.pk in caps)
    of: dict[int, Place] = {}
    for row in rows:
        if row.pk in caps:
            continue
        place = of.get(row.corrects_id or 0) or (row.period_id, row.price_id or 0, row.cause)
        of[row.pk] = place
        spent = day.places.setdefault(place, Spent(row))
        spent.charges.append(row.pk)
        spent.amount_minor += row.undiscounted_minor
    for part in ChargeCredit.objects.filter(among("credit", caps)).order_by("pk"):
        given = day.places[of[part.charge_id]].given[caps[part.credit_id]].setdefault(part.charge_id, [0, 0])
        given[0] += part.amount_minor
        given[1] += part.undiscounted_minor


def _periods(window: Window) -> list[BillingPeriod]:
    """Return the closed periods that end on a window's local day."""
    tenant, seller, currency, day = window
    near = BillingPeriod.objects.filter(
        tenant=tenant,
        subscription__seller=seller,
        subscription__currency=currency,
        closed_at__isnull=False,
        end__gte=datetime.combine(day - 2 * DAY, datetime.min.time(), UTC),
        end__lte=datetime.combine(day + 3 * DAY, datetime.min.time(), UTC),
    )
    return [period for period in near.order_by("pk") if stretch(period).over_on == day]


def _window(s: Subscription, day: date) -> Window:
    return s.tenant_id, s.seller_id, s.currency, day


def _place(line: Line) -> Place:
    return line.worth.stretch.id or 0, line.worth.clause.price_id or 0, line.worth.cause


def _changed(line: Line) -> int:
    worth = line.worth
    return worth.amount_minor if worth.undiscounted_minor is None else worth.undiscounted_minor


def _of_late(late: Sequence[Line]) -> Mapping[Place, int]:
    more: Counter[Place] = Counter()
    for line in late:
        more[_place(line)] += _changed(line)
    return more


def _subscriptions(day: Day, known: Sequence[Subscription]) -> Mapping[int, Subscription]:
    owners = {s.pk: s for s in known}
    missing = {spent.first.subscription_id for spent in day.places.values()} - owners.keys()
    rows = contracts.with_terms(Subscription.objects.filter(among("pk", missing))) if missing else []
    return owners | {s.pk: s for s in rows}
