"""The same product for the same tax number twice: stopped before it is bought, across accounts (REQUIREMENTS C7).

No constraint can span two customers' rows, so it is checked under a lock on the tax number. What slips through all the same,
or was brought over from elsewhere, is found by a sweep downstream. Within one account a label tells two contracts apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from billing.models import Subscription
from billing.orders import Order
from tenants.errors import Conflict
from tenants.models import Member, User
from usage.periods import local_midnight

# Locks on tax numbers: a space of our own, and so many of them that two rarely share one.
SPACE, LOCKS = 20_260_331, 4096


class BoughtTwice(Conflict):
    """Another account with the same tax number has this product for that time; `twice` says that it is meant so."""

    code = "duplicate_product"


def refusals(orders: Sequence[Order], *, by: User | None) -> Mapping[int, BoughtTwice]:
    """Return, by place, why orders are stopped: the same product for the same tax number with overlapping time.

    An order whose `twice` is true was confirmed knowingly, and one of which it is None was agreed elsewhere. The tax numbers
    stay locked until the transaction ends, so that of two orders at once the second sees the first.
    """
    asked = {n: order for n, order in enumerate(orders) if order.twice is False and order.tenant.tax_number}
    if not asked:
        return {}
    numbers = {order.tenant.tax_number for order in asked.values()}
    _lock(numbers)
    families = {order.version.plan.family_id for order in asked.values()}
    others = Subscription.objects.live().filter(tenant__tax_number__in=numbers, family__in=families)
    known = list(others.select_related("tenant"))
    found = {n: next((one for one in known if _doubles(order, one)), None) for n, order in asked.items()}
    return {n: BoughtTwice(_said(one, by), field="plan") for n, one in found.items() if one is not None}


def _lock(numbers: set[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, x) FROM (SELECT DISTINCT abs(hashtext(n) %% %s) AS x"
            " FROM unnest(%s::text[]) AS n ORDER BY 1) AS locks",
            [SPACE, LOCKS, sorted(numbers)],
        )
        cursor.fetchall()


def _doubles(order: Order, other: Subscription) -> bool:
    if other.tenant_id == order.tenant.pk or other.tenant.tax_number != order.tenant.tax_number:
        return False
    if other.family_id != order.version.plan.family_id or other.during.isempty:
        return False
    begins = local_midnight(order.start_on, order.tenant.timezone)
    over = local_midnight(order.end_on, order.tenant.timezone) if order.end_on else None
    return _before(begins, other.during.upper) and _before(other.during.lower, over)


def _before(instant: datetime, end: datetime | None) -> bool:
    return end is None or instant < end


def _said(other: Subscription, by: User | None) -> str:
    """Return the refusal; who is no member of the other account learns nothing of it but that it is there."""
    if by is not None and Member.objects.filter(tenant=other.tenant_id, user=by).exists():
        return _(
            "%(name)s, with the same tax number, has this product for that time. Confirm that you want it twice, or use that one."
        ) % {"name": other.tenant.name}
    return _(
        "Another account with the same tax number has this product for that time. Confirm that you want it twice, or ask there."
    )
