"""The keys of programs: made, shown once, revoked."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from tenants import keys
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.choosing import CustomerField
from tenants.admin.listing import Reading, pill
from tenants.models import ApiKey, Seller


class KeyForm(forms.Form):
    """What a new key is for."""

    name = forms.CharField(label=_("name"), max_length=80, widget=UnfoldAdminTextInputWidget)
    tenant = CustomerField(
        required=False,
        help_text=_("Code or name. Empty: a key of the operator, which names the customer in each call."),
    )
    seller = forms.ModelChoiceField(
        Seller.objects.all(), label=_("seller"), required=False, widget=UnfoldAdminSelectWidget
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=ApiKey.Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    expires_on = forms.DateField(
        label=_("last day"),
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text=_("Empty: until it is revoked."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("tenant") and not data.get("seller"):
            self.add_error("tenant", _("Choose a customer, or the seller whose key it is."))
        return data


@admin.register(ApiKey)
class ApiKeyAdmin(Reading):
    """The keys of programs. A secret is shown once, when the key is made."""

    list_display = ["name", "prefix", "tenant", "seller", "scope_names", "status", "created_at", "last_used_at"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["name", "prefix", "tenant__name", "tenant__code"]
    fields = [
        "name",
        "prefix",
        "tenant",
        "seller",
        "scope_names",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ]
    actions_list = ["issue_key"]
    actions_detail = ["revoke_key"]

    @admin.display(description=_("scopes"))
    def scope_names(self, row: ApiKey) -> str:
        return ", ".join(str(dict(ApiKey.Scope.choices).get(scope, scope)) for scope in row.scopes)

    @admin.display(description=_("state"))
    def status(self, row: ApiKey) -> str:
        if row.revoked_at:
            return pill(_("revoked"), "bad")
        return (
            pill(_("expired"), "late")
            if row.expires_at and row.expires_at < timezone.now()
            else pill(_("in use"), "good")
        )

    @act(_("Make a key"), needs="tenants.add_apikey", icon="key")
    def issue_key(self, request: HttpRequest) -> HttpResponse:
        def make(data: dict[str, Any]) -> HttpResponse:
            until = data.pop("expires_on")
            expires = until and timezone.make_aware(datetime.combine(until, time.max))
            key, secret = keys.issue(data.pop("tenant"), **data, expires_at=expires, at=timezone.now(), by=request.user)
            text = gettext("The key is %(secret)s – copy it now, it is never shown again.") % {"secret": secret}
            return done(request, text, key)

        question = Question(title=gettext("Make a key"), button=gettext("Make the key"), back=list_address(ApiKey))
        return ask(self, request, question, KeyForm(**sent(request)), make)

    @act(_("Revoke"), needs="tenants.change_apikey", icon="block", when=lambda key: key.revoked_at is None)
    def revoke_key(self, request: HttpRequest, key: ApiKey) -> HttpResponse:
        def revoke(_data: dict[str, Any]) -> HttpResponse:
            keys.revoke(key, at=timezone.now(), by=request.user)
            return done(request, gettext("The key “%(name)s” no longer opens anything.") % {"name": key.name}, key)

        question = Question(
            title=gettext("Revoke the key “%(name)s”") % {"name": key.name},
            lead=gettext("Programs that use it are refused at once. This cannot be taken back; a new key can be made."),
            button=gettext("Revoke"),
            back=address(key),
        )
        return ask(self, request, question, Nothing(**sent(request)), revoke)
