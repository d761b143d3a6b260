"""Put charges on the shelf, many in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from billing.charging import Worth
from billing.models import Charge, ChargeCredit, Subscription
from billing.undoing import Back
from tenants.bulk import copy_in, reserve

WIDE = Context(prec=60)
# A stored period is named by subscription, rhythm and first local day.
PeriodKey = tuple[int, str, date]
COLUMNS = [
    "tenant_id",
    "payer_id",
    "seller_id",
    "subscription_id",
    "period_id",
    "acceptance_id",
    "price_id",
    "code",
    "kind",
    "name",
    "name_en",
    "unit",
    "unit_en",
    "reason",
    "cause",
    "corrects_id",
    "service_start_on",
    "service_end_on",
    "quantity",
    "currency",
    "exact",
    "amount_minor",
    "undiscounted_minor",
    "tax_rate",
    "tax_inclusive",
    "details",
    "due_on",
    "created_at",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A charge to write: the worth of a clause for a subscription, when to ask for it, and why it is there.

    A credit says what it gives back of which charges.
    """

    subscription: Subscription
    worth: Worth
    due_on: date
    period: PeriodKey | int
    reason: str = Charge.Reason.PERIOD
    cause: str = ""
    corrects: int | None = None
    gives_back: Sequence[Back] = ()


def write(lines: Iterable[Line], *, periods: Mapping[PeriodKey, int], at: datetime) -> None:
    """Write charges; a charge that exists already (period, code, reason, cause) raises IntegrityError."""
    lines = list(lines)
    # A list: nothing may be asked of the database while rows are copied into it.
    rows = [_row(line, _id(line.period, periods), at) for line in lines]
    if any(line.gives_back for line in lines):
        numbers = list(zip(reserve(Charge, len(lines)), lines, strict=True))
        copy_in(Charge, ["id", *COLUMNS], ((n, *row) for (n, _line), row in zip(numbers, rows, strict=True)))
        ChargeCredit.objects.bulk_create(
            ChargeCredit(
                tenant_id=line.subscription.tenant_id,
                credit_id=number,
                charge_id=back.charge_id,
                amount_minor=back.amount_minor,
                undiscounted_minor=back.undiscounted_minor,
            )
            for number, line in numbers
            for back in line.gives_back
        )
    else:
        copy_in(Charge, COLUMNS, rows)


def _id(period: PeriodKey | int, periods: Mapping[PeriodKey, int]) -> int:
    return period if isinstance(period, int) else periods[period]


def _row(line: Line, period: int, at: datetime) -> tuple[Any, ...]:
    s, worth, clause = line.subscription, line.worth, line.worth.clause
    return (
        s.tenant_id,
        s.payer_id,
        s.seller_id,
        s.pk,
        period,
        s.acceptance_id,
        clause.price_id,
        clause.code,
        clause.kind,
        clause.name,
        clause.name_en,
        clause.unit,
        clause.unit_en,
        str(line.reason),
        line.cause,
        line.corrects,
        worth.start,
        worth.end,
        _fitting(worth.quantity, 10),
        s.currency,
        _fitting(worth.exact, 20),
        worth.amount_minor,
        worth.amount_minor if worth.undiscounted_minor is None else worth.undiscounted_minor,
        clause.tax_rate,
        s.seller.tax_inclusive,
        worth.details,
        line.due_on,
        at,
    )


def _fitting(value: Decimal, digits: int) -> Decimal:
    """Return a value with at most `digits` decimals, as its column holds it. No money: the amount is settled by now."""
    fits = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, WIDE)
    return value if fits == value else fits
