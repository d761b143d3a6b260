"""What comes in: payments and what they settle. A transfer that was seen on the statement is recorded here."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.admin import ExportMixin
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)
from unfold.contrib.import_export.forms import ExportForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.admin.columns import amount, moment
from billing.forms import figure
from billing.money import Money, UnknownCurrency
from invoices import asking
from invoices.admin.by_hand import twice
from invoices.hand_kinds import Hand
from invoices.models import Allocation, Invoice, NoticeUse, OperatorAct, Payment, PaymentPart, ProviderMessage
from invoices.settling import LIVE
from tenants.admin.acts import Question, act, address, ask, list_address, sent
from tenants.admin.choosing import CustomerField
from tenants.admin.listing import Reading, Rows, state
from tenants.models import Seller, Tenant


class AllocationRows(Rows):
    model = Allocation
    fields = ["invoice", "part", "when"]
    part = amount("amount_minor", _("amount"), currency="payment.currency")
    when = moment("at", _("at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        return super().get_queryset(request).select_related("invoice", "payment")


class PaymentResource(resources.ModelResource):
    """A payment as a row of a file."""

    class Meta:
        model = Payment
        fields = ["received_at", "tenant__code", "tenant__name", "seller__code", "currency", "amount_minor", "method"]
        fields += ["provider", "reference", "payer_name", "recorded_at"]

    def dehydrate_amount_minor(self, payment: Payment) -> str:
        return str(Money(payment.amount_minor, payment.currency))

    def get_export_headers(self, *args: Any, **kwargs: Any) -> list[str]:
        return [name.removesuffix("_minor") for name in super().get_export_headers(*args, **kwargs)]


class WatchedFilter(DropdownFilter):
    """Payments at providers that a person has to look at: their outcome is unknown for a day, or it is not as asked for."""

    title, parameter_name = _("to look at"), "watch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("to look at")), ("live", _("under way"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.filter(pk__in=asking.stuck(timezone.now()).values("pk"))
        return queryset.filter(status__in=LIVE) if self.value() == "live" else queryset


class MessageRows(Rows):
    model = ProviderMessage
    fields = ["when", "kind", "verdict", "reason", "message_id"]
    when = moment("at", _("at"))


@admin.register(Payment)
class PaymentAdmin(ExportMixin, Reading):
    """Payments. A transfer is recorded from the customer's page."""

    resource_classes = [PaymentResource]
    export_form_class = ExportForm
    list_display = ["received", "tenant", "total", "method", "reference", "payer_name", "status_pill", "recorded_by"]
    list_select_related = ["tenant", "recorded_by"]
    search_fields = ["reference", "payer_name", "tenant__code", "tenant__name"]
    list_filter = [
        WatchedFilter,
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("method", ChoicesDropdownFilter),
        ("received_at", RangeDateTimeFilter),
        ("amount_minor", RangeNumericFilter),
    ]
    date_hierarchy = "received_at"
    ordering = ["-received_at", "-id"]
    inlines = [AllocationRows, MessageRows]
    fields = ["tenant", "seller", "total", "method", "provider", "reference", "status_pill", "payer_name"]
    fields += ["received", "recorded", "recorded_by", "basis", "invoice", "authorisation", "notice", "failure"]
    fields += ["product", "purpose", "provider_number", "mandate", "asks", "asked_next", "finished"]
    actions_list = ["record_transfer"]

    status_pill = state("status", {"succeeded": "good", "failed": "bad", "unknown": "late"}, _("state"))
    total = amount("amount_minor", _("amount"))
    asked_next = moment("ask_at", _("asked next"))
    finished = moment("finished_at", _("finished"))
    received = moment("received_at", _("received"))
    recorded = moment("recorded_at", _("recorded"))

    @act(_("Record a transfer"), needs="invoices.add_payment", icon="account_balance")
    def record_transfer(self, request: HttpRequest) -> HttpResponse:
        return choose_payer(self, request)


@admin.register(PaymentPart)
class PaymentPartAdmin(Reading):
    """Which bills a payment at a provider was begun for."""

    list_display = ["payment", "invoice", "tenant", "part", "live"]
    list_select_related = ["payment", "invoice", "tenant"]
    search_fields = ["payment__reference", "invoice__number", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("live", BooleanRadioFilter)]
    ordering = ["-id"]
    fields = ["payment", "invoice", "tenant", "part", "live"]

    part = amount("amount_minor", _("amount"), currency="payment.currency")


