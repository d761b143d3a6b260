"""Remind of deductions that were announced, on the days before them that the customer has set (CONTRACTS rule 18).

A reminder says nothing new: it is the notice once more. What was paid, cancelled or no longer allowed is not reminded of,
nor what was announced less than a day before. Of several days that have passed at once the last one speaks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from invoices import alerting, allowing, charge_letters, forthcoming, working_hours
from invoices.models import ChargeNotice, Invoice
from tenants import agreements
from tenants.bulk import among
from tenants.models import Notice
from tenants.models.agreements import RENEWS
from tenants.models.companies import REMINDERS

DAY = timedelta(days=1)


@transaction.atomic
def remind(*, at: datetime, tenants: Sequence[int] | None = None, any_hour: bool = False) -> int:
    """Owe the reminders that are due at `at` (of these payers only, if named), each once for a notice and day; return how
    many. Only within working hours, unless `any_hour`."""
    if not any_hour and not working_hours.within(at):
        return 0
    due = {row.pk: (row, days) for row in _coming(at, tenants) if (days := day_of(row, row.tenant.reminder_days, at))}
    keys = {charge_letters.reminder_key(row, days): pk for pk, (row, days) in due.items()}
    said = set(Notice.objects.filter(key__in=keys, kind="charge_reminder").values_list("key", flat=True))
    fresh = [due[pk] for key, pk in keys.items() if key not in said and is_still_due(due[pk][0], at=at)]
    charge_letters.remind({row.pk: days for row, days in fresh}, [row for row, _days in fresh], at=at)
    return len(fresh)


def day_of(notice: ChargeNotice, days: Sequence[int], at: datetime) -> int:
    """Return of how many days before its deduction a notice is reminded by now: the last that has passed; 0 for none."""
    charge_at = notice.charge_at
    if charge_at is None or charge_at <= at:
        return 0
    passed = [n for n in days if charge_at - n * DAY <= at and charge_at - n * DAY >= notice.announced_at + DAY]
    return min(passed, default=0)


def is_still_due(notice: ChargeNotice, *, at: datetime) -> bool:
    """Return whether what a notice announced is still going to be deducted: not paid, not cancelled, still allowed."""
    allowed = agreements.in_force(at).filter(tenant=notice.tenant_id, seller=notice.seller_id, currency=notice.currency)
    if not allowed.exclude(scope=RENEWS).exists():
        return False
    if notice.of == ChargeNotice.Of.BILL:
        return _bills(notice).filter(origin=allowing.origin(notice.due_on, notice.version)).exists()
    if notice.due_at <= at:
        return _bills(notice).filter(origin="", lines__charge__due_on=notice.due_on).exists()
    found = forthcoming.coming(forthcoming.of_payers([notice.tenant_id], notice.due_at), at=at, until=notice.due_at)
    side = (notice.tenant_id, notice.seller_id, notice.currency, notice.pays)
    return any(day.side == side and day.due_on == notice.due_on and day.total_minor > 0 for day in found)


def _bills(notice: ChargeNotice) -> QuerySet[Invoice]:
    """Return the bills of a notice's payer that are still to be deducted; what is in dispute is not."""
    mine = Invoice.objects.filter(
        tenant=notice.tenant_id, seller=notice.seller_id, currency=notice.currency, pays=notice.pays
    )
    drafted = Q(status=Invoice.Status.DRAFT, total_minor__gt=0)
    return mine.filter(drafted | Q(status=Invoice.Status.OPEN, due_minor__gt=F("frozen_minor")))


def _coming(at: datetime, tenants: Sequence[int] | None) -> list[ChargeNotice]:
    rows = ChargeNotice.objects.filter(
        total_minor__gt=0, charge_at__gt=at, charge_at__lte=at + max(REMINDERS) * DAY, tenant__reminder_days__len__gt=0
    )
    if tenants is not None:
        rows = rows.filter(among("tenant", tenants))
    newer = ChargeNotice.objects.filter(
        tenant__in={row.tenant_id for row in rows}, due_on__in={row.due_on for row in rows}
    )
    live = {row.pk for row in alerting.in_force(newer, at=at)}
    return [row for row in rows.select_related("tenant").order_by("pk") if row.pk in live]
