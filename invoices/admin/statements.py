"""Reconciliation: days with their sums, differences with their likely causes, and the statements they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, day, moment
from invoices import asking, differing, reconciling, returning, statements
from invoices.models import ReconciledDay, StatementFile, StatementRow
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, Rows, state

DAY_TONES = {"open": "late", "agrees": "busy", "closed": "good"}
ROW_TONES = {
    "matched": "good",
    "resolved": "good",
    "missing_here": "bad",
    "missing_there": "bad",
    "amount_differs": "bad",
}


class DifferenceRows(Rows):
    """The lines of a statement."""

    model = StatementRow
    fields = ["line", "reference", "provider_number", "total", "fee", "refund", "state", "payment", "refunded"]
    total = amount("amount_minor", _("amount"), currency="file.currency")
    fee = amount("fee_minor", _("fee"), currency="file.currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementRow]:
        return super().get_queryset(request).select_related("file", "payment", "refunded")


@admin.register(StatementFile)
class StatementFileAdmin(Reading):
    """Statements that were fetched, and days of banks' files."""

    list_display = ["of", "seller", "provider", "lines", "fees", "fetched"]
    list_select_related = ["seller"]
    search_fields = ["sha256", "seller__code"]
    list_filter = [("seller", RelatedDropdownFilter), ("provider", ChoicesDropdownFilter), ("day", RangeDateFilter)]
    ordering = ["-day", "-id"]
    fields = ["of", "seller", "provider", "currency", "lines", "fees", "sha256", "fetched"]
    inlines = [DifferenceRows]

    of = day("day", _("day"))
    fees = amount("fees_minor", _("fees"))
    fetched = moment("fetched_at", _("fetched"))


@admin.register(ReconciledDay)
class ReconciledDayAdmin(Reading):
    """Days at which statement, payments and book were held against each other."""

    list_display = ["of", "seller", "provider", "state_pill", "statement", "payments", "book", "fees", "differences"]
    list_display += ["closed", "closed_by"]
    list_select_related = ["seller", "closed_by"]
    search_fields = ["seller__code", "provider"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("seller", RelatedDropdownFilter),
        ("provider", ChoicesDropdownFilter),
        ("day", RangeDateFilter),
    ]
    date_hierarchy = "day"
    ordering = ["-day", "seller", "provider"]
    fields = ["of", "seller", "provider", "state_pill", "statement", "payments", "book", "fees", "differences"]
    fields += ["open_rows", "compared", "closed", "closed_by"]
    actions_list = ["fetch"]
    actions_detail = ["compare", "close"]

    of = day("day", _("day"))
    state_pill = state("state", DAY_TONES, _("state"))
    statement = amount("statement_minor", _("statement"))
    payments = amount("payments_minor", _("payments and refunds"))
    book = amount("ledger_minor", _("book"))
    fees = amount("fees_minor", _("fees"))
    compared = moment("compared_at", _("compared"))
    closed = moment("closed_at", _("closed"))

    @admin.display(description=_("what differs"))
    def open_rows(self, row: ReconciledDay) -> str:
        found = open_of(row).select_related("file__seller", "payment", "refunded")
        lines = ((address(one), one, one.get_state_display(), said(one)) for one in found)
        return format_html_join("", '<div><a class="text-primary-600" href="{}">{}</a> {}: {}</div>', lines) or EMPTY

    @act(_("Fetch what is due"), needs="invoices.add_statementfile", icon="cloud_download")
    def fetch(self, request: HttpRequest) -> HttpResponse:
        def reconcile() -> HttpResponse:
            left = reconciling.reconcile(at=timezone.now())
            return done(request, gettext("%(count)s days do not agree.") % {"count": left}, list_address(ReconciledDay))

        question = Question(
            title=gettext("Fetch what is due"),
            lead=gettext(
                "Statements are there from ten o'clock of the next day on. It is done each morning by itself."
            ),
            button=gettext("Fetch and compare"),
            back=list_address(ReconciledDay),
        )
        return confirmed(self, request, question, reconcile)

    @act(
        _("Compare again"),
        needs="invoices.change_reconciledday",
        icon="refresh",
        when=lambda row: row.state != "closed",
    )
    def compare(self, request: HttpRequest, row: ReconciledDay) -> HttpResponse:
        def compare_again() -> HttpResponse:
            now = timezone.now()
            if row.provider != statements.BANK:
                statements.fetch(row.seller, row.provider, row.day, at=now)
            reconciling.compare(row.seller, row.provider, row.day, row.currency, at=now)
            return done(request, gettext("Compared."), row)

        question = Question(
            title=gettext("Compare %(day)s again") % {"day": row},
            lead=gettext("The provider's statement is fetched anew; lines that are known stay as they are."),
            button=gettext("Compare again"),
            back=address(row),
        )
        return confirmed(self, request, question, compare_again)

    @act(_("Close the day"), needs="invoices.change_reconciledday", icon="lock", when=lambda row: row.state == "agrees")
    def close(self, request: HttpRequest, row: ReconciledDay) -> HttpResponse:
        def seal(_data: dict[str, Any]) -> HttpResponse:
            reconciling.close(row, at=timezone.now(), by=request.user)
            return done(request, gettext("The day is closed."), row)

        question = Question(
            title=gettext("Close %(day)s") % {"day": row},
            lead=gettext("Statement, payments and book agree. Closed, nothing of the day changes any more."),
            button=gettext("Close the day"),
            back=address(row),
        )
        return ask(self, request, question, Nothing(**sent(request)), seal)


