"""Evidence packs on record, made for a customer on request, and the keys that sign them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.admin.columns import moment
from invoices import evidence
from invoices.evidence import packing, signing
from invoices.models import EvidencePack, SigningKey
from tenants import files
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import Endless, Reading
from tenants.errors import Invalid
from tenants.models import Tenant


class PackForm(forms.Form):
    """For whom, and which days; the last one is in it."""

    tenant = forms.CharField(label=_("code of the customer"), max_length=60, widget=UnfoldAdminTextInputWidget)
    start = forms.DateField(label=_("from"), widget=UnfoldAdminDateWidget)
    end = forms.DateField(label=_("last day"), widget=UnfoldAdminDateWidget)


@admin.register(EvidencePack)
class EvidencePackAdmin(Endless):
    """Packs that were made, each with its fingerprint."""

    list_display = ["__str__", "tenant", "start_on", "end_on", "size", "made", "made_by_name", "sha256"]
    list_select_related = ["tenant"]
    search_fields = ["sha256", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("made_at", RangeDateTimeFilter)]
    fields = [
        "tenant",
        "start_on",
        "end_on",
        "size",
        "sha256",
        "manifest_sha256",
        "fingerprint",
        "counts",
        "made",
        "made_by_name",
    ]
    actions_list = ["make"]
    actions_detail = ["open_file"]

    made = moment("made_at", _("made"))

    @admin.display(description=_("size"), ordering="bytes")
    def size(self, row: EvidencePack) -> str:
        return formatting.quantity(row.bytes // 1024 or 1, "KiB")

    @act(_("Make a pack"), needs="invoices.add_evidencepack", icon="inventory_2", variant=ActionVariant.PRIMARY)
    def make(self, request: HttpRequest) -> HttpResponse:
        return make_page(self, request)

    @act(_("Open the file"), needs="invoices.view_evidencepack", icon="download")
    def open_file(self, request: HttpRequest, row: Any) -> Any:
        content = files.place(row.sha256).open("rb")
        return FileResponse(content, as_attachment=True, filename=packing.name_of(row), content_type="application/zip")


def customer(code: str) -> Tenant:
    """Return the customer of a code; raise Invalid where there is none."""
    found = None if "\x00" in code else Tenant.objects.filter(code=code).first()
    if found is None:
        raise Invalid(gettext("There is no customer “%(code)s”.") % {"code": code}, field="tenant")
    return found


def make_page(admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask for whom and which days, and make the pack; the customer sees it on his page and in his log."""

    def do(said: dict[str, Any]) -> HttpResponse:
        tenant = customer(said["tenant"])
        end = said["end"] + timedelta(days=1)
        made = evidence.keep(tenant, said["start"], end, at=timezone.now(), by=request.user)
        return done(request, gettext("The pack is made; its fingerprint is %(sha)s.") % {"sha": made.sha256}, made)

    question = Question(
        title=gettext("Make a pack"),
        lead=gettext(
            "Bills, derivations, usage, authorisations, notices, payments and the book of one customer, signed."
        ),
        button=gettext("Make a pack"),
        back=list_address(EvidencePack),
    )
    return ask(admin, request, question, PackForm(**sent(request)), do)


@admin.register(SigningKey)
class SigningKeyAdmin(Reading):
    """Keys that sign packs: the public half and its fingerprint; the secret one is never shown."""

    list_display = ["fingerprint", "seller", "made", "retired"]
    list_select_related = ["seller"]
    search_fields = ["fingerprint", "seller__brand"]
    list_filter = [("seller", RelatedDropdownFilter)]
    ordering = ["seller", "-made_at"]
    fields = ["seller", "public_key", "fingerprint", "made", "made_by", "retired"]
    actions_detail = ["rotate"]

    made, retired = moment("made_at", _("made")), moment("retired_at", _("retired"))

    @act(
        _("Replace by a new key"),
        needs="invoices.change_signingkey",
        icon="key",
        when=lambda row: row.retired_at is None,
    )
    def rotate(self, request: HttpRequest, row: Any) -> HttpResponse:
        return rotate_page(self, request, row)


def rotate_page(admin: Any, request: HttpRequest, row: SigningKey) -> HttpResponse:
    """Ask once more, and retire the key."""

    def do(_data: dict[str, Any]) -> HttpResponse:
        made = signing.rotate(row.seller, at=timezone.now(), by=request.user)
        return done(request, gettext("A new key is in use: %(key)s.") % {"key": made.fingerprint}, made)

    question = Question(
        title=gettext("Replace by a new key"),
        lead=gettext("What the old key signed stays provable; its public half stays on the page of keys."),
        button=gettext("Replace by a new key"),
        back=address(row),
    )
    return ask(admin, request, question, Nothing(**sent(request)), do)
