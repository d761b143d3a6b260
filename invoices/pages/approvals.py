"""What waits for a second person, and what was decided: the list, and one request laid out like the confirmation (PAGES §9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import formatting
from billing.money import Money
from invoices import approvals, purchasing, states
from invoices.models import PurchaseRequest
from invoices.pages import wording
from invoices.pages.visit import Visit
from tenants.errors import NotFound

State = PurchaseRequest.State
SHOWN = 100
WISHES = {
    "change_plan": gettext_lazy("Change the plan"),
    "set_quantity": gettext_lazy("Change the number of seats"),
    "add_module": gettext_lazy("Add a module"),
    "resume": gettext_lazy("End the pause"),
    "redeem": gettext_lazy("Redeem a coupon"),
}


@dataclass(frozen=True)
class Row:
    """One request in the list."""

    at: datetime
    title: str
    by: str
    total: Money
    address: str
    state: states.State


@dataclass(frozen=True)
class ApprovalsPage:
    """The page /approvals/."""

    limit: Money | None
    settings: str
    waiting: tuple[Row, ...]
    decided: tuple[Row, ...]


@dataclass(frozen=True)
class Line:
    """A line as it was shown to who asked."""

    name: str
    days: str
    amount: Money


@dataclass(frozen=True)
class ApprovalPage:
    """The page of one request: what it does and costs, who asked, and the buttons for who may decide."""

    title: str
    state: states.State
    effect: str
    figure: Money
    lines: tuple[Line, ...]
    facts: tuple[tuple[str, str], ...]
    answer: str
    may_decide: bool
    own: bool
    button: str
    who: str
    decide: str
    back: str


def page(visit: Visit) -> ApprovalsPage:
    """Return what waits, oldest first, and what was decided, newest first."""
    mine = PurchaseRequest.objects.filter(tenant=visit.tenant)
    waiting = [row(visit, one) for one in mine.filter(state=State.WAITING).order_by("asked_at", "pk")]
    decided = mine.exclude(state=State.WAITING).order_by("-decided_at", "-pk")[:SHOWN]
    limit = visit.tenant.purchase_limit_minor
    return ApprovalsPage(
        limit=None if limit is None else Money(limit, visit.tenant.currency),
        settings=visit.to("purchase_limit"),
        waiting=tuple(waiting),
        decided=tuple(row(visit, one) for one in decided),
    )


def find(visit: Visit, pk: int) -> PurchaseRequest:
    """Return one request of this company; raise NotFound."""
    rows = PurchaseRequest.objects.select_related("tenant", "subscription__plan", "quote", "asked_by")
    found = rows.filter(tenant=visit.tenant, pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such request."))
    return found


def one(visit: Visit, pk: int) -> ApprovalPage:
    """Return the page of one request."""
    found = find(visit, pk)
    waits = found.state == State.WAITING and found.expires_at > visit.at
    own = found.asked_by_id == visit.user.pk
    return ApprovalPage(
        title=title(found),
        state=states.PURCHASE[found.state],
        effect=found.shown.get("effect", ""),
        figure=Money(found.total_minor, found.currency),
        lines=tuple(line(visit, said, found.currency) for said in found.shown.get("lines", ())),
        facts=facts(visit, found),
        answer=answer(found),
        may_decide=waits and visit.member.may_pay,
        own=own,
        button=button(found),
        who=who(visit, found),
        decide=visit.to("approval_decide", found.pk),
        back=visit.to("approvals"),
    )


def row(visit: Visit, found: PurchaseRequest) -> Row:
    total = Money(max(found.total_minor, found.yearly_minor), found.currency)
    address, state = visit.to("approval", found.pk), states.PURCHASE[found.state]
    return Row(found.asked_at, title(found), found.asked_by_name, total, address, state)


def title(found: PurchaseRequest) -> str:
    """Return what is asked for, in a few words."""
    kind = purchasing.kind_of(found)
    if kind == purchasing.LIMIT:
        return _("Change the limit for purchases")
    if kind == "accept_quote":
        return _("Accept quote %(number)s") % {"number": found.quote}
    return str(WISHES.get(found.wish.get("do", ""), _("Change the contract")))


def line(visit: Visit, said: dict, currency: str) -> Line:
    days = ""
    if said.get("first") and said.get("after"):
        last = date.fromisoformat(said["after"]) - timedelta(days=1)
        days = formatting.period_days(date.fromisoformat(said["first"]), last, visit.language)
    return Line(said["name"], days, Money(said["amount_minor"] - said.get("discount_minor", 0), currency))


def facts(visit: Visit, found: PurchaseRequest) -> tuple[tuple[str, str], ...]:
    """Return who asked and when, what it weighs, and until when it waits."""
    zone = visit.zone
    rows = [
        (_("Asked for by"), found.asked_by_name or _("a program")),
        (_("Asked for"), formatting.day(found.asked_at.astimezone(zone).date(), visit.language, "sentence")),
        (_("To pay at once"), formatting.money(found.total_minor, found.currency)),
        (_("More in a year, as agreed"), formatting.money(found.yearly_minor, found.currency)),
        (_("Your company's limit"), formatting.money(found.limit_minor, found.currency)),
        (_("Good until"), formatting.day(found.expires_at.astimezone(zone).date(), visit.language, "sentence")),
    ]
    if purchasing.kind_of(found) == purchasing.LIMIT:
        rows[2:5] = [
            (_("Limit until now"), said_limit(found, "before_minor")),
            (_("Limit from then on"), said_limit(found, "after_minor")),
        ]
    if found.subscription:
        rows.append((_("Subscription"), found.subscription.plan.name_in(visit.language)))
    return tuple(rows)


def said_limit(found: PurchaseRequest, name: str) -> str:
    minor = found.shown.get(name)
    return _("no limit") if minor is None else formatting.money(minor, found.currency)


def answer(found: PurchaseRequest) -> str:
    """Return who decided, and why, in one sentence; empty while it waits."""
    if found.state == State.WAITING:
        return ""
    said = {"name": found.decided_by_name, "reason": found.reason}
    return {
        State.APPROVED: _("%(name)s approved it, and it was done as it stands here."),
        State.DECLINED: _("%(name)s did not approve it: %(reason)s"),
        State.EXPIRED: _("Nobody answered within seven days. Nothing was done; ask for it again."),
        State.OUTDATED: _("Nothing was done: %(reason)s"),
    }[State(found.state)] % said


def button(found: PurchaseRequest) -> str:
    """Return verb and amount, as the button says it."""
    if found.total_minor > 0:
        amount = {"amount": wording.amount(Money(found.total_minor, found.currency))}
        return _("Approve, pay %(amount)s") % amount
    return _("Approve, nothing to pay now")


def who(visit: Visit, found: PurchaseRequest) -> str:
    """Return who may approve a request."""
    return names(visit, but=found.asked_by_id)


def names(visit: Visit, *, but: int | None) -> str:
    """Return the names of those who may approve what somebody asks for."""
    people = approvals.approvers(visit.tenant, but=None)
    return wording.joined([str(member.user) for member in people if member.user_id != but][:3])
