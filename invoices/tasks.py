"""Ticks: each takes what is on its shelf and may run twice, late, or beside another."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from invoices import pdf, rendering, run


@shared_task
def bill() -> None:
    """Bill all that is due now."""
    now = timezone.now()
    run.bill(at=now, clock=timezone.now)


@shared_task
def render() -> None:
    """Make the documents that are missing, and owe the mails that carry them."""
    for paper in rendering.waiting(200):
        rendering.render(paper, pdf.render, at=timezone.now())
