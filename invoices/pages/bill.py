"""One bill: the amount, its way, each line with how it is computed, what it is based on, and how to pay it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.utils.translation import gettext as _

from billing import formatting, granting
from billing.money import Money
from invoices import allowing, capitals, refund_rules, states
from invoices.models import CreditNote, Document, Invoice, InvoiceLine
from invoices.pages import bases, bills, payments, proof, titles, wording
from invoices.pages import since as since_pages
from invoices.pages.settings import masked
from invoices.pages.visit import Visit
from tenants.errors import NotFound


@dataclass(frozen=True)
class Step:
    """One station of a bill's way."""

    name: str
    when: datetime | None
    said: str
    done: bool
    link: str = ""
    address: str = ""
    leads: bool = False


@dataclass(frozen=True)
class LineRow:
    """One line; each discount, with its cause, is a line of its own below it."""

    pk: int
    name: str
    first: date
    last: date
    reason: str
    quantity: str
    unit_price: str
    amount: Money
    discounts: tuple[tuple[str, Money], ...]
    proof: proof.Proof


@dataclass(frozen=True)
class Credit:
    """A credit note that answers this bill."""

    number: str
    day: date
    reason: str
    amount: Money
    pdf: str


@dataclass(frozen=True)
class BillPage:
    """The page of one bill."""

    title: str
    number: str
    amount: Money
    state: states.State
    sentence: str
    steps: tuple[Step, ...]
    since: since_pages.Since | None
    lines: tuple[LineRow, ...]
    discount: Money | None
    tax: Money
    tax_said: str
    capitals: str
    due: Money
    facts: tuple[tuple[str, str], ...]
    basis: tuple[tuple[str, str, str], ...]
    credits: tuple[Credit, ...]
    transfer: payments.Transfer | None
    pay: str
    pdf: str
    files: tuple[tuple[str, str], ...]
    export: str
    dispute: str
    refund: str


def find(visit: Visit, pk: int) -> Invoice:
    """Return an issued bill of this company; raise NotFound for any other."""
    found = bills.issued(visit).filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such bill."))
    return found


def page(visit: Visit, pk: int) -> BillPage:
    """Return the page of one bill."""
    bill = find(visit, pk)
    lines = list(bill.lines.all())
    row = bills.bill_row(visit, bill)
    return BillPage(
        title=row.title,
        number=row.number,
        amount=row.amount,
        state=row.state,
        sentence=sentence(visit, bill),
        steps=steps(visit, bill),
        since=since_pages.since(visit, bill),
        lines=line_rows(visit, lines),
        discount=Money(bill.discount_minor, bill.currency) if bill.discount_minor else None,
        tax=Money(bill.tax_minor, bill.currency),
        tax_said=tax_said(bill, lines),
        capitals=in_capitals(bill, visit.language),
        due=Money(bill.due_minor, bill.currency),
        facts=facts(visit, bill),
        basis=(*proof.basis(visit, lines), *deduction(visit, bill)),
        credits=credits_of(visit, bill),
        transfer=transfer(visit, bill),
        pay=visit.to_pay(bill.pk) if bills.is_to_pay(bill) else "",
        pdf=visit.to("bill_pdf", bill.pk, visit.language),
        files=made_files(visit, bill),
        export=visit.to("bill_csv", bill.pk),
        dispute=visit.to("dispute_ask", bill.pk)
        if bill.status in (Invoice.Status.OPEN, Invoice.Status.PAID) and bill.total_minor
        else "",
        refund=visit.to("refund_ask", bill.pk) if refund_rules.may_ask(bill, visit.at) else "",
    )


def spoken(visit: Visit, day: date) -> str:
    return formatting.day(day, visit.language, "sentence" if day.year == visit.today.year else "weekday")


def sentence(visit: Visit, bill: Invoice) -> str:
    """Return the first line: what has happened to this bill, or what is asked."""
    due = wording.amount(Money(bill.claimable_minor, bill.currency))
    if bill.status == Invoice.Status.PAID and not bill.total_minor:
        return _("There is nothing to pay.")
    if bill.status == Invoice.Status.PAID and bill.paid_at:
        return _("Settled on %(day)s.") % {"day": spoken(visit, bill.paid_at.astimezone(visit.zone).date())}
    if bill.status == Invoice.Status.VOID:
        return _("Cancelled by a credit note; nothing is to be paid.")
    if bill.due_on is None or bill.status != Invoice.Status.OPEN:
        return _("%(amount)s was not paid.") % {"amount": due}
    said = {"amount": due, "day": spoken(visit, bill.payable_on or bill.due_on)}
    if bill.frozen_minor:
        said["frozen"] = wording.amount(Money(bill.frozen_minor, bill.currency))
        if not bill.claimable_minor:
            return (
                _("All of it is in dispute and frozen: %(frozen)s. Nothing is asked for until you have our answer.")
                % said
            )
        return _("%(frozen)s is in dispute and frozen; %(amount)s is to be paid by %(day)s.") % said
    if (bill.payable_on or bill.due_on) < visit.today:
        return _("%(amount)s still to pay; it was due on %(day)s.") % said
    return _("Please pay %(amount)s by %(day)s.") % said


def steps(visit: Visit, bill: Invoice) -> tuple[Step, ...]:
    """Return notice, bill, payment, fapiao, so far as each exists."""
    total = wording.amount(Money(bill.total_minor, bill.currency))
    noticed = notice_step(visit, bill)
    issued = Step(_("Bill"), bill.issued_at, total, True)
    paid = paid_step(visit, bill)
    issued = replace(issued, leads=paid.done)
    return (noticed, issued, paid, Step(_("Fapiao"), None, _("please ask us for it"), False))


