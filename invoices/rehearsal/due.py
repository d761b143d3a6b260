"""When something of a story is due next, and the doing of it in the order of the river; nothing is asked in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Min

from billing import closing
from billing.models import Subscription
from invoices import collection, drafting, issuing
from invoices.models import Invoice
from invoices.rehearsal.staging import World
from tenants.bulk import among
from usage.periods import local_day, local_midnight

DAY = timedelta(days=1)
# A close may start a subscription that is due at once (the plan after a trial), never so many in a row.
ROUNDS = 10


def after(world: World) -> datetime | None:
    """Return the first instant after the story's present at which something is due; None when nothing is."""
    return min((instant for instant in _instants(world) if instant > world.now), default=None)


def _instants(world: World) -> Iterator[datetime]:
    subscriptions = Subscription.objects.filter(among("tenant", world.ids), next_at__gt=world.now)
    if (first := subscriptions.aggregate(first=Min("next_at"))["first"]) is not None:
        yield first
    for zone in {tenant.timezone for tenant in world.tenants.values()}:
        today = local_day(world.now, zone)
        bills = Invoice.objects.filter(among("tenant", world.ids), zone=zone)
        drafts = bills.filter(status=Invoice.Status.DRAFT, charge_on__gt=today)
        if (day := drafts.aggregate(first=Min("charge_on"))["first"]) is not None:
            yield local_midnight(day, zone)
        # A bill is overdue from the day after its due date on.
        if (day := bills.open().filter(due_on__gte=today).aggregate(first=Min("due_on"))["first"]) is not None:
            yield local_midnight(day + DAY, zone)


def do(world: World) -> None:
    """Do all that is due at the story's present: close, draft, issue, then what follows from bills."""
    at = world.now
    for _round in range(ROUNDS):
        due = Subscription.objects.due(at).filter(among("tenant", world.ids))
        ids = list(due.order_by("pk").values_list("pk", flat=True))
        if not ids:
            break
        closing.close(ids, at=at)
    drafting.draft(world.ids, at=at)
    drafts = Invoice.objects.filter(among("tenant", world.ids), status=Invoice.Status.DRAFT)
    if ready := list(drafts.order_by("pk").values_list("pk", flat=True)):
        issuing.issue(ready, at=at)
    collection.mark_overdue(at=at, tenants=world.ids)
