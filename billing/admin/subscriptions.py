"""Subscriptions and what belongs to them: items, prices of their own, acceptances."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from billing import subscriptions
from billing.admin.columns import day, moment, quantity
from billing.models import Acceptance, BillingPeriod, NegotiatedPrice, Subscription, SubscriptionItem
from billing.wording import price_text
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, Rows, pill, state
from tenants.models import Authorisation

TONES = {
    "pending": "",
    "trialing": "busy",
    "active": "good",
    "past_due": "bad",
    "paused": "late",
    "suspended": "bad",
    "ended": "",
}


class ItemRows(Rows):
    model = SubscriptionItem
    tab = True
    fields = ["price", "number", "since", "until"]
    number = quantity("quantity", _("quantity"), unit="price.unit")
    since = moment("during.lower", _("from"))
    until = moment("during.upper", _("until"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[SubscriptionItem]:
        return super().get_queryset(request).select_related("price")


class NegotiatedRows(Rows):
    model = NegotiatedPrice
    tab = True
    fields = ["price", "model", "asks"]

    @admin.display(description=_("price"))
    def asks(self, row: NegotiatedPrice) -> str:
        return price_text(row.model, row.params, row.subscription.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[NegotiatedPrice]:
        return super().get_queryset(request).select_related("price", "subscription")


class PeriodRows(Rows):
    model = BillingPeriod
    tab = True
    per_page = 24
    ordering = ["-start"]
    fields = ["interval", "first", "after", "trial", "closed"]
    first = day("start_on", _("first day"))
    after = day("end_on", _("up to, not including"))
    closed = moment("closed_at", _("closed"))


class EndForm(forms.Form):
    """When a subscription is over."""

    on = forms.DateField(
        label=_("day after the last one"),
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text=_("Empty: at the end of the term."),
    )


class ConsentForm(forms.Form):
    """Under whose consent a subscription renews."""

    consent = forms.ModelChoiceField(
        Authorisation.objects.none(),
        label=_("authorisation"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("Members give it on their own pages; an operator cannot give it for them."),
    )

    def __init__(self, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        in_force = Authorisation.objects.in_force().filter(tenant=subscription.tenant_id, seller=subscription.seller_id)
        self.fields["consent"].queryset = in_force


def is_live(row: Subscription) -> bool:
    return row.status != Subscription.Status.ENDED


class SubscriptionAdmin(Reading):
    """Contracts. They start from the customer's page; here they are switched and ended."""

    list_display = ["__str__", "tenant", "plan", "status_pill", "renewal", "term_ends", "next", "pays"]
    list_select_related = ["tenant", "plan"]
    search_fields = ["tenant__code", "tenant__name", "plan__code", "plan__name", "label", "purchase_order"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("plan", RelatedDropdownFilter),
        ("auto_renew", BooleanRadioFilter),
        ("pays", ChoicesDropdownFilter),
        ("term_end_on", RangeDateFilter),
        ("next_at", RangeDateTimeFilter),
    ]
    ordering = ["-id"]
    inlines = [ItemRows, NegotiatedRows, PeriodRows]
    fieldsets = [
        (None, {"fields": ["tenant", "payer", "seller", "family", "plan", "version", "label", "status_pill", "pays"]}),
        (
            _("Dates"),
            {"fields": ["started", "anchored", "trial_ends", "term_began", "term_ends", "ends", "next", "zone"]},
        ),
        (_("Agreed"), {"fields": ["renewal", "acceptance", "price_list", "purchase_order", "cost_centre", "created"]}),
    ]
    actions_detail = ["stop_renewing", "renew", "end"]

    status_pill = state("status", TONES, _("state"))
    started = day("start_on", _("start"))
    anchored = day("anchor_on", _("anchor"))
    trial_ends = day("trial_end_on", _("trial ends"))
    term_began = day("term_start_on", _("term started"))
    term_ends = day("term_end_on", _("term ends"))
    ends = day("end_on", _("ends"))
    next = moment("next_at", _("next due"))
    created = moment("created_at", _("created"))

    @admin.display(description=_("renews by itself"), ordering="auto_renew")
    def renewal(self, row: Subscription) -> str:
        return pill(_("renews by itself"), "busy") if row.auto_renew else pill(_("does not renew"))

    @act(
        _("Stop renewing"),
        needs="billing.change_subscription",
        icon="event_busy",
        when=lambda s: is_live(s) and s.auto_renew,
    )
    def stop_renewing(self, request: HttpRequest, row: Subscription) -> HttpResponse:
        def stop(_data: dict[str, Any]) -> HttpResponse:
            subscriptions.stop_renewing(row, at=timezone.now(), by=request.user)
            return done(request, gettext("It no longer renews by itself; the term runs to its end."), row)

        question = Question(
            title=gettext("Stop renewing “%(row)s”") % {"row": row},
            lead=gettext("The running term stays as it is. Nothing is charged for a next one."),
            button=gettext("Stop renewing"),
            back=address(row),
        )
        return ask(self, request, question, Nothing(**sent(request)), stop)

    @act(
        _("Renew by itself"),
        needs="billing.change_subscription",
        icon="event_repeat",
        when=lambda s: is_live(s) and not s.auto_renew and s.end_on is None,
    )
    def renew(self, request: HttpRequest, row: Subscription) -> HttpResponse:
        def switch(data: dict[str, Any]) -> HttpResponse:
            subscriptions.renew_automatically(row, consent=data["consent"], at=timezone.now(), by=request.user)
            return done(request, gettext("It renews by itself at the end of each term."), row)

        question = Question(
            title=gettext("Let “%(row)s” renew by itself") % {"row": row},
            lead=gettext("Only under a consent that a member of the customer has given."),
            button=gettext("Switch on"),
            back=address(row),
        )
        return ask(self, request, question, ConsentForm(row, **sent(request)), switch)

    @act(_("End"), needs="billing.change_subscription", icon="cancel", when=is_live)
    def end(self, request: HttpRequest, row: Subscription) -> HttpResponse:
        def finish(data: dict[str, Any]) -> HttpResponse:
            over = subscriptions.end(row, on=data["on"], at=timezone.now(), by=request.user)
            return done(request, gettext("It ends on %(day)s.") % {"day": over}, row)

        question = Question(
            title=gettext("End “%(row)s”") % {"row": row},
            lead=gettext("What is paid for is served to its end. Usage up to then is billed after it."),
            button=gettext("End the subscription"),
            back=address(row),
        )
        return ask(self, request, question, EndForm(**sent(request)), finish)


