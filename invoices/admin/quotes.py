"""Quotes: written, previewed, sent, revised, withdrawn by verbs behind buttons; what was sent is read only."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, day, moment
from billing.admin.subscribing import OrderQuestion, PlanForm
from billing.models import PlanVersion
from billing.models.catalogue import Status
from invoices import quoting
from invoices.admin.quote_forms import ForWhomForm, QuoteForm
from invoices.models import Quote
from invoices.pages import quoted
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, facts, state
from tenants.errors import DomainError
from tenants.models import Tenant

TONES = {"sent": "busy", "accepted": "good", "declined": "late", "expired": "late"}
SOON = timedelta(days=7)


class SoonFilter(DropdownFilter):
    """Quotes that wait for an answer and lapse within a week."""

    title, parameter_name = _("lapses"), "soon"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("within a week"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.waiting().filter(valid_until__lte=timezone.localdate() + SOON) if self.value() else queryset


class ReasonForm(forms.Form):
    """Why a quote is taken back."""

    reason = forms.CharField(label=_("reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


def is_draft(quote: Quote) -> bool:
    return quote.status == Quote.Status.DRAFT


def is_waiting(quote: Quote) -> bool:
    return quote.status == Quote.Status.SENT


def is_revisable(quote: Quote) -> bool:
    return quote.status != Quote.Status.ACCEPTED and not Quote.objects.filter(supersedes=quote).exists()


@admin.register(Quote)
class QuoteAdmin(Reading):
    """Quotes."""

    list_display = ["__str__", "tenant", "plan", "status_pill", "valid", "cost", "sent", "sent_by"]
    list_select_related = ["tenant", "version__plan", "sent_by"]
    search_fields = ["number", "tenant__code", "tenant__name"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        SoonFilter,
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("valid_until", RangeDateFilter),
    ]
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["number", "revision", "status_pill", "tenant", "seller", "version", "valid", "cost"]}),
        (
            _("Offered"),
            {"fields": ["start", "end", "renews", "pays", "label", "seats", "modules", "agreed", "least", "ramp"]},
        ),
        (_("More"), {"fields": ["coupons", "usage", "clauses", "clauses_en", "supersedes", "sha256"]}),
        (_("Answer"), {"fields": ["answered", "answered_by_name", "answered_from", "reason", "subscription"]}),
    ]
    actions_list = ["new"]
    actions_detail = ["preview", "paper", "send", "revise", "withdraw", "discard"]

    status_pill = state("status", TONES, _("state"))
    valid = day("valid_until", _("valid until and with"))
    start = day("start_on", _("first day"))
    end = day("end_on", _("day after the last one"))
    least = amount("minimum_minor", _("commitment per period"))
    seats = facts("quantities", _("quantities"))
    agreed = facts("prices", _("negotiated prices"))
    usage = facts("expected", _("expected usage of a month"))
    sent = moment("sent_at", _("sent"))
    answered = moment("answered_at", _("answered"))

    @admin.display(description=_("plan"))
    def plan(self, row: Quote) -> str:
        return row.version.plan.name_in(get_language() or "")

    @admin.display(description=_("whole cost"))
    def cost(self, row: Quote) -> str:
        return formatting.money(row.estimate["total_minor"], row.currency) if row.estimate else EMPTY

    @admin.display(description=_("off in the beginning"))
    def ramp(self, row: Quote) -> str:
        if row.ramp_percent is None:
            return EMPTY
        said = {"percent": formatting.percent(row.ramp_percent), "months": row.ramp_months}
        return gettext("%(percent)s for %(months)s months") % said

    @act(_("New quote"), needs="invoices.add_quote", icon="add", variant=ActionVariant.PRIMARY)
    def new(self, request: HttpRequest) -> HttpResponse:
        return begin(self, request)

    @act(_("Preview the whole cost"), needs="invoices.view_quote", icon="calculate")
    def preview(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        return ask(self, request, preview_of(quote), Nothing(**sent(request)), lambda _data: done_with(quote))

    @act(_("See it as printed"), needs="invoices.view_quote", icon="picture_as_pdf")
    def paper(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        return HttpResponse(printed(quote))

    @act(_("Send"), needs="invoices.change_quote", icon="send", when=is_draft, variant=ActionVariant.PRIMARY)
    def send(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        return send_page(self, request, quote)

    @act(_("Change"), needs="invoices.change_quote", icon="edit", when=is_revisable)
    def revise(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        on_sale = quote.version.plan.versions.filter(status=Status.PUBLISHED).first()
        return write_page(self, request, quote.tenant, on_sale or quote.version, quote)

    @act(_("Withdraw"), needs="invoices.change_quote", icon="undo", when=is_waiting)
    def withdraw(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        def take_back(data: dict[str, Any]) -> HttpResponse:
            quoting.withdraw(quote, reason=data["reason"], at=timezone.now(), by=request.user)
            return done(request, gettext("Quote %(quote)s can no longer be accepted.") % {"quote": quote}, quote)

        question = Question(
            title=gettext("Withdraw quote %(quote)s") % {"quote": quote},
            button=gettext("Withdraw"),
            back=address(quote),
        )
        return ask(self, request, question, ReasonForm(**sent(request)), take_back)

    @act(_("Discard the draft"), needs="invoices.change_quote", icon="delete", when=is_draft)
    def discard(self, request: HttpRequest, quote: Quote) -> HttpResponse:
        def drop(_data: dict[str, Any]) -> HttpResponse:
            quoting.discard(quote, at=timezone.now(), by=request.user)
            return done(request, gettext("The draft of the quote is gone."), list_address(Quote))

        question = Question(
            title=gettext("Discard the draft for “%(tenant)s”") % {"tenant": quote.tenant},
            button=gettext("Discard the draft"),
            back=address(quote),
        )
        return ask(self, request, question, Nothing(**sent(request)), drop)


def begin(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask for whom, then with `?tenant=` which plan, then with `&version=` for the quote itself."""
    tenant = chosen(request, "tenant", Tenant.objects.all())
    if tenant is None:
        question = Question(title=gettext("New quote"), button=gettext("Go on"), back=list_address(Quote))
        return ask(model_admin, request, question, ForWhomForm(**sent(request)), lambda d: on(tenant=d["tenant"].pk))
    version = chosen(request, "version", PlanVersion.objects.filter(status=Status.PUBLISHED))
    if version is not None:
        return write_page(model_admin, request, tenant, version, None)
    question = Question(
        title=gettext("New quote for “%(tenant)s”") % {"tenant": tenant},
        lead=gettext("These are the plans on sale in %(currency)s.") % {"currency": tenant.currency},
        button=gettext("Go on"),
        back=list_address(Quote),
    )
    form = PlanForm(tenant, **sent(request))
    return ask(model_admin, request, question, form, lambda d: on(tenant=tenant.pk, version=d["version"].pk))


