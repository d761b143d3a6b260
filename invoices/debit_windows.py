"""When a provider lets a debit be made (research: china.md §1.1 and §1.3): plain dates, no table.

Alipay debits once in each period, from five days before its day until that day, and never by itself. WeChat debits after
its own notice, which the gateway answers with a window; in the first twelve hours after signing no notice is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage.periods import add_months, local_day, local_midnight

BEIJING = "Asia/Shanghai"
DAY = timedelta(days=1)
# Alipay: this many days before the day of deduction the window opens; the day itself is the last one.
DAYS_BEFORE = 5
# Alipay knows no day of the month after this one.
LAST_DAY = 28
# WeChat: no notice is asked for a debit so soon after signing.
FRESH = timedelta(hours=12)
# WeChat: debits between these hours of Beijing, whatever ours are.
WECHAT_HOURS = (7, 22)
# WeChat: told on one day, waits the next, debits from the third; two days more are left for a second try.
TOLD_AHEAD = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Window:
    """When a debit may be made: from `opens` until before `closes`."""

    opens: datetime
    closes: datetime

    def holds(self, at: datetime) -> bool:
        """Return whether a debit may be made at this instant."""
        return self.opens <= at < self.closes


def first_execution(due_on: date) -> date:
    """Return Alipay's first day of deduction for what falls due on this day of a month: in each month its window holds the
    due day, and leaves as many days after it as can be for a second try.

    Bills of the 29th to the 31st fall due on the last day of shorter months; the 3rd of the next month serves them all.
    """
    after = due_on.day + DAYS_BEFORE
    if after <= LAST_DAY:
        return due_on.replace(day=after)
    if due_on.day < LAST_DAY - 1:
        return due_on.replace(day=LAST_DAY)
    next_month = add_months(due_on.replace(day=1), 1)
    return next_month.replace(day=min(due_on.day, LAST_DAY + 1) - (LAST_DAY - 2))


def of_alipay(execute_on: date, every_months: int, at: datetime) -> Window:
    """Return Alipay's window that is open at `at`, else the next one. The first day is that of the first period."""
    today = local_day(at, BEIJING)
    months = (today.year - execute_on.year) * 12 + today.month - execute_on.month
    period = max(0, months // every_months - 1)
    while add_months(execute_on, period * every_months) < today:
        period += 1
    day = add_months(execute_on, period * every_months)
    return Window(local_midnight(day - DAYS_BEFORE * DAY, BEIJING), local_midnight(day + DAY, BEIJING))


def in_wechat_hours(at: datetime) -> bool:
    """Return whether WeChat may be told, and may debit, at this hour."""
    first, last = WECHAT_HOURS
    return first <= at.astimezone(ZoneInfo(BEIJING)).hour < last
