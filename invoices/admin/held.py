"""The queue of held bills: why each was stopped, and how it ends: with a reason, by two people above the limit, or corrected."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, moment
from invoices import holding
from invoices.models import BillHold
from tenants.admin.acts import Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, state

TONES = {"released": "good", "corrected": "good", "": "busy"}


class ReasonForm(forms.Form):
    """Why a bill is right, or what was put right."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("The customer and the auditor read it."),
    )


class WaitingFilter(DropdownFilter):
    """Whether it still waits for somebody."""

    title, parameter_name = _("state"), "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("waiting")), ("no", _("settled"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(Q(released_at__isnull=self.value() == "yes")) if self.value() else queryset


@admin.register(BillHold)
class BillHoldAdmin(Reading):
    """Bills that are far from what is usual for the customer; none is issued before it was ended here or by the customer."""

    list_display = ["held", "tenant", "charge_on", "total", "why", "outcome_pill", "released_by"]
    list_select_related = ["tenant", "seller", "released_by"]
    search_fields = ["tenant__code", "tenant__name", "reason"]
    list_filter = [WaitingFilter, ("outcome", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = [
        "tenant",
        "seller",
        "invoice",
        "charge_on",
        "total",
        "why",
        "held",
        "examined",
        "asked",
        "asked_by",
        "outcome_pill",
        "released",
        "released_by",
        "reason",
    ]
    actions_detail = ["agree", "correct"]

    held = moment("held_at", _("held"))
    examined = moment("examined_at", _("examined"))
    asked = moment("asked_at", _("asked for"))
    released = moment("released_at", _("ended"))
    total = amount("total_minor", _("total"))
    outcome_pill = state("outcome", TONES, _("outcome"), empty=_("waiting"))

    @admin.display(description=_("reasons"))
    def why(self, row: BillHold) -> str:
        return format_html_join("", "<div>{}</div>", ((said(row, one),) for one in row.reasons))

    @act(
        _("The bill is right"), needs="invoices.change_billhold", icon="done", when=lambda row: row.released_at is None
    )
    def agree(self, request: HttpRequest, row: BillHold) -> HttpResponse:
        def release(data: dict[str, Any]) -> HttpResponse:
            ended = holding.release(row, at=timezone.now(), by=request.user, reason=data["reason"])
            said = gettext("It goes on as announced.")
            if ended.released_at is None:
                said = gettext("It is above the limit: somebody else has to agree.")
            return done(request, said, row)

        return ask(self, request, self._question(row, gettext("Let it go on")), ReasonForm(**sent(request)), release)

    @act(_("Compute it again"), needs="invoices.change_billhold", icon="redo", when=lambda row: row.released_at is None)
    def correct(self, request: HttpRequest, row: BillHold) -> HttpResponse:
        def again(data: dict[str, Any]) -> HttpResponse:
            ended = holding.correct(row, at=timezone.now(), by=request.user, reason=data["reason"])
            said = gettext("It is usual again, and goes on.") if ended.released_at else gettext("It is still far.")
            return done(request, said, row)

        return ask(self, request, self._question(row, gettext("Compute it again")), ReasonForm(**sent(request)), again)

    def _question(self, row: BillHold, button: str) -> Question:
        told = {"tenant": row.tenant, "total": formatting.money(row.total_minor, row.currency)}
        title = gettext("Held bill of “%(tenant)s”: %(total)s") % told
        return Question(
            title=title, lead="; ".join(said(row, one) for one in row.reasons), button=button, back=address(row)
        )


def said(row: BillHold, one: dict[str, Any]) -> str:
    """Return one reason in words, with its figures."""
    told = {
        "name": one["name"] or gettext("the whole bill"),
        "now": formatting.money(one["amount_minor"], row.currency),
        "usual": formatting.money(one["usual_minor"], row.currency),
        "spread": formatting.money(one["spread_minor"], row.currency),
        "spreads": one["spreads"],
        "count": one["periods"],
    }
    if one["why"] == "new":
        return gettext("%(name)s: %(now)s; no earlier bill had it") % told
    return gettext("%(name)s: %(now)s; usual %(usual)s, spread %(spread)s (× %(spreads)s), %(count)s periods") % told


def badge(request: HttpRequest) -> str:
    """Return how many bills are held, for the sidebar; nothing when there are none."""
    return str(BillHold.objects.live().count() or "")
