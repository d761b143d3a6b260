"""Mails that came back, and what that means for deductions: one whose notice is nowhere any more waits (CONTRACTS rule 18)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from invoices import announcing
from tenants import bouncing


def take(mails: Iterable[bytes], *, at: datetime) -> int:
    """Take what mails say about ours that never arrived; return how many deliveries were taken back.

    Each mail stands for itself, in a transaction of its own: with its delivery goes the right to deduct, in one step.
    """
    return sum(_take(raw, at) for raw in mails)


@transaction.atomic
def _take(raw: bytes, at: datetime) -> bool:
    bounce = bouncing.record(raw, at=at)
    if bounce is not None:
        announcing.came_back(bounce.delivery.notice, at=at)
    return bounce is not None
