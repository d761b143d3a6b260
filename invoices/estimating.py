"""The whole cost of a quoted contract: the real verbs, on a contract that nobody has, in a savepoint that is rolled back.

Nothing is reckoned here. A company like the customer takes the contract, the expected usage is told, and what closing
charges and drafting puts on bills is read and added up; so the estimate equals the bills of a contract that uses what was
expected (REQUIREMENTS B9, C10).
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from billing import closing, subscriptions
from billing.models import Charge, Subscription
from billing.money import plain
from invoices import drafting, expecting, offering, starting
from invoices.models import InvoiceLine, Quote
from tenants import agreements
from tenants.models import Authorisation, Tenant
from usage.periods import add_months, local_midnight

A_YEAR = 12
# The order in which a contract is read.
ORDER = {"base": 0, "seat": 1, "module": 2, "service": 3, "usage": 4, "minimum": 5}
# A rhythm of a year that begins on the last day looked at is closed by then.
BEYOND = timedelta(days=367)


class _Undo(Exception):
    """Takes back what the estimate wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What one price comes to over the contract, in minor units; `bills` is on how many bills it stands with an amount."""

    code: str
    kind: str
    name: str
    name_en: str
    bills: int
    amount_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What is asked for in one calendar month: recurring fees, what comes once, usage, commitment; then the sums."""

    month: str
    fixed_minor: int
    once_minor: int
    usage_minor: int
    minimum_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overage:
    """A usage price at its expected usage: one whole period, with the steps of the formula."""

    code: str
    name: str
    name_en: str
    unit: str
    unit_en: str
    monthly: str
    first: str
    last: str
    measured: str
    included: str
    amount_minor: int
    steps: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The whole cost from `first` to `last` (days, the last one included): to the contract's end, or of its first year.

    `amount_minor` is before discount, `total_minor` what all bills come to, tax included. `first_bill_minor` is asked for
    on `first_bill_on`.
    """

    currency: str
    first: str
    last: str
    to_its_end: bool
    tax_included: bool
    items: tuple[Item, ...]
    months: tuple[Month, ...]
    usage: tuple[Overage, ...]
    amount_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    first_bill_on: str
    first_bill_minor: int

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as a quote keeps it."""
        return asdict(self)


def estimate(quote: Quote) -> Estimate:
    """Return what a quote's contract costs as a whole; raise what an order for it would be refused with.

    Writes nothing: all happens in a savepoint that is rolled back, on a company of its own.
    """
    offering.check(quote)
    found: list[Estimate] = []
    try:
        with transaction.atomic():
            found.append(_lived(quote))
            raise _Undo
    except _Undo:
        return found[0]


def _lived(quote: Quote) -> Estimate:
    until = quote.end_on or add_months(quote.start_on, A_YEAR)
    tenant = _like(quote.tenant)
    begins = local_midnight(quote.start_on, tenant.timezone)
    consent = _consent(quote, tenant, begins)
    starting.start(
        quote, tenant, partial(subscriptions.start_one, at=begins, by=None), consent=consent, at=begins, by=None
    )
    for price, monthly in offering.expectations(quote):
        expecting.tell(tenant, quote.seller, price, monthly, start=quote.start_on, until=until)
    _bill(tenant, local_midnight(until, tenant.timezone) + (timedelta(0) if quote.end_on else BEYOND))
    lines = list(_lines(tenant, until))
    return _summed(quote, until, lines, _overages(quote, lines))


def _like(customer: Tenant) -> Tenant:
    """Make a company that pays for itself and is like the customer in all that a price depends on."""
    same = ("name", "group_id", "timezone", "currency", "language")
    return Tenant.objects.create(
        code=f"estimate-{secrets.token_hex(8)}",
        opened_at=customer.opened_at,
        **{name: getattr(customer, name) for name in same},
    )


def _consent(quote: Quote, tenant: Tenant, at: datetime) -> Authorisation | None:
    if not quote.renews:
        return None
    return agreements.authorise(tenant, seller=quote.seller, text="-", text_version="estimate", at=at, by=None)


def _bill(tenant: Tenant, at: datetime) -> None:
    """Close all that falls due until `at`, and draft it."""
    due = Subscription.objects.due(at).filter(tenant=tenant)
    while ids := list(due.values_list("pk", flat=True)):
        closing.close(ids, at=at)
    drafting.draft([tenant.pk], at=at)


