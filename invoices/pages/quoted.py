"""A quote as people read it: frozen values for the page, the PDF and the text that is accepted, in one language.

Figures are those that were frozen on sending (a draft's are reckoned now); prices are put into words and never computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing import formatting
from billing.models import Price, Subscription
from invoices import estimating, issuing, offering, states
from invoices.capitals import in_capitals
from invoices.composing import buyer_party, seller_party
from invoices.document import Party, texts_of
from invoices.models import Quote
from invoices.pages import prices as words
from invoices.pages import wording
from invoices.pages.controls import EVERY, unit_of
from usage.periods import local_day

# Full-width punctuation brings its own space; the blank between two sentences of a template is English.
AFTER_STOP = re.compile(r"([。：；）]) +")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPrice:
    """One price in words: what it is, how much of it is taken, when it is asked for; `usual` is what it costs others."""

    code: str
    name: str
    figure: str
    terms: str
    when: str
    bought: str
    taken: bool
    by_use: bool
    by_number: bool
    usual: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the whole cost: how it comes about, and the sum."""

    name: str
    how: str
    amount_minor: int
    discount_minor: int = 0

    @property
    def taken_off_minor(self) -> int:
        return -self.discount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRow:
    """What is asked for in a month."""

    month: date
    fixed_minor: int
    once_minor: int
    usage_minor: int
    minimum_minor: int
    taken_off_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A usage price at its expected usage: the sentence, the steps with their amounts, and what a period comes to."""

    name: str
    sentence: str
    steps: tuple[tuple[str, Decimal], ...]
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteDocument:
    """A quote, whole, in its reader's language."""

    language: str
    number: str
    revision: int
    state: str
    sent_on: date | None
    valid_until: date
    seller: Party
    buyer: Party
    currency: str
    plan: str
    version: int
    span: str
    facts: tuple[tuple[str, str], ...]
    prices: tuple[QuotedPrice, ...]
    extras: tuple[QuotedPrice, ...]
    bounds: tuple[str, ...]
    rows: tuple[Row, ...]
    months: tuple[MonthRow, ...]
    usage: tuple[UsageRow, ...]
    has_once: bool
    has_minimum: bool
    to_its_end: bool
    tax_included: bool
    discount_minor: int
    tax_minor: int
    total_minor: int
    capitals: str
    first_bill_on: date
    first_bill_minor: int
    renewal: str
    clauses: str
    plan_terms: str
    terms_sha256: str
    sha256: str

    @property
    def taken_off_minor(self) -> int:
        return -self.discount_minor

    def texts(self) -> Iterator[str]:
        """Every text that somebody wrote and that will be printed."""
        yield from texts_of(self)


def compose(quote: Quote, language: str) -> QuoteDocument:
    """Return a quote as it is read in `language`; a draft's whole cost is reckoned now."""
    figures = quote.estimate or estimating.estimate(quote).to_json()
    with translation.override(language):
        return _composed(quote, language, figures)


def markup(document: QuoteDocument) -> str:
    """Return the printed quote as HTML in its own language."""
    with translation.override(document.language.lower()):
        return render_to_string("invoices/quote.html", {"document": document, "heading": _("Quote")})


def text(document: QuoteDocument) -> str:
    """Return the whole of a quote as plain text: what a member says yes to, and what is kept with its hash."""
    with translation.override(document.language.lower()):
        written = render_to_string("invoices/quote.txt", {"document": document})
    lines = (AFTER_STOP.sub(r"\1", line.strip()) for line in written.strip().splitlines())
    return "\n".join(line for line in lines if line)


def letter(quote: Quote) -> dict[str, Any]:
    """Return what the mail says that brings a quote."""
    said, figures = compose(quote, quote.language), quote.estimate
    assert figures is not None
    return {
        "tenant": quote.tenant.name_in(quote.language),
        "path": f"/c/{quote.tenant.code}/quotes/{quote.pk}/",
        "number": str(quote),
        "plan": said.plan,
        "first_day": str(quote.start_on),
        "last_day": figures["last"],
        "valid_until": str(quote.valid_until),
        "to_its_end": said.to_its_end,
        "currency": quote.currency,
        "total_minor": said.total_minor,
        "capitals": said.capitals,
        "lines": [{"name": row.name, "amount_minor": row.amount_minor - row.discount_minor} for row in said.rows],
    }