def open_of(row: ReconciledDay) -> QuerySet[StatementRow]:
    """Return the differences of a day that are open."""
    of = {"file__seller": row.seller_id, "file__provider": row.provider, "file__day": row.day}
    return StatementRow.objects.filter(**of, file__currency=row.currency, state__in=reconciling.OPEN).order_by("pk")


def said(row: StatementRow) -> str:
    """Return the likely causes of a difference as a sentence or two."""
    return " ".join(str(cause.sentence) for cause in differing.causes(row))


def confirmed(admin: Any, request: HttpRequest, question: Question, do: Callable[[], HttpResponse]) -> HttpResponse:
    """Ask, and do it outside of any transaction: providers are called."""
    if request.method == "POST":
        return do()
    return ask(admin, request, question, Nothing(), lambda _data: do())


def asked(request: HttpRequest, row: StatementRow) -> HttpResponse:
    """Ask the provider for what stands behind a line, and compare its day again."""
    now, file = timezone.now(), row.file
    if row.payment is not None:
        asking.ask(at=now, payments=[row.payment])
    elif row.refunded is not None:
        returning.send(at=now, refunds=[row.refunded.pk])
    reconciling.compare(file.seller, file.provider, file.day, file.currency, at=now)
    row.refresh_from_db()
    if row.state in reconciling.OPEN:
        messages.warning(request, gettext("The provider says nothing new; look again later."))
        return HttpResponseRedirect(address(row))
    return done(request, gettext("Booked as the provider says; the line agrees."), row)


class OpenFilter(DropdownFilter):
    """Whether somebody has to look at it."""

    title, parameter_name = _("waiting"), "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("waiting")), ("no", _("settled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> QuerySet[StatementRow]:
        if self.value() == "yes":
            return queryset.filter(state__in=reconciling.OPEN)
        return queryset.exclude(state__in=reconciling.OPEN) if self.value() else queryset


