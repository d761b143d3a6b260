"""One row of each kind of what is taken back, and of what was found double."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from billing.models import Change, Charge, WayBack
from invoices.models import DuplicateFlag, WithdrawnCharge

TRIGGER = "ALTER TABLE billing_change {} TRIGGER billing_change_undo_in_time"


def undone(charge: Charge, change: Change, at: datetime) -> None:
    """Write them for a contract whose plan has no hours to undo; the database's rule about the time sleeps meanwhile."""
    owned = {"tenant": charge.tenant, "subscription": charge.subscription}
    said = {"kind": "undo", "status": "applied", "effective_at": at, "at": at, "settled_at": at}
    with connection.cursor() as cursor:
        # A table with checks to come takes no ALTER.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TRIGGER.format("DISABLE"))
        Change.objects.create(**owned, **said, undoes_what="purchase")
        Change.objects.create(**owned, **said, undoes_what="change", undoes=change)
        Change.objects.create(**owned, **said, undoes_what="renewal", undoes_on=at.date())
        cursor.execute(TRIGGER.format("ENABLE"))
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    WayBack.objects.create(tenant=charge.tenant, change=change, until=at, before={}, after={}, charges=[])
    WithdrawnCharge.objects.create(tenant=charge.tenant, change=change, charge=charge)
    DuplicateFlag.objects.create(
        tenant=charge.tenant, seller=charge.seller, kind="product", fingerprint="f", currency="CNY", found_at=at
    )
