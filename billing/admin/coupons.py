"""Coupons: defined by the verb, switched off and on; with how often they were redeemed and what they came to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from billing import discounts, formatting
from billing.admin.columns import amount, moment
from billing.models import AppliedDiscount, Coupon, Redemption
from billing.money import plain
from tenants.admin.acts import Question, act, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, Rows, pill
from tenants.models import Seller


class CouponForm(forms.Form):
    """What a coupon gives, on what, how long; and from when until when, how often and for how much it can be redeemed."""

    seller = forms.ModelChoiceField(Seller.objects.order_by("code"), label=_("seller"), widget=UnfoldAdminSelectWidget)
    code = forms.CharField(label=_("code"), max_length=60, widget=UnfoldAdminTextInputWidget)
    name = forms.CharField(
        label=_("name"),
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It stands on bills, beside the code."),
    )
    name_en = forms.CharField(
        label=_("name in English"), max_length=80, required=False, widget=UnfoldAdminTextInputWidget
    )
    percent = forms.CharField(
        label=_("percent off"), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Or an amount.")
    )
    amount = forms.CharField(label=_("amount off"), required=False, widget=UnfoldAdminTextInputWidget)
    duration = forms.ChoiceField(
        label=_("duration"), choices=Coupon.Duration.choices, widget=UnfoldAdminSelectWidget, initial="once"
    )
    months = forms.IntegerField(label=_("months"), min_value=1, required=False, widget=UnfoldAdminIntegerFieldWidget)
    applies_to = forms.CharField(
        label=_("only for the prices"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Price codes with spaces between; empty: the whole bill."),
    )
    valid_from = forms.SplitDateTimeField(
        label=_("redeemable from"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )
    valid_until = forms.SplitDateTimeField(
        label=_("redeemable until"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )
    budget = forms.CharField(
        label=_("budget"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What all its discounts may come to."),
    )
    most_redemptions = forms.IntegerField(
        label=_("redemptions at most"), min_value=1, required=False, widget=UnfoldAdminIntegerFieldWidget
    )
    most_per_tenant = forms.IntegerField(
        label=_("redemptions per customer at most"), min_value=1, required=False, widget=UnfoldAdminIntegerFieldWidget
    )


class RedemptionRows(Rows):
    model = Redemption
    fields = ["tenant", "subscription", "when", "counted_from", "used_up"]
    when = moment("redeemed_at", _("redeemed"))
    used_up = moment("used_up_at", _("used up"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related("tenant", "subscription__tenant", "subscription__plan")


@admin.register(Coupon)
class CouponAdmin(Reading):
    """Coupons with how often they were redeemed, what they came to, and their budget."""

    list_display = ["code", "name", "gives", "lasts", "since", "until", "redeemed", "given", "budget", "state"]
    list_select_related = ["seller"]
    search_fields = ["code", "name", "name_en"]
    list_filter = [
        ("seller", RelatedDropdownFilter),
        ("duration", ChoicesDropdownFilter),
        ("valid_until", RangeDateTimeFilter),
        "active",
    ]
    ordering = ["-id"]
    inlines = [RedemptionRows]
    fields = ["seller", "code", "name", "name_en", "gives", "lasts", "prices", "since", "until", "redeemed", "given"]
    fields += ["budget", "most_redemptions", "most_per_tenant", "state", "created"]
    actions_list = ["define"]
    actions_detail = ["switch"]

    since = moment("valid_from", _("redeemable from"))
    until = moment("valid_until", _("redeemable until"))
    budget = amount("budget_minor", _("budget"))
    created = moment("created_at", _("created"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        applied = AppliedDiscount.objects.filter(redemption__coupon=OuterRef("pk")).order_by()
        given = applied.values("redemption__coupon").annotate(sum=Sum("amount_minor")).values("sum")
        times = Count("redemptions", distinct=True)
        return super().get_queryset(request).annotate(times=times, given_minor=Coalesce(Subquery(given), 0))

    @admin.display(description=_("gives"))
    def gives(self, row: Coupon) -> str:
        if row.percent is not None:
            return f"{plain(row.percent)}%"
        return formatting.money(row.amount_minor or 0, row.currency)

    @admin.display(description=_("duration"), ordering="duration")
    def lasts(self, row: Coupon) -> str:
        if row.months is not None:
            return gettext("%(count)s months") % {"count": row.months}
        return str(row.get_duration_display())

    @admin.display(description=_("only for the prices"))
    def prices(self, row: Coupon) -> str:
        return ", ".join(row.applies_to) or EMPTY

    @admin.display(description=_("redeemed"), ordering="times")
    def redeemed(self, row: Any) -> str:
        return str(row.times)

    @admin.display(description=_("given"), ordering="given_minor")
    def given(self, row: Any) -> str:
        return formatting.money(row.given_minor, row.currency or row.seller.currency)

    @admin.display(description=_("state"), ordering="active")
    def state(self, row: Coupon) -> str:
        now = timezone.now()
        if not row.active:
            return pill(_("switched off"))
        if row.valid_until and row.valid_until <= now:
            return pill(_("over"), "late")
        return pill(_("not begun"), "busy") if row.valid_from and row.valid_from > now else pill(_("on offer"), "good")

    @act(_("Define a coupon"), needs="billing.add_coupon", icon="sell", variant=ActionVariant.PRIMARY)
    def define(self, request: HttpRequest) -> HttpResponse:
        def make(data: dict[str, Any]) -> HttpResponse:
            said = {name: value for name, value in data.items() if value not in (None, "") and name != "seller"}
            if "applies_to" in said:
                said["applies_to"] = said["applies_to"].split()
            coupon = discounts.define(data["seller"], said, at=timezone.now(), by=request.user, path="")
            return done(request, gettext("“%(code)s” can be redeemed.") % {"code": coupon.code}, coupon)

        question = Question(
            title=gettext("Define a coupon"),
            lead=gettext("What it gives is never changed afterwards, for the code stands on bills."),
            button=gettext("Define it"),
            back=list_address(Coupon),
        )
        return ask(self, request, question, CouponForm(**sent(request)), make)

    @act(_("Switch off or on"), needs="billing.change_coupon", icon="toggle_on")
    def switch(self, request: HttpRequest, coupon: Coupon) -> HttpResponse:
        def turn(_data: dict[str, Any]) -> HttpResponse:
            discounts.switch(coupon, on=not coupon.active, at=timezone.now(), by=request.user)
            return done(request, gettext("Done."), coupon)

        question = Question(
            title=gettext("Switch “%(code)s” off") % {"code": coupon.code}
            if coupon.active
            else gettext("Switch “%(code)s” on") % {"code": coupon.code},
            lead=gettext("Whoever redeemed it keeps it."),
            button=gettext("Do it"),
            back=list_address(Coupon),
        )
        return ask(self, request, question, forms.Form(**sent(request)), turn)
