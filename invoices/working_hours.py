"""When we may deduct, remind and call: within working hours of Beijing (setting WORKING_HOURS), which providers ask for too."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

BEIJING = "Asia/Shanghai"
_ZONE = ZoneInfo(BEIJING)


def within(at: datetime) -> bool:
    """Return whether an instant lies in working hours; their last hour is not in it."""
    first, last = settings.WORKING_HOURS
    return bool(first <= at.astimezone(_ZONE).hour < last)


def from_then_on(at: datetime) -> datetime:
    """Return the first instant not before `at` that lies in working hours."""
    if within(at):
        return at
    local, first = at.astimezone(_ZONE), settings.WORKING_HOURS[0]
    day = local.date() if local.hour < first else local.date() + timedelta(days=1)
    return datetime.combine(day, time(first), tzinfo=_ZONE)
