"""Disputes: the queue by the day of the answer, both sides beside each other, the answer with what it changes, statistics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, moment
from billing.forms import figure
from billing.money import Money
from invoices import answering_disputes, dispute_evidence, dispute_statistics, freezing
from invoices.claiming import MOST_BYTES, Receipt
from invoices.models import Dispute, DisputeAnswer, DisputeEvidence, DisputeTerms, Refund
from invoices.views.disputes import as_file
from tenants.admin.acts import Question, act, address, ask, done, list_address, sent
from tenants.admin.companies import note
from tenants.admin.listing import Kept, Listing, Reading, Rows, state
from tenants.models import Seller

State, Outcome, Side = Dispute.State, DisputeAnswer.Outcome, DisputeEvidence.Side
TONES = {"open": "late", "appealed": "late", "answered": "good", "settled": "good", "withdrawn": ""}
REFUSED = Refund.Status.DECLINED
# The statistics look back over so many days.
YEAR = timedelta(days=365)


def waits(row: Dispute) -> bool:
    return row.is_live or answering_disputes.waits_again(row)


def is_running(row: Dispute) -> bool:
    return row.closed_at is None


def waiting() -> QuerySet[Dispute]:
    """Return what waits for an answer, also once more because its refund was not approved."""
    again = Q(state=State.ANSWERED, answers__refund__status=REFUSED)
    return Dispute.objects.filter(Q(state__in=["open", "appealed"]) | again).distinct()


class QueueFilter(DropdownFilter):
    """What somebody has to answer, and what is late."""

    title, parameter_name = _("queue"), "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("answer", _("to be answered")), ("late", _("answer is late"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "answer":
            return queryset.filter(pk__in=waiting().values("pk"))
        if self.value() == "late":
            return queryset.live().filter(answer_due_on__lt=timezone.localdate())
        return queryset


class AnswerRows(Rows):
    model = DisputeAnswer
    fields = ["number", "outcome", "given", "text", "credit_note", "refund", "by", "at"]
    given = amount("amount_minor", _("given back"), currency="dispute.invoice.currency")


class AnswerForm(forms.Form):
    """How a dispute is answered. `seen` is what was shown before it is done."""

    outcome = forms.ChoiceField(label=_("outcome"), choices=Outcome.choices, widget=UnfoldAdminSelectWidget)
    amount = figure(_("amount"), _("With tax. Empty: all that is in dispute; of an explanation nothing."))
    text = forms.CharField(
        label=_("answer"),
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("The customer reads it."),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, row: Dispute, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.row = row
        self.fields["amount"].required = False

    def clean_amount(self) -> int | None:
        text = str(self.cleaned_data.get("amount") or "")
        if not text:
            return None
        try:
            return Money.of(text.replace(",", "").replace("¥", "").strip(), self.row.invoice.currency).minor
        except ValueError:
            raise forms.ValidationError(_("This is no amount: write digits, such as 36.00.")) from None

    def asked(self) -> dict[str, Any]:
        """Return what the verb is asked."""
        data = self.cleaned_data
        return {"outcome": data["outcome"], "amount_minor": data.get("amount"), "text": data["text"]}


class EvidenceForm(forms.Form):
    """What we show."""

    text = forms.CharField(
        label=_("text"), max_length=2000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )
    file = forms.FileField(label=_("file"), required=False, help_text=_("PDF, JPEG or PNG, at most 5 MiB."))


@admin.register(Dispute)
class DisputeAdmin(Reading):
    """What customers do not accept of their bills."""

    list_display = ["due", "tenant", "invoice", "line", "disputed", "status_pill", "opened", "late"]
    list_select_related = ["tenant", "invoice", "line"]
    search_fields = ["invoice__number", "tenant__code", "tenant__name", "reason", "line__code"]
    list_filter = [QueueFilter, ("state", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    ordering = ["answer_due_on", "id"]
    inlines = [AnswerRows]
    fields = ["tenant", "seller", "invoice", "line", "starts_on", "ends_on", "disputed", "given", "frozen"]
    fields += ["status_pill", "opened", "opened_by", "due", "late", "sides", "appealed", "appealed_by", "appeal_until"]
    actions_list = ["statistics"]
    actions_detail = ["answer", "show_evidence"]

    status_pill = state("state", TONES, _("state"))
    disputed = amount("amount_minor", _("in dispute"), currency="invoice.currency")
    given = amount("given_minor", _("given back"), currency="invoice.currency")
    opened = moment("opened_at", _("opened"))
    late = moment("late_at", _("late since"))
    appealed = moment("appealed_at", _("appealed"))

    @admin.display(description=_("answered by"), ordering="answer_due_on")
    def due(self, row: Dispute) -> str:
        return formatting.day(row.answer_due_on, "zh-hans")

    @admin.display(description=_("frozen of the bill"))
    def frozen(self, row: Dispute) -> str:
        return formatting.money(row.invoice.frozen_minor, row.invoice.currency)

    @admin.display(description=_("both sides"))
    def sides(self, row: Dispute) -> SafeString:
        """Return two columns: what the customer says and shows, what we do."""
        shown = [("", row.reason)] + ([("", row.appeal)] if row.appeal else [])
        return format_html(
            '<div style="display:grid;grid-template-columns:1fr 1fr;gap:16px"><div><b>{}</b>{}{}</div>'
            "<div><b>{}</b>{}</div></div>",
            gettext("the customer"),
            format_html_join("", "<p>{}</p>", ((text,) for _none, text in shown)),
            self._pieces(row, Side.CUSTOMER),
            gettext("we"),
            self._pieces(row, Side.SELLER),
        )

    def _pieces(self, row: Dispute, side: str) -> SafeString:
        return format_html_join(
            "",
            '<p>{} <a href="{}">{}</a></p>',
            (
                (one.text, reverse("admin:dispute_file", args=[one.pk]) if one.file_sha256 else "", one.file_name)
                for one in row.evidence.filter(side=side).order_by("pk")
            ),
        )

    def get_urls(self) -> list[Any]:
        wrapped = self.admin_site.admin_view(self.file)
        return [path("file/<int:pk>/", wrapped, name="dispute_file"), *super().get_urls()]

    def file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer with a file of the evidence."""
        found = DisputeEvidence.objects.filter(pk=pk).exclude(file_sha256="").first()
        if found is None or not self.has_view_permission(request):
            raise Http404
        return as_file(found)

    @act(_("Answer"), needs="invoices.change_dispute", icon="reply", when=waits, variant=ActionVariant.PRIMARY)
    def answer(self, request: HttpRequest, row: Dispute) -> HttpResponse:
        form = AnswerForm(row, **sent(request))

        def show_or_do(data: dict[str, Any]) -> HttpResponse:
            if data["seen"] != token(form):
                return shown(self, request, form)
            answering_disputes.settle(row, at=timezone.now(), by=request.user, **form.asked())
            return done(request, gettext("Answered; the customer is told."), list_address(Dispute, "queue=answer"))

        question = Question(
            title=gettext("Answer the dispute of “%(tenant)s”") % {"tenant": row.tenant},
            lead=row.appeal or row.reason,
            heads=(gettext("side"), gettext("what"), gettext("when")),
            rows=tuple(said(row)),
            button=gettext("Show what it does"),
            back=address(row),
        )
        return ask(self, request, question, form, show_or_do)

    @act(_("Add evidence"), needs="invoices.add_disputeevidence", icon="attach_file", when=is_running)
    def show_evidence(self, request: HttpRequest, row: Dispute) -> HttpResponse:
        def add(data: dict[str, Any]) -> HttpResponse:
            file = data["file"]
            kept = Receipt(file.name, file.read(MOST_BYTES + 1)) if file else None
            dispute_evidence.add(
                row, side=Side.SELLER, text=data["text"], file=kept, at=timezone.now(), by=request.user
            )
            return done(request, gettext("Added; the customer sees it."), row)

        question = Question(
            title=gettext("Evidence for “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("The customer sees it, and it stays."),
            button=gettext("Add"),
            back=address(row),
        )
        return ask(self, request, question, EvidenceForm(**sent(request)), add)

    @act(_("Statistics"), needs="invoices.view_dispute", icon="bar_chart")
    def statistics(self, request: HttpRequest) -> HttpResponse:
        """Show how often which price is disputed, of the last twelve months."""
        after = timezone.localdate() + timedelta(days=1)
        sellers = Seller.objects.order_by("code")
        rows = [
            table_row(seller, row)
            for seller in sellers
            for row in dispute_statistics.by_price(seller, first=after - YEAR, after=after)
        ]
        most = max((row["count"] for row in rows), default=1)
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, "rows": rows, "most": most}
        context |= {"title": gettext("Disputes by price, last 365 days"), "back": list_address(Dispute)}
        return TemplateResponse(request, "admin/dispute_statistics.html", context)


