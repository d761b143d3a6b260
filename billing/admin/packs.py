"""Resource packs: granted here with a reason, otherwise read only; and what periods used of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from billing import formatting, packs
from billing.admin.columns import day, moment, quantity, unit_of
from billing.models import Pack, PackUse
from tenants.admin.choosing import CustomerField
from tenants.admin.listing import EMPTY, Endless, Reading, Rows, facts, pill
from usage.models import Meter


class GrantForm(forms.Form):
    """What is given to whom, until when, and why."""

    tenant = CustomerField()
    meter = forms.ModelChoiceField(
        Meter.objects.filter(aggregation__in=packs.ADDING, active=True).select_related("seller"),
        label=_("meter"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("Only what adds up can be used up."),
    )
    quantity = forms.DecimalField(
        label=_("quantity"), max_digits=30, decimal_places=10, widget=UnfoldAdminDecimalFieldWidget
    )
    last_on = forms.DateField(
        label=_("last day"),
        widget=UnfoldAdminSingleDateWidget,
        help_text=_("Of the customer's time zone. What is left after it lapses."),
    )
    priority = forms.IntegerField(
        label=_("priority"),
        min_value=0,
        max_value=packs.MOST_PRIORITY,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The lowest number is used first; equal ones by the day on which they lapse."),
    )
    reason = forms.CharField(
        label=_("reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The customer reads it."),
    )


class UseRows(Rows):
    model = PackUse
    fields = ["period", "price", "used", "when"]
    used = quantity("quantity", _("used"), unit="pack.meter.unit")
    when = moment("at", _("at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[PackUse]:
        return super().get_queryset(request).select_related("period", "price", "pack__meter")


class PackAdmin(Reading):
    """Packs with what closed periods left of them; granting them is an act by hand (`invoices.admin.packs`)."""

    list_display = ["tenant", "meter", "held", "left", "since", "lapses", "state", "reason"]
    list_select_related = ["tenant", "meter"]
    search_fields = ["tenant__code", "tenant__name", "meter__code", "meter__name", "reason"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
        ("source", ChoicesDropdownFilter),
        ("expires", RangeDateTimeFilter),
    ]
    date_hierarchy = "expires"
    ordering = ["-id"]
    inlines = [UseRows]
    fields = ["tenant", "meter", "seller", "held", "left", "priority", "since", "lapses", "only_with", "state"]
    fields += ["source", "reason", "charge", "granted_by_name", "created"]

    held = quantity("quantity", _("quantity"), unit="meter.unit")
    since = moment("valid_from", _("valid from"))
    lapses = moment("expires", _("lapses"))
    created = moment("created_at", _("created"))
    only_with = facts("match", _("only for usage with"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pack]:
        return super().get_queryset(request).with_used()

    @admin.display(description=_("left"))
    def left(self, row: Any) -> str:
        return formatting.quantity(row.quantity - row.used, unit_of(row, "meter.unit"))

    @admin.display(description=_("state"), ordering="expires")
    def state(self, row: Any) -> str:
        now = timezone.now()
        if row.used >= row.quantity:
            return pill(_("used up"))
        if row.expires <= now:
            return pill(_("lapsed"), "late")
        return pill(_("valid"), "good") if row.valid_from <= now else pill(_("not begun"), "busy")


@admin.register(PackUse)
class PackUseAdmin(Endless):
    """Which period used how much of which pack."""

    list_display = ["when", "tenant", "pack", "price", "first", "after", "used"]
    list_select_related = ["tenant", "pack__meter", "price", "period"]
    search_fields = ["tenant__code", "tenant__name", "price__code"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("at", RangeDateTimeFilter)]
    fields = ["tenant", "pack", "price", "period", "first", "after", "part_of", "used", "when"]

    first = day("period.start_on", _("first day"))
    after = day("period.end_on", _("up to, not including"))
    used = quantity("quantity", _("used"), unit="pack.meter.unit")
    when = moment("at", _("at"))
    first.admin_order_field = after.admin_order_field = None  # type: ignore[attr-defined]

    @admin.display(description=_("part of the period"))
    def part_of(self, row: PackUse) -> str:
        return row.part or EMPTY
