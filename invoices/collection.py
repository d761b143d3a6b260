"""What happens to bills that are not paid: by now, the subscription says so (CONTRACTS rule 20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from billing import subscriptions
from billing.models import Subscription
from invoices.models import Invoice, InvoiceLine
from tenants.bulk import among
from usage.periods import local_day


@transaction.atomic
def mark_overdue(*, at: datetime, tenants: Sequence[int] | None = None) -> int:
    """Make active subscriptions `past_due` whose bill was not paid by its due date; return how many.

    `tenants` are the payers to look at (default: all).
    """
    bills = Invoice.objects.all() if tenants is None else Invoice.objects.filter(among("tenant", tenants))
    late: set[int] = set()
    for zone in bills.open().values_list("zone", flat=True).distinct():
        overdue = list(bills.overdue(local_day(at, zone)).filter(zone=zone).values_list("pk", flat=True))
        if overdue:
            billed = InvoiceLine.objects.filter(among("invoice", overdue))
            late |= set(billed.values_list("charge__subscription", flat=True).distinct())
    active = Subscription.objects.filter(among("pk", late), status=Subscription.Status.ACTIVE)
    locked = active.select_for_update(no_key=True).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    return subscriptions.change_state(ids, frm=Subscription.Status.ACTIVE, to=Subscription.Status.PAST_DUE)
