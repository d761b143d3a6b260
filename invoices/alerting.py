"""Tell customers whose balance is low: below what they set themselves, or too little for what is announced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from billing.models import Subscription, Wallet
from invoices.models import ChargeNotice
from tenants import notices
from tenants.models import Notice
from tenants.notices import NewNotice
from usage.periods import local_day

# So far ahead announcements are counted, and so long a notice whose day has passed may still be deducted.
AHEAD, BEHIND = timedelta(days=30), timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is announced for the next 30 days, what of it the balance lacks, and by which local day it must be there."""

    announced_minor: int = 0
    missing_minor: int = 0
    until: date | None = None


def in_force(rows: Iterable[ChargeNotice], *, at: datetime) -> list[ChargeNotice]:
    """Return the announcements that are still to be deducted, earliest first: of each day the version in force."""
    latest: dict[tuple[object, ...], ChargeNotice] = {}
    for row in sorted(rows, key=lambda row: (row.due_on, row.version)):
        number = row.version if row.of == ChargeNotice.Of.BILL else 0
        side = (row.tenant_id, row.seller_id, row.currency, row.pays)
        latest[*side, row.due_on, row.of, number] = row
    return [row for row in latest.values() if row.total_minor and (row.charge_at is None or row.charge_at > at)]


def forecast(wallet: Wallet, rows: Iterable[ChargeNotice], *, at: datetime) -> Forecast:
    """Return whether a balance holds what these announcements may deduct from it by then."""
    coming = sorted(
        (row.charge_at or row.due_at, row.total_minor) for row in rows if row.pays == Subscription.Pays.WALLET
    )
    announced, until = 0, None
    for moment, total in coming:
        if moment > at + AHEAD:
            break
        announced += total
        if announced > wallet.total_minor and until is None:
            until = local_day(moment, wallet.tenant.timezone)
    return Forecast(announced, max(0, announced - wallet.total_minor), until)


def tell(*, at: datetime) -> int:
    """Announce low balances, each at most once a local day and only when it is no longer as it was told; return how many.

    A balance is low below the customer's own `alert_minor`, or when what is announced for the next 30 days is more.
    """
    rows = _announced(at)
    told = [notice for wallet in _candidates(at) if (notice := _notice(wallet, rows.get(_side(wallet), []), at))]
    with transaction.atomic():
        notices.announce_many(told, at=at)
    return len(told)


def _announced(at: datetime) -> dict[tuple[int, int, str], list[ChargeNotice]]:
    recent = ChargeNotice.objects.filter(due_at__gt=at - BEHIND, due_at__lte=at + AHEAD)
    found: dict[tuple[int, int, str], list[ChargeNotice]] = {}
    for row in in_force(recent, at=at):
        found.setdefault((row.tenant_id, row.seller_id, row.currency), []).append(row)
    return found


def _candidates(at: datetime) -> Iterable[Wallet]:
    """Return the wallets that may be low: below their own line, or with something announced."""
    mine = {name: OuterRef(name) for name in ("tenant", "seller", "currency")}
    coming = ChargeNotice.objects.filter(**mine, pays=Subscription.Pays.WALLET, due_at__gt=at - BEHIND)
    low = Q(alert_minor__gt=F("paid_minor") + F("gift_minor"))
    return Wallet.objects.filter(low | Exists(coming)).select_related("tenant", "seller").order_by("pk")


def _side(wallet: Wallet) -> tuple[int, int, str]:
    return wallet.tenant_id, wallet.seller_id, wallet.currency


def _notice(wallet: Wallet, rows: list[ChargeNotice], at: datetime) -> NewNotice | None:
    ahead = forecast(wallet, rows, at=at)
    below = wallet.alert_minor is not None and wallet.total_minor < wallet.alert_minor
    key = f"balance-low:{wallet.pk}:{local_day(at, wallet.tenant.timezone)}"
    if not below and not ahead.missing_minor:
        return None
    payload = _payload(wallet, ahead, below)
    earlier = Notice.objects.filter(
        tenant=wallet.tenant, kind="balance_low", key__startswith=f"balance-low:{wallet.pk}:"
    )
    last = earlier.order_by("-pk").first()
    if last is not None and (last.key == key or last.payload == payload):
        return None
    return NewNotice(tenant=wallet.tenant, seller=wallet.seller, kind="balance_low", key=key, payload=payload)


def _payload(wallet: Wallet, ahead: Forecast, below: bool) -> dict[str, object]:
    tenant = wallet.tenant
    return {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/wallet/",
        "currency": wallet.currency,
        "balance_minor": wallet.total_minor,
        "alert_minor": wallet.alert_minor if below else 0,
        "missing_minor": ahead.missing_minor,
        "announced_minor": ahead.announced_minor,
        "until": ahead.until.isoformat() if ahead.until else "",
    }
