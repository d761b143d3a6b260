"""Find what was paid twice: two transfers of one payer with the same amount, of which the second met no open bill.

A bill that is paid by two ways at once is settled by the first; the second stands in the balance, and is found here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from invoices.models import DuplicateFlag, Payment
from invoices.suspects import Suspect

# Two payments of one amount so close together look like one that was sent twice.
CLOSE = timedelta(days=7)
# The later of two payments of one customer, seller, currency and amount, with another reference; of two transfers also of the
# same payer and remark, as far as the bank tells. Part of the later one is unused, and it brought no top-up that was asked for.
TWICE = """
SELECT later.id, earlier.id, later.amount_minor - coalesce(used.sum, 0) FROM invoices_payment later
JOIN invoices_payment earlier ON (earlier.tenant_id, earlier.seller_id, earlier.currency, earlier.amount_minor)
  = (later.tenant_id, later.seller_id, later.currency, later.amount_minor) AND earlier.id < later.id
  AND earlier.status IN ('succeeded', 'refunded') AND earlier.method <> 'wallet'
  AND earlier.received_at > later.received_at - %(days)s * interval '1 day'
LEFT JOIN invoices_bankcredit first ON first.payment_id = earlier.id
LEFT JOIN invoices_bankcredit second ON second.payment_id = later.id
LEFT JOIN LATERAL (SELECT sum(amount_minor) FROM invoices_allocation a WHERE a.payment_id = later.id) AS used ON true
WHERE later.status = 'succeeded' AND later.method <> 'wallet' AND later.received_at > %(since)s
  AND later.amount_minor > coalesce(used.sum, 0) AND later.returned_minor = 0
  AND EXISTS (SELECT 1 FROM invoices_allocation b WHERE b.payment_id = earlier.id)
  AND (later.method <> 'transfer' OR earlier.method <> 'transfer' OR later.payer_name = earlier.payer_name
    AND coalesce(first.remark, '') = coalesce(second.remark, ''))
ORDER BY later.id, earlier.id DESC
"""


def find(at: datetime) -> Iterator[Suspect]:
    """Yield the payments of the last fortnight that look as if they were sent twice; the amount is what is unused of them."""
    with connection.cursor() as cursor:
        cursor.execute(TWICE, {"days": CLOSE.days, "since": at - 2 * CLOSE})
        rows = cursor.fetchall()
    seen: set[int] = set()
    for later, earlier, unused in rows:
        if later not in seen:
            seen.add(later)
            yield _suspect(Payment.objects.select_related("tenant").get(pk=later), earlier, int(unused))


def _suspect(payment: Payment, earlier: int, unused: int) -> Suspect:
    return Suspect(
        tenant=payment.tenant,
        seller_id=payment.seller_id,
        kind=DuplicateFlag.Kind.PAYMENT,
        of=("payment", payment.pk),
        currency=payment.currency,
        amount_minor=unused,
        detail={"payment": payment.pk, "reference": payment.reference, "beside": earlier},
    )
