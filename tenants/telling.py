"""What customers are told: every kind of notice, and whether its reader may switch it off.

Nobody can switch off what the law or a contract rests on: each such kind says why. All others may be, for each way of
telling by itself. A kind that is not listed here cannot be switched off either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MAIL, WECOM = "mail", "wecom"
# How it is told, by default; WeCom where the company has set up a group for it.
CHANNELS = (MAIL, WECOM)

RENEWAL_LAW = _(
    "The law asks for it: automatic renewal is announced at least five days before (Measures for Online Trading, article 18)."
)
SETTLEMENT_LAW = _(
    "The law asks for it: before usage is settled you receive a list of items, prices and the total"
    " (Rules on Clear Pricing, article 15)."
)
PRICE_LAW = _("The law asks for it: a price and its change are told openly (Rules on Clear Pricing, articles 5 and 6).")
ORDER_LAW = _("The law asks for it: what was agreed is confirmed (E-Commerce Law, articles 17 and 49).")
RECEIPT_LAW = _("The law asks for it: whoever takes money says so and gives a document (E-Commerce Law, article 14).")
REFUND_LAW = _("The law asks for it: where your money is is told without delay (E-Commerce Law, article 21).")
SERVICE_RULE = _("Our contract rests on it: without it your service could stop before you know why.")
CONSENT_RULE = _("Our contract rests on it: it confirms what you have allowed, or no longer allow.")
ASKED = _("It is sent only because somebody has just asked for it.")


class Group(NamedTuple):
    """Kinds that stand together on the page of preferences."""

    code: str
    name: str | Promise


MONEY = Group("money", _("Deductions and payments"))
BILLS = Group("bills", _("Bills and refunds"))
SERVICE = Group("service", _("Plan, packs and budgets"))
PEOPLE = Group("people", _("Quotes and people"))
GROUPS = (MONEY, BILLS, SERVICE, PEOPLE)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notice: its name, where it stands, and why nobody may switch it off (empty where one may)."""

    name: str | Promise
    group: Group
    why: str | Promise = ""
    # For one person, so it goes by mail alone and never to a group.
    private: bool = False

    @property
    def needed(self) -> bool:
        """Whether it cannot be switched off."""
        return bool(self.why)


KINDS: Mapping[str, Kind] = {
    "charge_announced": Kind(_("deduction announced"), MONEY, RENEWAL_LAW),
    "charge_reminder": Kind(_("reminder of a deduction"), MONEY),
    "renewal_coming": Kind(_("renewal of a term"), MONEY, RENEWAL_LAW),
    "trial_ending": Kind(_("end of a trial"), MONEY, RENEWAL_LAW),
    "payment_failed": Kind(_("deduction not possible"), MONEY, SERVICE_RULE),
    "debit_failed": Kind(_("deduction under an agreement not possible"), MONEY, SERVICE_RULE),
    "payment_reminder": Kind(_("reminder of an unpaid bill"), MONEY, SERVICE_RULE),
    "payment_received": Kind(_("payment received"), MONEY, RECEIPT_LAW),
    "mandate_ended": Kind(_("deduction agreement ended"), MONEY, CONSENT_RULE),
    "renewal_stopped": Kind(_("renewal switched off"), MONEY, CONSENT_RULE),
    "balance_low": Kind(_("balance too low"), MONEY),
    "gift_lapsing": Kind(_("gift lapses soon"), MONEY),
    "invoice_issued": Kind(_("bill issued"), BILLS, SETTLEMENT_LAW),
    "credit_note_issued": Kind(_("credit note issued"), BILLS, RECEIPT_LAW),
    "refund_sent": Kind(_("refund under way"), BILLS, REFUND_LAW),
    "dispute_opened": Kind(_("dispute received"), BILLS, ASKED),
    "dispute_answered": Kind(_("dispute answered"), BILLS, SERVICE_RULE),
    "dispute_late": Kind(_("answer to a dispute is late"), BILLS, SERVICE_RULE),
    "refund_arrived": Kind(_("refund arrived"), BILLS),
    "bill_held": Kind(_("bill held"), BILLS, SERVICE_RULE),
    "refund_failed": Kind(_("refund put into the balance instead"), BILLS, REFUND_LAW),
    "subscription_changed": Kind(_("subscription changed"), SERVICE, ORDER_LAW),
    "purchase_undone": Kind(_("purchase taken back"), SERVICE, ORDER_LAW),
    "duplicate_found": Kind(_("possible double found"), BILLS, SERVICE_RULE),
    "price_change_announced": Kind(_("price change announced"), SERVICE, PRICE_LAW),
    "price_change_withdrawn": Kind(_("price change taken back"), SERVICE, PRICE_LAW),
    "pack_lapsing": Kind(_("resource pack lapses soon"), SERVICE),
    "allowance_used": Kind(_("included units used"), SERVICE),
    "budget_used": Kind(_("part of a budget used"), SERVICE),
    "budget_forecast": Kind(_("forecast above a budget"), SERVICE),
    "cap_reached": Kind(_("limit of usage reached"), SERVICE, SERVICE_RULE),
    "quote_sent": Kind(_("quote sent"), PEOPLE, ASKED),
    "quote_accepted": Kind(_("quote accepted"), PEOPLE, ORDER_LAW),
    "approval_asked": Kind(_("approval asked for"), PEOPLE, ASKED),
    "approval_answered": Kind(_("approval answered"), PEOPLE, ASKED),
    "member_invited": Kind(_("member invited"), PEOPLE, ASKED, private=True),
}
# What may be switched off. The database knows the same list (`preference_keeps_what_is_needed`), so that a kind that
# is forgotten there stays on.
OPTIONAL = tuple(sorted(code for code, kind in KINDS.items() if not kind.needed))


def is_needed(kind: str) -> bool:
    """Return whether a kind cannot be switched off; one that is not listed cannot."""
    return kind not in KINDS or KINDS[kind].needed


def is_private(kind: str) -> bool:
    """Return whether a kind is for one person only."""
    return kind in KINDS and KINDS[kind].private