class ResolutionForm(forms.Form):
    """How a difference is resolved, and why."""

    resolution = forms.ChoiceField(
        label=_("how it is resolved"), choices=StatementRow.Resolution, widget=UnfoldAdminRadioSelectWidget
    )
    reason = forms.CharField(label=_("reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


@admin.register(StatementRow)
class StatementRowAdmin(Reading):
    """Lines of statements; those that differ wait here with their likely causes."""

    list_display = ["of", "file", "reference", "provider_number", "total", "refund", "state_pill", "why", "asked_by"]
    list_select_related = ["file__seller", "payment", "refunded__payment", "asked_by"]
    search_fields = ["reference", "provider_number"]
    list_filter = [
        OpenFilter,
        ("state", ChoicesDropdownFilter),
        ("file__seller", RelatedDropdownFilter),
        ("file__provider", ChoicesDropdownFilter),
    ]
    ordering = ["-id"]
    fields = ["file", "line", "reference", "provider_number", "total", "fee", "of", "refund", "state_pill", "causes"]
    fields += [
        "lacks",
        "payment",
        "refunded",
        "difference",
        "resolution",
        "corrected",
        "reason",
        "asked_by",
        "needs_second",
    ]
    fields += ["resolved", "resolved_by"]
    actions_detail = ["ask_provider", "resolve"]

    of = moment("at", _("at"))
    state_pill = state("state", ROW_TONES, _("state"))
    total = amount("amount_minor", _("amount"), currency="file.currency")
    fee = amount("fee_minor", _("fee"), currency="file.currency")
    corrected = amount("corrected_minor", _("corrected by"), currency="file.currency")
    resolved = moment("resolved_at", _("resolved"))

    @admin.display(description=_("likely cause"))
    def why(self, row: StatementRow) -> str:
        found = differing.causes(row)
        return str(found[0].sentence) if found else EMPTY

    @admin.display(description=_("likely causes"))
    def causes(self, row: StatementRow) -> str:
        return format_html_join("", "<div>{}</div>", ((one.sentence,) for one in differing.causes(row))) or EMPTY

    @admin.display(description=_("the book lacks"))
    def lacks(self, row: StatementRow) -> str:
        if row.state not in reconciling.OPEN:
            return EMPTY
        return formatting.signed_money(reconciling.missing_minor(row), row.file.currency)

    @act(_("Ask the provider"), needs="invoices.change_statementrow", icon="contact_support", when=differing.can_ask)
    def ask_provider(self, request: HttpRequest, row: StatementRow) -> HttpResponse:
        question = Question(
            title=gettext("Ask the provider"),
            lead=gettext("What it says is booked as if its message had arrived; nothing is taken twice."),
            button=gettext("Ask"),
            back=address(row),
        )
        return confirmed(self, request, question, lambda: asked(request, row))

    @act(
        _("Resolve"), needs="invoices.change_statementrow", icon="rule", when=lambda row: row.state in reconciling.OPEN
    )
    def resolve(self, request: HttpRequest, row: StatementRow) -> HttpResponse:
        def settle(data: dict[str, Any]) -> HttpResponse:
            told = {"reason": data["reason"], "at": timezone.now(), "by": request.user}
            found = reconciling.resolve(row, data["resolution"], **told)
            if found.state in reconciling.OPEN:
                return done(request, gettext("Asked for; a second person has to confirm it."), found)
            return done(request, gettext("Resolved."), list_address(StatementRow, "open=yes"))

        lacks = formatting.signed_money(reconciling.missing_minor(row), row.file.currency)
        question = Question(
            title=gettext("Resolve a difference"),
            lead=gettext("The book lacks %(amount)s of what the statement says. %(causes)s")
            % {"amount": lacks, "causes": said(row)},
            button=gettext("Confirm it as the second person") if row.needs_second else gettext("Resolve it"),
            back=address(row),
        )
        likely = next((cause.act for cause in differing.causes(row) if cause.act != differing.ASK), "")
        begin = {"resolution": row.resolution or likely, "reason": row.reason}
        return ask(self, request, question, ResolutionForm(initial=begin, **sent(request)), settle)


def badge(request: HttpRequest) -> str:
    """Return how many differences wait, for the sidebar; nothing when there are none."""
    count = StatementRow.objects.filter(state__in=reconciling.OPEN).count()
    return formatting.quantity(count) if count else ""
