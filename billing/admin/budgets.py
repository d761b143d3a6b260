"""Budgets and caps as customers set them, to read; and what a cap has given each customer."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from billing import formatting
from billing.admin.columns import amount, moment
from billing.models import Budget, BudgetRelease, Charge
from tenants.admin.listing import Reading, Rows


class BudgetReleaseRows(Rows):
    """What was let pass a budget for one period."""

    model = BudgetRelease
    fields = ["extra_amount", "released", "released_by_name", "lasts"]

    extra_amount = amount("extra_minor", _("more"), currency="budget.currency")
    released = moment("released_at", _("released"))
    lasts = moment("until", _("until"))


@admin.register(Budget)
class BudgetAdmin(Reading):
    """Budgets and hard caps. They are the customers' own: nobody sets, changes or ends them here."""

    list_display = ["tenant", "bounds", "limit", "hard", "on_reach", "began", "ended"]
    list_select_related = ["tenant", "meter", "subscription__plan", "subscription__tenant"]
    search_fields = ["tenant__code", "tenant__name", "price_code"]
    list_filter = [("tenant", AutocompleteSelectFilter), "hard", "on_reach", ("set_at", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = [
        "tenant",
        "bounds",
        "limit",
        "hard",
        "on_reach",
        "set_by_name",
        "began",
        "ended",
        "ended_by_name",
        "given",
    ]
    inlines = [BudgetReleaseRows]

    limit = amount("amount_minor", _("amount"))
    began = moment("set_at", _("set"))
    ended = moment("ended_at", _("ended"))

    @admin.display(description=_("for"))
    def bounds(self, row: Budget) -> str:
        """Return what it bounds."""
        if row.meter_id or row.price_code:
            return str(row.meter or row.price_code)
        return str(row.subscription or _("all usage"))

    @admin.display(description=_("caps gave this customer"))
    def given(self, row: Budget) -> str:
        """Return what caps took off all bills of the customer, before discount and tax: the seller bears it."""
        minor = given_to(row.tenant_id, row.currency)
        return formatting.money(minor, row.currency) if minor else "–"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("releases")


def given_to(tenant: int, currency: str) -> int:
    """Return what caps took off the bills of a customer, in minor units before discount and tax."""
    caps = Charge.objects.filter(tenant=tenant, currency=currency, reason=Charge.Reason.CAP)
    return -caps.aggregate(sum=Coalesce(Sum("undiscounted_minor"), 0))["sum"]
