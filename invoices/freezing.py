"""What of a bill is frozen while it is in dispute: the sum of what its live disputes are about, and never more than is due.

What was paid counts for what is not in dispute first, so that of a bill of 100.00 with 50.00 in dispute, of which 40.00 was
paid, 10.00 may be asked for and 50.00 may not. The database proves the sum at the end of each transaction.
"""

from __future__ import annotations

from django.db.models import F, Sum

from invoices.models import Dispute, Invoice


def clip(invoice: Invoice) -> None:
    """Lower what is frozen to what is due by now, on a locked bill whose amounts are about to be saved; what is due only falls."""
    invoice.frozen_minor = min(invoice.frozen_minor, due(invoice))


def freeze(invoice: Invoice) -> int:
    """Freeze, on a locked bill, what its live disputes are about by now; return the change in minor units."""
    wanted = Dispute.objects.filter(invoice=invoice).live().aggregate(sum=Sum(F("amount_minor") - F("given_minor")))
    before, invoice.frozen_minor = invoice.frozen_minor, min(wanted["sum"] or 0, due(invoice))
    invoice.save(update_fields=["frozen_minor"])
    return invoice.frozen_minor - before


def due(invoice: Invoice) -> int:
    """Return what is due by the amounts as they stand on the object, before the database has added them up."""
    return max(0, invoice.total_minor - invoice.paid_minor - invoice.credited_minor)
