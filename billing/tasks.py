"""Ticks of this room: what is due is found by its row; a lost or repeated tick changes nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from billing import lapsing


@shared_task
def warn_of_lapsing_packs() -> int:
    """Tell customers which resource packs lapse soon."""
    return lapsing.warn(at=timezone.now())
