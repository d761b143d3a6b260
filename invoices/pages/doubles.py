"""What may be double: bought, paid or told twice, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing.money import Money
from invoices import doubled, states
from invoices.models import DuplicateFlag
from invoices.pages.visit import Visit
from tenants.errors import NotFound

Kind, State = DuplicateFlag.Kind, DuplicateFlag.State
SHOWN = 100
STATES = states.listed(
    ("open", State.OPEN.label, "attention"),
    ("kept", State.KEPT.label, "neutral"),
    ("corrected", State.CORRECTED.label, "done"),
)


@dataclass(frozen=True)
class Double:
    """One possible double, and the two answers; `correct` is empty where the customer ends one of the two himself."""

    sentence: str
    hint: str
    amount: Money | None
    found_at: datetime
    state: states.State
    open: bool
    keep: str
    correct: str
    button: str


@dataclass(frozen=True)
class DoublesPage:
    """The page /doubles/."""

    open: tuple[Double, ...]
    decided: tuple[Double, ...]
    may_act: bool


def page(visit: Visit) -> DoublesPage:
    """Return what needs a look, and what was decided."""
    mine = DuplicateFlag.objects.filter(tenant=visit.tenant).order_by("-found_at", "-pk")
    rows = [_shown(visit, one) for one in mine[:SHOWN]]
    return DoublesPage(
        tuple(row for row in rows if row.open), tuple(row for row in rows if not row.open), visit.member.may_pay
    )


def find(visit: Visit, pk: int) -> DuplicateFlag:
    """Return a flag of this company, or raise NotFound."""
    found = DuplicateFlag.objects.filter(tenant=visit.tenant, pk=pk).select_related("tenant", "seller").first()
    if found is None:
        raise NotFound(_("There is no such entry."))
    return found


def _shown(visit: Visit, one: DuplicateFlag) -> Double:
    hints = {
        Kind.PRODUCT: _("Use one of the two and cancel the other; within its hours a purchase can be taken back."),
        Kind.MODULE: _("Remove it from one of the two contracts; within its hours a purchase can be taken back."),
        Kind.PAYMENT: _("It stands in your balance. Keep it there for coming bills, or have it paid back as it came."),
        Kind.SOURCE: _("Probably two programs report the same. The doubles are taken out, and bills corrected."),
    }
    buttons = {Kind.PAYMENT: _("Pay it back"), Kind.SOURCE: _("Take the doubles out")}
    return Double(
        sentence=doubled.said(one, visit.language),
        hint=hints[Kind(one.kind)],
        amount=Money(one.amount_minor, one.currency) if one.amount_minor else None,
        found_at=one.found_at,
        state=STATES[one.state],
        open=one.state == State.OPEN,
        keep=visit.to("double_keep", one.pk),
        correct=visit.to("double_correct", one.pk),
        button=buttons.get(Kind(one.kind), _("It is settled")),
    )
