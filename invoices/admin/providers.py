"""Accounts at payment providers, whose keys are pasted and never shown again, and what the providers told us."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing.admin.columns import moment
from invoices.models import ProviderAccount, ProviderMessage
from invoices.providers import accounts
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import Endless, Reading, pill, state
from tenants.models import Seller

Provider = ProviderAccount.Provider
TONES = {"accepted": "good", "repeated": "", "refused": "bad"}
WORDS = {
    "private_key": _("own private key"),
    "public_key": _("public key of the provider"),
    "serial": _("serial number of the own certificate"),
    "public_key_id": _("ID of the provider's public key"),
    "v3_key": _("APIv3 key"),
    "v2_key": _("APIv2 key"),
}
# What WeChat alone has.
OF_WECHAT = ("serial", "public_key_id", "v3_key", "v2_key")


class Pasted(UnfoldAdminTextareaWidget):
    """A field for a key: what was sent is never written back, also when the form is shown again for a mistake."""

    def __init__(self) -> None:
        super().__init__(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"})

    def format_value(self, value: Any) -> str:
        return ""


class AccountForm(forms.Form):
    """Ids and keys of an account. A key that is left empty stays as it is."""

    app_id = forms.CharField(label=_("app id"), max_length=40, widget=UnfoldAdminTextInputWidget)
    merchant = forms.CharField(
        label=_("merchant number"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Alipay: PID, begins with 2088. WeChat Pay: mchid."),
    )
    plan = forms.CharField(
        label=_("contract template"),
        max_length=40,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For deduction agreements only. Alipay: scene of signing, as INDUSTRY|… WeChat Pay: plan_id."),
    )
    gateway = forms.CharField(
        label=_("gateway"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Empty: the provider's own. Another one must be in PAYMENT_GATEWAYS."),
    )

    def __init__(self, account: ProviderAccount | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        provider = account.provider if account else ""
        names = [*accounts.KEYS[Provider(provider)]] if provider else list(WORDS)
        for name in names:
            self.fields[name] = forms.CharField(
                label=WORDS[name], required=False, widget=Pasted(), help_text=self.help_of(name, bool(account))
            )
        if account:
            self.initial = {field: getattr(account, field) for field in ("app_id", "merchant", "plan", "gateway")}
        else:
            self.fields = {"seller": seller_field(), "provider": provider_field()} | self.fields

    def help_of(self, name: str, kept: bool) -> Any:
        if kept:
            return _("Empty: it stays as it is.")
        return _("WeChat Pay only.") if name in OF_WECHAT else _("PEM or Base64.")

    def said(self) -> dict[str, Any]:
        """Return what `accounts.set_up` takes."""
        data = dict(self.cleaned_data)
        return data | {"secrets": {name: data.pop(name) for name in WORDS if name in data}}


def seller_field() -> forms.ModelChoiceField:
    return forms.ModelChoiceField(Seller.objects.all(), label=_("seller"), widget=UnfoldAdminSelectWidget)


def provider_field() -> forms.ChoiceField:
    return forms.ChoiceField(label=_("provider"), choices=Provider.choices, widget=UnfoldAdminSelectWidget)


@admin.register(ProviderAccount)
class ProviderAccountAdmin(Reading):
    """How sellers are known at Alipay and WeChat Pay."""

    list_display = ["__str__", "seller", "provider", "app_id", "short", "use"]
    list_select_related = ["seller"]
    search_fields = ["app_id", "merchant", "seller__code", "seller__legal_name"]
    list_filter = [("provider", ChoicesDropdownFilter), ("seller", RelatedDropdownFilter)]
    ordering = ["seller", "provider"]
    fields = ["seller", "provider", "app_id", "merchant", "plan", "gateway", "fingerprint", "use", "told_at"]
    fields += ["changed", "changed_by"]
    actions_list = ["set_up"]
    actions_detail = ["amend", "put_away", "take_up"]

    changed = moment("changed_at", _("changed"))

    @admin.display(description=_("fingerprint of the keys"), ordering="fingerprint")
    def short(self, row: ProviderAccount) -> str:
        return row.fingerprint[:12]

    @admin.display(description=_("state"), ordering="active")
    def use(self, row: ProviderAccount) -> SafeString:
        return pill(_("in use"), "good") if row.active else pill(_("out of use"))

    @admin.display(description=_("address for its messages"))
    def told_at(self, row: ProviderAccount) -> str:
        return accounts.callback_address(row)

    @act(_("Set up an account"), needs="invoices.add_provideraccount", icon="add", variant=ActionVariant.PRIMARY)
    def set_up(self, request: HttpRequest) -> HttpResponse:
        return set_up_page(self, request, None)

    @act(_("Change"), needs="invoices.change_provideraccount", icon="edit")
    def amend(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        return set_up_page(self, request, account)

    @act(
        _("Put out of use"), needs="invoices.change_provideraccount", icon="block", when=lambda account: account.active
    )
    def put_away(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        lead = gettext("No new payment goes through it. What went through it is still asked for and paid back.")
        return use_page(self, request, account, False, gettext("Put out of use"), lead)

    @act(_("Use again"), needs="invoices.change_provideraccount", icon="check", when=lambda account: not account.active)
    def take_up(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        return use_page(self, request, account, True, gettext("Use again"), "")


def set_up_page(admin: Any, request: HttpRequest, account: ProviderAccount | None) -> HttpResponse:
    """Ask for ids and keys, and set the account up with them."""
    form = AccountForm(account, **sent(request))

    def keep(_data: dict[str, Any]) -> HttpResponse:
        wanted = form.said()
        seller = account.seller if account else wanted.pop("seller")
        provider = account.provider if account else wanted.pop("provider")
        kept = accounts.set_up(seller, provider, **wanted, at=timezone.now(), by=request.user)
        said = {"account": kept, "fingerprint": kept.fingerprint[:12]}
        return done(request, gettext("%(account)s is set up; its keys are known as %(fingerprint)s.") % said, kept)

    question = Question(
        title=gettext("Set up an account"),
        lead=gettext("Keys are tried, encrypted and never shown again."),
        button=gettext("Set up"),
        back=address(account) if account else list_address(ProviderAccount),
    )
    return ask(admin, request, question, form, keep)


def use_page(
    admin: Any, request: HttpRequest, account: ProviderAccount, active: bool, title: str, lead: str
) -> HttpResponse:
    """Ask once more, and put the account into use or out of it."""

    def do(_data: dict[str, Any]) -> HttpResponse:
        kept = accounts.set_active(account, active, at=timezone.now(), by=request.user)
        said = gettext("%(account)s is in use.") if active else gettext("%(account)s is out of use.")
        return done(request, said % {"account": kept}, kept)

    question = Question(title=f"{title}: {account}", lead=lead, button=title, back=address(account))
    return ask(admin, request, question, Nothing(**sent(request)), do)


@admin.register(ProviderMessage)
class ProviderMessageAdmin(Endless):
    """What providers told us: believed, a repetition, or refused and why."""

    list_display = ["when", "provider", "kind", "reference", "verdict_pill", "reason", "payment"]
    list_select_related = ["payment"]
    search_fields = ["message_id", "reference"]
    list_filter = [("verdict", ChoicesDropdownFilter)]
    fields = ["when", "provider", "kind", "message_id", "reference", "payment", "verdict_pill", "reason", "body_sha256"]

    when = moment("at", _("at"))
    verdict_pill = state("verdict", TONES, _("verdict"))
