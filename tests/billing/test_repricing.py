"""What usage would come to at other prices: from quantities alone, or not at all."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing import repricing
from billing.rating import parse_price
from billing.terms import Clause, Metered
from usage.periods import Interval

METER = Metered(meter_id=1, aggregation="sum", recurring=False, match={}, others=())


def clause(**price) -> Clause:
    return Clause(
        price_id=1,
        code="messages",
        kind="usage",
        name="messages",
        name_en="",
        unit="",
        unit_en="",
        price=parse_price(price),
        interval=Interval.MONTH,
        advance=False,
        one_off=False,
        optional=False,
        tax_rate=Decimal(0),
        meter=METER,
        quantities=(),
    )


CHEAP = clause(model="per_unit", included="1000", unit_amount="0.05")
DEAR = clause(model="per_unit", included="1000", unit_amount="0.06")
SHARE = clause(model="percentage", rate="0.01")


def difference(old: Clause | None, new: Clause, above=frozenset(), **details) -> int | None:
    measured = {(1, "messages"): details} if details else {}
    return repricing.difference(1, [(old, new)], measured, set(above), "CNY")


@pytest.mark.parametrize(
    ("details", "minor"),
    [
        ({"measured": "1300"}, 3_00),
        ({"measured": "900"}, 0),
        # A change cut the period: 800 before it, 500 after it.
        ({"measured": "500", "before": "800"}, 3_00),
        ({}, None),
    ],
)
def test_it_rates_the_measured_quantity_at_both_prices(details, minor):
    assert difference(CHEAP, DEAR, **details) == minor


def test_what_another_price_pays_for_is_free_where_the_new_version_says_so():
    # 1300 less 1000 included and 100 paid: 200 × 0.05; the new price leaves the 100 free too, or charges 300.
    assert difference(CHEAP, DEAR, {"messages"}, measured="1300", paid="100") == 2_00
    assert difference(CHEAP, DEAR, measured="1300", paid="100") == 8_00


def test_it_says_nothing_of_what_is_reckoned_by_transaction():
    assert (
        difference(SHARE, replace(SHARE, price=parse_price({"model": "percentage", "rate": "0.02"})), measured="5")
        is None
    )
    assert difference(SHARE, SHARE, measured="5") == 0


def test_a_price_that_is_new_or_no_longer_measured_does_not_count():
    assert difference(None, DEAR, measured="1300") is None
    assert difference(CHEAP, replace(DEAR, meter=None), measured="1300") is None
