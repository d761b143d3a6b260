"""What a wish costs today: its lines with how each is reckoned, discounts, tax, the total, and where it is taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Charge, Subscription
from billing.money import Money
from invoices import telling_refunds
from invoices.capitals import in_capitals
from invoices.confirming import Offer
from invoices.models import CreditNote, Invoice, InvoiceLine
from invoices.pages import bill, proof, titles
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Line:
    """One line of today, how it is reckoned, and its discount as a line of its own."""

    name: str
    days: str
    how: str
    amount: Money
    discount: Money | None = None


@dataclass(frozen=True)
class Deal:
    """What is paid or given back today; `paid_at_once` from the balance."""

    title: str
    figure: Money
    from_where: str
    lines: tuple[Line, ...]
    total_said: str
    capitals: str
    facts: tuple[tuple[str, str], ...]
    paid_at_once: bool


def today(visit: Visit, offer: Offer) -> Deal:
    """Return what is to be paid today, or given back."""
    papers, currency = offer.papers, offer.after.currency
    at_once = offer.after.pays == Subscription.Pays.WALLET and all(not i.due_minor for i in papers.invoices)
    back = papers.total_minor < 0 or joins(offer)
    total = Money(papers.total_minor, currency)
    return Deal(
        title=_("Given back") if back else _("To pay today"),
        figure=Money(joined_minor(offer), currency) if joins(offer) else total,
        from_where=from_where(offer, at_once),
        lines=lines(visit, offer),
        total_said=total_said(offer),
        capitals=capitals_of(total, visit.language),
        facts=tuple(facts(visit, offer)),
        paid_at_once=at_once,
    )


def joins(offer: Offer) -> bool:
    """Return whether what is given back is taken off a bill that is not issued yet, so that it has no paper of its own."""
    papers = offer.papers
    return not papers.invoices and not papers.credit_notes and joined_minor(offer) < 0


def joined_minor(offer: Offer) -> int:
    return sum(charge.amount_minor for charge in offer.papers.charges)


def capitals_of(total: Money, language: str) -> str:
    wanted = total.minor > 0 and total.currency == "CNY" and formatting.is_chinese(language)
    return in_capitals(total.minor) if wanted else ""


def total_said(offer: Offer) -> str:
    """Return the words before the total: with which tax."""
    papers = offer.papers
    tax = sum(i.tax_minor for i in papers.invoices) - sum(note.tax_minor for note in papers.credit_notes)
    if not tax:
        return _("Total, with tax")
    said = bill.tax_said(papers.invoices[0], papers.lines) if papers.invoices else _("with tax")
    return _("Total (%(said)s: %(tax)s)") % {"said": said, "tax": formatting.money(tax, offer.after.currency)}


def lines(visit: Visit, offer: Offer) -> tuple[Line, ...]:
    """Return the lines of today's bill; without one, what the change gives back."""
    papers = offer.papers
    if papers.lines:
        return tuple(billed(visit, line) for line in papers.lines if line.amount_minor)
    return tuple(charged(visit, charge) for charge in papers.charges if charge.amount_minor)


def billed(visit: Visit, line: InvoiceLine) -> Line:
    currency = line.invoice.currency
    off = Money(-line.discount_minor, currency) if line.discount_minor else None
    how = proof.sentence(line.charge, line, visit.language)
    return Line(name(visit, line.charge), days(visit, line.charge), how, Money(line.amount_minor, currency), off)


def charged(visit: Visit, charge: Charge) -> Line:
    how = _("; ").join(step["text"] for step in proof.steps(charge, visit.language))
    return Line(name(visit, charge), days(visit, charge), how, Money(charge.amount_minor, charge.currency))


def name(visit: Visit, charge: Charge) -> str:
    chinese = formatting.is_chinese(visit.language)
    said = {"name": charge.name if chinese else charge.name_en or charge.name}
    return _("Given back: %(name)s") % said if charge.amount_minor < 0 else said["name"]


def days(visit: Visit, charge: Charge) -> str:
    return formatting.period_days(charge.service_start_on, titles.last_day(charge.service_end_on), visit.language)


def from_where(offer: Offer, at_once: bool) -> str:
    if offer.papers.total_minor <= 0:
        return ""
    return _("from the balance") if at_once else _("on a bill, by bank transfer")


def facts(visit: Visit, offer: Offer) -> list[tuple[str, str]]:
    """Return the balance before and after, what is given back how, and until when the price is held."""
    currency, rows = offer.after.currency, []
    if offer.balance_before is not None and offer.balance_after != offer.balance_before:
        both = (formatting.money(minor or 0, currency) for minor in (offer.balance_before, offer.balance_after))
        rows.append((_("Balance"), " → ".join(both)))
    elif offer.balance_before is not None and (short := offer.papers.total_minor - offer.balance_before) > 0:
        said = {"amount": formatting.money(short, currency)}
        rows.append((_("Balance"), _("%(amount)s short; the bill stays open until you top up or transfer") % said))
    rows += given_back(visit, offer)
    if offer.after.payer_id != offer.after.tenant_id:
        rows.append((_("Billed to"), offer.after.payer.name_in(visit.language)))
    until = offer.until.astimezone(visit.zone)
    rows.append((_("Price held until"), f"{until:%H:%M}"))
    return rows


def given_back(visit: Visit, offer: Offer) -> list[tuple[str, str]]:
    """Return how a credit comes back: first off what is still owed, the rest to the balance."""
    notes, currency = offer.papers.credit_notes, offer.after.currency
    if joins(offer):
        return [(_("How"), _("taken off your next bill"))]
    returned = sum(note.returned_minor for note in notes)
    lowered = sum(note.total_minor for note in notes) - returned
    rows = []
    if lowered:
        rows.append((_("Off what you still owe"), formatting.money(lowered, currency)))
    ways = [
        (_("Back by %(way)s") % {"way": telling_refunds.way(row)}, row.amount_minor) for row in offer.papers.refunds
    ]
    if ways:
        rows += [(name, formatting.money(minor, currency)) for name, minor in ways]
    elif returned:
        rows.append((_("To your balance"), formatting.money(returned, currency)))
    return rows


def settled(invoice_ids: Sequence[int], note_ids: Sequence[int]) -> str:
    """Return what became of the money of a confirmation: paid, to be paid, or given back."""
    bills, notes = Invoice.objects.filter(pk__in=invoice_ids), CreditNote.objects.filter(pk__in=note_ids)
    due, paid = (sum(bills.values_list(name, flat=True)) for name in ("due_minor", "paid_minor"))
    back = sum(notes.values_list("total_minor", flat=True))
    paper = bills.first() or notes.first()
    if paper is None or not due + paid + back:
        return _("Nothing is to be paid for it.")
    if due:
        return _("%(amount)s is on a bill for you to pay.") % {"amount": formatting.money(due, paper.currency)}
    if paid:
        return _("%(amount)s was taken from the balance.") % {"amount": formatting.money(paid, paper.currency)}
    return _("%(amount)s is given back.") % {"amount": formatting.money(back, paper.currency)}
