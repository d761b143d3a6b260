"""What must be true of purchases that were taken back: to the minor unit nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterator

from billing.models import Charge
from invoices.rehearsal.seen import Seen


def what_is_taken_back_is_nothing(seen: Seen) -> Iterator[str]:
    """A charge and its counter-entry come to nothing, after discount and before it, and each charge has one of them at most."""
    charges = {charge.pk: charge for charge in seen.charges}
    undone: set[int] = set()
    for counter in seen.charges:
        if counter.reason != Charge.Reason.CORRECTION or not counter.details.get("undoes"):
            continue
        charge = charges[counter.details["undoes"]]
        if charge.pk in undone:
            yield f"charge {charge.pk} {charge} is taken back twice"
        undone.add(charge.pk)
        net = seen.nets[charge.pk] if charge.undiscounted_minor > 0 else charge.amount_minor
        if net + counter.amount_minor or charge.undiscounted_minor + counter.undiscounted_minor:
            yield f"charge {charge.pk} {charge}: {net} is taken back with {counter.amount_minor}"


def what_is_taken_back_is_not_owed(seen: Seen) -> Iterator[str]:
    """Of a bill all of whose lines were taken back nothing is due, and nothing stays paid."""
    undone = {charge.details.get("undoes") for charge in seen.charges if charge.reason == Charge.Reason.CORRECTION}
    for invoice in seen.invoices:
        lines = seen.lines.get(invoice.pk, ())
        whole = invoice.number and lines and all(line.charge_id in undone for line in lines)
        if whole and (invoice.due_minor or invoice.paid_minor):
            yield f"invoice {invoice.number} was taken back, and {invoice.due_minor} is due, {invoice.paid_minor} paid"


ALWAYS = (what_is_taken_back_is_nothing, what_is_taken_back_is_not_owed)