def _lines(tenant: Tenant, until: date) -> Iterable[InvoiceLine]:
    rows = InvoiceLine.objects.filter(tenant=tenant, service_start_on__lt=until).exclude(kind="")
    return rows.select_related("invoice", "charge").order_by("invoice__charge_on", "position")


def _summed(quote: Quote, until: date, lines: Sequence[InvoiceLine], usage: tuple[Overage, ...]) -> Estimate:
    first = min((line.invoice.charge_on for line in lines if line.gross_minor), default=quote.start_on)
    return Estimate(
        currency=quote.version.currency,
        first=quote.start_on.isoformat(),
        last=(until - timedelta(days=1)).isoformat(),
        to_its_end=quote.end_on is not None,
        tax_included=quote.seller.tax_inclusive,
        items=_items(lines),
        months=_months(lines),
        usage=usage,
        amount_minor=sum(line.amount_minor for line in lines),
        discount_minor=sum(line.discount_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
        total_minor=sum(line.gross_minor for line in lines),
        first_bill_on=first.isoformat(),
        first_bill_minor=sum(line.gross_minor for line in lines if line.invoice.charge_on == first),
    )


def _items(lines: Sequence[InvoiceLine]) -> tuple[Item, ...]:
    by_code: dict[str, list[InvoiceLine]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: ORDER.get(line.kind, 9)):
        by_code[line.code].append(line)
    return tuple(
        Item(
            code=code,
            kind=rows[0].kind,
            name=rows[0].name,
            name_en=rows[0].name_en,
            bills=len({row.invoice_id for row in rows if row.amount_minor}),
            amount_minor=sum(row.amount_minor for row in rows),
            discount_minor=sum(row.discount_minor for row in rows),
            tax_minor=sum(row.tax_minor for row in rows),
            total_minor=sum(row.gross_minor for row in rows),
        )
        for code, rows in by_code.items()
    )


def _months(lines: Sequence[InvoiceLine]) -> tuple[Month, ...]:
    once = set(
        Charge.objects.filter(pk__in=[x.charge_id for x in lines], price__one_off=True).values_list("pk", flat=True)
    )
    by_month: dict[str, list[InvoiceLine]] = defaultdict(list)
    for line in lines:
        by_month[f"{line.invoice.charge_on:%Y-%m}"].append(line)
    return tuple(_month(month, rows, once) for month, rows in sorted(by_month.items()))


def _month(month: str, rows: Sequence[InvoiceLine], once: set[int]) -> Month:
    parts: dict[str, int] = defaultdict(int)
    for row in rows:
        part = row.kind if row.kind in ("usage", "minimum") else "fixed"
        parts["once" if row.charge_id in once else part] += row.amount_minor
    return Month(
        month=month,
        fixed_minor=parts["fixed"],
        once_minor=parts["once"],
        usage_minor=parts["usage"],
        minimum_minor=parts["minimum"],
        discount_minor=sum(row.discount_minor for row in rows),
        tax_minor=sum(row.tax_minor for row in rows),
        total_minor=sum(row.gross_minor for row in rows),
    )


def _overages(quote: Quote, lines: Sequence[InvoiceLine]) -> tuple[Overage, ...]:
    """Return one whole period of each usage price: the longest one, of equal ones the first."""
    expected = {price.code: monthly for price, monthly in offering.expectations(quote)}
    found: dict[str, InvoiceLine] = {}
    for line in lines:
        if line.kind == "usage" and (line.code not in found or _days(line) > _days(found[line.code])):
            found[line.code] = line
    return tuple(_overage(line, expected.get(code, Decimal(0))) for code, line in found.items())


def _days(line: InvoiceLine) -> int:
    return (line.service_end_on - line.service_start_on).days


def _overage(line: InvoiceLine, monthly: Decimal) -> Overage:
    details = line.charge.details
    return Overage(
        code=line.code,
        name=line.name,
        name_en=line.name_en,
        unit=line.unit,
        unit_en=line.unit_en,
        monthly=plain(monthly),
        first=line.service_start_on.isoformat(),
        last=(line.service_end_on - timedelta(days=1)).isoformat(),
        measured=details.get("measured", "0"),
        included=details.get("included", "0"),
        amount_minor=line.amount_minor,
        steps=tuple(details.get("steps", ())),
    )
