"""The queue of possible doubles: what was bought, paid or told twice, and what becomes of it."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from billing.admin.columns import amount, moment
from invoices import doubled
from invoices.models import DuplicateFlag
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, state

TONES = {"open": "busy", "kept": "good", "corrected": "good"}


@admin.register(DuplicateFlag)
class DuplicateFlagAdmin(Reading):
    """Possible doubles; each is decided by the customer, or here after a word with him."""

    list_display = ["found", "tenant", "kind", "what", "total", "state_pill", "by"]
    list_select_related = ["tenant", "seller", "by", "other"]
    search_fields = ["tenant__code", "tenant__name"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
    ]
    ordering = ["-id"]
    fields = ["tenant", "other", "seller", "kind", "what", "total", "state_pill", "found", "settled_at", "by", "detail"]
    readonly_fields = fields
    actions_detail = ["keep", "correct"]

    found = moment("found_at", _("found"))
    total = amount("amount_minor", _("amount"))
    state_pill = state("state", TONES, _("state"))

    @admin.display(description=_("what"))
    def what(self, row: DuplicateFlag) -> str:
        return doubled.said(row)

    @act(_("It is meant so"), needs="invoices.change_duplicateflag", icon="check", when=lambda row: row.state == "open")
    def keep(self, request: HttpRequest, row: DuplicateFlag) -> HttpResponse:
        def kept(_data: dict[str, object]) -> HttpResponse:
            doubled.keep(row, at=timezone.now(), by=request.user)
            return done(request, gettext("It is kept, and not flagged again."), row)

        question = Question(
            title=gettext("Keep it as it is"), lead=doubled.said(row), button=gettext("Keep"), back=address(row)
        )
        return ask(self, request, question, Nothing(**sent(request)), kept)

    @act(_("Put it right"), needs="invoices.change_duplicateflag", icon="build", when=lambda row: row.state == "open")
    def correct(self, request: HttpRequest, row: DuplicateFlag) -> HttpResponse:
        def corrected(_data: dict[str, object]) -> HttpResponse:
            doubled.correct(row, at=timezone.now(), by=request.user)
            return done(request, gettext("It is put right."), row)

        question = Question(
            title=gettext("Put it right"), lead=doubled.said(row), button=gettext("Put it right"), back=address(row)
        )
        return ask(self, request, question, Nothing(**sent(request)), corrected)


def badge(request: HttpRequest) -> str:
    """Return how many wait for a look; nothing for none."""
    count = DuplicateFlag.objects.filter(state=DuplicateFlag.State.OPEN).count()
    return str(count) if count else ""
