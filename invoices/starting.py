"""Start what a quote offers: its ramp as a coupon of its own, its coupons redeemed, its subscription begun."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from billing import discounts
from billing.models import Price, Subscription
from billing.money import plain
from billing.orders import Order
from invoices import offering
from invoices.models import Quote
from tenants.models import Authorisation, Tenant, User
from usage.periods import local_day

# A ramp lowers what is asked for again and again; what is done once and what is used cost what they cost.
RAMPED = (Price.Kind.BASE, Price.Kind.SEAT, Price.Kind.MODULE)


def start(
    quote: Quote,
    tenant: Tenant,
    begin: Callable[[Order], Subscription],
    *,
    consent: Authorisation | None,
    at: datetime,
    by: User | None,
) -> Subscription:
    """Start the quoted contract for `tenant` by `begin`, a verb that takes orders; in the transaction of its cause.

    A ramp counts its months from the first day that is paid for, however long before that the quote is accepted.
    """
    ramp = _ramp(quote, at=at, by=by)
    later = quote.start_on > local_day(at, tenant.timezone)
    coupons = [*quote.coupons, *([ramp] if ramp and not later else [])]
    ordered = offering.order(quote, tenant, consent=consent, coupons=coupons)
    begun = begin(ordered)
    if ramp and later:
        discounts.redeem(begun, ramp, at=at, by=by, since=begun.anchor_on)
    return begun


def _ramp(quote: Quote, *, at: datetime, by: User | None) -> str:
    """Make the coupon of a quote's ramp, for this one contract; return its code, or nothing where there is no ramp."""
    if quote.ramp_percent is None:
        return ""
    recurring = [p.code for p in offering.prices(quote) if p.kind in RAMPED and not p.one_off]
    percent = plain(quote.ramp_percent * 100)
    said = {
        "code": f"quote-{quote.pk}",
        "name": f"前 {quote.ramp_months} 个月减 {percent}%",
        "name_en": f"{percent}% off for the first {quote.ramp_months} months",
        "percent": percent,
        "duration": {"months": quote.ramp_months},
        "applies_to": recurring,
        "most_redemptions": 1,
    }
    return discounts.define(quote.seller, said, at=at, by=by).code
