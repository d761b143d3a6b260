"""Disputes: where each is, what is frozen and until when it is answered; and what both sides say of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils.translation import gettext as _

from billing import formatting
from billing.formatting import money
from billing.money import Money
from invoices import dispute_rules, states, telling_disputes
from invoices.models import Dispute, DisputeAnswer, DisputeEvidence, Invoice, Refund
from invoices.pages import wording
from invoices.pages.bill import Step, spoken
from invoices.pages.visit import Visit
from tenants.errors import NotFound
from tenants.models import Member

State, Side, Outcome = Dispute.State, DisputeEvidence.Side, DisputeAnswer.Outcome
SHOWN = 200
# Who may dispute: whoever pays, and whoever looks after the company.
MAY = Member.MAY_PAY | Member.MAY_MANAGE


@dataclass(frozen=True)
class DisputeRow:
    """One dispute in the list."""

    at: datetime
    what: str
    why: str
    address: str
    amount: Money
    given: Money
    said: str
    state: states.State


@dataclass(frozen=True)
class DisputesPage:
    """The page /disputes/."""

    rows: tuple[DisputeRow, ...]
    frozen: Money
    waiting: int
    refunds: int
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A piece of evidence."""

    by: str
    at: datetime
    text: str
    file: str
    address: str


@dataclass(frozen=True)
class DisputePage:
    """The page of one dispute: both sides beside each other."""

    title: str
    amount: Money
    frozen: Money
    due: Money
    state: states.State
    sentence: str
    steps: tuple[Step, ...]
    ours: tuple[Shown, ...]
    yours: tuple[Shown, ...]
    facts: tuple[tuple[str, str, str], ...]
    may_add: bool
    may_appeal: bool
    appeal_until: str
    may_withdraw: bool
    add: str
    appeal: str
    withdraw: str


def page(visit: Visit) -> DisputesPage:
    """Return all disputes, newest first."""
    found = Dispute.objects.filter(tenant=visit.tenant).select_related("invoice", "line", "seller", "tenant")
    rows = list(found.order_by("-pk")[:SHOWN])
    frozen = Invoice.objects.filter(tenant=visit.tenant, currency=visit.tenant.currency, frozen_minor__gt=0)
    return DisputesPage(
        rows=tuple(_row(visit, row) for row in rows),
        frozen=Money(frozen.aggregate(sum=Sum("frozen_minor"))["sum"] or 0, visit.tenant.currency),
        waiting=sum(row.is_live for row in rows),
        refunds=Refund.objects.filter(tenant=visit.tenant).count(),
        terms=terms(rows[0].seller if rows else None),
    )


def terms(seller: object) -> tuple[str, ...]:
    """Return in sentences what is promised of disputes."""
    known = dispute_rules.terms(seller) if seller is not None else dispute_rules.DisputeTerms()  # type: ignore[arg-type]
    days = {"answer": known.answer_days, "appeal": known.appeal_days, "grace": known.grace_days}
    return (
        _("Only the amount in dispute is frozen: it is not asked for, not deducted and not dunned for."),
        _("We answer within %(answer)s days. Until then, and for as long as we are late, it stays frozen.") % days,
        _("You may appeal an answer once, within %(appeal)s days; somebody else answers it.") % days,
        _("What turns out to be right is due %(grace)s days after the answer at the earliest.") % days,
    )


def find(visit: Visit, pk: int) -> Dispute:
    """Return a dispute of this company; raise NotFound for any other."""
    found = Dispute.objects.filter(tenant=visit.tenant, pk=pk)
    row = found.select_related("invoice", "line", "seller", "tenant", "opened_by", "appealed_by").first()
    if row is None:
        raise NotFound(_("There is no such dispute."))
    return row


def one(visit: Visit, pk: int) -> DisputePage:
    """Return one dispute; raise NotFound for another company's."""
    row = find(visit, pk)
    bill, currency, may = row.invoice, row.invoice.currency, visit.member.role in MAY
    appeal = may and dispute_rules.may_appeal(row, at=visit.at)
    return DisputePage(
        title=_("Dispute: %(what)s") % {"what": telling_disputes.what(row, visit.language)},
        amount=Money(row.amount_minor, currency),
        frozen=Money(min(row.contested_minor, bill.frozen_minor) if row.is_live else 0, currency),
        due=Money(bill.claimable_minor if bill.status == Invoice.Status.OPEN else 0, currency),
        state=states.DISPUTE[row.state],
        sentence=sentence(visit, row),
        steps=tuple(_steps(visit, row)),
        ours=_ours(visit, row),
        yours=_yours(visit, row),
        facts=tuple(_facts(visit, row)),
        may_add=may and row.closed_at is None,
        may_appeal=appeal,
        appeal_until=spoken(visit, row.appeal_until) if row.appeal_until else "",
        may_withdraw=may and row.is_live,
        add=visit.to("dispute_evidence", row.pk),
        appeal=visit.to("dispute_appeal", row.pk),
        withdraw=visit.to("dispute_withdraw", row.pk),
    )


