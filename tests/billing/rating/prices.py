"""Prices and quantities for property tests, and reckonings of our own to compare with."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from billing.rating import Price, Rated, parse_price, rate

CNY = "CNY"


def written(minimum: int = 0, maximum: int = 10_000, places: int = 4) -> st.SearchStrategy[str]:
    """Decimal strings as a price list has them."""
    return st.decimals(minimum, maximum, places=places).map(lambda value: format(abs(value), "f"))


quantities = written(maximum=2_000, places=3).map(Decimal) | st.integers(0, 2_000).map(Decimal)
rates = written(maximum=1, places=4)


@st.composite
def tiers(draw: st.DrawFn, price_key: str, with_flat: bool = True) -> list[dict[str, str | None]]:
    bounds = sorted(draw(st.sets(st.integers(1, 1_500), max_size=4)))
    rows: list[dict[str, str | None]] = []
    for bound in (*bounds, None):
        price = rates if price_key == "rate" else written(maximum=50)
        row = {"up_to": None if bound is None else str(bound), price_key: draw(price)}
        rows.append({**row, "flat_amount": draw(written(maximum=100, places=2))} if with_flat else row)
    return rows


@st.composite
def percentages(draw: st.DrawFn) -> dict[str, object]:
    price: dict[str, object] = {"model": "percentage", "rate": draw(rates)}
    if draw(st.booleans()):
        price["fixed_amount"] = draw(written(maximum=5, places=2))
    if draw(st.booleans()):
        price["free_amount"] = draw(written(maximum=500, places=2))
    if draw(st.booleans()):
        price["free_count"] = str(draw(st.integers(0, 4)))
    low, high = sorted(draw(st.tuples(st.integers(0, 20), st.integers(0, 20))))
    if draw(st.booleans()):
        price["min_amount"] = str(low)
    if draw(st.booleans()):
        price["max_amount"] = str(high)
    return price


shapes = st.one_of(
    st.fixed_dictionaries({"model": st.just("flat"), "amount": written()}),
    st.fixed_dictionaries({"model": st.just("per_unit"), "unit_amount": written(maximum=500)}),
    st.fixed_dictionaries(
        {
            "model": st.just("package"),
            "package_size": written(minimum=1, maximum=200, places=1),
            "package_amount": written(maximum=100, places=2),
        }
    ),
    st.fixed_dictionaries({"model": st.just("graduated"), "tiers": tiers("unit_amount")}),
    st.fixed_dictionaries({"model": st.just("volume"), "tiers": tiers("unit_amount")}),
    st.fixed_dictionaries({"model": st.just("stairstep"), "tiers": tiers("amount", with_flat=False)}),
    percentages(),
    st.fixed_dictionaries({"model": st.just("graduated_percentage"), "tiers": tiers("rate")}),
)


@st.composite
def prices_as_written(draw: st.DrawFn) -> dict[str, object]:
    """Any price of any shape, with or without what is included and bounds."""
    price = dict(draw(shapes))
    if draw(st.booleans()):
        price["included"] = draw(written(maximum=300, places=1))
    low, high = sorted(draw(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000))))
    if draw(st.booleans()):
        price["minimum"] = str(low)
    if draw(st.booleans()):
        price["maximum"] = str(high)
    return price


prices = prices_as_written().map(parse_price)


def rated(price: Price | dict[str, object], quantity: str | int | Decimal, **options: object) -> Rated:
    """Rate in yuan; `before` and `transactions` may be written as strings."""
    known = price if isinstance(price, Price) else parse_price(price)
    if isinstance(before := options.pop("before", None), str):
        before = Decimal(before)
    listed = options.pop("transactions", None)
    amounts = None if listed is None else [Decimal(str(amount)) for amount in listed]  # type: ignore[attr-defined]
    return rate(known, Decimal(quantity), CNY, before=before, transactions=amounts, **options)  # type: ignore[arg-type]


def codes(answer: Rated) -> list[tuple[str, str, str, str]]:
    """The steps without their words: code, quantity, unit amount, amount."""
    return [
        (one.code, f"{one.quantity.normalize():f}", f"{one.unit_amount.normalize():f}", f"{one.amount.normalize():f}")
        for one in answer.steps
    ]


def sum_of_steps(answer: Rated) -> Fraction:
    return sum((Fraction(one.amount) for one in answer.steps), Fraction(0))


def unit_by_unit(rows: Sequence[dict[str, str | None]], price_key: str, quantity: Decimal, per_unit: int) -> Fraction:
    """Price a quantity crumb by crumb (`per_unit` crumbs are one unit): each at the price of the tier it is in."""
    crumbs = quantity * per_unit
    assert crumbs == int(crumbs)
    total, seen = Fraction(0), set()
    for crumb in range(1, int(crumbs) + 1):
        position = Fraction(crumb, per_unit)
        at = next(n for n, row in enumerate(rows) if row["up_to"] is None or position <= Fraction(row["up_to"]))
        total += Fraction(rows[at][price_key] or "0") / per_unit
        seen.add(at)
    return total + sum(Fraction(rows[at].get("flat_amount") or "0") for at in seen or {0})


def one_by_one(price: dict[str, object], included: str, transactions: Sequence[str]) -> Fraction:
    """Price transactions with a percentage, each for itself, in a clerk's way: with a list of what is left free."""
    free_money = None if "free_amount" not in price else Fraction(str(price["free_amount"]))
    free_times = None if "free_count" not in price else int(str(price["free_count"]))
    off, total = Fraction(included), Fraction(0)
    for amount in map(Fraction, transactions):
        covered = min(off, amount)
        off, rest = off - covered, amount - covered
        if rest == 0:
            continue
        has_limits = free_money is not None or free_times is not None
        if has_limits and free_money != 0 and free_times != 0:
            free_times = None if free_times is None else free_times - 1
            if free_money is None or rest <= free_money:
                free_money = None if free_money is None else free_money - rest
                continue
            rest, free_money = rest - free_money, Fraction(0)
        fee = rest * Fraction(str(price["rate"])) + Fraction(str(price.get("fixed_amount", "0")))
        fee = max(fee, Fraction(str(price.get("min_amount", "0"))))
        total += min(fee, Fraction(str(price["max_amount"]))) if "max_amount" in price else fee
    return total
