"""Dunning: the schedules, what was done, the calls that wait for somebody, and debts that are given up by two people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, moment
from invoices import dunning, writing_off
from invoices.models import DunningAct, DunningSchedule, DunningStep, Invoice, ServiceLoss, WriteOff
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.companies import note
from tenants.admin.listing import Listing, Reading, state

ACT_TONES = {"done": "good", "failed": "bad", "open": "busy", "begun": "busy"}
WRITE_OFF_TONES = {"requested": "busy", "approved": "bad"}


class StepRows(TabularInline):
    model = DunningStep
    extra = 0
    fields = ["day", "verb"]


@admin.register(DunningSchedule)
class DunningScheduleAdmin(Listing):
    """Who is dunned on which days: a seller's customers, those of a plan, or one customer. The most particular holds."""

    list_display = ["__str__", "seller", "plan", "tenant", "grace_days", "shown_steps"]
    list_select_related = ["seller", "plan", "tenant"]
    search_fields = ["seller__code", "plan__code", "plan__name", "tenant__code", "tenant__name"]
    list_filter = [("seller", RelatedDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    autocomplete_fields = ["plan", "tenant"]
    fields = ["seller", "plan", "tenant", "grace_days"]
    inlines = [StepRows]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DunningSchedule]:
        return super().get_queryset(request).prefetch_related("steps")

    @admin.display(description=_("steps of dunning"))
    def shown_steps(self, row: DunningSchedule) -> str:
        return ", ".join(str(step) for step in row.steps.all())

    def save_model(self, request: HttpRequest, obj: DunningSchedule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "dunning_schedule.saved", obj, form, tenant=obj.tenant)

    def delete_model(self, request: HttpRequest, obj: DunningSchedule) -> None:
        note(request, "dunning_schedule.removed", obj, None, tenant=obj.tenant)
        super().delete_model(request, obj)


@admin.register(DunningStep)
class DunningStepAdmin(Reading):
    """The steps of all schedules; they are changed in their schedule."""

    list_display = ["schedule", "day", "verb"]
    list_select_related = ["schedule__seller", "schedule__plan", "schedule__tenant"]
    list_filter = [("verb", ChoicesDropdownFilter)]
    ordering = ["schedule", "day"]
    fields = ["schedule", "day", "verb"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # They go with their schedule.
        return request.user.has_perm("invoices.delete_dunningstep")


class CallForm(forms.Form):
    """What came of a call."""

    note = forms.CharField(
        label=_("note"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Whom you spoke to, and what was promised."),
    )


@admin.register(DunningAct)
class DunningActAdmin(Reading):
    """What was done for bills that are not paid; calls wait here until somebody has made them."""

    list_display = ["done_at", "tenant", "invoice", "day", "verb", "outcome_pill", "reason", "note"]
    list_select_related = ["tenant", "invoice"]
    search_fields = ["tenant__code", "tenant__name", "invoice__number", "note"]
    list_filter = [
        ("verb", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
    ]
    ordering = ["-id"]
    fields = ["tenant", "invoice", "day", "verb", "done_at", "outcome_pill", "reason", "note", "settled", "settled_by"]
    actions_detail = ["called"]

    outcome_pill = state("outcome", ACT_TONES, _("outcome"))
    done_at = moment("at", _("at"))
    settled = moment("settled_at", _("settled"))

    @act(
        _("The call was made"), needs="invoices.change_dunningact", icon="call", when=lambda row: row.outcome == "open"
    )
    def called(self, request: HttpRequest, row: DunningAct) -> HttpResponse:
        def settle(data: dict[str, Any]) -> HttpResponse:
            dunning.called(row, note=data["note"], at=timezone.now(), by=request.user)
            return done(request, gettext("The call is settled."), list_address(DunningAct, "outcome__exact=open"))

        told = {"due": formatting.money(row.invoice.due_minor, row.invoice.currency), "number": row.invoice}
        question = Question(
            title=gettext("Call to “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("%(due)s is still to pay for bill %(number)s.") % told,
            button=gettext("Settle"),
            back=address(row),
        )
        return ask(self, request, question, CallForm(**sent(request)), settle)


@admin.register(ServiceLoss)
class ServiceLossAdmin(Reading):
    """What dunning took from customers, and when it gave it back."""

    list_display = ["taken_at", "tenant", "invoice", "before", "after", "lifted"]
    list_select_related = ["tenant", "invoice"]
    search_fields = ["tenant__code", "tenant__name", "invoice__number"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "payer", "invoice", "before", "after", "taken_at", "lifted"]

    taken_at = moment("at", _("at"))
    lifted = moment("lifted_at", _("lifted"))


class WriteOffForm(forms.Form):
    """Why a debt is given up."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("The second person and the auditor read it."),
    )


@admin.register(WriteOff)
class WriteOffAdmin(Reading):
    """Debts that are given up: asked for from the bill, decided here by somebody else."""

    list_display = ["requested", "tenant", "invoice", "total", "reason", "requested_by", "status_pill", "approved_by"]
    list_select_related = ["tenant", "invoice", "requested_by", "approved_by"]
    search_fields = ["tenant__code", "tenant__name", "invoice__number", "reason"]
    list_filter = [("status", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = [
        "tenant",
        "invoice",
        "total",
        "reason",
        "requested",
        "requested_by",
        "status_pill",
        "decided",
        "approved_by",
    ]
    actions_detail = ["approve", "decline"]

    status_pill = state("status", WRITE_OFF_TONES, _("state"))
    total = amount("amount_minor", _("amount"), currency="invoice.currency")
    requested = moment("requested_at", _("asked for"))
    decided = moment("approved_at", _("decided"))

    @act(_("Approve"), needs="invoices.change_writeoff", icon="gavel", when=lambda row: row.status == "requested")
    def approve(self, request: HttpRequest, row: WriteOff) -> HttpResponse:
        said = gettext("It is a loss from then on. A payment that comes in all the same takes the loss back.")
        return self._decide(request, row, writing_off.approve, gettext("Write it off"), said)

    @act(_("Decline"), needs="invoices.change_writeoff", icon="block", when=lambda row: row.status == "requested")
    def decline(self, request: HttpRequest, row: WriteOff) -> HttpResponse:
        return self._decide(request, row, writing_off.decline, gettext("Decline"), gettext("The bill stays as it is."))

    def _decide(
        self, request: HttpRequest, row: WriteOff, verb: Callable[..., WriteOff], button: str, lead: str
    ) -> HttpResponse:
        def decide(_data: dict[str, Any]) -> HttpResponse:
            verb(row, at=timezone.now(), by=request.user)
            return done(request, gettext("This is decided."), row)

        told = {"amount": formatting.money(row.amount_minor, row.invoice.currency), "number": row.invoice}
        title = gettext("Give up %(amount)s of bill %(number)s") % told
        question = Question(title=title, lead=lead, button=button, back=address(row))
        return ask(self, request, question, Nothing(**sent(request)), decide)


def ask_for_write_off(model_admin: Any, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Ask for the reason, and ask that the bill be written off."""

    def request_it(data: dict[str, Any]) -> HttpResponse:
        asked = writing_off.request(invoice, reason=data["reason"], at=timezone.now(), by=request.user)
        return done(request, gettext("Somebody else decides about it now."), asked)

    due = formatting.money(invoice.due_minor, invoice.currency)
    question = Question(
        title=gettext("Give up %(amount)s of bill %(number)s") % {"amount": due, "number": invoice},
        lead=gettext("Nobody asks the customer for it any more. A second person has to approve it."),
        button=gettext("Ask for it"),
        back=address(invoice),
    )
    return ask(model_admin, request, question, WriteOffForm(**sent(request)), request_it)


def calls_badge(request: HttpRequest) -> str:
    """Return how many calls wait, for the sidebar; nothing when there are none."""
    return str(dunning.calls().count() or "")


def write_offs_badge(request: HttpRequest) -> str:
    """Return how many write-offs wait for a second person; nothing when there are none."""
    return str(WriteOff.objects.filter(status=WriteOff.Status.REQUESTED).count() or "")