def chosen(request: HttpRequest, name: str, rows: Any) -> Any:
    """Return the row that the address names, or nothing."""
    pk = request.GET.get(name, "")
    return rows.filter(pk=int(pk)).first() if pk.isdigit() else None


def on(**names: int) -> HttpResponse:
    """Go on to the next question of a new quote."""
    query = "&".join(f"{name}={value}" for name, value in names.items())
    return HttpResponseRedirect(f"{reverse('admin:invoices_quote_new')}?{query}")


def write_page(
    model_admin: Any, request: HttpRequest, tenant: Tenant, version: PlanVersion, quote: Quote | None
) -> HttpResponse:
    """Ask for what is offered, and write the draft or the new revision."""
    form = QuoteForm(tenant, version, quoting.terms_of(quote) if quote else None, **sent(request))

    def write(_data: dict[str, Any]) -> HttpResponse:
        save = partial(quoting.revise, quote) if quote else partial(quoting.draft, tenant)
        made = save(form.said(), at=timezone.now(), by=request.user)
        return done(request, gettext("Saved. Look at the whole cost, then send it."), made)

    question = OrderQuestion(
        title=gettext("Quote for “%(tenant)s”: “%(plan)s”") % {"tenant": tenant, "plan": version.plan},
        lead=gettext("A quote that was sent is never edited: changing it writes a new revision, which supersedes it.")
        if quote and not is_draft(quote)
        else gettext("Nobody sees it until it is sent."),
        button=gettext("Save the draft"),
        back=address(quote) if quote else list_address(Quote),
        currency=version.currency,
        owns=form.owns,
    )
    return ask(model_admin, request, question, form, write)


def preview_of(quote: Quote, button: str = "") -> Question:
    """Return the question whose table is the whole cost, as the customer will read it; or why it has none."""
    title = gettext("Whole cost of %(quote)s") % {"quote": quote}
    try:
        said = quoted.compose(quote, get_language() or "zh-hans")
    except DomainError as refusal:
        return Question(title=title, lead=str(refusal.message), button="", back=address(quote))

    def money(minor: int) -> str:
        return formatting.money(minor, quote.currency)

    rows = [(row.name, row.how, money(row.amount_minor - row.discount_minor)) for row in said.rows]
    rows += [(gettext("Estimated total with tax"), "", money(said.total_minor))]
    rows += [(gettext("First bill"), formatting.day(said.first_bill_on, said.language), money(said.first_bill_minor))]
    rows += [
        (f"{month.month:%Y-%m}", gettext("all bills of the month"), money(month.total_minor)) for month in said.months
    ]
    return Question(
        title=title,
        lead=f"{said.plan}, {said.span}",
        heads=(gettext("Item"), gettext("Billed"), gettext("Amount")),
        rows=tuple(rows),
        button=button,
        back=address(quote),
    )


def done_with(quote: Quote) -> HttpResponse:
    return HttpResponseRedirect(address(quote))


def send_page(model_admin: Any, request: HttpRequest, quote: Quote) -> HttpResponse:
    """Show what the customer will read as its cost, and send the quote."""

    def give(_data: dict[str, Any]) -> HttpResponse:
        made = quoting.send(quote, at=timezone.now(), by=request.user)
        return done(request, gettext("Quote %(quote)s is sent; the mail with its PDF follows.") % {"quote": made}, made)

    question = preview_of(quote, gettext("Send to “%(tenant)s”") % {"tenant": quote.tenant})
    return ask(model_admin, request, question, Nothing(**sent(request)), give)


def printed(quote: Quote) -> str:
    """Return the paper as a page: the same markup as the PDF's, with its style sheet."""
    page = quoted.markup(quoted.compose(quote, get_language() or "zh-hans"))
    look = render_to_string("invoices/document.css") + "body{max-width:176mm;margin:10mm auto}"
    return page.replace("</head>", f"<style>{look}</style></head>", 1)