def sentence(visit: Visit, row: Dispute) -> str:
    """Return the first line: who has the word now, and what is frozen."""
    told = {
        "day": spoken(visit, row.answer_due_on),
        "given": money(row.given_minor, row.invoice.currency),
        "until": spoken(visit, row.appeal_until) if row.appeal_until else "",
    }
    if row.is_live and row.answer_due_on < visit.today:
        return _("Our answer was due on %(day)s and is late. It stays frozen until you have it.") % told
    if row.is_live:
        return _("We answer by %(day)s.") % told
    if row.state == State.WITHDRAWN:
        return _("You took it back; nothing is frozen any more.")
    if row.given_minor:
        return _("Answered: %(given)s is given back.") % told
    if dispute_rules.may_appeal(row, at=visit.at):
        return _("Answered with an explanation. You can appeal until %(until)s.") % told
    return _("Answered with an explanation.")


def _row(visit: Visit, row: Dispute) -> DisputeRow:
    told = {"number": row.invoice.number, "what": telling_disputes.what(row, visit.language)}
    return DisputeRow(
        at=row.opened_at,
        what=_("%(what)s, bill %(number)s") % told,
        why=row.reason,
        address=visit.to("dispute", row.pk),
        amount=Money(row.amount_minor, row.invoice.currency),
        given=Money(row.given_minor, row.invoice.currency),
        said=sentence(visit, row),
        state=states.DISPUTE[row.state],
    )


def _steps(visit: Visit, row: Dispute) -> list[Step]:
    """Return opened, answered, appealed, settled: each with its time, or by when it comes."""
    amount = wording.amount(Money(row.amount_minor, row.invoice.currency))
    steps = [Step(_("Opened"), row.opened_at, amount, True, leads=True)]
    answers = list(row.answers.select_related("credit_note", "refund").order_by("number"))
    for answer in answers:
        if row.appealed_at is not None and answer.at >= row.appealed_at and not _has(steps, _("Appealed")):
            steps.append(Step(_("Appealed"), row.appealed_at, "", True, leads=True))
        steps.append(_answer_step(visit, row, answer))
    if row.state == State.APPEALED:
        steps.append(Step(_("Appealed"), row.appealed_at, "", True, leads=True))
    if row.state == State.WITHDRAWN:
        steps.append(Step(_("Taken back"), row.closed_at, "", True))
    if row.is_live:
        steps.append(Step(_("Answer"), None, _("by %(day)s") % {"day": spoken(visit, row.answer_due_on)}, False))
    return steps


def _has(steps: list[Step], name: str) -> bool:
    return any(step.name == name for step in steps)


def _answer_step(visit: Visit, row: Dispute, answer: DisputeAnswer) -> Step:
    given = money(answer.amount_minor, row.invoice.currency)
    said = {Outcome.CREDIT: _("%(given)s credited"), Outcome.REFUND: _("%(given)s refunded")}
    told = said[Outcome(answer.outcome)] % {"given": given} if answer.amount_minor else _("explained")
    if answer.refund is not None:
        address = visit.to("refund", answer.refund.pk)
        return Step(_("Answered"), answer.at, told, True, _("Where is my money"), address, leads=True)
    return Step(_("Answered"), answer.at, told, True, leads=True)


def _yours(visit: Visit, row: Dispute) -> tuple[Shown, ...]:
    said = [Shown(_name(row.opened_by), row.opened_at, row.reason, "", "")]
    if row.appealed_at is not None:
        said.append(Shown(_name(row.appealed_by), row.appealed_at, row.appeal, "", ""))
    return tuple(sorted([*said, *_shown(visit, row, Side.CUSTOMER)], key=lambda one: one.at))


def _ours(visit: Visit, row: Dispute) -> tuple[Shown, ...]:
    answers = [Shown("", answer.at, answer.text, "", "") for answer in row.answers.order_by("number")]
    return tuple(sorted([*answers, *_shown(visit, row, Side.SELLER)], key=lambda one: one.at))


def _shown(visit: Visit, row: Dispute, side: str) -> list[Shown]:
    return [
        Shown(
            # Of us the customer reads no names.
            _name(one.by) if side == Side.CUSTOMER else "",
            one.at,
            one.text,
            one.file_name,
            visit.to("dispute_file", row.pk, one.pk) if one.file_sha256 else "",
        )
        for one in row.evidence.filter(side=side).select_related("by").order_by("pk")
    ]


def _name(person: object) -> str:
    return str(person) if person is not None else ""


def _facts(visit: Visit, row: Dispute) -> list[tuple[str, str, str]]:
    days = ""
    if row.starts_on and row.ends_on:
        last = row.ends_on - timedelta(days=1)
        days = f"{formatting.day(row.starts_on, visit.language)} – {formatting.day(last, visit.language)}"
    found = [
        (_("Bill"), row.invoice.number or "", visit.to("bill", row.invoice_id)),
        (_("Line"), row.line.name_in(visit.language) if row.line else "", ""),
        (_("Days"), days, ""),
        (_("Opened by"), _name(row.opened_by), ""),
        (_("Answered by"), formatting.day(row.answer_due_on, visit.language), ""),
    ]
    return [(name, str(words), address) for name, words, address in found if words]