def _composed(quote: Quote, language: str, figures: Mapping[str, Any]) -> QuoteDocument:
    chinese = formatting.is_chinese(language)
    version, plan = quote.version, quote.version.plan
    listed = tuple(_price(quote, price, language) for price in offering.prices(quote))
    total = figures["total_minor"]
    return QuoteDocument(
        language="zh-Hans" if chinese else "en",
        number=str(quote),
        revision=quote.revision,
        state=str(states.QUOTE[quote.status].word),
        sent_on=local_day(quote.sent_at, quote.zone) if quote.sent_at else None,
        valid_until=quote.valid_until,
        seller=seller_party(quote.seller_copy or issuing.seller_copy(quote.seller), chinese),
        buyer=buyer_party(quote.buyer_copy or issuing.buyer_copy(quote.tenant), chinese),
        currency=quote.currency,
        plan=plan.name_in(language),
        version=version.number,
        span=_span(quote, language),
        facts=tuple(_facts(quote, language)),
        prices=tuple(price for price in listed if price.taken),
        extras=tuple(price for price in listed if price.by_use or price.by_number or not price.taken),
        bounds=tuple(_bounds(quote)),
        rows=tuple(_row(item, language) for item in figures["items"] if item["amount_minor"]),
        months=tuple(_month(month) for month in figures["months"]),
        usage=tuple(_usage(one, language) for one in figures["usage"]),
        has_once=any(month["once_minor"] for month in figures["months"]),
        has_minimum=any(month["minimum_minor"] for month in figures["months"]),
        to_its_end=figures["to_its_end"],
        tax_included=figures["tax_included"],
        discount_minor=figures["discount_minor"],
        tax_minor=figures["tax_minor"],
        total_minor=total,
        capitals=in_capitals(total, quote.currency) if chinese and quote.currency == "CNY" else "",
        first_bill_on=date.fromisoformat(figures["first_bill_on"]),
        first_bill_minor=figures["first_bill_minor"],
        renewal=_renewal(quote),
        clauses=quote.clauses_in(language),
        plan_terms=version.terms,
        terms_sha256=quote.terms_sha256 or version.sha256,
        sha256=quote.sha256,
    )


def _span(quote: Quote, language: str) -> str:
    first = formatting.day(quote.start_on, language, "long")
    if quote.end_on:
        last = formatting.day(quote.end_on - timedelta(days=1), language, "long")
        return _("%(first)s to %(last)s") % {"first": first, "last": last}
    return _("from %(first)s on") % {"first": first}


def _facts(quote: Quote, language: str) -> Iterator[tuple[str, str]]:
    version = quote.version
    yield _("Contract"), _span(quote, language)
    yield _("Billed"), EVERY[version.interval]()
    if quote.end_on:
        yield _("At the end"), _("It ends by itself; nothing renews.")
    elif quote.renews:
        yield _("At the end of a term"), _("It renews; one click stops it.")
    else:
        yield _("At the end of a term"), _("It ends by itself; nothing renews.")
    if version.trial_days:
        days = ngettext("%(count)s day", "%(count)s days", version.trial_days) % {"count": version.trial_days}
        yield _("Free trial at the beginning"), days
    yield _("Way of payment"), str(Subscription.Pays(quote.pays).label)


def _bounds(quote: Quote) -> Iterator[str]:
    """Yield the sentences about commitment, ramp and coupons."""
    minimum = quote.minimum_minor if quote.minimum_minor is not None else quote.version.minimum_minor
    if minimum:
        said = {"amount": formatting.money(minimum, quote.currency), "every": EVERY[quote.version.interval]()}
        yield _("Commitment: at least %(amount)s %(every)s; what is missing is topped up at the period's end.") % said
    if quote.ramp_percent:
        said = {"percent": formatting.percent(quote.ramp_percent), "months": str(quote.ramp_months)}
        yield _("In the first %(months)s months the fees for plan, seats and modules are %(percent)s lower.") % said
    if quote.coupons:
        yield _("Coupons: %(codes)s") % {"codes": wording.joined(list(quote.coupons))}


