"""Ticks: each takes what is on its shelf and may run twice, late, or beside another."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from invoices import announcing, checking, pdf, quoting, rendering, run

log = structlog.get_logger(__name__)


@shared_task
def bill() -> None:
    """Bill all that is due now."""
    now = timezone.now()
    run.bill(at=now, clock=timezone.now)


@shared_task
def announce() -> None:
    """Announce the deductions that fall due in a week, and see which announcements arrived."""
    announcing.announce(at=timezone.now())
    announcing.take_deliveries(at=timezone.now())


@shared_task
def render() -> None:
    """Make the documents that are missing, and owe the mails that carry them."""
    for paper in rendering.waiting(200):
        rendering.render(paper, pdf.render, at=timezone.now())


@shared_task
def check_books() -> None:
    """Prove the books and shout when something is wrong."""
    for fault in checking.faults():
        log.error("the books are wrong", where=fault.where, what=fault.what)


@shared_task
def expire_quotes() -> None:
    """Mark the quotes whose last day has passed."""
    quoting.expire(at=timezone.now())
