"""What holds of credits, plans and parts, whatever the numbers; no database is asked."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing import timing
from billing.charging import Measure, of_usage
from billing.planning import plan
from billing.rating import parse_price
from billing.terms import Clause, Contract, Metered, Stretch
from billing.undoing import Charged, Given, give_back, undo
from tests import shop
from usage.periods import Alignment, Interval, Schedule, Span, local_midnight

ZONE = "Asia/Shanghai"
DAY = timedelta(days=1)
# The first day of every story, and how long it is told.
START, DAYS = date(2026, 1, 31), 100
LAST = shop.at("2026-05-12 00:00")
MANY = settings(max_examples=200)

# --- what is given back: whole numbers


@st.composite
def lines(draw: Any) -> list[Charged]:
    found = []
    for n in range(draw(st.integers(1, 4))):
        gross = draw(st.integers(0, 10_000))
        covered = draw(st.integers(1, 366))
        net = draw(st.integers(0, gross))
        given_back = []
        left, left_gross = net, gross
        for _ in range(draw(st.integers(0, 3))):
            amount, before = draw(st.integers(0, left)), draw(st.integers(0, left_gross))
            left, left_gross = left - amount, left_gross - before
            given_back.append(Given(amount, before, draw(st.integers(1, covered))))
        found.append(Charged(n + 1, gross, net, covered, draw(st.integers(0, covered)), tuple(given_back)))
    return found


shares = st.integers(1, 20).flatmap(lambda whole: st.integers(0, whole).map(lambda part: Fraction(part, whole)))


@MANY
@given(lines(), shares)
def test_never_more_is_given_back_than_is_left_of_each_line(charged: list[Charged], share: Fraction) -> None:
    by_id = {line.charge_id: line for line in charged}
    for back in give_back(charged, share):
        line = by_id[back.charge_id]
        assert 0 <= back.amount_minor <= line.left_minor
        assert 0 <= back.undiscounted_minor <= line.left_undiscounted
        assert back.amount_minor or back.undiscounted_minor


@MANY
@given(st.integers(0, 10_000), st.integers(1, 366), st.data())
def test_time_given_back_in_steps_is_given_back_once(net: int, covered: int, data: Any) -> None:
    """Whoever gives back from day to day, last from its start, gets all of the line and no more."""
    unused = data.draw(st.lists(st.integers(0, covered), max_size=4).map(sorted))
    line, sum_given = Charged(1, net, net, covered, 0), 0
    for days in [*unused, covered]:
        for back in give_back([replace(line, unused=days)]):
            sum_given += back.amount_minor
            line = replace(line, given=(*line.given, Given(back.amount_minor, back.undiscounted_minor, days)))
    assert sum_given == net


@MANY
@given(lines(), st.integers(0, 50_000))
def test_an_amount_is_undone_whole_as_far_as_lines_are_left(charged: list[Charged], amount: int) -> None:
    backs = undo(charged, amount)
    assert sum(back.undiscounted_minor for back in backs) == min(amount, sum(c.left_undiscounted for c in charged))
    by_id = {line.charge_id: line for line in charged}
    assert all(0 <= back.amount_minor <= by_id[back.charge_id].left_minor for back in backs)
    # From the newest to the oldest: an older line is touched only when nothing is left of the newer ones.
    touched = {back.charge_id: back for back in backs}
    for newer, older in pairwise(sorted(charged, key=lambda line: -line.charge_id)):
        if older.charge_id in touched:
            taken = touched[newer.charge_id].undiscounted_minor if newer.charge_id in touched else 0
            assert taken == max(0, newer.left_undiscounted)


@MANY
@given(lines())
def test_a_whole_line_undone_gives_back_its_whole_net(charged: list[Charged]) -> None:
    fresh = [replace(line, given=()) for line in charged]
    backs = undo(fresh, sum(line.undiscounted_minor for line in fresh))
    assert sum(back.amount_minor for back in backs) == sum(line.net_minor for line in fresh if line.undiscounted_minor)


# --- planning with ends, pauses and changes: no database


def clause(interval: Interval, price: dict[str, Any] | None = None, **changes: Any) -> Clause:
    facts: dict[str, Any] = {
        "price_id": 1,
        "code": "base",
        "kind": "base",
        "name": "",
        "name_en": "",
        "unit": "",
        "unit_en": "",
        "price": parse_price(price or {"model": "flat", "amount": "1"}),
        "interval": interval,
        "advance": True,
        "one_off": False,
        "optional": False,
        "tax_rate": Decimal(0),
        "meter": None,
        "quantities": ((shop.at("2020-01-01 00:00"), None, Decimal(1)),),
    }
    return Clause(**facts | changes)


@st.composite
def ending(draw: Any) -> Contract:
    """A contract of some months, which may end, pause or change on some day."""
    interval = draw(st.sampled_from([Interval.WEEK, Interval.MONTH, Interval.QUARTER]))
    own = draw(st.sampled_from([one for one in (Interval.DAY, Interval.WEEK, interval) if one.rank <= interval.rank]))
    alignment = draw(st.sampled_from(list(Alignment)))
    schedule = Schedule(START, interval, ZONE, alignment)
    days = st.one_of(st.none(), st.integers(1, DAYS).map(lambda n: START + n * DAY))
    boundaries = st.one_of(st.none(), st.integers(1, 6).map(schedule.boundary))
    return Contract(
        subscription_id=1,
        zone=ZONE,
        currency="CNY",
        status="pending",
        start_on=START,
        anchor_on=START,
        first_on=START,
        trial_end_on=None,
        terms_done=0,
        term_start_on=START,
        term_end_on=schedule.term_end(interval, 1),
        end_on=draw(days),
        renews=draw(st.sampled_from([True, True, False])),
        trial_pays=False,
        interval=interval,
        term=interval,
        alignment=alignment,
        billing_day=None,
        clauses=(clause(own), clause(interval)),
        pause_on=draw(boundaries),
        changes_on=draw(boundaries),
        changes_rhythm=draw(st.booleans()),
    )


def looked(contract: Contract, instants: list[datetime]) -> tuple[list[Stretch], list[Stretch], Contract]:
    """Look at instants, one after another, each with what the one before it left; return what was opened and closed."""
    opened: list[Stretch] = []
    closed: list[Stretch] = []
    current: dict[Interval, Stretch] = {}
    for at in instants:
        due = plan(contract, current, at=at)
        opened += due.opened
        closed += [replace(one, closed=False) for one in due.closed]
        over = {(one.interval, one.span.start) for one in due.closed}
        for one in (*current.values(), *due.opened):
            current[one.interval] = replace(one, closed=one.closed or (one.interval, one.span.start) in over)
        contract = replace(
            contract,
            status=due.status,
            terms_done=due.terms_done,
            term_start_on=due.term_start_on or contract.term_start_on,
            term_end_on=due.term_end_on or contract.term_end_on,
            ended_at=local_midnight(due.ended_on, ZONE) if due.ended_on else contract.ended_at,
        )
    return opened, closed, contract


instants = st.lists(st.integers(0, DAYS * 24).map(lambda n: LAST - timedelta(hours=n)), max_size=6).map(sorted)


@MANY
@given(ending(), instants)
def test_many_looks_plan_what_one_look_plans_also_where_it_ends_pauses_or_changes(
    contract: Contract, before: list[datetime]
) -> None:
    once = looked(contract, [LAST])
    many = looked(contract, [*before, LAST])
    key = lambda one: (one.interval, one.span.start, one.span.end)  # noqa: E731
    assert sorted(map(key, many[0])) == sorted(map(key, once[0]))
    assert sorted(map(key, many[1])) == sorted(map(key, once[1]))
    assert (many[2].status, many[2].ended_at) == (once[2].status, once[2].ended_at)


@MANY
@given(ending())
def test_periods_tile_until_nothing_opens_any_more(contract: Contract) -> None:
    opened, closed, after = looked(contract, [LAST])
    stops = [day for day in (contract.pause_on, contract.changes_on, contract.end_on) if day]
    for interval in contract.intervals:
        spans = [one.span for one in opened if one.interval == interval]
        assert spans[0].start == START
        assert all(one.end == other.start for one, other in pairwise(spans))
        assert all(span.start < min(stops, default=date.max) for span in spans)
        if not stops and contract.renews:
            assert spans[-1].end > START + DAYS * DAY
    assert all(one.end <= LAST for one in closed)
    again = plan(after, {}, at=LAST) if after.status == "ended" else None
    assert again is None or not again.opened


# --- now or later (rule 6)


@MANY
@given(
    st.sampled_from(list(Interval)),
    st.sampled_from(list(Interval)),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_dearer_is_now_cheaper_waits_and_terms_come_first(
    term: Interval, other: Interval, price: int, new_price: int
) -> None:
    def contract(of: Interval, amount: int) -> Contract:
        priced = clause(Interval.DAY, {"model": "flat", "amount": str(amount)})
        return replace(_plain(), term=of, clauses=(priced,), term_end_on=date(2027, 2, 1))

    running = Stretch(Interval.DAY, Span(0, START, START + DAY, START, START + DAY, ZONE), id=1)
    at = shop.at("2026-01-31 09:00")
    waits = timing.waits_until(contract(term, price), contract(other, new_price), {Interval.DAY: running}, at=at)
    if other.rank != term.rank:
        assert waits == (date(2027, 2, 1) if other.rank < term.rank else None)
    else:
        assert waits == (START + DAY if new_price < price else None)


def _plain() -> Contract:
    return Contract(
        subscription_id=1,
        zone=ZONE,
        currency="CNY",
        status="active",
        start_on=START,
        anchor_on=START,
        first_on=START,
        trial_end_on=None,
        terms_done=0,
        term_start_on=START,
        term_end_on=START + DAY,
        end_on=None,
        renews=True,
        trial_pays=False,
        interval=Interval.DAY,
        term=Interval.DAY,
        alignment=Alignment.ANNIVERSARY,
        billing_day=None,
        clauses=(),
    )


# --- parts of a period (rule 8)

METER = Metered(meter_id=1, aggregation="sum", recurring=False, match={}, others=())
TIERS = [
    {"up_to": "10", "unit_amount": "1.005"},
    {"up_to": "100.5", "unit_amount": "0.3333", "flat_amount": "2"},
    {"up_to": None, "unit_amount": "0.07"},
]
RISING = [
    {"model": "per_unit", "unit_amount": "0.005"},
    {"model": "per_unit", "unit_amount": "0.3333", "included": "25"},
    {"model": "per_unit", "unit_amount": "1.005", "maximum": "50.00", "minimum": "3.33"},
    {"model": "package", "package_size": "7", "package_amount": "1.11", "included": "3"},
    {"model": "graduated", "tiers": TIERS},
    {"model": "graduated", "tiers": TIERS, "included": "12.5"},
]


@MANY
@given(
    st.sampled_from(RISING),
    st.lists(st.decimals(0, 200, places=2), min_size=1, max_size=6),
    st.sampled_from(["CNY", "JPY"]),
)
def test_the_parts_of_a_period_at_equal_prices_add_up_to_the_whole(
    price: dict[str, Any], parts: list[Decimal], currency: str
) -> None:
    one = clause(Interval.MONTH, price, meter=METER, advance=False, kind="usage")
    stretch = Stretch(Interval.MONTH, Span(0, START, START + 28 * DAY, START, START + 28 * DAY, ZONE))
    whole = of_usage(one, stretch, Measure(sum(parts, Decimal(0))), currency=currency)
    before, amount, exact, paid = None, 0, Decimal(0), Decimal(0)
    for part in parts:
        worth = of_usage(one, stretch, Measure(part, before=before), currency=currency)
        before = (before or Decimal(0)) + part
        assert worth.amount_minor >= 0
        assert worth.quantity >= 0
        amount, exact, paid = amount + worth.amount_minor, exact + worth.exact, paid + worth.quantity
    assert (amount, paid) == (whole.amount_minor, whole.quantity)
    assert exact == whole.exact
