"""docs/rules.md is computed again: every table that it marks as recomputed, and each price shape."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from billing.drawing import Piece, Supply, draw
from billing.money import Money
from billing.rating import SHAPES, credit, prorate
from billing.rating.answer import answer
from invoices.capitals import in_capitals
from invoices.tax import credit_tax, line_tax
from invoices.totals import Offer, spread_percent, take_off
from usage.periods import Alignment, Interval, Schedule, local_midnight

RULES = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """One table of the page: under which heading, after which price."""

    heading: str
    price: dict[str, object] | None
    rows: list[Row]


def tables() -> Iterator[Table]:
    for section in re.split(r"^#{2,3} ", RULES, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        block = re.search(r"```json\n(.*?)```", body, re.DOTALL)
        price = json.loads(block[1]) if block else None
        for found in re.findall(r"(?:^\|.*\n?)+", body, re.MULTILINE):
            header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines()]
            yield Table(heading, price, [dict(zip(header, cells, strict=True)) for cells in rows])


def fen(amount: str) -> int:
    return Money.of(amount.replace("−", "-"), "CNY").minor


def yuan(minor: int) -> str:
    return str(Money(minor, "CNY"))


def priced(price: dict[str, object], row: Row) -> Row:
    question: dict[str, object] = {"price": price, "currency": "CNY"}
    question |= {key: row[key] for key in ("quantity", "before") if row.get(key)}
    if row.get("transactions"):
        question["transactions"] = row["transactions"].split(", ")
    told = answer(question, "en")
    return {"exact": str(told["exact"]), "amount": str(told["amount"])}


def boundaries(row: Row) -> Row:
    anchor, n = date(2026, 1, 31), int(row["n"])
    kinds = {
        "anniversary": Schedule(anchor, Interval.MONTH, "Asia/Shanghai"),
        "billing day 5": Schedule(anchor, Interval.MONTH, "Asia/Shanghai", billing_day=5),
        "calendar": Schedule(anchor, Interval.MONTH, "Asia/Shanghai", Alignment.CALENDAR),
    }
    return {name: str(schedule.boundary(n)) for name, schedule in kinds.items()}


def first_instant(row: Row) -> Row:
    return {"UTC": f"{local_midnight(date.fromisoformat(row['day']), row['zone']):%Y-%m-%d %H:%M}"}


def end_of_term(row: Row) -> Row:
    start, interval = date.fromisoformat(row["start"]), Interval(row["interval"])
    schedule = Schedule(start, interval, "UTC", Alignment(row["alignment"]))
    return {"ends": str(schedule.term_end(Interval(row["term"]), int(row["n"])))}


def part(row: Row) -> Row:
    used, whole = int(row["days used"]), int(row["days of the whole"])
    return {"charged": yuan(prorate(Decimal(row["price"]), used, whole, "CNY"))}


def credited(row: Row) -> Row:
    back = credit(
        fen(row["charged after discount"]),
        int(row["unused"]),
        int(row["covered"]),
        fen(row["left of the line"]),
        removed=Decimal(row["seats removed"] or 1),
        held=Decimal(row["seats held"] or 1),
    )
    return {"credit": yuan(back)}


def discounted(row: Row) -> Row:
    parts = spread_percent([fen(amount) for amount in row["lines"].split(", ")], Decimal(row["percent"]), "CNY")
    return {"taken off": ", ".join(map(yuan, parts))}


def in_sequence(row: Row) -> Row:
    left = [fen(amount) for amount in row["lines"].split(", ")]
    taken = [0] * len(left)
    for coupon in row["coupons"].split(", "):
        percent = Decimal(coupon.removesuffix(" %")) if coupon.endswith("%") else None
        rest = {} if percent is not None else {"it": fen(coupon)}
        more = take_off(left, Offer(("it",) * len(left), percent=percent, rest=rest), "CNY")
        left = [amount - off for amount, off in zip(left, more, strict=True)]
        taken = [before + off for before, off in zip(taken, more, strict=True)]
    return {"taken off": ", ".join(map(yuan, taken))}


def tax_of_credit(row: Row) -> Row:
    before, part, inclusive = fen(row["credited before"]), fen(row["credit"]), row["inclusive"] == "yes"
    return {"tax of it": yuan(credit_tax(before, part, Decimal(row["rate"]), inclusive, "CNY").tax)}


def taxed(row: Row) -> Row:
    tax = line_tax(fen(row["amount"]), Decimal(row["rate"]), row["inclusive"] == "yes", "CNY")
    return {"net": yuan(tax.net), "tax": yuan(tax.tax), "gross": yuan(tax.gross)}


def capitals(row: Row) -> Row:
    return {"in capitals": in_capitals(fen(row["amount"]), "CNY")}


def packed(row: Row) -> Row:
    start, middle, end = (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 15, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    june = datetime(2026, 6, 1, tzinfo=UTC)
    supplies = [
        Supply(1, 0, start, middle, start),
        Supply(2, 0, start, june, start),
        Supply(3, 1, start, end, start),
    ]
    used = [Piece(start, middle, Decimal(row["before the 15th"])), Piece(middle, end, Decimal(row["from the 15th on"]))]
    taken = draw(used, Decimal(1000), supplies, {1: Decimal(300), 2: Decimal(500), 3: Decimal(200)})
    net = sum((piece.quantity for piece in used), Decimal(0)) - sum(taken.values())
    price = {"model": "per_unit", "included": "1000", "unit_amount": "0.05"}
    told = {f"from {name}": str(taken.get(pack, 0)) for pack, name in enumerate("ABC", 1)}
    charged = priced(price, {"quantity": str(net)})["amount"]
    return told | {"paid for": str(max(net - 1000, Decimal(0))), "charged": charged}


RECOMPUTED: dict[str, Callable[[Row], Row]] = {
    "1. Half open and from the anchor": boundaries,
    "2. A period begins at the first instant of a local day": first_instant,
    "3. Trials, terms and changes of rhythm": end_of_term,
    "4. Parts of a period": part,
    "5. Credits": credited,
    "10. Order of the sums": discounted,
    "Coupons, worked": in_sequence,
    "12. Tax": taxed,
    "Tax of credits, worked": tax_of_credit,
    "Amounts in capitals": capitals,
    "21. Resource packs": packed,
}


@pytest.mark.parametrize(
    ("table", "row"), [pytest.param(table, row, id=table.heading) for table in tables() for row in table.rows]
)
def test_it_computes_what_the_page_says(table: Table, row: Row) -> None:
    if table.price is not None:
        found = priced(table.price, row)
    elif table.heading in RECOMPUTED:
        found = RECOMPUTED[table.heading](row)
    else:
        found = {}
    assert {column: row[column] for column in found} == found
    assert all("?" not in cell for cell in row.values())


def test_it_shows_every_shape_and_recomputes_what_it_promises() -> None:
    by_heading = {table.heading: table for table in tables()}
    for model in SHAPES:
        price = by_heading[model].price
        assert price is not None
        assert price["model"] == model
    assert set(RECOMPUTED) <= set(by_heading)


def test_it_has_all_rules_and_says_how_far_each_is_in_force() -> None:
    sections = re.split(r"^### ", RULES, flags=re.MULTILINE)
    rules = [section for section in sections if re.match(r"\d+\. ", section)]
    assert [int(section.split(".")[0]) for section in rules] == list(range(1, 22))
    for section in rules:
        assert re.search(r"\*\*(In force|In force in part|Not yet)\b", section), section.splitlines()[0]
        assert "\n|---" in section, section.splitlines()[0]
