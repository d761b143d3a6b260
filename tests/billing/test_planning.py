"""Planning, without a database: periods tile, many looks give what one gives, nothing opens after the end."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.planning import plan
from billing.rating import parse_price
from billing.terms import Clause, Contract, Stretch
from usage.periods import Alignment, Interval, local_midnight

ZONES = ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Tongatapu", "America/Sao_Paulo", "Asia/Kathmandu", "UTC"]
LATER = {
    Interval.DAY: 40,
    Interval.WEEK: 100,
    Interval.MONTH: 400,
    Interval.QUARTER: 800,
    Interval.HALF_YEAR: 900,
    Interval.YEAR: 1500,
}


def clause(interval: Interval) -> Clause:
    return Clause(
        price_id=1,
        code="base",
        kind="base",
        name="",
        name_en="",
        unit="",
        unit_en="",
        price=parse_price({"model": "flat", "amount": "1"}),
        interval=interval,
        advance=True,
        one_off=False,
        optional=False,
        tax_rate=Decimal(0),
        meter=None,
        quantities=(),
    )


@st.composite
def contracts(draw) -> Contract:
    start = draw(st.dates(date(2020, 1, 1), date(2027, 12, 31)))
    interval = draw(st.sampled_from(list(Interval)))
    own = draw(st.sampled_from([i for i in Interval if i.rank <= interval.rank]))
    term = draw(st.sampled_from([i for i in Interval if i.rank >= interval.rank]))
    trial = draw(st.sampled_from([0, 0, 14]))
    contract = Contract(
        subscription_id=1,
        zone=draw(st.sampled_from(ZONES)),
        currency="CNY",
        status="pending",
        start_on=start,
        anchor_on=start + timedelta(days=trial),
        first_on=start,
        trial_end_on=start + timedelta(days=trial) if trial else None,
        terms_done=0,
        term_start_on=start,
        term_end_on=start + timedelta(days=1),
        end_on=draw(st.none() | st.integers(20, 500).map(lambda n: start + timedelta(days=trial + n))),
        renews=draw(st.booleans()),
        trial_pays=True,
        interval=interval,
        term=term,
        alignment=draw(st.sampled_from(list(Alignment))),
        billing_day=draw(st.none() | st.integers(1, 31)),
        clauses=(clause(interval), clause(own)),
    )
    end = contract.schedule(interval).term_end(term, 1)
    return replace(contract, term_start_on=contract.anchor_on, term_end_on=end)


def advance(contract: Contract, looks: list[datetime]) -> tuple[Contract, list[Stretch], list[Stretch]]:
    """Look at the contract at each instant, as runs would, and return it with all that was opened and closed."""
    opened: list[Stretch] = []
    closed: list[Stretch] = []
    current: dict[Interval, Stretch] = {}
    for at in sorted(looks):
        due = plan(contract, current, at=at)
        opened += due.opened
        closed += due.closed
        for stretch in due.opened:
            current[stretch.interval] = stretch
        for stretch in due.closed:
            if current[stretch.interval] == stretch:
                current[stretch.interval] = replace(stretch, closed=True)
        contract = replace(
            contract,
            status=due.status,
            terms_done=due.terms_done,
            term_start_on=due.term_start_on or contract.term_start_on,
            term_end_on=due.term_end_on or contract.term_end_on,
        )
    return contract, opened, closed


def horizon(contract: Contract) -> datetime:
    return local_midnight(contract.start_on + timedelta(days=LATER[contract.interval]), contract.zone)


@given(contracts())
def test_it_tiles_time(contract):
    last = horizon(contract)
    _after, opened, _closed = advance(contract, [last])
    for interval in contract.intervals:
        mine = [s for s in opened if s.interval == interval]
        assert mine[0].span.start == contract.start_on
        assert all(one.span.end == two.span.start for one, two in pairwise(mine))
        assert all(s.span.whole_start <= s.span.start < s.span.end <= s.span.whole_end for s in mine)


@given(contracts(), st.lists(st.integers(0, 100), max_size=6))
def test_it_does_in_many_looks_what_it_does_in_one(contract, shares):
    last = horizon(contract)
    begin = local_midnight(contract.start_on, contract.zone)
    looks = [begin + (last - begin) * share / 100 for share in shares]
    many = advance(contract, [*looks, last])
    once = advance(contract, [last])
    for what in (1, 2):
        key = lambda s: (s.interval.rank, s.start)  # noqa: E731
        assert [s.span for s in sorted(many[what], key=key)] == [s.span for s in sorted(once[what], key=key)]
    assert many[0] == once[0]


@given(contracts())
def test_it_opens_nothing_on_or_after_the_end(contract):
    after, opened, _closed = advance(contract, [horizon(contract)])
    ends = [day for day in (contract.end_on, None if contract.renews else after.term_end_on) if day]
    assert all(stretch.span.end <= min(ends) for stretch in opened if ends)


@given(contracts())
def test_it_says_when_it_is_due_next(contract):
    begin = local_midnight(contract.start_on, contract.zone)
    due = plan(contract, {}, at=begin)
    assert due.next_at is not None
    current = {stretch.interval: stretch for stretch in due.opened}
    standing = replace(contract, status=due.status, terms_done=due.terms_done, term_end_on=due.term_end_on)
    just_before = plan(standing, current, at=due.next_at - timedelta(seconds=1))
    assert (just_before.opened, just_before.closed) == ((), ())
    assert plan(standing, current, at=due.next_at).closed


@pytest.mark.parametrize("status", ["ended", "paused"])
def test_it_plans_nothing_for_what_is_over(status):
    contract = replace(contracts_example(status), pause_on=date(2026, 1, 1) if status == "paused" else None)
    assert plan(contract, {}, at=horizon(contract)).opened == ()


def contracts_example(status: str) -> Contract:
    day = date(2026, 1, 1)
    return Contract(
        subscription_id=1,
        zone="Asia/Shanghai",
        currency="CNY",
        status=status,
        start_on=day,
        anchor_on=day,
        first_on=day,
        trial_end_on=None,
        terms_done=0,
        term_start_on=day,
        term_end_on=date(2026, 2, 1),
        end_on=None,
        renews=True,
        trial_pays=False,
        interval=Interval.MONTH,
        term=Interval.MONTH,
        alignment=Alignment.ANNIVERSARY,
        billing_day=None,
        clauses=(clause(Interval.MONTH),),
    )
