"""Answer a dispute: give back what was charged wrongly, the balance or the way it came, or explain why it was right.

What is given back stands on a credit note over the line in dispute: it lowers what is due first, only what was paid
returns. Above the seller's limit a refund waits for its second person, and so does the money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing import wallets
from billing.formatting import money
from billing.money import Money, allocate
from invoices import crediting, dispute_rules, disputing, freezing, giving_back, refunding, returnable, telling_disputes
from invoices.issuing import series_of
from invoices.models import CreditNote, Dispute, DisputeAnswer, Invoice, NumberSeries, Refund
from invoices.payments import lock_overdue
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import User
from usage.periods import local_day

State, Outcome = Dispute.State, DisputeAnswer.Outcome


class AnotherPerson(NotAllowed):
    """Who disputes does not answer, and who answered does not answer the appeal."""

    code = "second_person_needed"


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer gave back, and on which paper."""

    amount_minor: int = 0
    note: CreditNote | None = None
    refund: Refund | None = None


@transaction.atomic
def settle(
    dispute: Dispute, *, outcome: str, amount_minor: int | None = None, text: str, at: datetime, by: User | None
) -> Dispute:
    """Answer a dispute or its appeal: `credit`, `refund` (the way it was paid) or `explain`; `amount_minor` is with tax, by
    default all that is in dispute.

    Raises Invalid without a text, for an explanation with an amount or for more than is in dispute; AnotherPerson; WrongState
    for what does not wait for an answer.
    """
    if not text.strip():
        raise Invalid(_("Write the answer; the customer reads it."), field="text")
    bill, row = _locked(dispute, at)
    _refuse(row, by)
    given = _give(bill, row, outcome, amount_minor, text=text, at=at, by=by)
    answer = DisputeAnswer.objects.create(
        tenant=row.tenant,
        dispute=row,
        number=row.answers.count() + 1,
        outcome=outcome,
        amount_minor=given.amount_minor,
        text=text.strip()[:2000],
        credit_note=given.note,
        refund=given.refund,
        at=at,
        by=by,
    )
    _close(row, given, at)
    fresh = Invoice.objects.select_related("tenant", "seller").get(pk=bill.pk)
    disputing.thaw(fresh, row, least=dispute_rules.terms(row.seller).grace_days, at=at)
    told = {"outcome": outcome, "given": str(Money(given.amount_minor, fresh.currency).amount)}
    frozen = {"frozen_before": bill.frozen_minor, "frozen_after": fresh.frozen_minor}
    disputing.record("dispute.answered", row, at=at, by=by, **told, **{key: str(v) for key, v in frozen.items()})
    telling_disputes.answered(row, answer, fresh, at=at)
    return row


def waits_again(row: Dispute) -> bool:
    """Whether an answered dispute waits for an answer once more, because its refund was not approved."""
    last = row.answers.select_related("refund").order_by("-number").first()
    return row.state == State.ANSWERED and last is not None and _declined(last)


def _declined(answer: DisputeAnswer) -> bool:
    return answer.refund is not None and answer.refund.status == Refund.Status.DECLINED


def _locked(dispute: Dispute, at: datetime) -> tuple[Invoice, Dispute]:
    """Lock payer's subscriptions, wallet, series and bill, in the one order of locks, then the dispute."""
    invoice = dispute.invoice
    lock_overdue([invoice.tenant_id])
    wallets.lock(invoice.tenant_id, invoice.seller_id, invoice.currency)
    series_of(invoice.seller, NumberSeries.Kind.CREDIT_NOTE, local_day(at, invoice.seller.timezone).year)
    return disputing.locked(dispute)


def _refuse(row: Dispute, by: User | None) -> None:
    if not row.is_live and not waits_again(row):
        raise WrongState(_("This dispute does not wait for an answer."))
    if by is None:
        return
    if by.pk in (row.opened_by_id, row.appealed_by_id):
        raise AnotherPerson(_("Who disputes a bill does not answer the dispute."))
    if row.answers.filter(by=by).exists():
        raise AnotherPerson(_("You have answered this before; somebody else answers it now."))


