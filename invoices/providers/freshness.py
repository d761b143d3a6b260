"""How old a callback may be: both providers sign when they sent it, and what is older may be a recording. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from invoices.providers.port import Forged

FRESH: Final = timedelta(minutes=5)


def refuse_stale(sent_at: datetime, at: datetime) -> None:
    """Raise Forged for what was sent more than five minutes before or after `at`, when it came in."""
    if abs(at - sent_at) > FRESH:
        raise Forged("stale")
