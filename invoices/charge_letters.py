"""The letters about a deduction that comes: its notice, with the file that is made of it, and the reminders before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing import formatting
from invoices.models import ChargeNotice
from invoices.models.notices import WAIT
from tenants import notices
from tenants.bulk import among
from tenants.models import Seller, Tenant
from tenants.notices import NewNotice
from usage.periods import local_day


def send(rows: Sequence[ChargeNotice], *, at: datetime) -> None:
    """Owe the messages of these notices, each once. A message waits for its file (`rendering_notices`), and for that alone."""
    notices.announce_many(
        [_letter(row, payer, seller, "charge_announced", row.key, at) for row, payer, seller in _whose(rows)], at=at
    )


def remind(days: Mapping[int, int], rows: Sequence[ChargeNotice], *, at: datetime) -> None:
    """Owe a reminder of each of these notices, so many days (by its id) before the deduction; once for each day."""
    said = (
        _letter(row, payer, seller, "charge_reminder", reminder_key(row, days[row.pk]), at)
        for row, payer, seller in _whose(rows)
    )
    notices.announce_many(said, at=at)


def reminder_key(row: ChargeNotice, days: int) -> str:
    """Return the key of the reminder so many days before a deduction."""
    return f"charge-reminder:{row.pk}:{days}"


def _whose(rows: Sequence[ChargeNotice]) -> Iterable[tuple[ChargeNotice, Tenant, Seller]]:
    payers = {tenant.pk: tenant for tenant in Tenant.objects.filter(among("pk", {row.tenant_id for row in rows}))}
    sellers = {seller.pk: seller for seller in Seller.objects.filter(pk__in={row.seller_id for row in rows})}
    return [(row, payers[row.tenant_id], sellers[row.seller_id]) for row in rows]


def _letter(row: ChargeNotice, payer: Tenant, seller: Seller, kind: str, key: str, at: datetime) -> NewNotice:
    announced = kind == "charge_announced"
    payload = _payload(row, payer, at)
    if not announced:
        payload["announced_on"] = str(local_day(row.announced_at, payer.timezone))
    return NewNotice(tenant=payer, kind=kind, key=key, payload=payload, seller=seller, awaits_file=announced)


def _payload(row: ChargeNotice, payer: Tenant, at: datetime) -> dict[str, Any]:
    """Return what the message says; it is deducted on the day named here, or later if the message arrives later."""
    charge_at = row.charge_at or max(row.due_at, at + WAIT)
    chinese = formatting.is_chinese(payer.language)
    return {
        "tenant": payer.name_in(payer.language),
        "path": f"/c/{payer.code}/deductions/{row.pk}/",
        "currency": row.currency,
        "pays": row.pays,
        "charge_at": charge_at.isoformat(),
        "charge_on": str(local_day(charge_at, payer.timezone)),
        "renewal_minor": row.renewal_minor,
        "ceiling_minor": row.ceiling_minor if row.of == ChargeNotice.Of.RENEWAL else 0,
        "total_minor": row.total_minor,
        "lines": [
            {
                "name": line["name"] if chinese else line["name_en"] or line["name"],
                **{name: line[name] for name in ("amount_minor", "first", "last")},
            }
            for line in row.lines
        ],
    }
