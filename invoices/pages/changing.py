"""The confirmation page: what a wish costs today, what happens to the next bill, when it counts, and the way back (PAGES §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Change
from billing.money import Money
from invoices import changed, confirming
from invoices.confirming import Offer
from invoices.next_bill import NextBill
from invoices.pages import approvals, comparing, coupons, deals, headings, regrets, titles, wording
from invoices.pages.payers import who
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class ConfirmPage:
    """The page on which a wish is confirmed; `held` is what the button sends back."""

    title: str
    effect: str
    stale: str
    shown: Money | None
    deal: deals.Deal
    later: tuple[tuple[str, str], ...]
    comparison: comparing.Comparison | None
    regret: tuple[str, ...]
    again: tuple[tuple[str, Money], ...]
    button: str
    leave: str
    held: str
    wish: Mapping[str, str]
    back: str
    may_confirm: bool
    who: str
    needs: str


def page(visit: Visit, offer: Offer, *, stale: str = "", shown: str = "") -> ConfirmPage:
    """Return the page of an offer; with what was shown before where that is no longer what it would be."""
    deal = deals.today(visit, offer)
    before = confirming.shown_total(shown) if shown else None
    return ConfirmPage(
        title=headings.title(visit, offer),
        effect=effect(visit, offer),
        stale=stale,
        shown=None if before is None or before == deal.figure.minor else Money(before, deal.figure.currency),
        deal=deal,
        later=later(visit, offer),
        comparison=comparing.comparison(visit, offer) if offer.wish.do == "change_plan" else None,
        regret=regrets.regret(visit, offer),
        again=again(visit, offer, deal),
        button=button(visit, offer, deal),
        leave=_("No, leave it as it is"),
        held=offer.held,
        wish=offer.wish.said(),
        back=visit.to("subscription"),
        may_confirm=visit.member.may_pay,
        who=who(visit),
        needs=needs(visit, offer),
    )


def effect(visit: Visit, offer: Offer) -> str:
    """Return what it does, in one sentence."""
    if offer.redeemed:
        return coupons.gives(visit, offer.redeemed)
    return _("%(sentence)s.") % {"sentence": offer.effect}


def later(visit: Visit, offer: Offer) -> tuple[tuple[str, str], ...]:
    """Return when it counts, the next bill as it would be beside what it was to be, the term, and renewal."""
    rows = [*counts(visit, offer), *next_bills(visit, offer)]
    after = offer.after
    if offer.before.term_end_on != after.term_end_on and not after.ended_at:
        last = titles.last_day(after.term_end_on)
        rows.append((_("New term"), _("until %(day)s") % {"day": formatting.day(last, visit.language, "weekday")}))
    if not after.ended_at and not after.cancelled_at and not after.end_on:
        renews = _("on, as before") if after.auto_renew else _("off; nothing renews by itself")
        rows.append((_("Automatic renewal"), renews))
    return tuple(rows)


def counts(visit: Visit, offer: Offer) -> list[tuple[str, str]]:
    change = offer.papers.change
    if change is None or change.kind in (Change.Kind.CANCEL, Change.Kind.KEEP, Change.Kind.UNDO):
        return []
    day = formatting.day(changed.effective_on(change), visit.language, "weekday")
    waits = change.status == Change.Status.SCHEDULED
    return [(_("Counts from"), _("%(day)s; until then everything stays as it is") % {"day": day} if waits else day)]


def next_bills(visit: Visit, offer: Offer) -> list[tuple[str, str]]:
    new, old = offer.next_after, offer.next_before
    if new is None:
        return [(_("Next bill"), _("none; nothing follows"))]
    said = {"day": _on(visit, new), "amount": _amount(offer, new)}
    rows = [(_("Next bill"), _("%(day)s: %(amount)s, with what was used until now") % said)]
    if old and (old.on, old.total_minor) != (new.on, new.total_minor):
        rows.append(
            (
                _("Without this change"),
                _("%(day)s: %(amount)s") % {"day": _on(visit, old), "amount": _amount(offer, old)},
            )
        )
    return rows


def _on(visit: Visit, one: NextBill) -> str:
    return formatting.day(one.on, visit.language, "sentence" if one.on.year == visit.today.year else "weekday")


def _amount(offer: Offer, one: NextBill) -> str:
    return formatting.money(one.total_minor, offer.after.currency)


def again(visit: Visit, offer: Offer, deal: deals.Deal) -> tuple[tuple[str, Money], ...]:
    """Return the figures once more, right above the button."""
    rows = [(deal.title, deal.figure)]
    if offer.next_after:
        name = _("Bill of %(day)s, as far as known") % {"day": _on(visit, offer.next_after)}
        rows.append((name, Money(offer.next_after.total_minor, offer.after.currency)))
    return tuple(rows)


def needs(visit: Visit, offer: Offer) -> str:
    """Return the sentence that says who has to approve it as well; empty below the company's own limit."""
    limit = visit.tenant.purchase_limit_minor
    if limit is None or offer.weight.counts <= limit:
        return ""
    said = {
        "limit": formatting.money(limit, offer.after.currency),
        "total": formatting.money(offer.weight.total_minor, offer.after.currency),
        "yearly": formatting.money(offer.weight.yearly_minor, offer.after.currency),
    }
    return (
        _(
            "Above %(limit)s your company wants a second person to approve. This is %(total)s at once, and %(yearly)s more in a year."
        )
        % said
    )


def button(visit: Visit, offer: Offer, deal: deals.Deal) -> str:
    """Return verb and amount, as the button says it; above the company's limit, to whom it goes."""
    if needs(visit, offer):
        who_may = approvals.names(visit, but=visit.user.pk)
        return _("Submit to %(name)s for approval") % {"name": who_may or _("a second person")}
    if offer.papers.total_minor > 0:
        amount = {"amount": wording.amount(deal.figure)}
        return (_("Confirm, pay %(amount)s") if deal.paid_at_once else _("Confirm, to pay %(amount)s")) % amount
    return _("Confirm, nothing to pay now")
