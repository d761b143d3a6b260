"""Where is my money: every refund with its steps and days, and the two ways to ask for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from billing import formatting, wallets
from billing.formatting import money
from billing.money import Money
from invoices import refund_plans, refund_rules, returnable, states, telling_refunds
from invoices.models import Document, Payment, Refund
from invoices.pages import frame, wording
from invoices.pages.bill import Step, find, spoken
from invoices.pages.payers import who
from invoices.pages.visit import Visit
from invoices.returnable import Way
from tenants.errors import Invalid, NotFound
from tenants.models import AuditEntry

Status, To = Refund.Status, Refund.To
SHOWN = 200


@dataclass(frozen=True)
class RefundRow:
    """One refund in the list."""

    at: datetime
    what: str
    why: str
    address: str
    way: str
    amount: Money
    state: states.State


@dataclass(frozen=True)
class RefundsPage:
    """The page /refunds/."""

    rows: tuple[RefundRow, ...]
    under_way: Money
    balance: Money
    withdraw: str


@dataclass(frozen=True)
class RefundPage:
    """The page of one refund."""

    title: str
    amount: Money
    state: states.State
    sentence: str
    steps: tuple[Step, ...]
    others: tuple[RefundRow, ...]
    facts: tuple[tuple[str, str, str], ...]
    in_balance: bool


@dataclass(frozen=True)
class WayRow:
    """A part of what is asked for and how it goes."""

    name: str
    when: str
    amount: Money


@dataclass(frozen=True)
class LineRow:
    """A line of a bill and how much of it comes back."""

    name: str
    paid: Money
    back: Money


@dataclass(frozen=True)
class AskPage:
    """The page on which a refund is asked for: of a bill (its lines), or of the balance (any amount of it)."""

    title: str
    amount: Money
    most: Money
    lines: tuple[LineRow, ...]
    ways: tuple[WayRow, ...]
    rules: tuple[str, ...]
    waits: bool
    back: str
    refusal: str
    may_pay: bool
    who: str


def page(visit: Visit) -> RefundsPage:
    """Return all refunds, newest first, and what of the balance can be paid back."""
    found = Refund.objects.filter(tenant=visit.tenant).select_related("payment", "invoice").order_by("-pk")
    rows = list(found[:SHOWN])
    live = [row.amount_minor for row in rows if row.status in returnable.LIVE and row.currency == visit.tenant.currency]
    paid = _held(visit).paid
    return RefundsPage(
        rows=tuple(_row(visit, row) for row in rows),
        under_way=Money(sum(live), visit.tenant.currency),
        balance=Money(paid, visit.tenant.currency),
        withdraw=visit.to("withdraw_balance") if paid and visit.member.may_pay else "",
    )


def one(visit: Visit, pk: int) -> RefundPage:
    """Return one refund; raise NotFound for another company's."""
    found = Refund.objects.filter(tenant=visit.tenant, pk=pk)
    row = found.select_related("payment", "invoice", "credit_note", "tenant").first()
    if row is None:
        raise NotFound(_("There is no such refund."))
    mine = Refund.objects.filter(tenant=visit.tenant).select_related("payment", "invoice")
    together = mine.filter(pk=row.first_id or row.pk) | mine.filter(first=row.first_id or row.pk)
    return RefundPage(
        title=_what(row),
        amount=Money(row.amount_minor, row.currency),
        state=_state(row),
        sentence=_sentence(visit, row),
        steps=tuple(_steps(visit, row)),
        others=tuple(_row(visit, other) for other in together.exclude(pk=row.pk).order_by("pk")),
        facts=tuple(_facts(visit, row)),
        in_balance=row.to == To.WALLET and row.status in (Status.SUCCEEDED, Status.FAILED),
    )


def withdrawal(visit: Visit, amount: str = "") -> AskPage:
    """Return the page on which balance is asked back: all that was paid in, or so much of it."""
    seller, currency = frame.seller_of(visit), visit.tenant.currency
    most = _held(visit).paid
    wanted, refusal = most, ""
    if amount:
        try:
            wanted = typed(visit, amount)
        except Invalid as refused:
            refusal = refused.message
    if wanted > most:
        wanted, refusal = (
            most,
            _("Of the balance %(paid)s was paid in and can be returned.") % {"paid": money(most, currency)},
        )
    payments = Payment.objects.filter(
        tenant=visit.tenant, seller=seller, currency=currency, status=Payment.Status.SUCCEEDED
    )
    ways = returnable.ways_of_balance(payments, wanted, visit.at) if wanted else []
    waits = bool(seller and refund_plans.above_limit(seller, currency, wanted))
    return AskPage(
        title=_("Pay the balance back"),
        amount=Money(wanted, currency),
        most=Money(most, currency),
        lines=(),
        ways=tuple(_way_row(way, currency) for way in ways),
        rules=(_("What you put in and did not spend is yours. Gifts stay in the balance."),),
        waits=waits,
        back=visit.to("wallet"),
        refusal=refusal,
        may_pay=visit.member.may_pay,
        who=who(visit),
    )


