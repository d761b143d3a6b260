"""Read the demo's files: who sells, what it costs, who buys, and how much they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from stdnum.cn import uscc

FOLDER = Path(__file__).parent
SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # what a tax number is written with
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One invented customer: what it buys from which day on, how much it uses, and how it pays."""

    code: str
    name: str
    name_en: str
    plan: str
    start: date
    city: str = ""
    zone: str = "Asia/Shanghai"
    language: str = "zh-hans"
    group: str | None = None
    parent: str | None = None
    tags: Sequence[str] = ()
    purchase_order: str = ""
    cost_centre: str = ""
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    modules: Sequence[str] = ()
    negotiated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    size: Decimal = Decimal(0)
    season: int = 0
    lively: bool = False
    owner: Sequence[str] = ()
    pays: str = "prompt"
    way: str = "transfer"
    mandate: str = ""
    at_most: int = 500
    overpaid: int = 0
    unpaid: int = 0
    stopped: int | None = None
    uses: Sequence[Mapping[str, Any]] = ()
    case: str = ""
    expected: str = ""

    @property
    def tax_number(self) -> str:
        """Return an invented tax number whose check digit is right."""
        number = int.from_bytes(self.code.encode(), "big")
        tail = "".join(SIGNS[number // len(SIGNS) ** place % len(SIGNS)] for place in range(6))
        body = f"91330100MA2{tail}"
        return body + uscc.calc_check_digit(body)


@cache
def read(name: str) -> Any:
    """Return one of the files, parsed."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def months_before(day: date, months: int) -> date:
    """Return the first day of the month so many months before that of `day`."""
    place = day.year * 12 + day.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


def customers(today: date, *, count: int, months: int) -> list[Customer]:
    """Return the first `count` customers of the file; none begins more than `months` months ago."""
    first = months_before(today, months)
    return [_customer(said, today, first) for said in read("customers")[:count]]


def cases(today: date, *, months: int) -> list[Customer]:
    """Return the published cases, as customers who begin with the year, or with last month."""
    first = months_before(today, months)
    # On New Year's Day the year that began yesteryear: by nine in the morning nobody has bought anything yet.
    starts = {"year": max(date((today - DAY).year, 1, 1), first), "month": months_before(today, 1)}
    return [
        Customer(
            **said["tenant"],
            plan=said["plan"],
            start=starts[said["start"]],
            quantities={code: Decimal(number) for code, number in said.get("quantities", {}).items()},
            modules=said.get("modules", ()),
            uses=said.get("uses", ()),
            case=said["case"],
            expected=said["expected"],
        )
        for said in read("cases")
    ]


def _customer(said: Mapping[str, Any], today: date, first: date) -> Customer:
    rest = {key: value for key, value in said.items() if key not in ("months", "day", "size", "quantities")}
    month, day = months_before(today, said["months"]), said["day"]
    start = month + (day - 1) * DAY if day > 0 else today + day * DAY
    return Customer(
        **rest,
        start=max(start, first),
        size=Decimal(str(said.get("size", 0))),
        quantities={code: Decimal(number) for code, number in said.get("quantities", {}).items()},
    )
