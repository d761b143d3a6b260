"""By what transfers are known: the codes of customers, their virtual accounts, and who may pay for them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.admin.columns import moment
from invoices import remitting
from invoices.models import KnownPayer, RemittanceCode
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.choosing import CustomerField
from tenants.admin.listing import Reading


class PayerForm(forms.Form):
    """A payer who may pay for a customer."""

    tenant = CustomerField(help_text=_("Code or name of the customer."))
    name = forms.CharField(label=_("payer"), max_length=200, widget=UnfoldAdminTextInputWidget)
    declaration = forms.CharField(
        label=_("declaration of payment for another"), max_length=300, widget=UnfoldAdminTextInputWidget
    )


@admin.register(KnownPayer)
class KnownPayerAdmin(Reading):
    """Other names under which customers' transfers come, at most five each."""

    list_display = ["tenant", "name", "declaration", "added", "added_by", "removed"]
    list_select_related = ["tenant", "added_by"]
    search_fields = ["tenant__code", "tenant__name", "name"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "name", "declaration", "added", "added_by", "removed"]
    actions_list = ["know"]
    actions_detail = ["forget"]

    added = moment("added_at", _("added"))
    removed = moment("removed_at", _("removed"))

    @act(_("Add a known payer"), needs="invoices.add_knownpayer", icon="person_add")
    def know(self, request: HttpRequest) -> HttpResponse:
        def add(data: dict[str, Any]) -> HttpResponse:
            payer = remitting.know(
                data["tenant"], data["name"], declaration=data["declaration"], at=timezone.now(), by=request.user
            )
            return done(request, gettext("“%(name)s” may pay for this customer.") % {"name": payer.name}, payer)

        question = Question(title=gettext("Add a known payer"), button=gettext("Add"), back=list_address(KnownPayer))
        return ask(self, request, question, PayerForm(**sent(request)), add)

    @act(_("Remove"), needs="invoices.change_knownpayer", icon="person_remove", when=lambda row: row.removed_at is None)
    def forget(self, request: HttpRequest, row: KnownPayer) -> HttpResponse:
        def remove(_data: dict[str, Any]) -> HttpResponse:
            remitting.forget(row, at=timezone.now(), by=request.user)
            return done(
                request, gettext("Removed; his transfers wait for a declaration again."), list_address(KnownPayer)
            )

        question = Question(
            title=gettext("Remove the known payer “%(name)s”") % {"name": row.name},
            button=gettext("Remove"),
            back=address(row),
        )
        return ask(self, request, question, Nothing(**sent(request)), remove)


class AccountForm(forms.Form):
    """A virtual account."""

    virtual_account = forms.CharField(
        label=_("virtual account"), required=False, max_length=50, widget=UnfoldAdminTextInputWidget
    )


@admin.register(RemittanceCode)
class RemittanceCodeAdmin(Reading):
    """The codes that customers write into their transfers, and their virtual accounts."""

    list_display = ["code", "tenant", "seller", "virtual_account", "made"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["code", "virtual_account", "tenant__code", "tenant__name"]
    list_filter = [("seller", RelatedDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["code", "tenant", "seller", "virtual_account", "made"]
    actions_detail = ["give_account"]

    made = moment("made_at", _("made"))

    @act(_("Virtual account"), needs="invoices.change_remittancecode", icon="account_balance")
    def give_account(self, request: HttpRequest, row: RemittanceCode) -> HttpResponse:
        def note(data: dict[str, Any]) -> HttpResponse:
            remitting.give_account(row, data["virtual_account"], at=timezone.now(), by=request.user)
            return done(request, gettext("Saved."), row)

        question = Question(
            title=gettext("Virtual account of “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("The account that the bank opened for this customer alone; empty: it was closed."),
            button=gettext("Save"),
            back=address(row),
        )
        form = AccountForm(initial={"virtual_account": row.virtual_account}, **sent(request))
        return ask(self, request, question, form, note)