def of_bill(visit: Visit, pk: int) -> AskPage:
    """Return the page on which a refund of a bill is asked for, as far as its plan lets a customer ask."""
    bill = find(visit, pk)
    allowed = refund_rules.may_ask(bill, visit.at)
    total, currency = sum(allowed.values()), bill.currency
    waiting = Refund.objects.filter(invoice=bill, status=Status.REQUESTED).exists()
    refusal = _("A refund of this bill was asked for already; it waits for approval.") if waiting else ""
    ways = refund_plans.plan(bill, lines=allowed).ways if allowed and not waiting else ()
    return AskPage(
        title=_("Ask for a refund of bill %(number)s") % {"number": bill.number},
        amount=Money(total, currency),
        most=Money(total, currency),
        lines=tuple(
            LineRow(line.name_in(visit.language), Money(line.gross_minor, currency), Money(allowed[line.pk], currency))
            for line in bill.lines.order_by("position")
            if line.pk in allowed
        ),
        ways=tuple(_way_row(way, currency) for way in ways),
        rules=refund_rules.said([bill.pk]),
        waits=True,
        back=visit.to("bill", bill.pk),
        refusal=refusal,
        may_pay=visit.member.may_pay,
        who=who(visit),
    )


def typed(visit: Visit, amount: str) -> int:
    """Return a written amount in minor units of the company's currency; raise Invalid for what is none."""
    try:
        read = Money.of(amount.replace(",", "").replace("¥", "").strip(), visit.tenant.currency)
    except ValueError:
        raise Invalid(_("This is no amount: write digits, such as 36.00."), field="amount") from None
    if read.minor <= 0:
        raise Invalid(_("The amount must be above zero."), field="amount")
    return read.minor


def _way_row(way: Way, currency: str) -> WayRow:
    amount = Money(way.amount_minor, currency)
    if way.to == To.WALLET:
        return WayRow(_("into your balance"), _("at once"), amount)
    if way.payment is None or way.payment.method == Payment.Method.TRANSFER:
        payer = way.payment.payer_name if way.payment else ""
        name = _("by bank transfer to %(payer)s") % {"payer": payer} if payer else _("by bank transfer to who paid")
        return WayRow(name, _("within three working days after it was sent"), amount)
    name = _("by %(way)s to the account that paid") % {"way": Payment.Method(way.payment.method).label}
    return WayRow(name, _("a balance there at once, a bank card within three working days"), amount)


def _held(visit: Visit) -> wallets.Balance:
    seller = frame.seller_of(visit)
    return wallets.balance(visit.tenant, seller, visit.tenant.currency) if seller else wallets.Balance()


def _row(visit: Visit, row: Refund) -> RefundRow:
    return RefundRow(
        at=row.requested_at,
        what=_what(row),
        why=row.reason,
        address=visit.to("refund", row.pk),
        way=telling_refunds.way(row),
        amount=Money(row.amount_minor, row.currency),
        state=_state(row),
    )


def _what(row: Refund) -> str:
    if row.invoice is None:
        return _("Balance paid back")
    return _("Refund of bill %(number)s") % {"number": row.invoice.number}


def _by_bank(row: Refund) -> bool:
    return row.payment is None or row.payment.method == Payment.Method.TRANSFER


def _state(row: Refund) -> states.State:
    return states.of_refund(row.status, to_balance=row.to == To.WALLET, by_bank=_by_bank(row))


def _sentence(visit: Visit, row: Refund) -> str:
    """Return the first line: where the money is now."""
    way = telling_refunds.way(row)
    if row.status == Status.REQUESTED:
        return _("It waits for our approval. We answer within one working day.")
    if row.status == Status.DECLINED:
        return _("It was not approved; nothing has moved.") if row.invoice else _("It is in your balance as before.")
    if row.to == To.WALLET:
        return _("It is in your balance.")
    if row.status == Status.SUCCEEDED:
        return (
            _("Our bank has sent it; it usually arrives by %(day)s.") % {"day": _expected(visit, row)}
            if _by_bank(row)
            else _("%(way)s has returned it to the account that paid.") % {"way": way}
        )
    if row.status == Status.UNKNOWN:
        return _("%(way)s has not answered yet. Nothing is lost: we keep asking until we know.") % {"way": way}
    if row.status == Status.APPROVED:
        if _by_bank(row):
            return _("We transfer it to your bank account, and tell you when it is sent.")
        return _("It is about to be handed over to %(way)s.") % {"way": way}
    return _("It is with %(way)s and usually arrives by %(day)s.") % {"way": way, "day": _expected(visit, row)}


