"""Gifts in the balance that lapse: told beforehand, and taken back against what was given away when their day has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from billing import wallets
from billing.models import Wallet, WalletLot
from tenants import notices
from tenants.models import Notice
from tenants.notices import NewNotice
from usage.periods import local_day


def lapse(*, at: datetime) -> int:
    """Take back what is left of each gift that has lapsed by `at`, a wallet at a time; return of how many wallets.

    A gift that has lapsed is never spent, also before this ran: who spends asks first (`wallets.lock`).
    """
    gone = WalletLot.objects.filter(expires_at__lte=at, left_minor__gt=0)
    ids = list(gone.order_by("wallet").values_list("wallet", flat=True).distinct())
    return sum(bool(_lapse(wallet, at)) for wallet in Wallet.objects.filter(pk__in=ids).order_by("pk"))


def warn(*, at: datetime) -> int:
    """Announce each gift of which something is left and that lapses within one of GIFT_WARNING_DAYS; return how many.

    Once for each warning, and of several that are due the last one. A gift that is valid for no longer than a warning's
    days is not warned about so early.
    """
    due = {key: lot for lot in _soon(at) if (key := _key(lot, at))}
    said = set(Notice.objects.filter(key__in=due).values_list("key", flat=True))
    fresh = {key: lot for key, lot in due.items() if key not in said}
    with transaction.atomic():
        notices.announce_many((_notice(lot, key) for key, lot in fresh.items()), at=at)
    return len(fresh)


@transaction.atomic
def _lapse(wallet: Wallet, at: datetime) -> int:
    return wallets.lapse(wallets.lock(wallet.tenant_id, wallet.seller_id, wallet.currency), at=at)


def _soon(at: datetime) -> Iterable[WalletLot]:
    within = timedelta(days=max(settings.GIFT_WARNING_DAYS, default=0))
    lots = WalletLot.objects.filter(expires_at__gt=at, expires_at__lte=at + within, left_minor__gt=0)
    return lots.select_related("tenant", "wallet__seller").order_by("pk")


def _key(lot: WalletLot, at: datetime) -> str:
    """Return the key of the warning that is due by now: of several the last one, so that nobody gets two at once."""
    assert lot.expires_at is not None
    for days in sorted(settings.GIFT_WARNING_DAYS):
        length = timedelta(days=days)
        if lot.expires_at - at <= length < lot.expires_at - lot.at:
            return f"gift-lapsing:{lot.pk}:{days}"
    return ""


def _notice(lot: WalletLot, key: str) -> NewNotice:
    assert lot.expires_at is not None
    tenant = lot.tenant
    last = local_day(lot.expires_at - timedelta(microseconds=1), tenant.timezone)
    return NewNotice(
        tenant=tenant,
        seller=lot.wallet.seller,
        kind="gift_lapsing",
        key=key,
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/wallet/",
            "currency": lot.wallet.currency,
            "amount_minor": lot.left_minor,
            "last_day": last.isoformat(),
        },
    )
