"""Drawing on packs: exact at every edge, in the order of the rule, never more than there is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.drawing import Piece, Supply, draw, edges, pieces, spread

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 12


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def supply(pack: int, *, priority: int = 0, since: int = 0, until: int = HOURS, granted: int = 0) -> Supply:
    return Supply(pack, priority, hour(since), hour(until), hour(granted))


def drawn(used: dict[int, int], included: int, supplies: dict[Supply, int]) -> dict[int, Decimal]:
    """Draw on packs, as a close does, with usage told by hour."""
    cut = pieces(START, hour(HOURS), edges(supplies))
    filled = [
        piece._replace(quantity=Decimal(sum(q for h, q in used.items() if piece.start <= hour(h) < piece.end)))
        for piece in cut
    ]
    left = {one.pack: Decimal(quantity) for one, quantity in supplies.items()}
    return draw(filled, Decimal(included), supplies, left)


def unit_by_unit(used: dict[int, int], included: int, supplies: dict[Supply, int]) -> dict[int, Decimal]:
    """The rule word for word: one unit after the other, in order of time."""
    left, taken = {one.pack: quantity for one, quantity in supplies.items()}, {}
    for at in sorted(used):
        for _unit in range(used[at]):
            if included:
                included -= 1
                continue
            valid = [one for one in supplies if one.valid_from <= hour(at) < one.expires and left[one.pack]]
            if valid:
                first = min(valid, key=lambda one: one.turn)
                left[first.pack] -= 1
                taken[first.pack] = taken.get(first.pack, Decimal(0)) + 1
    return taken


def test_it_uses_included_units_before_a_pack():
    assert drawn({1: 1500}, 1000, {supply(1): 300}) == {1: Decimal(300)}
    assert drawn({1: 900}, 1000, {supply(1): 300}) == {}


def test_it_uses_the_lowest_priority_number_then_the_first_to_lapse_then_the_oldest():
    late, soon = supply(1, until=9), supply(2, until=8)
    urgent, old = supply(3, priority=0), supply(4, granted=-5)
    assert drawn({1: 5}, 0, {late: 5, soon: 3}) == {2: Decimal(3), 1: Decimal(2)}
    assert drawn({1: 5}, 0, {supply(5, priority=1, until=2): 9, urgent: 2}) == {3: Decimal(2), 5: Decimal(3)}
    assert drawn({1: 1}, 0, {urgent: 5, old: 5}) == {4: Decimal(1)}


def test_it_uses_a_pack_from_its_first_instant_to_before_it_lapses():
    one = supply(1, since=4, until=8)
    assert drawn({3: 5, 8: 5}, 0, {one: 9}) == {}
    assert drawn({4: 5, 7: 3}, 0, {one: 9}) == {1: Decimal(8)}


def test_it_lets_included_units_go_in_order_of_time_although_a_pack_lapses():
    # The first 10 units are free; the pack had lapsed when more were used.
    assert drawn({1: 10, 9: 10}, 10, {supply(1, until=8): 100}) == {}


def test_it_serves_prices_whose_events_all_have_its_properties():
    eu = Supply(1, 0, START, hour(1), START, {"region": "eu"})
    assert [eu.serves(match) for match in ({"region": "eu", "kind": "sms"}, {"region": "us"}, {})] == [
        True,
        False,
        False,
    ]


def test_it_spreads_what_is_expected_over_what_is_ahead():
    cut = pieces(START, hour(HOURS), [hour(6), hour(9)])
    quantities = [piece.quantity for piece in spread(cut, Decimal(100), hour(6))]
    assert quantities == [0, 50, 50]
    assert [piece.quantity for piece in spread(cut, Decimal(100), hour(HOURS))] == [0, 0, 0]


def test_it_cuts_where_a_pack_begins_or_lapses_inside_the_period():
    assert pieces(START, hour(4), [hour(-1), hour(2), hour(2), hour(4), hour(5)]) == [
        Piece(START, hour(2)),
        Piece(hour(2), hour(4)),
    ]


supplies = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-2, HOURS), st.integers(1, HOURS), st.integers(1, 6)), max_size=4
).map(
    lambda rows: {
        supply(n, priority=priority, since=since, until=since + length, granted=n % 2): held
        for n, (priority, since, length, held) in enumerate(rows)
    }
)


@given(st.dictionaries(st.integers(0, HOURS - 1), st.integers(0, 8), max_size=6), st.integers(0, 12), supplies)
def test_it_equals_the_rule_unit_by_unit(used, included, held):
    assert drawn(used, included, held) == unit_by_unit(used, included, held)


@pytest.mark.parametrize("quantity", ["0.5", "2.25"])
def test_it_draws_parts_of_units(quantity):
    left = {1: Decimal(2)}
    assert draw([Piece(START, hour(1), Decimal(quantity))], Decimal(0), [supply(1)], left) == {
        1: min(Decimal(quantity), Decimal(2))
    }
