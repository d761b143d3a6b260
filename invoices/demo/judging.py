"""Hold the published cases against what was really billed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.money import Money, plain
from invoices.demo.reading import Customer
from invoices.models import Invoice, InvoiceLine


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case: whose, the lines of the bill that it is about, what they come to, and what was published."""

    case: str
    tenant: str
    name: str
    lines: tuple[dict[str, Any], ...]
    total: str
    expected: str
    number: str

    @property
    def right(self) -> bool:
        """Whether it is right to the fen."""
        return Decimal(self.total or "-1") == Decimal(self.expected)

    def to_json(self) -> dict[str, Any]:
        """Return the published form; amounts are decimal strings."""
        return {"case": self.case, "tenant": self.tenant, "lines": list(self.lines), "total": self.total}


def judge(cases: Sequence[Customer]) -> list[Verdict]:
    """Return a verdict on each case: its first bill."""
    return [_judge(case) for case in cases]


def _judge(case: Customer) -> Verdict:
    bill = Invoice.objects.issued().filter(tenant__code=case.code).order_by("sequence").first()
    lines = [_line(line) for line in bill.lines.select_related("charge").order_by("position")] if bill else []
    total = _amount(bill.total_minor, bill.currency) if bill else ""
    number = (bill.number or "") if bill else ""
    return Verdict(case.case, case.code, case.name, tuple(lines), total, case.expected, number)


def _line(line: InvoiceLine) -> dict[str, Any]:
    charge = line.charge
    steps = [
        {"text": step["zh"], **{key: step[key] for key in ("quantity", "unit_amount", "amount")}}
        for step in charge.details.get("steps", ())
    ]
    return {
        "price": line.code,
        "kind": line.kind,
        "period": [str(line.service_start_on), str(line.service_end_on)],
        "quantity": plain(line.quantity),
        "amount": _amount(line.amount_minor, charge.currency),
        "reason": line.reason,
        "discounts": [],
        "steps": steps,
    }


def _amount(minor: int, currency: str) -> str:
    return str(Money(minor, currency).amount)
