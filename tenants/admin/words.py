"""What acts, notices and kept facts are called, for operators; what is not listed here is shown as it is kept."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, gettext_lazy

ACTS = {
    "api_key.issued": gettext_lazy("API key made"),
    "api_key.revoked": gettext_lazy("API key revoked"),
    "authorisation.given": gettext_lazy("authorisation given"),
    "authorisation.withdrawn": gettext_lazy("authorisation withdrawn"),
    "coupon.redeemed": gettext_lazy("coupon redeemed"),
    "contact.removed": gettext_lazy("contact removed"),
    "contact.saved": gettext_lazy("contact saved"),
    "customer.viewed": gettext_lazy("looked at as the customer"),
    "draft.discarded": gettext_lazy("draft of a bill discarded"),
    "invoice.credited": gettext_lazy("bill credited"),
    "invoice.issued": gettext_lazy("bill issued"),
    "member.invited": gettext_lazy("member invited"),
    "member.removed": gettext_lazy("member removed"),
    "member.role_changed": gettext_lazy("role changed"),
    "meter.saved": gettext_lazy("meter saved"),
    "notice.resent": gettext_lazy("notice sent again"),
    "pack.granted": gettext_lazy("resource pack granted"),
    "parked.resolved": gettext_lazy("parked customer settled"),
    "payment.recorded": gettext_lazy("payment recorded"),
    "person.saved": gettext_lazy("person saved"),
    "plan.draft_discarded": gettext_lazy("draft of a plan thrown away"),
    "plan.draft_saved": gettext_lazy("draft of a plan saved"),
    "plan.drafted": gettext_lazy("plan drafted"),
    "plan.published": gettext_lazy("plan published"),
    "plan.saved": gettext_lazy("plan saved"),
    "price.removed": gettext_lazy("price removed"),
    "price.saved": gettext_lazy("price saved"),
    "price_list.published": gettext_lazy("price list published"),
    "price_list.saved": gettext_lazy("price list saved"),
    "pricelistentry.removed": gettext_lazy("price of the list removed"),
    "pricelistentry.saved": gettext_lazy("price of the list saved"),
    "product.saved": gettext_lazy("product saved"),
    "quote.accepted": gettext_lazy("quote accepted"),
    "quote.declined": gettext_lazy("quote declined"),
    "quote.discarded": gettext_lazy("draft of a quote thrown away"),
    "quote.drafted": gettext_lazy("quote drafted"),
    "quote.expired": gettext_lazy("quote expired"),
    "quote.revised": gettext_lazy("quote revised"),
    "quote.sent": gettext_lazy("quote sent"),
    "quote.withdrawn": gettext_lazy("quote withdrawn"),
    "renewal.off": gettext_lazy("renewal switched off"),
    "renewal.on": gettext_lazy("renewal switched on"),
    "seller.saved": gettext_lazy("seller saved"),
    "subscription.cancel": gettext_lazy("subscription cancelled"),
    "subscription.keep": gettext_lazy("cancellation or change taken back"),
    "subscription.pause": gettext_lazy("subscription paused"),
    "subscription.plan": gettext_lazy("plan changed"),
    "subscription.quantity": gettext_lazy("quantity changed"),
    "subscription.resume": gettext_lazy("pause ended"),
    "subscription.add_module_for": gettext_lazy("changed for the customer"),
    "subscription.cancel_for": gettext_lazy("changed for the customer"),
    "subscription.change_plan_for": gettext_lazy("changed for the customer"),
    "subscription.keep_for": gettext_lazy("changed for the customer"),
    "subscription.pause_for": gettext_lazy("changed for the customer"),
    "subscription.redeem_for": gettext_lazy("changed for the customer"),
    "subscription.remove_module_for": gettext_lazy("changed for the customer"),
    "subscription.resume_for": gettext_lazy("changed for the customer"),
    "subscription.set_quantity_for": gettext_lazy("changed for the customer"),
    "subscription.ends": gettext_lazy("subscription ended"),
    "subscription.started": gettext_lazy("subscription started"),
    "tenant.active": gettext_lazy("customer restored"),
    "tenant.amended": gettext_lazy("customer amended"),
    "tenant.closed": gettext_lazy("customer closed"),
    "tenant.contacts_set": gettext_lazy("contacts changed"),
    "tenant.opened": gettext_lazy("customer opened"),
    "tenant.restricted": gettext_lazy("customer restricted"),
    "tenant.suspended": gettext_lazy("customer suspended"),
}
NOTICES = {
    "invoice_issued": gettext_lazy("bill issued"),
    "credit_note_issued": gettext_lazy("credit note issued"),
    "payment_received": gettext_lazy("payment received"),
    "quote_sent": gettext_lazy("quote sent"),
    "quote_accepted": gettext_lazy("quote accepted"),
    "charge_announced": gettext_lazy("deduction announced"),
    "charge_reminder": gettext_lazy("reminder of a deduction"),
    "subscription_changed": gettext_lazy("subscription changed"),
    "pack_lapsing": gettext_lazy("resource pack lapses soon"),
    "price_change_announced": gettext_lazy("price change announced"),
    "price_change_withdrawn": gettext_lazy("price change taken back"),
}
FACTS = {
    "measured": gettext_lazy("measured"),
    "days": gettext_lazy("days used of days in the period"),
    "name_en": gettext_lazy("name in English"),
    "brand_en": gettext_lazy("brand in English"),
    "bank_name": gettext_lazy("bank"),
    "bank_account": gettext_lazy("account number"),
    "phone": gettext_lazy("telephone"),
    "email": gettext_lazy("e-mail"),
    "timezone": gettext_lazy("time zone"),
    "tax_inclusive": gettext_lazy("prices include tax"),
    "changed": gettext_lazy("fields changed"),
    "changes": gettext_lazy("before and after"),
}


def act_name(verb: str) -> Any:
    """Return what an act of the audit log is called."""
    return ACTS.get(verb, verb)


def notice_name(kind: str) -> Any:
    """Return what a kind of notice is called."""
    return NOTICES.get(kind, kind)


def fact_name(key: str) -> str:
    """Return what a kept fact is called: a name of its own, else the word for it, else the key."""
    plain = key.replace("_", " ")
    return str(FACTS[key]) if key in FACTS else gettext(plain) if plain else key
