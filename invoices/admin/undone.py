"""Charges that stand on no document, because what they charged for was taken back: to read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing.admin.columns import amount
from invoices.models import WithdrawnCharge
from tenants.admin.listing import Endless


@admin.register(WithdrawnCharge)
class WithdrawnChargeAdmin(Endless):
    """Which charges are never asked for, and of which change that was taken back."""

    list_display = ["charge", "total", "tenant", "change"]
    list_select_related = ["tenant", "charge", "change__subscription"]
    search_fields = ["tenant__code", "tenant__name", "charge__code"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["tenant", "charge", "total", "change"]

    total = amount("charge.amount_minor", _("amount"), currency="charge.currency")