def _renewal(quote: Quote) -> str:
    if not quote.renews:
        return ""
    return _(
        "The company agrees that the contract renews by itself, term by term, at the prices of this quote, until a member"
        " switches renewal off: at any time, with one click, without a reason and without a fee. Nothing is deducted"
        " under this consent."
    )


def _price(quote: Quote, price: Price, language: str) -> QuotedPrice:
    unit, currency = unit_of(price, language), quote.currency
    said = words.describe(*offering.own_price(quote, price), currency=currency, unit=unit)
    usual = words.describe(price.model, price.params, currency=currency, unit=unit)
    quantity = _quantity(quote, price)
    by_use = price.kind == Price.Kind.USAGE
    same = (usual.figure, usual.terms) == (said.figure, said.terms)
    return QuotedPrice(
        code=price.code,
        name=price.name_in(language),
        figure=said.figure,
        terms=_("; ").join(said.terms),
        when=_when(quote, price),
        bought=_("by use") if by_use else wording.count(quantity, unit, language) if unit and quantity else "",
        taken=by_use or bool(quantity),
        by_use=by_use,
        by_number=price.kind == Price.Kind.SEAT,
        usual="" if same else _("; ").join((usual.figure, *usual.terms)),
    )


def _quantity(quote: Quote, price: Price) -> Decimal:
    if price.code in quote.quantities:
        return Decimal(quote.quantities[price.code])
    if price.optional:
        return Decimal(price.code in quote.modules)
    return Decimal(price.kind != Price.Kind.SEAT)


def _when(quote: Quote, price: Price) -> str:
    if price.one_off:
        return _("once")
    every = EVERY[price.interval or quote.version.interval]()
    before = price.timing == Price.Timing.ADVANCE
    return (_("%(every)s, before use") if before else _("%(every)s, after use")) % {"every": every}


def _row(item: Mapping[str, Any], language: str) -> Row:
    bills = ngettext("on %(count)s bill", "on %(count)s bills", item["bills"]) % {"count": item["bills"]}
    name = item["name"] if formatting.is_chinese(language) else item["name_en"] or item["name"]
    if item["kind"] == "minimum":
        name = _("Topped up to the commitment")
    how = _("expected, %(bills)s") % {"bills": bills} if item["kind"] in ("usage", "minimum") else bills
    return Row(name=name, how=how, amount_minor=item["amount_minor"], discount_minor=item["discount_minor"])


def _month(said: Mapping[str, Any]) -> MonthRow:
    same = ("fixed_minor", "once_minor", "usage_minor", "minimum_minor", "total_minor")
    return MonthRow(
        month=date.fromisoformat(f"{said['month']}-01"),
        taken_off_minor=-said["discount_minor"],
        **{name: said[name] for name in same},
    )


def _usage(said: Mapping[str, Any], language: str) -> UsageRow:
    chinese = formatting.is_chinese(language)
    unit = said["unit"] if chinese else said["unit_en"] or said["unit"]
    first, last = date.fromisoformat(said["first"]), date.fromisoformat(said["last"])
    sentence = _("You expect %(monthly)s a month. One period, %(period)s, measures %(measured)s:") % {
        "monthly": wording.count(Decimal(said["monthly"]), unit, language),
        "period": formatting.period_days(first, last, language),
        "measured": wording.count(Decimal(said["measured"]), unit, language),
    }
    return UsageRow(
        name=said["name"] if chinese else said["name_en"] or said["name"],
        sentence=sentence,
        steps=tuple((step["zh" if chinese else "en"], Decimal(step["amount"])) for step in said["steps"]),
        amount_minor=said["amount_minor"],
    )
