"""The way back: what of a change can be undone, until when, and what of the money returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Change, PlanVersion
from billing.wording import refund_text
from invoices import changed
from invoices.confirming import Offer
from invoices.pages import titles
from invoices.pages.visit import Visit

# After these something is paid, so what of it would be refunded is said beforehand.
BUYING = frozenset({"change_plan", "set_quantity", "add_module"})


def regret(visit: Visit, offer: Offer) -> tuple[str, ...]:
    """Return the sentences about the way back; the rule of the plan comes first."""
    change = offer.papers.change
    if change is None:
        return (_("Nothing is charged for a coupon. It stays with this contract until it is used up."),)
    said = RULES.get(offer.wish.do, _nothing)(visit, offer)
    if offer.wish.do in BUYING:
        version = offer.after.version
        said = (*said, refund_text(version.refund, version.undo_hours))
    if change.status == Change.Status.SCHEDULED:
        day = formatting.day(changed.effective_on(change), visit.language, "weekday")
        return (*said, _("Until %(day)s you can take it back, at no cost.") % {"day": day})
    return said


def _plan(visit: Visit, offer: Offer) -> tuple[str, ...]:
    change = offer.papers.change
    assert change
    if change.status == Change.Status.SCHEDULED:
        return (_("What you have paid is used to its end; nothing of it is lost."),)
    return (
        _("You can change back at any time. What is then paid for and not used is credited by days.")
        if offer.after.version.proration != PlanVersion.Proration.NONE
        else _("You can change back at any time. This plan is not divided by days, so nothing is credited then."),
        _("A change to a cheaper plan waits for the period's end, one to a shorter term for the term's end."),
    )


def _quantity(visit: Visit, offer: Offer) -> tuple[str, ...]:
    if offer.after.version.credit_removals:
        return (_("What you remove later is credited by days at once."),)
    return (
        _("What you remove later is used to the end of the period that is paid for, and costs nothing from then on."),
    )


def _cancel(visit: Visit, offer: Offer) -> tuple[str, ...]:
    after = offer.after
    export = _("Your data stays, and you can export it at any time.")
    if offer.wish.when != "now":
        return (_("It is used to its end; nothing is charged for the time after."), export)
    if after.version.refund == PlanVersion.Refund.PRO_RATA:
        return (
            _("What is paid for the days after is given back."),
            _("This cannot be undone; you can buy anew at any time."),
            export,
        )
    last = titles.last_day(offer.before.term_end_on)
    said = {"day": formatting.day(last, visit.language, "weekday")}
    return (
        _(
            "Under this plan nothing is given back when it ends at once. To use what is paid for, cancel at the term's end: %(day)s."
        )
        % said,
        _("This cannot be undone; you can buy anew at any time."),
        export,
    )


def _pause(visit: Visit, offer: Offer) -> tuple[str, ...]:
    return (_("You can use it again at any time; then the rest of the running period is charged by days."),)


def _undo(visit: Visit, offer: Offer) -> tuple[str, ...]:
    return (
        _("The contract is as it was before, and so is the money. Nothing of it was used."),
        _("You can buy it again at any time."),
    )


def _nothing(visit: Visit, offer: Offer) -> tuple[str, ...]:
    return (_("You can change it again at any time."),)


RULES: Mapping[str, Callable[[Visit, Offer], tuple[str, ...]]] = {
    "change_plan": _plan,
    "set_quantity": _quantity,
    "add_module": _quantity,
    "remove_module": _nothing,
    "cancel": _cancel,
    "pause": _pause,
    "undo": _undo,
}