def _expected(visit: Visit, row: Refund) -> str:
    sent = (row.sent_at or visit.at).astimezone(visit.zone).date()
    return spoken(visit, telling_refunds.expected_on(sent))


def _steps(visit: Visit, row: Refund) -> list[Step]:
    """Return asked for, approved, credit note, sent, arrived: each with its time, or what it waits for."""
    amount = wording.amount(Money(row.amount_minor, row.currency))
    asked = Step(_("Asked for"), row.requested_at, amount, True, leads=True)
    if row.status == Status.REQUESTED:
        return [asked, Step(_("Approval"), None, _("waits for us"), False), *_still_to_come(row)]
    if row.status == Status.DECLINED:
        return [asked, Step(_("Not approved"), _declined(row)[0], _declined(row)[1], True)]
    approved = Step(_("Approved"), row.approved_at, "", True, leads=True)
    note = _note_step(visit, row)
    if row.to == To.WALLET:
        return [asked, approved, note, *_into_balance(row)]
    return [asked, approved, note, *_sent(visit, row)]


def _note_step(visit: Visit, row: Refund) -> Step:
    note = row.credit_note
    if note is None:
        return Step(_("Balance"), row.requested_at, _("taken out of it"), True, leads=True)
    made = Document.objects.filter(kind=Document.Kind.CREDIT_NOTE, source_id=note.pk).exists()
    address = visit.to("credit_pdf", note.pk, visit.language) if made else ""
    return Step(_("Credit note"), note.issued_at, note.number, True, "PDF", address, leads=True)


def _into_balance(row: Refund) -> list[Step]:
    arrived = Step(_("In your balance"), row.arrived_at, "", True)
    if not row.failure:
        return [arrived]
    way = str(Payment.Method(row.payment.method if row.payment else Payment.Method.TRANSFER).label)
    name = _("Could not go back by %(way)s") % {"way": way}
    return [Step(name, row.sent_at, telling_refunds.why(row.failure), True, leads=True), arrived]


def _sent(visit: Visit, row: Refund) -> list[Step]:
    way = telling_refunds.way(row)
    name = _("Sent by bank") if _by_bank(row) else _("Handed over to %(way)s") % {"way": way}
    if row.sent_at is None:
        return [Step(name, None, _("about to be"), False), _arrival(visit, row)]
    reference = row.provider_number if _by_bank(row) else ""
    return [Step(name, row.sent_at, reference, True, leads=row.status == Status.SUCCEEDED), _arrival(visit, row)]


def _arrival(visit: Visit, row: Refund) -> Step:
    name = pgettext("refund", "Arrived")
    if row.status == Status.SUCCEEDED and not _by_bank(row):
        return Step(name, row.arrived_at, _("a bank card may take up to three working days to show it"), True)
    if row.sent_at is None:
        return Step(name, None, _("within three working days after it was sent"), False)
    return Step(name, None, _("usually by %(day)s") % {"day": _expected(visit, row)}, False)


def _still_to_come(row: Refund) -> list[Step]:
    first = Step(_("Credit note"), None, "", False) if row.invoice_id else None
    sent = Step(_("Sent"), None, "", False) if row.to == To.ORIGIN else None
    return [step for step in (first, sent, Step(pgettext("refund", "Arrived"), None, "", False)) if step]


def _declined(row: Refund) -> tuple[datetime | None, str]:
    """Return when it was declined and why, as the log has it."""
    targets = [f"refund:{pk}" for pk in (row.first_id, row.pk) if pk]
    act = AuditEntry.objects.filter(tenant=row.tenant_id, verb="refund.declined", target__in=targets).last()
    return (act.at, str(act.detail.get("reason", ""))) if act else (None, "")


def _facts(visit: Visit, row: Refund) -> list[tuple[str, str, str]]:
    """Return (name, words, address) of what a refund stands on."""
    bill = row.invoice
    found = [
        (_("Bill"), bill.number if bill else "", visit.to("bill", bill.pk) if bill else ""),
        (_("Goes back"), telling_refunds.way(row), ""),
        (_("Paid on"), _day(visit, row.payment.received_at) if row.payment else "", ""),
        (_("Payer"), row.payment.payer_name if row.payment else "", ""),
        (_("Reason"), row.reason, ""),
        (_("Our number"), row.reference, ""),
        (_("Their number"), row.provider_number, ""),
    ]
    return [(name, str(words), address) for name, words, address in found if words]


def _day(visit: Visit, at: datetime) -> str:
    return formatting.day(at.astimezone(visit.zone).date(), visit.language)
