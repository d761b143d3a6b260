"""What changes, credits, coupons and budgets leave behind, to read: former terms, ways back, parts of credits, and so on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from billing.admin.columns import amount, day, moment
from billing.models import AppliedDiscount, BudgetRelease, ChargeCredit, FormerTerms, Redemption, WayBack
from tenants.admin.listing import Endless, Reading


@admin.register(FormerTerms)
class FormerTermsAdmin(Reading):
    """What contracts were before their changes."""

    list_display = ["subscription", "tenant", "version", "price_list", "began", "ended", "change"]
    list_select_related = [
        "subscription__tenant",
        "subscription__plan",
        "tenant",
        "version__plan",
        "price_list",
        "change",
    ]
    search_fields = ["tenant__code", "tenant__name", "version__plan__code"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("until", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = ["tenant", "subscription", "version", "price_list", "acceptance", "anchored", "commitment"]
    fields += ["began", "ended", "change"]

    began = moment("since", _("from"))
    ended = moment("until", _("until"))
    anchored = day("anchor_on", _("anchor"))
    commitment = amount("minimum_minor", _("commitment per period"), currency="version.currency")


@admin.register(WayBack)
class WayBackAdmin(Reading):
    """Which changes can or could be taken back, and until when."""

    list_display = ["change", "tenant", "lasts"]
    list_select_related = ["tenant", "change__subscription__tenant", "change__subscription__plan"]
    search_fields = ["tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("until", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = ["tenant", "change", "lasts", "before", "after", "charges"]

    lasts = moment("until", _("can be taken back until"))


@admin.register(ChargeCredit)
class ChargeCreditAdmin(Endless):
    """Which credit gives back how much of which charge."""

    list_display = ["credit", "charge", "tenant", "given", "undiscounted"]
    list_select_related = ["tenant", "credit", "charge"]
    search_fields = ["tenant__code", "tenant__name", "charge__code"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["tenant", "credit", "charge", "given", "undiscounted"]

    given = amount("amount_minor", _("amount"), currency="charge.currency")
    undiscounted = amount("undiscounted_minor", _("before discount"), currency="charge.currency")


@admin.register(Redemption)
class RedemptionAdmin(Reading):
    """Who redeemed which coupon for which contract."""

    list_display = ["coupon", "tenant", "subscription", "redeemed", "counted_from", "used_up"]
    list_select_related = ["coupon", "tenant", "subscription__tenant", "subscription__plan"]
    search_fields = ["coupon__code", "coupon__name", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("redeemed_at", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = ["coupon", "tenant", "subscription", "redeemed", "counted_from", "used_up"]

    redeemed = moment("redeemed_at", _("redeemed"))
    used_up = moment("used_up_at", _("used up"))


@admin.register(AppliedDiscount)
class AppliedDiscountAdmin(Endless):
    """What which coupon took off which charge."""

    list_display = ["charge", "coupon", "tenant", "position", "taken", "final"]
    list_select_related = ["tenant", "charge", "redemption__coupon"]
    search_fields = ["redemption__coupon__code", "tenant__code", "tenant__name", "charge__code"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["tenant", "charge", "coupon", "redemption", "position", "taken", "final"]

    taken = amount("amount_minor", _("amount"), currency="charge.currency")
    final = moment("final_at", _("final"))

    @admin.display(description=_("coupon"))
    def coupon(self, row: Any) -> str:
        return str(row.redemption.coupon)


@admin.register(BudgetRelease)
class BudgetReleaseAdmin(Reading):
    """What was let pass the customers' own budgets for one period, and by whom."""

    list_display = ["budget", "tenant", "extra", "released", "released_by_name", "lasts"]
    list_select_related = ["tenant", "budget__tenant"]
    search_fields = ["tenant__code", "tenant__name", "released_by_name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("released_at", RangeDateTimeFilter)]
    ordering = ["-id"]
    fields = ["tenant", "budget", "extra", "released", "released_by_name", "lasts"]

    extra = amount("extra_minor", _("more"), currency="budget.currency")
    released = moment("released_at", _("released"))
    lasts = moment("until", _("until"))
