"""What changed since the last bill: the parts of a difference always add up to it, each in the order of the rules."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.rating import parse_price
from invoices.causes_of_change import Part, Side, split


def price(**params):
    return parse_price({"model": "per_unit", **params})


def side(rated, quantity, **more):
    """Return a side whose amount is what its price says."""
    told = Side(price=rated, quantity=Decimal(quantity), amount_minor=0, **more)
    return Side(**{name: getattr(told, name) for name in Side.__slots__} | {"amount_minor": told.worth("CNY")})


PRICES = st.one_of(
    st.builds(lambda u, i: price(unit_amount=str(u), included=str(i)), st.decimals(0, 9, places=3), st.integers(0, 50)),
    st.builds(lambda a: parse_price({"model": "flat", "amount": str(a)}), st.decimals(0, 999, places=2)),
    st.builds(
        lambda a, b: parse_price(
            {
                "model": "graduated",
                "tiers": [{"up_to": "10", "unit_amount": str(a)}, {"up_to": None, "unit_amount": str(b)}],
            }
        ),
        st.decimals(0, 9, places=2),
        st.decimals(0, 9, places=2),
    ),
)
SHARES = st.integers(1, 31).flatmap(lambda whole: st.builds(Fraction, st.integers(1, whole), st.just(whole)))
SIDES = st.builds(
    lambda rated, quantity, share, amount, off, tax, metered: Side(
        price=rated,
        quantity=quantity,
        share=share,
        amount_minor=amount,
        discount_minor=off,
        tax_minor=tax,
        metered=metered,
    ),
    st.none() | PRICES,
    st.decimals(0, 500, places=1),
    SHARES,
    st.integers(-(10**6), 10**6),
    st.integers(0, 500),
    st.integers(-500, 500),
    st.booleans(),
)


@given(old=st.none() | SIDES, new=st.none() | SIDES)
def test_the_parts_add_up_to_the_difference(old, new):
    gross = [one.gross_minor if one else 0 for one in (old, new)]
    assert sum(part.amount_minor for part in split(old, new, "CNY")) == gross[1] - gross[0]


@given(rated=PRICES, first=st.decimals(0, 500, places=1), second=st.decimals(0, 500, places=1), share=SHARES)
def test_a_line_as_it_was_rated_has_nothing_unexplained(rated, first, second, share):
    found = split(side(rated, first, share=share), side(rated, second, share=share), "CNY")
    assert {part.cause for part in found} <= {"quantity"}


def test_it_takes_price_then_quantity_then_days_then_discount():
    """The worked table of docs/rules.md: 16 seats at 58.00 for 30 of 30 days, then 18 at 60.00 for 15 of 30, 10.00 off."""
    old = side(price(unit_amount="58"), 16)
    new = side(price(unit_amount="60"), 18, share=Fraction(15, 30), discount_minor=1000)
    assert split(old, new, "CNY") == (
        Part("price", 32_00),
        Part("quantity", 120_00),
        Part("days", -540_00),
        Part("discount", -10_00),
    )
    assert new.gross_minor - old.gross_minor == 32_00 + 120_00 - 540_00 - 10_00


def test_usage_is_a_cause_of_its_own():
    old, new = (side(price(unit_amount="0.05", included="1000"), used, metered=True) for used in ("11860", "12480"))
    assert split(old, new, "CNY") == (Part("usage", 31_00),)


def test_a_new_line_and_one_that_is_gone():
    base = side(parse_price({"model": "flat", "amount": "300"}), 1)
    assert split(None, base, "CNY") == (Part("new", 300_00),)
    assert split(base, None, "CNY") == (Part("gone", -300_00),)
    assert split(base, base, "CNY") == ()


def test_what_no_cause_explains_is_said():
    flat = parse_price({"model": "flat", "amount": "300"})
    assert split(side(flat, 1), Side(price=flat, quantity=Decimal(1), amount_minor=29_000), "CNY") == (
        Part("other", -10_00),
    )
