"""Changes of contracts, to read: those that are in force, those that wait, and those that were taken back."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from billing.admin.columns import moment, quantity
from billing.models import Change
from tenants.admin.listing import Reading, state

TONES = {"scheduled": "busy", "applied": "good", "withdrawn": ""}


@admin.register(Change)
class ChangeAdmin(Reading):
    """Every change that somebody confirmed. It is made from the contract's page, and never edited."""

    list_display = ["when", "tenant", "subscription", "kind", "status_pill", "effective", "version", "price", "by"]
    list_select_related = ["tenant", "subscription__tenant", "subscription__plan", "version__plan", "price", "by"]
    search_fields = ["tenant__code", "tenant__name", "price__code", "version__plan__code"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("effective_at", RangeDateTimeFilter),
    ]
    date_hierarchy = "at"
    ordering = ["-id"]
    fields = [
        "tenant",
        "subscription",
        "kind",
        "status_pill",
        "effective",
        "version",
        "price_list",
        "migration",
        "price",
        "was",
        "becomes",
        "when",
        "by",
        "settled",
    ]

    status_pill = state("status", TONES, _("state"))
    effective = moment("effective_at", _("in force from"))
    when = moment("at", _("confirmed"))
    settled = moment("settled_at", _("applied or withdrawn"))
    was = quantity("before", _("quantity before"), unit="price.unit")
    becomes = quantity("after", _("quantity after"), unit="price.unit")