@admin.register(DisputeTerms)
class DisputeTermsAdmin(Kept, Listing):
    """In how many days a seller answers, and how long an answer may be appealed."""

    list_display = ["seller", "answer_days", "appeal_days", "grace_days"]
    fields = ["seller", "answer_days", "appeal_days", "grace_days"]

    def save_model(self, request: HttpRequest, obj: DisputeTerms, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "dispute_terms.saved", obj, form, tenant=None)


@admin.register(DisputeAnswer)
class DisputeAnswerAdmin(Reading):
    """Answers to disputes."""

    list_display = ["dispute", "number", "outcome", "given", "by", "when"]
    list_select_related = ["dispute__invoice", "dispute__line", "by"]
    search_fields = ["dispute__invoice__number", "text"]
    given = amount("amount_minor", _("given back"), currency="dispute.invoice.currency")
    when = moment("at", _("at"))


@admin.register(DisputeEvidence)
class DisputeEvidenceAdmin(Reading):
    """What both sides show."""

    list_display = ["dispute", "side", "text", "file_name", "by", "when"]
    list_select_related = ["dispute__invoice", "dispute__line", "by"]
    search_fields = ["dispute__invoice__number", "text", "file_name"]
    when = moment("at", _("at"))


def said(row: Dispute) -> list[tuple[str, str, str]]:
    """Return (side, what, when) of all that was said and shown."""
    told = [(gettext("the customer"), row.reason, row.opened_at)]
    if row.appealed_at is not None:
        told.append((gettext("the customer"), row.appeal, row.appealed_at))
    told += [(gettext("we"), one.text, one.at) for one in row.answers.order_by("number")]
    pieces = row.evidence.order_by("pk")
    told += [(one.get_side_display(), " ".join(filter(None, (one.text, one.file_name))), one.at) for one in pieces]
    return [
        (side, what, f"{timezone.localtime(at):%Y-%m-%d %H:%M}") for side, what, at in sorted(told, key=lambda x: x[2])
    ]


