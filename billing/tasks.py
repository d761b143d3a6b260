"""Ticks of this room: what is due is found by its row; a lost or repeated tick changes nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from billing import expiring, lapsing, sealing, watching


@shared_task
def warn_of_lapsing_packs() -> int:
    """Tell customers which resource packs lapse soon."""
    return lapsing.warn(at=timezone.now())


@shared_task
def lapse_gifts() -> int:
    """Take back what is left of gifts whose day has come, and tell whose lapse soon."""
    now = timezone.now()
    return expiring.lapse(at=now) + expiring.warn(at=now)


@shared_task
def seal_book() -> int:
    """Seal what was booked since the last tick."""
    return sealing.seal(at=timezone.now())


@shared_task
def watch_budgets() -> int:
    """Tell customers what of their allowances and budgets is used, and which of these will not last."""
    return watching.tell(at=timezone.now())
