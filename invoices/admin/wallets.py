"""Balances with their statements, top-ups by hand, and announced deductions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from billing import formatting
from billing.admin.columns import amount, moment
from billing.forms import figure
from billing.models import LotUse, TopUp, Wallet, WalletLot
from billing.money import Money
from billing.templatetags.amounts import moment as written
from invoices.admin.by_hand import twice
from invoices.hand_kinds import Hand
from invoices.models import ChargeNotice, OperatorAct
from invoices.pages.statement import names, of_wallet, what
from tenants.admin.acts import Question, address, sent
from tenants.admin.listing import Reading, Rows
from tenants.models import Seller, Tenant
from usage.periods import local_midnight

SHOWN = 200


@admin.register(Wallet)
class WalletAdmin(Reading):
    """Balances. One is topped up from the customer's page."""

    list_display = ["tenant", "seller", "currency", "paid", "gift"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("seller", RelatedDropdownFilter)]
    ordering = ["tenant", "pk"]
    fields = ["tenant", "seller", "currency", "paid", "gift", "statement"]

    paid = amount("paid_minor", _("paid in"))
    gift = amount("gift_minor", _("given"))

    @admin.display(description=_("statement"))
    def statement(self, row: Wallet) -> SafeString:
        moved = of_wallet(row)[-SHOWN:]
        named = names(moved)
        rows = (
            (
                written(one.at),
                what(one),
                named.get((one.source, one.source_id), ""),
                formatting.signed_money(one.total, row.currency),
                formatting.money(one.after.total, row.currency),
            )
            for one in reversed(moved)
        )
        cells = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
        return format_html('<table class="facts">{}</table>', format_html_join("", cells, rows))


@admin.register(TopUp)
class TopUpAdmin(Reading):
    """Top-ups by hand, with their reasons."""

    list_display = ["when", "tenant", "seller", "total", "gift", "expires", "reason", "by"]
    list_select_related = ["tenant", "seller", "by"]
    search_fields = ["tenant__code", "tenant__name", "reason"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("seller", RelatedDropdownFilter)]
    ordering = ["-pk"]
    fields = ["when", "tenant", "seller", "total", "gift", "expires", "reason", "by"]

    total = amount("amount_minor", _("amount"))
    when = moment("at", _("at"))
    expires = moment("expires_at", _("lapses"))


class UseRows(Rows):
    model = LotUse
    fields = ["when", "source", "source_id", "cause", "moved"]
    when = moment("at", _("at"))
    moved = amount("amount_minor", _("amount"), currency="lot.wallet.currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LotUse]:
        return super().get_queryset(request).select_related("lot__wallet").order_by("pk")


@admin.register(WalletLot)
class WalletLotAdmin(Reading):
    """What balances are made of: each with what is left of it, when it lapses, and what used it."""

    list_display = ["when", "tenant", "kind", "total", "left", "expires", "source", "source_id"]
    list_select_related = ["tenant", "wallet"]
    search_fields = ["tenant__code", "tenant__name", "=source_id"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("kind", ChoicesDropdownFilter)]
    ordering = ["-pk"]
    inlines = [UseRows]
    fields = ["when", "tenant", "wallet", "kind", "total", "left", "expires", "source", "source_id", "cause"]

    total = amount("amount_minor", _("amount"), currency="wallet.currency")
    left = amount("left_minor", _("left"), currency="wallet.currency")
    expires = moment("expires_at", _("lapses"))
    when = moment("at", _("at"))


@admin.register(LotUse)
class LotUseAdmin(Reading):
    """What was taken out of parts of balances, and what came back into them."""

    list_display = ["when", "tenant", "lot", "moved", "source", "source_id", "cause"]
    list_select_related = ["tenant", "lot__wallet"]
    search_fields = ["tenant__code", "tenant__name", "=source_id"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-pk"]
    fields = ["when", "tenant", "lot", "moved", "source", "source_id", "cause"]

    when = moment("at", _("at"))
    moved = amount("amount_minor", _("amount"), currency="lot.wallet.currency")


@admin.register(ChargeNotice)
class ChargeNoticeAdmin(Reading):
    """What was announced, when it arrived, and when it is deducted."""

    list_display = ["tenant", "due_on", "version", "of", "via", "announced", "delivered", "charged", "total"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("of", ChoicesDropdownFilter),
        ("via", ChoicesDropdownFilter),
    ]
    date_hierarchy = "due_on"
    ordering = ["-pk"]
    fields = ["tenant", "seller", "pays", "due_on", "version", "of", "via", "announced", "delivered", "charged"]
    fields += ["renewal", "ceiling", "total"]

    renewal = amount("renewal_minor", _("renewal"))
    ceiling = amount("ceiling_minor", _("ceiling of usage"))
    total = amount("total_minor", _("at most"))
    announced = moment("announced_at", _("announced"))
    delivered = moment("delivered_at", _("delivered"))
    charged = moment("charge_at", _("deducted from"))


class TopUpForm(forms.Form):
    """How much goes into whose balance, and why. The key makes a form that is sent twice count once."""

    seller = forms.ModelChoiceField(Seller.objects.order_by("pk"), label=_("seller"), widget=UnfoldAdminSelectWidget)
    amount = figure(_("amount"))
    gift = forms.BooleanField(
        label=_("a gift"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Nothing was paid for it. It is spent before what was paid in."),
    )
    expires = forms.DateField(
        label=_("can be used until"),
        required=False,
        widget=UnfoldAdminDateWidget,
        help_text=_("The last day of a gift; what is left then lapses. Empty: it never does."),
    )
    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The customer reads it in the statement."),
    )
    key = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.fields["amount"].required = True
        self.initial |= {"key": uuid4().hex, "seller": Seller.objects.filter(subscriptions__tenant=tenant).first()}

    def clean_amount(self) -> Money:
        try:
            return Money.of(self.cleaned_data["amount"], self.tenant.currency)
        except ValueError:
            raise forms.ValidationError(_("This is no amount: write digits, such as 36.00.")) from None

    def clean_expires(self) -> datetime | None:
        """Return the first instant after the last day, in the customer's zone."""
        last = self.cleaned_data["expires"]
        return local_midnight(last + timedelta(days=1), self.tenant.timezone) if last else None


def top_up(model_admin: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """Ask for the amount and the reason, and top up."""

    def hand(data: dict[str, Any], key: str) -> Hand:
        wish = {
            "amount_minor": data["amount"].minor,
            "gift": data["gift"],
            "expires": data["expires"].isoformat() if data["expires"] else "",
        }
        whose = {"tenant": tenant, "seller": data["seller"], "currency": tenant.currency}
        told = {"target": f"tenant:{tenant.pk}", "wish": wish, "reason": data["reason"], "key": key}
        return Hand(kind=OperatorAct.Kind.TOP_UP, **whose, **told)

    question = Question(
        title=gettext("Top up the balance of “%(tenant)s”") % {"tenant": tenant},
        lead=gettext(
            "A bank transfer is recorded as such instead: what is over after the bills goes into the balance."
        ),
        button=gettext("Show before and after"),
        back=address(tenant),
    )
    return twice(model_admin, request, question, TopUpForm(tenant, **sent(request)), hand)
