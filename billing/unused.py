"""Whether what was bought has been used since (docs/rules.md, Undo): events on the meters of what was bought, not voided."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db.models import Max, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.models import Change, PlanVersion, Price, Subscription
from tenants.errors import WrongState
from usage.models import UsageEvent


class Used(WrongState):
    """What was bought has been used, so it is not taken back."""

    code = "used_since"


def check(s: Subscription, version: PlanVersion, change: Change | None, *, since: datetime) -> None:
    """Raise Used, naming the meter, where what was bought has been used from `since` on.

    Of a contract, another plan or a renewal: any use of a meter that a price of the new state counts. Of a module: of the
    meter that it is charged by. Of seats: a level of a meter that is charged above them, higher than there were before.
    """
    if change is not None and change.price is not None:
        found = _of_quantity(s, change, change.price, since)
    else:
        found = _of_prices(s, [p for p in version.prices.select_related("meter") if p.meter_id], since)
    if found is not None:
        raise Used(
            _("It has been used since: “%(meter)s”. What is used is not taken back; you can ask for a refund.")
            % {"meter": found}
        )


def _of_quantity(s: Subscription, change: Change, price: Price, since: datetime) -> str | None:
    if price.meter_id:
        return _of_prices(s, [price], since)
    above = Price.objects.filter(version=price.version_id, above=price.code, meter__isnull=False)
    for one in above.select_related("meter"):
        assert one.meter is not None
        level = _events(s, one, since).aggregate(most=Max("quantity"))["most"]
        if level is not None and level > (change.before or Decimal(0)):
            return one.meter.name_in(get_language() or "")
    return None


def _of_prices(s: Subscription, prices: list[Price], since: datetime) -> str | None:
    for price in prices:
        if price.meter is not None and _events(s, price, since).exists():
            return price.meter.name_in(get_language() or "")
    return None


def _events(s: Subscription, price: Price, since: datetime) -> QuerySet[UsageEvent]:
    used = UsageEvent.objects.filter(
        tenant=s.tenant_id, meter=price.meter_id, kind=UsageEvent.Kind.USE, occurred_at__gte=since, voided_by=None
    )
    return used.filter(properties__contains=price.match) if price.match else used
