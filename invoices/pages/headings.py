"""What a wish is called at the head of its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import formatting
from invoices.confirming import Offer
from invoices.pages.visit import Visit


def title(visit: Visit, offer: Offer) -> str:
    """Return the heading of an offer's page."""
    return TITLES[offer.wish.do](visit, offer)


def _plan(visit: Visit, offer: Offer) -> str:
    assert offer.papers.change
    assert offer.papers.change.version
    old, new = offer.before.plan, offer.papers.change.version.plan
    said = {"old": old.name_in(visit.language), "new": new.name_in(visit.language)}
    return _("Change the plan: %(old)s to %(new)s") % said


def _quantity(visit: Visit, offer: Offer) -> str:
    change = offer.papers.change
    assert change
    assert change.price
    count = formatting.quantity(change.after or 0, change.price.unit_in(visit.language))
    return _("%(name)s: %(count)s") % {"name": change.price.name_in(visit.language), "count": count}


def _module(text: Any) -> Callable[[Visit, Offer], str]:
    def written(visit: Visit, offer: Offer) -> str:
        assert offer.papers.change
        assert offer.papers.change.price
        return str(text) % {"name": offer.papers.change.price.name_in(visit.language)}

    return written


def _of_plan(text: Any) -> Callable[[Visit, Offer], str]:
    return lambda visit, offer: str(text) % {"plan": offer.before.plan.name_in(visit.language)}


TITLES: Mapping[str, Callable[[Visit, Offer], str]] = {
    "change_plan": _plan,
    "set_quantity": _quantity,
    "add_module": _module(gettext_lazy("Add “%(name)s”")),
    "remove_module": _module(gettext_lazy("Remove “%(name)s”")),
    "cancel": _of_plan(gettext_lazy("Cancel “%(plan)s”")),
    "keep": _of_plan(gettext_lazy("Keep “%(plan)s” as it is")),
    "pause": _of_plan(gettext_lazy("Pause “%(plan)s”")),
    "resume": _of_plan(gettext_lazy("Use “%(plan)s” again")),
    "undo": _of_plan(gettext_lazy("Take the last purchase of “%(plan)s” back")),
    "redeem": _of_plan(gettext_lazy("Redeem a coupon for “%(plan)s”")),
}
