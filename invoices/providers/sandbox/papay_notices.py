"""WeChat's pre-notice, and when a debit may be made: day 1 told, day 2 waits, days 3 to 9 debit, 07:00 to 22:00."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from invoices.providers.sandbox import contracting, wechat_trades
from invoices.providers.sandbox.clock import BEIJING
from invoices.providers.sandbox.gate import Refusal, Sandbox, digits
from invoices.providers.sandbox.records import Contract, Notice, Order

Told = dict[str, Any]
OPENS, SHUTS = time(7), time(22)
# From the day of the notice to the first day of debits, and how many these are at most.
WAIT, DAYS = timedelta(days=2), 7
# After signing a contract debits need no notice.
FREE = timedelta(hours=12)


def notify(sandbox: Sandbox, part: str, query: dict[str, str], content: Told) -> None:
    """Take a notice: how much at most, and in how many days. 204."""
    wechat_trades.ours(sandbox, content)
    contract = contracting.by_number(sandbox, "wechat", part)
    if contract is None or not contracting.in_force(sandbox, contract):
        raise Refusal("CONTRACT_NOT_EXIST", "协议不存在或已解约", 404)
    if "contract_id" in content:
        raise Refusal("PARAM_ERROR", "contract_id")
    _refuse_night(sandbox)
    duration = content.get("deduct_duration")
    count = duration.get("count") if isinstance(duration, dict) else None
    if not isinstance(duration, dict) or duration.get("unit") != "DAY" or type(count) is not int or count < 1:
        raise Refusal("PARAM_ERROR", "deduct_duration")
    minor = wechat_trades.amount_of(content.get("estimated_amount"), "amount")
    if minor > sandbox.terms.single_minor:
        raise Refusal("INVALID_REQUEST", "预计扣费金额超过单笔限额")
    sandbox.store.keep(_made(sandbox, contract, minor, min(count, DAYS)))


def _refuse_night(sandbox: Sandbox) -> None:
    if not OPENS <= sandbox.clock.now().astimezone(BEIJING).time() < SHUTS:
        raise Refusal("INVALID_REQUEST", "请在北京时间7:00-22:00发起")


def _made(sandbox: Sandbox, contract: Contract, minor: int, days: int) -> Notice:
    now = sandbox.clock.now()
    opens = datetime.combine(contracting.today(sandbox), time(0), BEIJING) + WAIT
    return Notice(
        number=digits(20),
        contract_no=contract.contract_no,
        minor=minor,
        told_at=now,
        opens_at=opens,
        ends_at=opens + timedelta(days=days),
    )


def cycle_for(sandbox: Sandbox, contract: Contract, minor: int) -> str:
    """Return the notice that a debit now uses up ("first" in the free hours); raise Refusal as WeChat does."""
    now = sandbox.clock.now()
    done = [order for order in sandbox.store.orders.values() if order.contract_no == contract.contract_no]
    _refuse_limits(sandbox, contract, minor, done)
    if contract.signed_at and now < contract.signed_at + FREE:
        return "first"
    _refuse_night(sandbox)
    told = [notice for notice in sandbox.store.notices.values() if notice.contract_no == contract.contract_no]
    open_now = [notice for notice in told if notice.opens_at <= now < notice.ends_at]
    if not open_now:
        raise Refusal("INVALID_REQUEST", "未发送预扣费通知或不在可扣费时间内")
    notice = max(open_now, key=lambda notice: notice.told_at)
    if any(order.period == notice.number and order.state in ("paid", "accepted") for order in done):
        raise Refusal("INVALID_REQUEST", "本周期已扣费")
    if minor > notice.minor:
        raise Refusal("INVALID_REQUEST", "扣费金额超过预扣费通知金额")
    return notice.number


def _refuse_limits(sandbox: Sandbox, contract: Contract, minor: int, done: list[Order]) -> None:
    """One success a day under a contract; so much at most at once, and for a payer in a day."""
    if minor > sandbox.terms.single_minor:
        raise Refusal("RULELIMIT", "超过单笔限额")
    if any(order.state == "accepted" for order in done):
        raise Refusal("INVALID_REQUEST", "上一笔扣费处理中，请勿重复提交")
    today = contracting.today(sandbox)
    paid = [order for order in sandbox.store.orders.values() if order.payer == contract.payer and order.kind == "debit"]
    spent = [order for order in paid if order.paid_at and order.paid_at.astimezone(BEIJING).date() == today]
    if any(order.contract_no == contract.contract_no for order in spent):
        raise Refusal("RULELIMIT", "今日已扣费成功")
    if minor + sum(order.minor for order in spent) > sandbox.terms.day_minor:
        raise Refusal("RULELIMIT", "超过单日限额")
