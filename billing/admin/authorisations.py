"""Consents to automatic deductions, read only: members give and withdraw them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter, RelatedDropdownFilter

from billing.admin.columns import amount, moment
from tenants.admin.listing import Reading, pill
from tenants.models import Authorisation


@admin.register(Authorisation)
class AuthorisationAdmin(Reading):
    """Who agreed to which deductions, when, and to what text."""

    list_display = ["tenant", "scope", "way", "ceiling", "per_month", "given", "given_by_name", "state"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "given_by_name", "text_version"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("given_at", RangeDateTimeFilter),
        ("withdrawn_at", RangeDateTimeFilter),
    ]
    date_hierarchy = "given_at"
    ordering = ["-given_at"]
    fields = [
        "tenant",
        "seller",
        "scope",
        "way",
        "ceiling",
        "per_month",
        "begins",
        "ends",
        "state",
        "text",
        "text_version",
        "text_sha256",
        "given_by",
        "given_by_name",
        "given",
        "address",
        "withdrawn",
        "withdrawn_by_name",
    ]

    ceiling = amount("ceiling_minor", _("ceiling per deduction"))
    per_month = amount("per_month_minor", _("ceiling per month"))
    given = moment("given_at", _("given"))
    begins = moment("valid_from", _("valid from"))
    ends = moment("valid_until", _("valid until"))
    withdrawn = moment("withdrawn_at", _("withdrawn"))

    @admin.display(description=_("state"), ordering="withdrawn_at")
    def state(self, row: Authorisation) -> str:
        return pill(_("withdrawn"), "bad") if row.withdrawn_at else pill(_("in force"), "good")