def shown(model_admin: Any, request: HttpRequest, form: AnswerForm) -> HttpResponse:
    """Show what an answer does, with the same form, which now carries what was seen."""
    data = request.POST.copy()
    data["seen"] = token(form)
    question = Question(
        title=gettext("What this answer does"),
        heads=(gettext("what"), gettext("before"), gettext("after")),
        rows=tuple(effects(form)),
        button=gettext("Answer"),
        back=address(form.row),
    )
    again = AnswerForm(form.row, data=data)
    again.is_valid()
    context = {**model_admin.admin_site.each_context(request), "question": question, "form": again}
    context |= {"opts": model_admin.model._meta, "title": question.title}
    return TemplateResponse(request, question.template, context)


def effects(form: AnswerForm) -> list[tuple[str, str, str]]:
    """Return (what, before, after) of the amounts of a bill that an answer changes."""
    row, bill, asked = form.row, form.row.invoice, form.asked()
    given = 0 if asked["outcome"] == Outcome.EXPLAIN else asked["amount_minor"] or row.contested_minor
    due = freezing.due(bill)
    lowered = min(given, due)
    frozen = max(0, min(bill.frozen_minor - (row.contested_minor if row.is_live else 0), due - lowered))
    rows = [
        (gettext("given back of this dispute"), row.given_minor, row.given_minor + given),
        (gettext("still due of the bill"), due, due - lowered),
        (gettext("frozen of the bill"), bill.frozen_minor, frozen),
        (gettext("returned to the customer"), 0, given - lowered),
    ]
    return [
        (what, formatting.money(was, bill.currency), formatting.money(now, bill.currency)) for what, was, now in rows
    ]


def token(form: AnswerForm) -> str:
    """Return what stands for an answer and the amounts that it meets: another one has to be looked at again."""
    asked, row = form.asked(), form.row
    return f"{asked['outcome']}:{asked['amount_minor']}:{row.state}:{row.contested_minor}:{row.invoice.due_minor}"


def table_row(seller: Seller, row: dispute_statistics.PriceRow) -> dict[str, Any]:
    """Return a row of the statistics in words."""
    percent = lambda share: "–" if share is None else f"{share:.1f} %"  # noqa: E731
    return {
        "seller": str(seller),
        "name": row.name or gettext("the whole bill"),
        "code": row.code,
        "count": row.disputes,
        "waiting": row.waiting,
        "of_bills": percent(row.share_of_bills),
        "upheld": percent(row.share_upheld),
        "disputed": formatting.money(row.disputed_minor, row.currency),
        "given": formatting.money(row.given_minor, row.currency),
        "days": "–" if row.days_to_answer is None else str(row.days_to_answer),
    }


def badge(request: HttpRequest) -> str:
    """Return how many disputes wait for an answer, for the sidebar; nothing when there are none."""
    return str(waiting().count() or "")
