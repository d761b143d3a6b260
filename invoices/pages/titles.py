"""What a bill is called and what it is for, in one line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import formatting
from invoices.models import Invoice, InvoiceLine
from invoices.pages.wording import count, joined, month

SHOWN_NAMES = 4


def bill(invoice: Invoice, lines: Sequence[InvoiceLine], today: date, language: str) -> str:
    """Return `11月账单`, with the year when it is not this one; a bill of a change is named after what was changed."""
    if invoice.origin and lines:
        return _("Change: %(what)s") % {"what": lines[0].name_in(language)}
    named = {"month": month(invoice.charge_on, language), "year": invoice.charge_on.year}
    if invoice.charge_on.year == today.year:
        return _("%(month)s bill") % named
    return _("%(month)s %(year)s bill") % named


def contents(lines: Sequence[InvoiceLine], language: str) -> str:
    """Return what a bill is for: `专业版、席位 18 个；10月消息 2,480 条`."""
    charged = [line for line in lines if line.amount_minor]
    fixed = [named(line, language) for line in charged if line.kind != "usage"]
    used = [named(line, language) for line in charged if line.kind == "usage"]
    shown = (fixed + used)[:SHOWN_NAMES]
    if len(charged) > len(shown):
        return _("%(names)s and %(count)s more") % {"names": joined(shown), "count": len(charged) - len(shown)}
    if fixed and used:
        return _("%(fixed)s; %(used)s") % {"fixed": joined(fixed), "used": joined(used)}
    return joined(shown) or _("Nothing was to be charged")


def named(line: InvoiceLine, language: str) -> str:
    """Return one line's part of the sentence: a name alone, or a name and how much."""
    name, many = line.name_in(language), count(line.quantity, line.unit_in(language), language)
    if line.kind == "usage":
        said = {"month": month(line.service_start_on, language), "name": name, "quantity": many}
        return _("%(month)s %(name)s %(quantity)s") % said
    return counted(name, line.quantity, line.unit_in(language), language) if line.kind == "seat" else name


def counted(name: str, quantity: Decimal, unit: str, language: str) -> str:
    """Return `席位 18 个`, `18 seats`: English says the unit in place of the name, and so does a unit of the same name."""
    if unit and (unit == name or not formatting.is_chinese(language)):
        return count(quantity, unit, language)
    return f"{name} {count(quantity, unit, language)}"


def last_day(end: date) -> date:
    """Return the last day included of a half-open span."""
    return end - timedelta(days=1)
