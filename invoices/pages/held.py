"""A bill that was stopped: what it comes to, what is usual, and the yes of somebody who may pay (PAGES §4 held, §8, §9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Subscription
from billing.money import Money
from invoices.holding import PATIENCE
from invoices.models import BillHold
from invoices.pages import banner
from invoices.pages.visit import Visit
from invoices.pages.wording import amount
from tenants.errors import NotFound
from tenants.models import Member


@dataclass(frozen=True)
class Row:
    """One line that is far: this time, the usual, the highest so far; `why` is a sentence."""

    name: str
    first: date | None
    last: date | None
    now: Money
    usual: Money
    highest: Money
    why: str


@dataclass(frozen=True)
class HeldPage:
    """`button` is empty for who may not agree, and once it was ended."""

    title: str
    sentence: str
    ended: str
    rows: tuple[Row, ...]
    lines: tuple[tuple[str, Money], ...]
    total: Money
    held_at: datetime
    alarm_at: datetime | None
    button: str
    then: str
    who: str


def find(visit: Visit, pk: int) -> BillHold:
    """Return a hold of this company; raise NotFound for a stranger's."""
    found = BillHold.objects.select_related("invoice", "seller", "tenant").filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such bill."))
    return found


def page(visit: Visit, pk: int) -> HeldPage:
    """Return the comparison, and what a yes does."""
    hold = find(visit, pk)
    total = Money(hold.total_minor, hold.currency)
    live = hold.released_at is None and hold.invoice is not None
    lines = hold.invoice.lines.order_by("position") if hold.invoice else ()
    may = live and visit.member.may_pay
    return HeldPage(
        title=_("Stopped bill of %(day)s") % {"day": banner.spoken(visit, hold.charge_on)},
        sentence=_sentence(hold),
        ended=_ended(visit, hold),
        rows=tuple(_row(visit, hold, one) for one in hold.reasons),
        lines=tuple((line.name_in(visit.language), Money(line.amount_minor, hold.currency)) for line in lines),
        total=total,
        held_at=hold.held_at,
        alarm_at=call if (call := hold.held_at + PATIENCE) > visit.at else None,
        button=_button(visit, hold) if may else "",
        then=_then(visit, hold) if live else "",
        who="" if may or not live else _payers(visit),
    )


def _sentence(hold: BillHold) -> str:
    """Say first whether money moved."""
    told = {"total": formatting.money(hold.total_minor, hold.currency)}
    if hold.released_at is not None:
        return _("This bill of %(total)s was stopped because it was far above your usual.") % told
    if hold.pays == Subscription.Pays.MANUAL:
        return _("We have stopped this bill of %(total)s and not sent it: it is far above your usual.") % told
    return _("We have stopped this bill of %(total)s and taken nothing: it is far above your usual.") % told


def _ended(visit: Visit, hold: BillHold) -> str:
    if hold.released_at is None:
        return ""
    day = banner.spoken(visit, hold.released_at.astimezone(visit.zone).date())
    if hold.outcome == BillHold.Outcome.CORRECTED:
        return _("It was corrected on %(day)s.") % {"day": day}
    by = str(hold.released_by) if hold.released_by and not hold.released_by.is_staff else _("us")
    return _("Agreed to on %(day)s by %(by)s: %(reason)s") % {"day": day, "by": by, "reason": hold.reason}


def _row(visit: Visit, hold: BillHold, one: dict[str, Any]) -> Row:
    english = not formatting.is_chinese(visit.language)
    name = (english and one["name_en"]) or one["name"] or _("The whole bill")
    usual, highest = Money(one["usual_minor"], hold.currency), Money(one["highest_minor"], hold.currency)
    told = {
        "count": one["periods"],
        "usual": amount(usual),
        "above": amount(Money(one["amount_minor"] - one["usual_minor"], hold.currency)),
        "spread": amount(Money(one["spread_minor"], hold.currency)),
        "spreads": one["spreads"],
    }
    why = _(
        "%(above)s above the usual %(usual)s of the last %(count)s periods; they usually differ by %(spread)s (%(spreads)s times that)."
    )
    if one["why"] == "zero":
        why = _("It was zero in each of the last %(count)s periods.")
    elif one["why"] == "new":
        why = _("No earlier bill had this line.")
    first, end = (date.fromisoformat(one[key]) if one[key] else None for key in ("first", "end"))
    last = end - timedelta(days=1) if end else None
    return Row(name, first, last, Money(one["amount_minor"], hold.currency), usual, highest, why % told)


def _is_ripe(visit: Visit, hold: BillHold) -> bool:
    bill = hold.invoice
    return bill is not None and bill.charge_on <= visit.today and (bill.charge_at is None or bill.charge_at <= visit.at)


def _button(visit: Visit, hold: BillHold) -> str:
    told = {"total": formatting.money(hold.total_minor, hold.currency)}
    if hold.pays == Subscription.Pays.MANUAL or not _is_ripe(visit, hold):
        return _("Agree to %(total)s") % told
    return _("Agree, and deduct %(total)s") % told


def _then(visit: Visit, hold: BillHold) -> str:
    """Say what follows a yes."""
    if hold.pays == Subscription.Pays.MANUAL:
        return _("After your yes the bill is sent, and you pay it yourself.")
    if _is_ripe(visit, hold):
        return _("After your yes it is deducted at once. This page is kept with your yes as the proof.")
    assert hold.invoice is not None
    day = (hold.invoice.charge_at or visit.at).astimezone(visit.zone).date()
    return _("After your yes it is deducted on %(day)s, as announced.") % {"day": banner.spoken(visit, day)}


def _payers(visit: Visit) -> str:
    payers = Member.objects.filter(tenant=visit.tenant, role__in=Member.MAY_PAY).select_related("user").order_by("pk")
    return _(", ").join(str(member.user) for member in payers[:3]) or _("the owner")