def notice_step(visit: Visit, bill: Invoice) -> Step:
    """Return when the deduction was announced, and the most it said; a bill paid by hand needs no notice."""
    told = allowing.notices_of(bill) if bill.pays != "manual" else []
    if not told:
        return Step(_("Notice"), None, _("not needed: you pay it yourself"), True, leads=True)
    most = wording.amount(Money(sum(one.total_minor for one in told), bill.currency))
    when = max((one.delivered_at for one in told if one.delivered_at), default=None)
    where = visit.to("deduction", told[-1].pk)
    return Step(
        _("Notice"), when, _("at most %(total)s") % {"total": most}, when is not None, _("See"), where, leads=True
    )


def deduction(visit: Visit, bill: Invoice) -> tuple[tuple[str, str, str], ...]:
    """Return by what right the bill was taken: authorisation, notice, payment, and where it is booked."""
    if bill.pays == "manual" and not bill.paid_minor:
        return ((_("Deduction"), _("none: you pay this bill yourself"), visit.to("controls")),)
    return bases.taken(visit, bill)


def paid_step(visit: Visit, bill: Invoice) -> Step:
    if bill.status == Invoice.Status.PAID:
        return Step(_("Payment"), bill.paid_at, wording.amount(Money(bill.paid_minor, bill.currency)), True)
    if bill.paid_minor:
        said = _("%(paid)s received, %(due)s still to pay") % {
            "paid": wording.amount(Money(bill.paid_minor, bill.currency)),
            "due": wording.amount(Money(bill.due_minor, bill.currency)),
        }
        return Step(_("Payment"), None, said, False, _("How to pay"), "#pay")
    return Step(_("Payment"), None, _("not yet received"), False, _("How to pay"), "#pay" if bill.due_minor else "")


def line_rows(visit: Visit, lines: Sequence[InvoiceLine]) -> tuple[LineRow, ...]:
    explained = proof.proofs(visit, lines)
    causes = granting.causes([line.charge_id for line in lines if line.discount_minor])
    return tuple(line_row(visit, line, explained[line.pk], causes.get(line.charge_id, ())) for line in lines)


def line_row(visit: Visit, line: InvoiceLine, shown: proof.Proof, causes: Sequence[granting.Cause]) -> LineRow:
    currency = line.invoice.currency
    unit = line.unit_in(visit.language)
    return LineRow(
        pk=line.pk,
        name=line.name_in(visit.language),
        first=line.service_start_on,
        last=titles.last_day(line.service_end_on),
        reason=_(", ").join(word for word in (shown.company, bases.reason(line.reason)) if word),
        quantity=wording.count(line.quantity, unit, visit.language),
        unit_price=shown.unit_price,
        amount=Money(line.amount_minor, currency),
        discounts=tuple((one.said(visit.language), Money(-one.amount_minor, currency)) for one in causes),
        proof=shown,
    )


def tax_said(bill: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """Return `含税 6%` of one rate, `含税` of several or none."""
    rates = {line.tax_rate for line in lines if line.gross_minor}
    if len(rates) == 1 and (rate := rates.pop()):
        return _("with %(rate)s tax") % {"rate": formatting.percent(rate)}
    return _("with tax")


def in_capitals(bill: Invoice, language: str) -> str:
    return capitals.in_capitals(bill.total_minor) if bill.currency == "CNY" and formatting.is_chinese(language) else ""


def facts(visit: Visit, bill: Invoice) -> tuple[tuple[str, str], ...]:
    """Return the facts as they were frozen on issue."""
    buyer, seller = bill.buyer_copy or {}, bill.seller_copy or {}
    found = (
        (_("Number"), bill.number),
        (
            _("Issued"),
            formatting.day(bill.issued_at.astimezone(visit.zone).date(), visit.language) if bill.issued_at else "",
        ),
        (_("Due"), formatting.day(bill.due_on, visit.language) if bill.due_on else ""),
        (_("Payer"), buyer.get("legal_name") or buyer.get("name")),
        (_("Tax number"), masked(buyer.get("tax_number") or "")),
        (_("Payee"), seller.get("legal_name") or seller.get("name")),
        (_("Purchase order"), bill.purchase_order),
        (_("Cost centre"), bill.cost_centre),
    )
    return tuple((name, str(value)) for name, value in found if value)


def made_files(visit: Visit, bill: Invoice) -> tuple[tuple[str, str], ...]:
    """Return the languages in which the bill's file was made, each with its address; the newest bill may have none yet."""
    made = Document.objects.filter(kind=Document.Kind.INVOICE, source_id=bill.pk).values_list("language", flat=True)
    named = {"zh-hans": "中文", "en": "English"}
    return tuple((named[language], visit.to("bill_pdf", bill.pk, language)) for language in made.order_by("-language"))


def credits_of(visit: Visit, bill: Invoice) -> tuple[Credit, ...]:
    found = list(CreditNote.objects.filter(invoice=bill).order_by("issued_at", "id"))
    made = Document.objects.filter(kind=Document.Kind.CREDIT_NOTE, source_id__in=[note.pk for note in found])
    files = set(made.values_list("source_id", flat=True))
    return tuple(
        Credit(
            number=note.number,
            day=note.issued_at.astimezone(visit.zone).date(),
            reason=note.reason,
            amount=Money(-note.total_minor, note.currency),
            pdf=visit.to("credit_pdf", note.pk, visit.language) if note.pk in files else "",
        )
        for note in found
    )


def transfer(visit: Visit, bill: Invoice) -> payments.Transfer | None:
    """Return where to pay what is still due, with the bill's number as the remark."""
    if not bills.is_to_pay(bill):
        return None
    return payments.transfer(bill.seller, bill.number or "")
