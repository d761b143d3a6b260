"""When an Alipay cycle agreement may be debited: from five days before the due day until its end, once for each."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TypeVar

from invoices.providers.sandbox.gate import Refusal, Sandbox
from invoices.providers.sandbox.records import Contract, Order

BEFORE = timedelta(days=5)
Day = TypeVar("Day", date, datetime)


def months_on(day: Day, months: int) -> Day:
    """Return the same day so many months later; the days 29 to 31 become the 28th where the month is too short."""
    years, month = divmod(day.month - 1 + months, 12)
    try:
        return day.replace(year=day.year + years, month=month + 1)
    except ValueError:
        return day.replace(year=day.year + years, month=month + 1, day=28)


def due(contract: Contract, day: date) -> date:
    """Return the first due day that is not before this one."""
    found = date.fromisoformat(contract.execute_on)
    while found < day:
        monthly = contract.period_type == "MONTH"
        found = months_on(found, contract.period) if monthly else found + timedelta(days=contract.period)
    return found


def period_for(sandbox: Sandbox, contract: Contract, minor: int, day: date) -> str:
    """Return the due day that a debit on this day is for; raise Refusal as Alipay does."""
    target = due(contract, day)
    done = [order for order in sandbox.store.orders.values() if _paid_under(order, contract)]
    if day < target - BEFORE or target.isoformat() in {order.period for order in done}:
        raise Refusal("ACQ.CYCLE_PAY_DATE_NOT_MATCH", "扣款日期不在签约时的允许范围之内")
    if minor > contract.single_minor:
        raise Refusal("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED", "周期扣款的单笔金额超过签约时限制")
    if contract.total_minor and minor + sum(order.minor for order in done) > contract.total_minor:
        raise Refusal("ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED", "周期扣款的累计金额超过签约时限制")
    if contract.total_payments and len(done) >= contract.total_payments:
        raise Refusal("ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED", "周期扣款的总次数超过签约时限制")
    return target.isoformat()


def _paid_under(order: Order, contract: Contract) -> bool:
    return order.contract_no == contract.contract_no and order.state == "paid"
