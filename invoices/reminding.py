"""Remind of a bill that was not paid: how much, why nothing could be deducted, what to do, and what follows otherwise."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import formatting, wallets
from billing.models import Subscription
from invoices import allowing, dunning_days
from invoices.allowing import Held
from invoices.dunning_days import TAKING, Step
from invoices.models import Invoice, Payment
from invoices.models.dunning import Verb
from invoices.providers import reasons
from tenants import notices

Pays = Subscription.Pays
# What stands against a deduction in the authorisation itself.
BEYOND = {
    "not_covered": gettext_lazy("The authorisation does not cover everything on it."),
    "above_ceiling": gettext_lazy("It is above the ceiling that you set for one deduction."),
    "above_month": gettext_lazy("It would be above the ceiling that you set for a month."),
}


def last_attempt(bill: Invoice) -> Payment | None:
    """Return the last attempt to take what a bill owes that did not succeed."""
    tried = Payment.objects.filter(Q(invoice=bill) | Q(parts__invoice=bill)).exclude(status=Payment.Status.SUCCEEDED)
    return tried.order_by("-pk").first()


def remind(bill: Invoice, step: Step, *, at: datetime) -> None:
    """Owe the payer the letter of a step, in his language; once for each step."""
    tenant = bill.tenant
    with translation.override(tenant.language):
        reason, advice = why(bill, at=at)
        payload = {
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/bills/{bill.pk}/",
            "number": bill.number,
            "currency": bill.currency,
            "due_minor": bill.claimable_minor,
            "due_on": str(bill.payable_on),
            "reason": reason,
            "advice": advice,
            "taken": taken(step.verb),
            "warning": warning(bill, step, tenant.language),
        }
    notices.announce(
        tenant,
        kind="payment_reminder",
        key=f"payment-reminder:{bill.pk}:{step.day}:{step.verb}"
        + (f":{bill.due_again_on}" if bill.due_again_on else ""),
        payload=payload,
        at=at,
        seller=bill.seller,
    )


def why(bill: Invoice, *, at: datetime) -> tuple[str, str]:
    """Return why a bill was not paid by itself, empty for one that is paid by hand, and what its payer can do."""
    if bill.pays == Pays.WALLET:
        return _of_wallet(bill, at)
    if bill.pays == Pays.MANDATE:
        return _of_mandate(bill, at)
    return "", _("Pay it by bank transfer or in another way that the page below offers.")


def _of_wallet(bill: Invoice, at: datetime) -> tuple[str, str]:
    held = wallets.balance(bill.tenant, bill.seller, bill.currency).total
    missing = bill.claimable_minor - held
    if missing > 0:
        told = {
            "balance": formatting.money(held, bill.currency),
            "missing": formatting.money(missing, bill.currency),
        }
        return (
            _("Your balance is %(balance)s; %(missing)s is missing.") % told,
            _("Top up %(missing)s and the bill is paid by itself, or pay it in another way.") % told,
        )
    return _held(bill, at)


def _of_mandate(bill: Invoice, at: datetime) -> tuple[str, str]:
    """Return what the provider said to the last attempt; its sentence says what to do as well."""
    last = last_attempt(bill)
    if last is None:
        return _held(bill, at)
    if last.status != Payment.Status.FAILED:
        return _("Whether it could be deducted is being checked with the provider; it is not deducted twice."), ""
    return reasons.sentence(last.failure), _("Or pay it by hand on the page below.")


def _held(bill: Invoice, at: datetime) -> tuple[str, str]:
    """Return why a bill may not be deducted although there is money."""
    right = allowing.right(bill, at=at)
    reason = ""
    if isinstance(right, Held) and right.reason == "no_authorisation":
        reason = _("There is no authorisation to deduct it.")
    elif isinstance(right, Held) and right.reason in BEYOND:
        reason = str(BEYOND[right.reason])
    elif isinstance(right, Held) and right.reason == "above_notice":
        reason = _("It came to more than was announced, so nothing was deducted.")
    elif isinstance(right, Held) and right.reason == "no_mandate":
        reason = _("No deduction agreement is in force.")
    return reason, _("Pay it by hand on the page below.")


def taken(verb: str) -> str:
    """Return what was taken away by a step, in words; empty where nothing was."""
    said = {
        Verb.RESTRICT: _("Your service is restricted from now on. It works again at once when the bill is paid."),
        Verb.SUSPEND: _("Your service is suspended from now on. It works again at once when the bill is paid."),
        Verb.END: _("Your subscription has ended today. The bill is still to be paid."),
    }
    return said.get(Verb(verb), "")


def warning(bill: Invoice, step: Step, language: str) -> str:
    """Return what is taken next, and from when on, if the bill is not paid; empty where nothing is."""
    schedule = dunning_days.schedules([bill])[bill.pk]
    coming = schedule.steps[schedule.steps.index(step) + 1 :] if step in schedule.steps else ()
    following = next((one for one in coming if one.verb in TAKING), None)
    if following is None or bill.payable_on is None:
        return ""
    said = {
        Verb.RESTRICT: _("If it is not paid before %(day)s, your service is restricted."),
        Verb.SUSPEND: _("If it is not paid before %(day)s, your service is suspended."),
        Verb.END: _("If it is not paid before %(day)s, your subscription ends."),
    }
    return said[Verb(following.verb)] % {
        "day": _day(bill.payable_on + timedelta(days=schedule.day(following)), language)
    }


def _day(day: date, language: str) -> str:
    return formatting.day(day, language, "sentence")
