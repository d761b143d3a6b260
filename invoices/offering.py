"""What a quote offers, as an order: the one way from a quote to a contract, for the estimate and for the acceptance alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from billing import orders
from billing.models import Price, PriceListEntry
from billing.models.catalogue import Status
from billing.orders import Order
from invoices.models import Quote
from tenants.errors import Invalid
from tenants.models import Authorisation, Tenant
from usage.models import Meter

# Members of a unique count are made one by one; more than this a month is no estimate but a load.
MOST_MEMBERS = 20_000


def order(quote: Quote, tenant: Tenant, *, consent: Authorisation | None = None, coupons: Sequence[str] = ()) -> Order:
    """Return the order that a quote offers, for `tenant` (its own, or one that nobody has)."""
    return Order(
        tenant=tenant,
        version=quote.version,
        start_on=quote.start_on,
        end_on=quote.end_on,
        quantities={code: Decimal(quantity) for code, quantity in quote.quantities.items()},
        modules=tuple(quote.modules),
        negotiated=quote.prices,
        minimum_minor=quote.minimum_minor,
        label=quote.label,
        pays=quote.pays,
        consent=consent,
        coupons=tuple(coupons),
        quoted_sha256=quote.sha256,
    )


def prices(quote: Quote) -> list[Price]:
    """Return the prices of the quoted version, in their order."""
    return list(Price.objects.filter(version=quote.version_id).select_related("meter").order_by("position", "pk"))


def own_price(quote: Quote, price: Price) -> tuple[str, Mapping[str, Any]]:
    """Return model and parameters of a price as it is quoted: negotiated, or the plan's own."""
    if (agreed := quote.prices.get(price.code)) is None:
        return price.model, price.params
    return agreed["model"], {key: value for key, value in agreed.items() if key != "model"}


def settle_prices(quote: Quote) -> None:
    """Write the prices of the customer's group into the quote, so that what is offered is what is charged."""
    entries = PriceListEntry.objects.filter(
        plan=quote.version.plan_id,
        price_list__group=quote.tenant.group_id,
        price_list__seller=quote.seller_id,
        price_list__status=Status.PUBLISHED,
    )
    if quote.tenant.group_id:
        listed = {entry.price_code: {**entry.params, "model": entry.model} for entry in entries}
        quote.prices = {code: price for code, price in listed.items() if code in _codes(quote)} | quote.prices


def _codes(quote: Quote) -> set[str]:
    return {price.code for price in prices(quote)}


def check(quote: Quote) -> None:
    """Raise the first reason why a quote cannot be offered, naming its field."""
    listed = prices(quote)
    if quote.version.plan.seller_id != quote.seller_id:
        raise Invalid(_("This plan belongs to another seller."), field="version")
    if quote.version.status != Status.PUBLISHED:
        raise Invalid(_("This version of the plan is not on sale."), field="version")
    if quote.end_on and quote.end_on <= quote.start_on:
        raise Invalid(_("The end must be after the start."), field="end_on")
    if quote.renews and quote.end_on:
        raise Invalid(_("A contract that renews has no fixed end; leave one of the two out."), field="end_on")
    if quote.minimum_minor is not None and quote.minimum_minor < 0:
        raise Invalid(_("The commitment must not be below zero."), field="minimum")
    _check_ramp(quote)
    orders.check(order(quote, quote.tenant), listed)
    for code, quantity in quote.expected.items():
        _check_expected({price.code: price for price in listed}, code, quantity)


def _check_ramp(quote: Quote) -> None:
    if (quote.ramp_percent is None) != (quote.ramp_months is None):
        raise Invalid(_("Say both: how much is off, and for how many months."), field="ramp_months")
    if quote.ramp_percent is not None and not 0 < quote.ramp_percent <= 1:
        raise Invalid(_("Write the percentage above 0 and at most 100."), field="ramp_percent")
    if quote.ramp_months is not None and quote.ramp_months < 1:
        raise Invalid(_("Write at least one month."), field="ramp_months")


def _check_expected(by_code: Mapping[str, Price], code: str, quantity: Any) -> None:
    path = f"expected.{code}"
    price = by_code.get(code)
    if price is None or price.meter is None:
        raise Invalid(_("“%(code)s” is not charged by usage.") % {"code": code}, field=path)
    number = decimal(quantity, path)
    if price.meter.aggregation in (Meter.Aggregation.COUNT, Meter.Aggregation.UNIQUE):
        if number != number.to_integral_value():
            raise Invalid(_("What is counted has no decimals."), field=path)
        if price.meter.aggregation == Meter.Aggregation.UNIQUE and number > MOST_MEMBERS:
            raise Invalid(_("Expect at most %(count)s a month.") % {"count": MOST_MEMBERS}, field=path)


def decimal(value: Any, path: str) -> Decimal:
    """Return a quantity of at most 15 digits before the point and 10 behind it, or raise Invalid naming the field."""
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or number >= 10**15 or number.as_tuple().exponent < -10:  # type: ignore[operator]
        raise Invalid(_("Write a quantity as text, as “1200” or “0.5”, not below zero."), field=path)
    return number


def expectations(quote: Quote) -> Iterator[tuple[Price, Decimal]]:
    """Yield each usage price with the usage of a month that is expected of it."""
    for price in prices(quote):
        if price.meter is not None and Decimal(quote.expected.get(price.code, "0")):
            yield price, Decimal(quote.expected[price.code])
