"""Why a statement and we may differ: causes for an operator to look at, and what usually resolves each."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from invoices import comparable, statements
from invoices.models import Payment, Refund, StatementRow

State, Resolution = StatementRow.State, StatementRow.Resolution
# What somebody pays to try an account out; in minor units.
SMALL = 100
ASK = "ask"


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause: its code, a sentence, and the act that usually resolves it (a resolution, or asking the provider)."""

    code: str
    sentence: str | Promise
    act: str


CAUSES = {
    "callback_lost": Cause("callback_lost", _("We were not told of it: ask the provider, then it is booked."), ASK),
    "paid_twice": Cause(
        "paid_twice", _("Paid twice under one number: keep it as received, then return it."), Resolution.SUSPENSE
    ),
    "fee": Cause("fee", _("The fee was taken off: book it as a fee."), Resolution.FEES),
    "other_day": Cause(
        "other_day", _("So close to midnight it may stand on the other day's statement."), Resolution.OTHER_DAY
    ),
    "refund_outside": Cause(
        "refund_outside", _("Returned at the provider's own site, not here."), Resolution.DIFFERENCES
    ),
    "test_row": Cause(
        "test_row", _("A small amount under no number of ours: somebody tried the account out."), Resolution.DIFFERENCES
    ),
    "by_hand": Cause("by_hand", _("Recorded by hand; compare the reference with the bank."), Resolution.DIFFERENCES),
    "unknown_payer": Cause("unknown_payer", _("Paid to the account under no number of ours."), Resolution.SUSPENSE),
    "not_there": Cause(
        "not_there", _("The provider does not show it: ask him before it is booked off."), Resolution.DIFFERENCES
    ),
    "amount": Cause(
        "amount", _("Another amount than ours: compare both, then book the difference."), Resolution.DIFFERENCES
    ),
}


def causes(row: StatementRow) -> list[Cause]:
    """Return the likely causes of an open difference, the likeliest first."""
    codes = {
        State.MISSING_HERE: _missing_here,
        State.MISSING_THERE: _missing_there,
        State.AMOUNT_DIFFERS: _amount_differs,
    }
    return [CAUSES[code] for code in codes[State(row.state)](row)] if row.state in codes else []


def _missing_here(row: StatementRow) -> list[str]:
    if row.refund:
        return ["callback_lost", "refund_outside"] if row.refunded is not None else ["refund_outside"]
    if row.payment is not None:
        return ["callback_lost"]
    if Payment.objects.filter(provider=row.file.provider, reference=row.reference).exclude(reference="").exists():
        return ["paid_twice"]
    return ["test_row", "unknown_payer"] if row.amount_minor <= SMALL else ["unknown_payer"]


def _missing_there(row: StatementRow) -> list[str]:
    file = row.file
    first, end = statements.bounds(file.seller, file.provider, file.day)
    near = ["other_day"] if row.at - first < statements.MIDNIGHT or end - row.at < statements.MIDNIGHT else []
    return [*near, "by_hand" if file.provider == statements.BANK else "not_there"]


def _amount_differs(row: StatementRow) -> list[str]:
    ours = comparable.of_row(row)
    differs = abs(abs(ours.moved_minor) - row.amount_minor) if ours else 0
    return ["fee", "amount"] if differs and differs == abs(row.fee_minor) else ["amount"]


def can_ask(row: StatementRow) -> bool:
    """Whether the provider can be asked for what stands behind a line: a payment or refund of ours whose outcome is not known."""
    payment = row.payment is not None and row.payment.status not in comparable.ARRIVED and row.payment.product != ""
    refund = row.refunded is not None and row.refunded.status in (Refund.Status.INTENDED, Refund.Status.UNKNOWN)
    return row.state == State.MISSING_HERE and (payment or refund)
