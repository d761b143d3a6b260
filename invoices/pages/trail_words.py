"""What the audit log calls acts and what is recorded with them; an act or a name that is not listed shows its own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from billing import formatting

# Acts of the four promises and of money; the rest is in `trail.ACTS`.
PROMISES = {
    "evidence.made": _("Evidence pack made"),
    "dispute.opened": _("Dispute opened"),
    "dispute.shown": _("Evidence added to a dispute"),
    "dispute.answered": _("Dispute answered"),
    "dispute.appealed": _("Answer to a dispute appealed"),
    "dispute.withdrawn": _("Dispute taken back"),
    "dispute.late": _("Answer to a dispute is late"),
    "duplicate.found": _("Possible double found"),
    "duplicate.kept": _("Possible double is meant so"),
    "duplicate.corrected": _("Double put right"),
    "budget.set": _("Budget set"),
    "budget.released": _("More released for a budget"),
    "budget.ended": _("Budget ended"),
    "bill.held": _("Bill held"),
    "bill.hold_asked": _("Held bill waits for a second person"),
    "bill.hold_corrected": _("Held bill measured again"),
    "bill.hold_released": _("Held bill agreed to"),
    "subscription.undo": _("Purchase taken back"),
    "mandate.signed": _("Deduction agreement signed"),
    "mandate.active": _("Deduction agreement signed"),
    "mandate.ended": _("Deduction agreement ended"),
    "bank_credit.matched": _("Transfer found at the bank"),
    "payment.intended": _("Payment begun"),
    "payment.received": _("Payment received"),
    "payment.abandoned": _("Payment stopped"),
    "pack.granted": _("Resource pack granted"),
    "wallet.alert_set": _("Line for a low balance set"),
    "notice.came_back": _("Message came back"),
    "notices.chosen": _("Notifications chosen"),
    "notices.reminders": _("Reminders chosen"),
    "notices.wecom_on": _("WeCom group set up"),
    "notices.wecom_off": _("WeCom group removed"),
    "quote.sent": _("Quote sent"),
    "quote.accepted": _("Quote accepted"),
    "quote.declined": _("Quote not accepted"),
}
NAMES = {
    "amount": _("amount"),
    "limit": _("limit"),
    "total": _("total"),
    "yearly": _("in a year"),
    "after": _("after"),
    "before": _("before"),
    "frozen": _("frozen"),
    "given": _("given back"),
    "reason": _("reason"),
    "reference": _("reference"),
    "note": _("credit note"),
    "meter": _("meter"),
    "quantity": _("quantity"),
    "expires": _("until"),
    "role": _("role"),
    "email": _("mail address"),
    "currency": _("currency"),
    "from": _("from"),
    "start": _("from"),
    "end": _("until"),
    "asked_by": _("asked for by"),
    "sha256": _("fingerprint"),
}


def said(name: str, value: Any, detail: Mapping[str, Any]) -> str:
    """Return one name and value that was recorded; an amount in minor units as money, where its currency is known."""
    if name.endswith("_minor") and isinstance(value, int):
        name, value = name.removesuffix("_minor"), formatting.money(value, detail.get("currency", "CNY"))
    return f"{NAMES.get(name, name)}: {value}"
