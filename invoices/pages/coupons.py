"""Coupons as a customer reads them: what one gives, on what, and for how long."""

from __future__ import annotations

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Coupon, Price, Redemption
from invoices.pages import wording
from invoices.pages.visit import Visit


def gives(visit: Visit, redemption: Redemption) -> str:
    """Return what a redeemed coupon gives, in a sentence."""
    coupon = redemption.coupon
    said = {"off": off(coupon), "what": on_what(visit, redemption), "long": how_long(coupon)}
    return _("“%(name)s” takes %(off)s off %(what)s, %(long)s.") % ({"name": coupon.name_in(visit.language)} | said)


def off(coupon: Coupon) -> str:
    if coupon.percent is not None:
        return formatting.percent(coupon.percent / 100)
    return formatting.money(coupon.amount_minor or 0, coupon.currency)


def on_what(visit: Visit, redemption: Redemption) -> str:
    """Return the names of the prices that it is for, or the whole bill."""
    codes = redemption.coupon.applies_to
    if not codes:
        return _("the whole bill")
    prices = Price.objects.filter(version=redemption.subscription.version_id, code__in=codes).order_by("position")
    return wording.joined([price.name_in(visit.language) for price in prices]) or _("prices that you do not have")


def how_long(coupon: Coupon) -> str:
    if coupon.duration == Coupon.Duration.ONCE:
        return _("once, on the next bill")
    if coupon.duration == Coupon.Duration.FOREVER:
        return _("as long as the contract runs")
    return _("for %(count)s months") % {"count": coupon.months}