@admin.register(NoticeUse)
class NoticeUseAdmin(Reading):
    """How much of which announced deduction a payment took up."""

    list_display = ["payment", "notice", "tenant", "part"]
    list_select_related = ["payment", "notice", "tenant"]
    search_fields = ["payment__reference", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["payment", "notice", "tenant", "part"]

    part = amount("amount_minor", _("amount"), currency="payment.currency")


@admin.register(Allocation)
class AllocationAdmin(Reading):
    """Which payment settled which bill."""

    list_display = ["when", "payment", "invoice", "tenant", "part"]
    list_select_related = ["payment", "invoice", "tenant"]
    search_fields = ["payment__reference", "invoice__number", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("at", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = ["payment", "invoice", "tenant", "part", "when"]

    part = amount("amount_minor", _("amount"), currency="payment.currency")
    when = moment("at", _("at"))


class PayerField(CustomerField):
    """A customer, also by the number of a bill."""

    def meant(self, text: str) -> list[Tenant]:
        bill = Invoice.objects.filter(number=text).select_related("tenant").first()
        return [bill.tenant] if bill else super().meant(text)


class PayerForm(forms.Form):
    """Who paid."""

    tenant = PayerField(help_text=_("Code or name of the customer, or the number of a bill."))


def choose_payer(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask whose transfer it is, then go on to the customer's own page for it."""
    question = Question(title=gettext("Record a transfer"), button=gettext("Go on"), back=list_address(Payment))
    form = PayerForm(**sent(request))
    return ask(model_admin, request, question, form, lambda data: forward(data["tenant"]))


def forward(tenant: Tenant) -> HttpResponse:
    """Go to the page on which this customer's transfer is recorded."""
    return HttpResponseRedirect(reverse("admin:tenants_tenant_record_transfer", kwargs={"object_id": tenant.pk}))


class TransferForm(forms.Form):
    """A transfer as the bank's statement has it, and which bills it settles."""

    seller = forms.ModelChoiceField(Seller.objects.all(), label=_("paid to"), widget=UnfoldAdminSelectWidget)
    amount = figure(_("amount"))
    reference = forms.CharField(
        label=_("bank's reference"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As on the statement. The same reference is never booked twice."),
    )
    received_on = forms.DateField(label=_("received"), widget=UnfoldAdminSingleDateWidget)
    payer_name = forms.CharField(label=_("payer"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)
    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Why it is recorded by hand and not matched with the bank's statement; the customer reads it."),
    )

    def __init__(self, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.fields["amount"].required = True
        self.initial |= {"received_on": timezone.localdate(), "payer_name": tenant.name}
        sellers = Seller.objects.filter(invoices__tenant=tenant).distinct()
        self.initial["seller"] = sellers.first() or Seller.objects.first()
        for bill in Invoice.objects.open().filter(tenant=tenant).order_by("due_on", "id"):
            told = gettext("%(due)s is still due. Empty everywhere: the oldest bills are settled first.")
            self.fields[f"allocate.{bill.pk}"] = figure(
                gettext("of it for bill %(number)s") % {"number": bill.number},
                told % {"due": formatting.money(bill.due_minor, bill.currency)},
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in [name for name in self.fields if name == "amount" or name.startswith("allocate.")]:
            if not data.get(name):
                continue
            try:
                data[name] = Money.of(data[name].replace(",", "").replace("¥", "").strip(), self.tenant.currency)
            except (ValueError, UnknownCurrency):
                self.add_error(name, _("This is no amount: write digits, such as 36.00."))
        return data

    def allocate(self) -> dict[int, int] | None:
        """Return minor units by bill, or nothing for the oldest first."""
        data = self.cleaned_data
        named = [name for name in self.fields if name.startswith("allocate.") and data.get(name)]
        return {int(name.partition(".")[2]): data[name].minor for name in named} or None

    def received_at(self) -> datetime:
        """Return the instant that stands for the day: its noon at the customer."""
        return datetime.combine(self.cleaned_data["received_on"], time(12), tzinfo=ZoneInfo(self.tenant.timezone))


def record_transfer(model_admin: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """Ask for the transfer and book it."""
    form = TransferForm(tenant, **sent(request))

    def hand(data: dict[str, Any], key: str) -> Hand:
        wish = {
            "amount_minor": data["amount"].minor,
            "reference": data["reference"],
            "received_at": form.received_at().isoformat(),
            "payer_name": data["payer_name"],
            "allocate": {str(bill): minor for bill, minor in (form.allocate() or {}).items()},
        }
        whose = {"tenant": tenant, "seller": data["seller"], "currency": data["amount"].currency}
        told = {"target": f"tenant:{tenant.pk}", "wish": wish, "reason": data["reason"], "key": key}
        return Hand(kind=OperatorAct.Kind.TRANSFER, **whose, **told)

    question = Question(
        title=gettext("Record a transfer from “%(tenant)s”") % {"tenant": tenant},
        lead=gettext("What is over after the bills goes into the customer's balance."),
        button=gettext("Show before and after"),
        back=address(tenant),
    )
    return twice(model_admin, request, question, form, hand)