def _give(
    bill: Invoice,
    row: Dispute,
    outcome: str,
    amount_minor: int | None,
    *,
    text: str,
    at: datetime,
    by: User | None,
) -> Given:
    if outcome == Outcome.EXPLAIN:
        if amount_minor:
            raise Invalid(_("An explanation gives nothing back; choose credit or refund."), field="amount")
        return Given()
    if outcome not in Outcome.values:
        raise Invalid(_("Write credit, refund or explain."), field="outcome")
    most = row.contested_minor + _not_approved(row)
    amount = most if amount_minor is None else amount_minor
    if not 0 < amount <= most:
        raise Invalid(
            _("%(most)s is in dispute; no more is given back here.") % {"most": money(most, bill.currency)},
            field="amount",
        )
    reason = text.strip()[:300]
    at_once = amount if outcome == Outcome.CREDIT else min(amount, freezing.due(bill))
    note = _credit(bill, row, at_once, reason, at, by) if at_once else None
    rest = amount - at_once
    asked = Invoice.objects.get(pk=bill.pk)
    lines = _takes(asked, row, rest)
    rows = refunding.request(asked, lines=lines, reason=reason, at=at, by=by) if rest else []
    return Given(amount, note, rows[0] if rows else None)


def _credit(bill: Invoice, row: Dispute, amount: int, reason: str, at: datetime, by: User | None) -> CreditNote:
    series = series_of(bill.seller, NumberSeries.Kind.CREDIT_NOTE, local_day(at, bill.seller.timezone).year)
    place = giving_back.places([bill.pk]).bills[bill.pk]
    for pk, part in _takes(place.invoice, row, amount).items():
        place.takes[pk] = part
    return crediting.write(series, place.invoice, place.parts(), reason=reason, at=at, by=by)


def _takes(bill: Invoice, row: Dispute, amount: int) -> dict[int, int]:
    """Return what is taken of which line (with tax): of the one in dispute, or of all in the ratio of what is left of them."""
    left = returnable.left_by_line(bill)
    if row.line_id is not None:
        left = {row.line_id: left.get(row.line_id, 0)}
    if amount > min(sum(left.values()), bill.total_minor - bill.credited_minor):
        raise Invalid(_("Less than that is left: it was credited meanwhile."), field="amount")
    shares = allocate(amount, list(left.values())) if amount else [0] * len(left)
    return {pk: share for pk, share in zip(left, shares, strict=True) if share}


def _not_approved(row: Dispute) -> int:
    """Return what the last answer was to give back and a second person did not approve."""
    last = row.answers.select_related("refund").order_by("-number").first()
    if last is None or last.refund is None or not _declined(last):
        return 0
    return sum(part.amount_minor for part in refunding.parts(last.refund))


def _close(row: Dispute, given: Given, at: datetime) -> None:
    """Let a dispute be answered: settled after its appeal, or when all was given back; else it may be appealed."""
    row.given_minor += given.amount_minor - _not_approved_before(row)
    waits = given.refund is not None and given.refund.status == Refund.Status.REQUESTED
    if row.state == State.APPEALED or (not row.contested_minor and not waits):
        row.state, row.closed_at = State.SETTLED, at
    else:
        row.state, row.answered_at = State.ANSWERED, at
        row.appeal_until = local_day(at, row.tenant.timezone) + timedelta(dispute_rules.terms(row.seller).appeal_days)
    row.answered_at = row.answered_at or at
    row.save(update_fields=["state", "given_minor", "answered_at", "appeal_until", "closed_at"])


def _not_approved_before(row: Dispute) -> int:
    """Return what the answer before the last was to give back and was not approved; the last is there already."""
    earlier = list(row.answers.select_related("refund").order_by("-number")[1:2])
    if not earlier or earlier[0].refund is None or not _declined(earlier[0]):
        return 0
    return sum(part.amount_minor for part in refunding.parts(earlier[0].refund))
