"""Quotes on the customer's pages: the list, and one quote in full with the two answers to it (REQUIREMENTS B9, C10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from django.utils.translation import gettext as _

from billing import formatting
from billing.money import Money
from invoices import answering, states
from invoices.models import Document, Quote
from invoices.pages import quoted, wording
from invoices.pages.quoted import QuoteDocument
from invoices.pages.visit import Visit
from tenants.errors import NotFound
from tenants.models import Member


@dataclass(frozen=True)
class QuoteRow:
    """One quote in the list."""

    name: str
    number: str
    sent_on: date
    valid_until: date
    total: Money
    state: states.State
    address: str


@dataclass(frozen=True)
class QuotesPage:
    """The page /quotes/, newest first."""

    rows: tuple[QuoteRow, ...]


@dataclass(frozen=True)
class QuotePage:
    """One quote: all that is offered, what it costs as a whole, the text, and who may answer until when."""

    title: str
    document: QuoteDocument
    state: states.State
    sentence: str
    total: Money
    first_bill: Money
    text: str
    seen: str
    shown: str
    open: bool
    may_answer: bool
    who_may: str
    accept: str
    decline: str
    back: str
    files: tuple[tuple[str, str], ...]
    subscription: str


def page(visit: Visit) -> QuotesPage:
    """Return every quote that was sent to this company; an older revision stays, marked as withdrawn."""
    found = Quote.objects.shown().filter(tenant=visit.tenant).select_related("version__plan")
    return QuotesPage(tuple(row(visit, quote) for quote in found.order_by("-sent_at", "-pk")))


def row(visit: Visit, quote: Quote) -> QuoteRow:
    assert quote.sent_at is not None
    assert quote.estimate is not None
    return QuoteRow(
        name=quote.version.plan.name_in(visit.language),
        number=str(quote),
        sent_on=quote.sent_at.astimezone(visit.zone).date(),
        valid_until=quote.valid_until,
        total=Money(quote.estimate["total_minor"], quote.currency),
        state=state(visit, quote),
        address=visit.to("quote", quote.pk),
    )


def state(visit: Visit, quote: Quote) -> states.State:
    """Return the state as it is today: what lapsed is expired, also before it is marked so."""
    return states.QUOTE["expired" if lapsed(visit, quote) else quote.status]


def lapsed(visit: Visit, quote: Quote) -> bool:
    return quote.status == Quote.Status.SENT and quote.valid_until < visit.today


def find(visit: Visit, pk: int) -> Quote:
    """Return a quote that was sent to this company; raise NotFound for any other."""
    found = Quote.objects.shown().filter(tenant=visit.tenant, pk=pk)
    quote = found.select_related("tenant", "seller", "version__plan").first()
    if quote is None:
        raise NotFound(_("There is no such quote."))
    return quote


def one(visit: Visit, pk: int) -> QuotePage:
    """Return the page of one quote."""
    quote = find(visit, pk)
    document = quoted.compose(quote, visit.language)
    text = quote.shown_text or quoted.text(document)
    waits = quote.status == Quote.Status.SENT and not lapsed(visit, quote)
    return QuotePage(
        title=_("Quote %(number)s: %(plan)s") % {"number": quote, "plan": document.plan},
        document=document,
        state=state(visit, quote),
        sentence=sentence(visit, quote),
        total=Money(document.total_minor, quote.currency),
        first_bill=Money(document.first_bill_minor, quote.currency),
        text=text,
        seen=quote.sha256,
        shown=sha256(text.encode()).hexdigest(),
        open=waits,
        may_answer=waits and visit.member.may_pay,
        who_may=who_may(visit),
        accept=visit.to("quote_accept", pk),
        decline=visit.to("quote_decline", pk),
        back=visit.to("quotes"),
        files=files(visit, quote),
        subscription=visit.to("subscription") if quote.subscription_id else "",
    )


def sentence(visit: Visit, quote: Quote) -> str:
    """Return how the quote stands, and what comes next."""
    if quote.status == Quote.Status.SENT and not lapsed(visit, quote):
        day = formatting.day(quote.valid_until, visit.language, "sentence")
        return _("It is valid until %(day)s. Nothing happens unless you accept it.") % {"day": day}
    if quote.status == Quote.Status.ACCEPTED and quote.answered_at:
        said = {
            "name": quote.answered_by_name,
            "at": formatting.moment(quote.answered_at.astimezone(visit.zone), visit.language),
        }
        return _("%(name)s accepted it on %(at)s. The contract is what stands below, word for word.") % said
    if successor := Quote.objects.shown().filter(supersedes=quote).first():
        return _("It was replaced by %(number)s.") % {"number": successor}
    if quote.status == Quote.Status.DECLINED:
        return _("%(name)s declined it. Nothing is charged.") % {"name": quote.answered_by_name}
    return _("It can no longer be accepted. Nothing is charged; ask us for a new one.")


def who_may(visit: Visit) -> str:
    """Return the names of those who may answer."""
    members = Member.objects.filter(tenant=visit.tenant, role__in=Member.MAY_PAY).select_related("user").order_by("pk")
    return wording.joined([member.user.get_short_name() for member in members])


def files(visit: Visit, quote: Quote) -> tuple[tuple[str, str], ...]:
    """Return the PDF files that were made, by the language's name."""
    made = Document.objects.filter(tenant=visit.tenant, kind=Document.Kind.QUOTE, source_id=quote.pk)
    return tuple((str(row.get_language_display()), visit.to("quote_pdf", quote.pk, row.language)) for row in made)


def yes(visit: Visit, quote: Quote, said: Mapping[str, str], address: str | None) -> answering.Yes:
    """Return a member's yes with the whole text as the page showed it; another text is another quote."""
    text = quoted.text(quoted.compose(quote, visit.language))
    same = said.get("shown") == sha256(text.encode()).hexdigest()
    return answering.Yes(
        seen=said.get("seen", "") if same else "",
        text=text,
        confirmed=said.get("confirmed") == "yes",
        address=address,
        twice=said.get("twice") == "yes",
    )
