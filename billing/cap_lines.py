"""The line of a cap, as it stands on the bill beside the usage that it bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from billing import contracts
from billing.charges import Line
from billing.charging import Worth, step_json
from billing.models import BillingPeriod, Charge, Subscription
from billing.money import minor_digits
from billing.rating import explanation
from billing.rating.steps import step
from billing.relief import Cap
from billing.terms import Clause
from billing.undoing import Back

# A cap of one price or meter stands under that price's code and kind; one of several together under its own.
NARROW, WIDE = "usage", "cap"
LONGEST = 80


@dataclass(slots=True)
class Made:
    """A line to be: its kind, the first charge that it bounds, its period, and what it takes off which charges."""

    kind: str
    first: Charge
    period: BillingPeriod
    parts: dict[int, list[int]] = field(default_factory=dict)

    def add(self, backs: Sequence[Back]) -> None:
        """Take so much off charges."""
        for back in backs:
            part = self.parts.setdefault(back.charge_id, [0, 0])
            part[0] += back.amount_minor
            part[1] += back.undiscounted_minor

    @property
    def backs(self) -> list[Back]:
        """What it takes off, charge by charge."""
        return [Back(pk, amount, before) for pk, (amount, before) in sorted(self.parts.items())]

    @property
    def scope(self) -> tuple[int, int, str]:
        """What its lines are numbered within."""
        return self.scope_of(self.kind, self.first)

    @staticmethod
    def scope_of(kind: str, row: Charge) -> tuple[int, int, str]:
        """Return what the lines of a kind are numbered within: the price and part, or the whole period."""
        if kind == WIDE:
            return row.period_id, 0, ""
        return row.period_id, row.price_id or 0, row.cause.partition("#")[0]


def line_of(made: Made, s: Subscription, bound: tuple[Cap, int], number: int, due_on: date) -> Line:
    """Return the line; `bound` is the cap and what the usage under it came to, `number` how many lines came before it."""
    cap, used = bound
    backs = made.backs
    amount = -sum(back.amount_minor for back in backs)
    before = -sum(back.undiscounted_minor for back in backs)
    digits = minor_digits(s.currency)
    exact = Decimal(before).scaleb(-digits)
    words = explanation.Words(s.currency)
    text = explanation.cap(words, Decimal(cap.most_minor).scaleb(-digits), Decimal(used).scaleb(-digits))
    details: dict[str, Any] = {
        "cap_minor": cap.most_minor,
        "usage_minor": used,
        "budget": cap.budget_id,
        "gives_back": [{"charge": back.charge_id, "amount_minor": back.amount_minor} for back in backs],
        "steps": [step_json(step(text, "cap", exact), s.currency)],
    }
    stretch = contracts.stretch(made.period)
    narrow = made.kind == NARROW
    worth = Worth(
        clause=_clause(made),
        stretch=stretch,
        start=made.first.service_start_on if narrow else stretch.span.start,
        end=made.first.service_end_on if narrow else stretch.span.end,
        quantity=Decimal(1),
        exact=exact,
        amount_minor=amount,
        details=details,
        undiscounted_minor=before,
    )
    cause = made.scope[2] if not number else f"{made.scope[2]}#{number + 1}"
    return Line(s, worth, due_on, made.period.pk, Charge.Reason.CAP, cause, None, [b for b in backs if _counts(b)])


def _counts(back: Back) -> bool:
    return bool(back.amount_minor or back.undiscounted_minor)


def _clause(made: Made) -> Clause:
    first = made.first
    narrow = made.kind == NARROW
    return Clause(
        price_id=first.price_id if narrow else None,
        code=first.code if narrow else WIDE,
        kind=made.kind,
        name=_cut(first.name, "，超出封顶的部分") if narrow else "超出封顶的部分",
        name_en=_cut(first.name_en or first.name, ", above your cap") if narrow else "Above your cap",
        unit="",
        unit_en="",
        price=contracts.rating_of("flat", {"amount": "0"}),
        interval=contracts.stretch(made.period).interval,
        advance=False,
        one_off=False,
        optional=False,
        tax_rate=first.tax_rate,
        meter=None,
        quantities=(),
    )


def _cut(name: str, more: str) -> str:
    return name[: LONGEST - len(more)] + more
