"""Ticks: what is due is found by its row; a lost or repeated tick changes nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from tenants import chaining, idempotency, notices


@shared_task
def deliver() -> int:
    """Send what waits in the outbox."""
    return notices.deliver(at=timezone.now())


@shared_task
def forget_answers() -> int:
    """Drop answers to API requests that are too old to be asked for again."""
    return idempotency.forget(timezone.now())


@shared_task
def seal_log() -> int:
    """Seal what was written into the audit log since the last tick."""
    return chaining.seal(at=timezone.now())