@admin.register(SubscriptionItem)
class SubscriptionItemAdmin(Reading):
    """How many of what, over which time."""

    list_display = ["price", "subscription", "tenant", "number", "since", "until"]
    list_select_related = ["price", "subscription__tenant", "subscription__plan", "tenant"]
    search_fields = ["tenant__code", "tenant__name", "price__code", "price__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("price__kind", ChoicesDropdownFilter)]
    ordering = ["-id"]
    fields = ["tenant", "subscription", "price", "number", "since", "until"]

    number = quantity("quantity", _("quantity"), unit="price.unit")
    since = moment("during.lower", _("from"))
    until = moment("during.upper", _("until"))
    since.admin_order_field = until.admin_order_field = None  # type: ignore[attr-defined]


@admin.register(NegotiatedPrice)
class NegotiatedPriceAdmin(Reading):
    """Prices agreed in one contract."""

    list_display = ["price", "subscription", "tenant", "model", "asks"]
    list_select_related = ["price", "subscription__tenant", "subscription__plan", "tenant"]
    search_fields = ["tenant__code", "tenant__name", "price__code", "price__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("model", ChoicesDropdownFilter)]
    ordering = ["-id"]
    fields = ["tenant", "subscription", "price", "model", "asks"]

    @admin.display(description=_("agreed price"))
    def asks(self, row: NegotiatedPrice) -> str:
        return price_text(row.model, row.params, row.subscription.currency)


@admin.register(Acceptance)
class AcceptanceAdmin(Reading):
    """Who accepted which prices, by the hash of their text."""

    list_display = ["when", "tenant", "version", "price_list", "accepted_by_name"]
    list_select_related = ["tenant", "version__plan", "price_list"]
    search_fields = ["tenant__code", "tenant__name", "accepted_by_name", "text_sha256"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("at", RangeDateTimeFilter)]
    date_hierarchy = "at"
    ordering = ["-id"]
    fields = ["tenant", "version", "price_list", "text_sha256", "accepted_by", "accepted_by_name", "when"]

    when = moment("at", _("at"))
