"""Find what was bought twice: the same product for one tax number across accounts, and the same module in two contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from billing.models import Subscription, SubscriptionItem
from invoices.models import DuplicateFlag, InvoiceLine
from invoices.suspects import Suspect

# Live contracts of one product and tax number in two accounts, whose times overlap: the one that came later, and the other.
PRODUCTS = """
SELECT later.id, earlier.id FROM billing_subscription later
JOIN tenants_tenant mine ON mine.id = later.tenant_id AND mine.tax_number <> ''
JOIN tenants_tenant theirs ON theirs.tax_number = mine.tax_number AND theirs.id <> mine.id
JOIN billing_subscription earlier ON earlier.tenant_id = theirs.id AND earlier.family_id = later.family_id
  AND earlier.during && later.during AND earlier.id < later.id AND earlier.status <> 'ended'
WHERE later.status <> 'ended' ORDER BY later.id, earlier.id
"""
# The same optional module in two live contracts of one customer, held at the same time.
MODULES = """
SELECT later.id, earlier.id FROM billing_subscriptionitem later
JOIN billing_price p ON p.id = later.price_id AND p.kind = 'module' AND p.optional
JOIN billing_subscription s ON s.id = later.subscription_id AND s.status <> 'ended'
JOIN billing_subscription t ON t.tenant_id = s.tenant_id AND t.seller_id = s.seller_id AND t.id < s.id AND t.status <> 'ended'
JOIN billing_subscriptionitem earlier ON earlier.subscription_id = t.id AND earlier.during && later.during AND earlier.quantity > 0
JOIN billing_price q ON q.id = earlier.price_id AND q.kind = 'module' AND q.optional AND q.code = p.code
WHERE later.quantity > 0 AND later.during @> %(at)s AND earlier.during @> %(at)s ORDER BY later.id, earlier.id
"""


class Pair(NamedTuple):
    """Two rows of one table by id: the one that came later, and the one before it."""

    later: int
    earlier: int


def find(at: datetime) -> Iterator[Suspect]:
    """Yield what looks as if it was bought twice and runs now."""
    yield from _products(_pairs(PRODUCTS, at))
    yield from _modules(_pairs(MODULES, at))


def _products(pairs: Iterable[Pair]) -> Iterator[Suspect]:
    for pair in pairs:
        later, earlier = _contract(pair.later), _contract(pair.earlier)
        yield Suspect(
            tenant=later.tenant,
            seller_id=later.seller_id,
            other=earlier.tenant,
            kind=DuplicateFlag.Kind.PRODUCT,
            of=("product", later.pk, earlier.pk),
            currency=later.currency,
            amount_minor=_billed(later.pk),
            detail={"plan": later.plan.name, "plan_en": later.plan.name_en, "subscription": later.pk},
            meant=later.wanted_twice,
            meant_by=later.acceptance.accepted_by,
        )


def _modules(pairs: Iterable[Pair]) -> Iterator[Suspect]:
    known = SubscriptionItem.objects.select_related("price", "subscription__tenant", "subscription__plan")
    for pair in pairs:
        later, earlier = known.get(pk=pair.later), known.get(pk=pair.earlier)
        s = later.subscription
        yield Suspect(
            tenant=s.tenant,
            seller_id=s.seller_id,
            kind=DuplicateFlag.Kind.MODULE,
            of=("module", s.pk, earlier.subscription_id, later.price.code),
            currency=s.currency,
            amount_minor=_billed(s.pk, later.price.code),
            detail={
                "name": later.price.name,
                "name_en": later.price.name_en,
                "price": later.price.code,
                "subscription": s.pk,
                "beside": earlier.subscription_id,
            },
        )


def _billed(subscription: int, code: str = "") -> int:
    """Return what the newest bill charged for a contract, or for one price of it, with tax, in minor units."""
    lines = InvoiceLine.objects.filter(
        charge__subscription=subscription, invoice__number__isnull=False, gross_minor__gt=0
    )
    lines = lines.filter(code=code) if code else lines
    newest = lines.order_by("-invoice__issued_at", "-invoice").values_list("invoice", flat=True).first()
    return sum(lines.filter(invoice=newest).values_list("gross_minor", flat=True)) if newest else 0


def _contract(pk: int) -> Subscription:
    return Subscription.objects.select_related("tenant", "plan", "acceptance__accepted_by").get(pk=pk)


def _pairs(query: str, at: datetime) -> list[Pair]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"at": at})
        return [Pair(*row) for row in cursor.fetchall()]
