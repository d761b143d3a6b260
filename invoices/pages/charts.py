"""The daily chart: its title is the finding, its numbers are the ones of the table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting
from invoices.pages.days import Day, first_paid


@dataclass(frozen=True)
class Chart:
    """One chart with the data that the script reads and the table shows."""

    name: str
    title: str
    unit: str
    days: tuple[Day, ...]
    splits: bool
    data: dict[str, object]

    @property
    def element(self) -> str:
        """The id of the element that holds the data."""
        return f"chart-{self.name}"


def daily(name: str, rows: list[Day], *, unit: str, language: str, allowance: Decimal | None, adding: bool) -> Chart:
    """Return the chart of a stretch of days; `name` is unique on its page."""
    title = finding(rows, unit, language, allowance)
    points = [
        {
            "day": short(row.day, language),
            "included": str(row.included),
            "paid": str(row.paid),
            "coming": str(row.coming),
        }
        for row in rows
    ]
    data: dict[str, object] = {
        "label": title,
        "unit": unit,
        "days": points,
        "limit": "" if adding or allowance is None else str(allowance),
        "names": {"included": _("included"), "paid": _("paid for"), "coming": _("expected")},
    }
    return Chart(name, title, unit, tuple(rows), allowance is not None, data)


def finding(rows: list[Day], unit: str, language: str, allowance: Decimal | None) -> str:
    """Return what the chart shows, in words."""
    over = first_paid(rows) if allowance is not None else None
    if over:
        return _("Above what is included from %(day)s on") % {"day": short_sentence(over, language)}
    busiest = max(rows, key=lambda row: row.quantity, default=None)
    if busiest is None or not busiest.quantity:
        return _("Nothing was used")
    most = {"day": short_sentence(busiest.day, language), "quantity": formatting.quantity(busiest.quantity, unit)}
    if allowance is not None:
        return _("Within what is included; most on %(day)s, %(quantity)s") % most
    return _("Most on %(day)s, %(quantity)s") % most


def short(day: date, language: str) -> str:
    """Return a day for the axis: `27日`, `27 Oct`."""
    return f"{day.day}日" if formatting.is_chinese(language) else f"{day.day} {day:%b}"


def short_sentence(day: date, language: str) -> str:
    return f"{day.month}月{day.day}日" if formatting.is_chinese(language) else f"{day.day} {day:%b}"
