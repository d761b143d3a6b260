"""The nightly proof of the book."""

from __future__ import annotations

import structlog
from celery import shared_task

from billing import checking

log = structlog.get_logger(__name__)


@shared_task
def check_books() -> None:
    """Prove the book and shout when something is wrong."""
    for fault in checking.faults():
        log.error("the book is wrong", where=fault.where, what=fault.what)
