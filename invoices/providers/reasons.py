"""What a failed payment says to the customer: what happened, and what to do. In words of ours, never the provider's."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from invoices.providers.port import Failure

SENTENCES = {
    Failure.TOO_LITTLE: _(
        "Your payment account held too little. Put money in or choose another card there, then pay again."
    ),
    Failure.ABOVE_LIMIT: _(
        "The amount is above the limit of your payment account or agreement. Pay by bank transfer, or raise the limit there."
    ),
    Failure.BANK: _("Your bank declined the payment. Choose another card, or ask your bank why."),
    Failure.ACCOUNT: _(
        "The provider has restricted your payment account. Settle this with the provider, or pay another way."
    ),
    Failure.NO_CONTRACT: _("The deduction agreement is no longer in force. Sign a new one, or pay this bill by hand."),
    Failure.NOT_TOLD: _(
        "The provider had to announce the deduction first. Nothing was taken; we announce it and try again. You need do nothing."
    ),
    Failure.WRONG_DAY: _(
        "The provider lets us deduct on certain days only. Nothing was taken; we try again in time. You need do nothing."
    ),
    Failure.EXPIRED: _("The time to pay ran out and nothing was taken. Start the payment again."),
    Failure.CLOSED: _(
        "The payment was closed before it was made, and nothing was taken. Start it again if you want to pay."
    ),
    Failure.DECLINED: _("The provider did not let the payment through. Pay another way, or ask the provider why."),
    Failure.UNPAID: _("The payment was never made, so there is nothing to return. If you did pay, write to us."),
    Failure.TOO_OLD: _(
        "The payment is too old to be returned the way it came. We return it to your balance or by bank transfer."
    ),
    Failure.TOO_MANY: _(
        "The payment was returned in too many parts already. We return the rest to your balance or by bank transfer."
    ),
    Failure.WAY_GONE: _(
        "The account you paid from takes no money any more. We return it to your balance or by bank transfer."
    ),
    Failure.MISCONFIGURED: _("The provider did not take our request. This is ours to mend; pay another way meanwhile."),
    Failure.OTHER: _(
        "The provider did not carry the payment out, and nothing was taken. Try again, or pay another way."
    ),
}


def sentence(failure: str) -> str:
    """Return what to say of a failure (`port.Failure`) in the language in force; of one that we do not know, the general
    sentence."""
    known = Failure(failure) if failure in set(Failure) else Failure.OTHER
    return str(SENTENCES[known])
