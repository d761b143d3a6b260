"""Deduction agreements with the consents that they stand on, and what providers were told before they debited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.admin.columns import amount, moment
from invoices import mandates
from invoices.models import Mandate, MandateNotice
from tenants.admin.acts import Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, Rows, state

TONES = {"signing": "busy", "active": "good", "ended": ""}


class EndForm(forms.Form):
    """Why the seller ends it."""

    reason = forms.CharField(
        label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("For the audit log.")
    )


class Told:
    """The columns of what a provider was told."""

    at_most = amount("amount_minor", _("at most"), currency="mandate.currency")
    tried = moment("tried_at", _("tried"))
    accepted = moment("accepted_at", _("accepted"))
    begins = moment("debit_from", _("deducted from"))
    ends = moment("debit_until", _("deducted until"))


class NoticeRows(Told, Rows):
    """What the provider was told under an agreement."""

    model = MandateNotice
    tab = True
    fields = ["notice", "invoice", "at_most", "tried", "accepted", "begins", "ends", "failure"]


@admin.register(Mandate)
class MandateAdmin(Reading):
    """Agreements that members signed at Alipay or WeChat Pay. An operator can only end one."""

    list_display = ["number", "tenant", "seller", "provider", "status_pill", "single", "payer_masked", "signed", "over"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["number", "provider_number", "tenant__code", "tenant__name"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("provider", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("signed_at", RangeDateTimeFilter),
        ("ended_at", RangeDateTimeFilter),
    ]
    ordering = ["-id"]
    inlines = [NoticeRows]
    fields = ["tenant", "seller", "provider", "number", "provider_number", "status_pill", "consent", "single"]
    fields += [
        "every_months",
        "execute_on",
        "payer_masked",
        "created",
        "signed",
        "over",
        "ended_by",
        "next_call",
        "asks",
    ]
    actions_detail = ["end"]

    status_pill = state("status", TONES, _("state"))
    single = amount("single_minor", _("most of one deduction"))
    created = moment("created_at", _("created"))
    signed = moment("signed_at", _("signed"))
    over = moment("ended_at", _("ended"))
    next_call = moment("ask_at", _("asked next"))

    @admin.display(description=_("authorisation"))
    def consent(self, row: Mandate) -> str:
        return format_html('<a href="{}">{}</a>', address(row.authorisation), row.authorisation)

    @act(
        _("End"), needs="invoices.change_mandate", icon="link_off", when=lambda row: row.status != Mandate.Status.ENDED
    )
    def end(self, request: HttpRequest, row: Mandate) -> HttpResponse:
        def close(data: dict[str, Any]) -> HttpResponse:
            mandates.end(row, at=timezone.now(), by=request.user, reason=data["reason"])
            return done(request, gettext("The agreement is ended. Nothing is deducted under it."), row)

        question = Question(
            title=gettext("End deduction agreement %(number)s of “%(tenant)s”") % {"number": row, "tenant": row.tenant},
            lead=gettext(
                "Its authorisation ends with it, the provider is told, and the customer hears which bills it leaves open."
            ),
            button=gettext("End"),
            back=address(row),
        )
        return ask(self, request, question, EndForm(**sent(request)), close)


@admin.register(MandateNotice)
class MandateNoticeAdmin(Told, Reading):
    """What WeChat Pay was told before a deduction, as it demands: when it took it, and within which days it lets be debited."""

    list_display = [
        "tried",
        "tenant",
        "mandate",
        "notice",
        "invoice",
        "at_most",
        "accepted",
        "begins",
        "ends",
        "failure",
    ]
    list_select_related = ["tenant", "mandate", "notice", "invoice"]
    search_fields = ["mandate__number", "invoice__number", "tenant__code", "tenant__name"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("accepted_at", RangeDateTimeFilter),
        ("tried_at", RangeDateTimeFilter),
    ]
    ordering = ["-id"]
    fields = ["tenant", "mandate", "notice", "invoice", "at_most", "tried", "accepted", "begins", "ends", "failure"]
