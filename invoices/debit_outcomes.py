"""What follows when a provider says what became of a debit under an agreement, in the transaction that settles it."""

from __future__ import annotations

from datetime import datetime

from invoices import telling_debits
from invoices.models import Mandate, Payment
from invoices.providers.port import Failure


def came_after_withdrawal(payment: Payment) -> bool:
    """Return whether money was deducted by itself once its authorisation had been withdrawn, by the provider's own moment.

    Such money is the customer's: it settles no bill and goes back (`undoing_debits`); what he owes, he still owes.
    """
    right = payment.authorisation
    if payment.basis != Payment.Basis.AUTOMATIC or payment.product != Payment.Product.DEBIT or right is None:
        return False
    return right.withdrawn_at is not None and right.withdrawn_at <= payment.received_at


def failed(payment: Payment, *, at: datetime) -> None:
    """Tell the customer that a debit took nothing, and what to do; where the agreement is said to be over, ask for it.

    What no provider was asked for is told by whoever held it back.
    """
    if payment.product != Payment.Product.DEBIT or payment.called_at is None:
        return
    if payment.failure == Failure.NO_CONTRACT:
        Mandate.objects.filter(payments=payment, status=Mandate.Status.ACTIVE).update(ask_at=at)
        return
    telling_debits.failed(payment, at=at)
