"""The one list of state words: page, mail, PDF, CSV and API take them from here (PAGES §6).

A state is shown as dot and word; `colour` names a token of static/mingzhang.css and is never the only sign.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class State:
    """A state's code, its word, and the token that colours it."""

    code: str
    word: str | Promise
    colour: str


def listed(*rows: tuple[str, str | Promise, str]) -> dict[str, State]:
    return {code: State(code, word, colour) for code, word, colour in rows}


BILL = listed(
    ("draft", _("Not yet issued"), "announced"),
    ("open", _("To be paid"), "attention"),
    ("overdue", _("Overdue"), "danger"),
    ("disputed", _("In dispute, frozen"), "stopped"),
    ("paid", _("Paid"), "done"),
    ("settled", _("Nothing to pay"), "neutral"),
    ("void", _("Cancelled"), "neutral"),
    ("uncollectible", _("Written off"), "neutral"),
    ("credited", _("Credited"), "neutral"),
)
PAYMENT = listed(
    ("intended", _("Under way"), "announced"),
    ("unknown", _("Outcome being checked"), "stopped"),
    ("succeeded", _("Received"), "done"),
    ("failed", _("Not taken"), "danger"),
    ("refunded", _("Returned"), "neutral"),
)
MANDATE = listed(
    ("signing", _("Being signed"), "announced"),
    ("active", _("In force"), "done"),
    ("ended", _("Ended"), "neutral"),
)
REFUND = listed(
    ("requested", _("Waits for approval"), "attention"),
    ("approved", _("About to be sent"), "announced"),
    ("intended", pgettext_lazy("refund", "On its way"), "announced"),
    ("unknown", _("Outcome being checked"), "stopped"),
    ("succeeded", pgettext_lazy("refund", "Arrived"), "done"),
    ("failed", _("In the balance again"), "attention"),
    ("declined", _("Not approved"), "neutral"),
    ("balance", _("In your balance"), "done"),
    ("sent", _("Sent by bank"), "done"),
)
DISPUTE = listed(
    ("open", _("Waits for our answer"), "stopped"),
    ("answered", _("Answered"), "done"),
    ("appealed", _("Appealed, waits for our answer"), "stopped"),
    ("settled", pgettext_lazy("dispute", "Settled"), "done"),
    ("withdrawn", pgettext_lazy("dispute", "Taken back"), "neutral"),
)
CLAIM = listed(
    ("open", _("Being looked for"), "announced"),
    ("matched", _("Found and booked"), "done"),
    ("declined", _("Not found"), "danger"),
)
SUBSCRIPTION = listed(
    ("pending", _("Not started"), "neutral"),
    ("trialing", _("On trial"), "announced"),
    ("active", _("In use"), "done"),
    ("past_due", _("Payment overdue"), "danger"),
    ("paused", pgettext_lazy("subscription", "Paused"), "stopped"),
    ("suspended", _("Suspended"), "danger"),
    ("ended", _("Ended"), "neutral"),
)
AUTHORISATION = listed(
    ("in_force", _("In force"), "done"),
    ("later", _("Not yet valid"), "announced"),
    ("over", _("No longer valid"), "neutral"),
    ("withdrawn", _("Withdrawn"), "neutral"),
)
CHANGE = listed(
    ("scheduled", _("Planned"), "announced"),
    ("applied", _("In force"), "done"),
    ("withdrawn", _("Withdrawn"), "neutral"),
)
PACK = listed(
    ("valid", _("In force"), "done"),
    ("waiting", _("Not started"), "neutral"),
    ("used_up", _("Used up"), "neutral"),
    ("lapsed", _("Lapsed"), "neutral"),
)
NOTICE = listed(
    ("making", _("Being sent"), "announced"),
    ("pending", _("Being sent"), "announced"),
    ("delivered", _("Delivered"), "done"),
    ("failed", _("Could not be delivered"), "danger"),
    ("came_back", _("Came back"), "danger"),
    ("off", _("Switched off"), "neutral"),
)
QUOTE = listed(
    ("draft", _("Being written"), "neutral"),
    ("sent", _("Waits for your answer"), "attention"),
    ("accepted", pgettext_lazy("quote", "Accepted"), "done"),
    ("declined", pgettext_lazy("quote", "Declined"), "neutral"),
    ("withdrawn", pgettext_lazy("quote", "Withdrawn"), "neutral"),
    ("expired", pgettext_lazy("quote", "Expired"), "neutral"),
)
PURCHASE = listed(
    ("waiting", _("Waits for a second person"), "attention"),
    ("approved", pgettext_lazy("purchase", "Approved"), "done"),
    ("declined", _("Not approved"), "neutral"),
    ("expired", _("Nobody answered in time"), "neutral"),
    ("outdated", _("No longer as shown"), "neutral"),
)
TENANT = listed(
    ("active", _("In use"), "done"),
    ("restricted", _("Partly restricted"), "danger"),
    ("suspended", _("Suspended"), "danger"),
    ("closed", _("Closed"), "neutral"),
)


def of_bill(status: str, *, total_minor: int, overdue: bool, disputed: bool = False) -> State:
    """Return the state of a bill as the customer sees it: an unpaid one past its day is overdue, one over nothing is settled, and
    one of which all that is due is `disputed` is neither asked for nor overdue."""
    if status == "open" and disputed:
        return BILL["disputed"]
    if status == "open" and overdue:
        return BILL["overdue"]
    if status == "paid" and total_minor == 0:
        return BILL["settled"]
    return BILL[status]


def of_refund(status: str, *, to_balance: bool, by_bank: bool) -> State:
    """Return the state of a refund as the customer sees it: what succeeded is in the balance, sent by bank, or has arrived."""
    if status == "succeeded":
        return REFUND["balance" if to_balance else "sent" if by_bank else "succeeded"]
    return REFUND[status]
