"""Sellers, customers, their contacts and members, groups and tags."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.admin import ExportMixin
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.contrib.import_export.forms import ExportForm

from tenants import audit, companies, profiles
from tenants.admin.listing import Kept, Listing, Reading, Rows, state
from tenants.companies import NewTenant
from tenants.models import Contact, CustomerGroup, Member, Seller, Tag, Tenant

TENANT_TONES = {"active": "good", "restricted": "late", "suspended": "bad", "closed": ""}


@admin.register(Seller)
class SellerAdmin(Kept, Listing):
    """The legal entities that send bills."""

    list_display = ["brand", "legal_name", "code", "tax_number", "tax_status", "currency", "payment_days"]
    search_fields = ["code", "brand", "brand_en", "legal_name", "tax_number"]
    list_filter = [("tax_status", ChoicesDropdownFilter)]
    fieldsets = [
        (None, {"fields": ["code", "legal_name", "brand", "brand_en", "mark", "colour"]}),
        (_("Tax"), {"fields": ["tax_number", "tax_status", "tax_rate", "tax_inclusive"]}),
        (_("Address and bank"), {"fields": ["address", "phone", "email", "bank_name", "bank_account"]}),
        (_("Bills"), {"fields": ["currency", "timezone", "payment_days", "number_prefix", "refund_limit_minor"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Seller, form: Any, change: bool) -> None:
        obj.created_at = obj.created_at or timezone.now()
        super().save_model(request, obj, form, change)
        note(request, "seller.saved", obj, form, tenant=None)


class ContactRows(TabularInline):
    model = Contact
    extra = 0
    tab = True
    fields = ["name", "email", "phone", "role", "receives_bills"]


class MemberRows(Rows):
    """Members; they are invited and removed by acts, which keep an owner."""

    model = Member
    tab = True
    fields = ["user", "role", "joined_at"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return super().get_queryset(request).select_related("user", "tenant")


class TenantForm(forms.ModelForm):
    """A customer's profile; one company pays for all of its children, so parents have one level."""

    class Meta:
        model = Tenant
        fields = [
            "code",
            "name",
            "name_en",
            "tax_number",
            "group",
            "tags",
            "parent",
            "timezone",
            "currency",
            "language",
            "address",
            "phone",
            "purchase_order",
            "cost_centre",
            "note",
        ]

    def clean_parent(self) -> Tenant | None:
        parent = self.cleaned_data["parent"]
        if parent and parent.parent_id:
            raise forms.ValidationError(profiles.parent_has_parent(parent.code).message)
        if parent and self.instance.pk and self.instance.children.exists():
            raise forms.ValidationError(profiles.parent_of_others().message)
        return parent

    def said(self) -> dict[str, Any]:
        """Return what was said, by the names that the verbs know."""
        data = self.cleaned_data
        plain = {name: data[column] for name, column in profiles.COLUMNS.items() if column in data}
        chosen = {"group": data["group"].code if data["group"] else None}
        chosen["parent"] = data["parent"].code if data["parent"] else None
        return plain | chosen | {"tags": [tag.name for tag in data["tags"]]}


class TenantResource(resources.ModelResource):
    """A customer as a row of a file."""

    class Meta:
        model = Tenant
        fields = [
            "code",
            "name",
            "name_en",
            "tax_number",
            "group__code",
            "parent__code",
            "status",
            "currency",
            "language",
        ]
        fields += ["timezone", "address", "phone", "purchase_order", "cost_centre", "note", "opened_at"]


class TenantAdmin(ExportMixin, Kept, Listing):
    """Customers. The room that can see everything registers it, with its own tables beside the profile."""

    form = TenantForm
    resource_classes = [TenantResource]
    export_form_class = ExportForm
    list_display = ["name", "code", "status_pill", "group", "currency", "parent", "opened_at"]
    list_select_related = ["group", "parent"]
    search_fields = ["code", "name", "name_en", "tax_number", "contacts__email", "members__user__email"]
    search_help_text = _("Name, code, tax number, or the e-mail of a contact or member")
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("group", RelatedDropdownFilter),
        ("tags", AutocompleteSelectFilter),
        ("language", ChoicesDropdownFilter),
        ("opened_at", RangeDateTimeFilter),
    ]
    autocomplete_fields = ["group", "tags", "parent"]
    readonly_fields = ["status", "opened_at"]
    inlines = [ContactRows, MemberRows]
    fieldsets = [
        (None, {"fields": ["code", "name", "name_en", "tax_number", "group", "tags", "parent", "status", "opened_at"]}),
        (_("Settings"), {"classes": ["tab"], "fields": ["timezone", "currency", "language"]}),
        (_("Address"), {"classes": ["tab"], "fields": ["address", "phone", "purchase_order", "cost_centre", "note"]}),
    ]

    status_pill = state("status", TENANT_TONES, _("state"))

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        return [*self.readonly_fields, *(["code"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        if change:
            companies.amend(obj, form.said(), at=timezone.now(), by=request.user)
            return
        opened = companies.open([NewTenant(**form.said())], at=timezone.now(), by=request.user)[0]
        obj.pk, obj.opened_at = opened.tenant.pk, opened.tenant.opened_at
        obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            row.save()
            note(request, f"{row._meta.model_name}.saved", row, formset, tenant=form.instance)
        for row in formset.deleted_objects:
            note(request, f"{row._meta.model_name}.removed", row, formset, tenant=form.instance)
            row.delete()


@admin.register(Contact)
class ContactAdmin(Reading):
    """Whom bills and notices are sent to; changed on the customer's page."""

    list_display = ["name", "tenant", "email", "phone", "role", "receives_bills"]
    list_select_related = ["tenant"]
    search_fields = ["name", "email", "phone", "tenant__code", "tenant__name"]
    list_filter = [("role", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter), "receives_bills"]
    ordering = ["tenant__code", "id"]
    fields = ["tenant", "name", "email", "phone", "role", "receives_bills"]


@admin.register(CustomerGroup)
class CustomerGroupAdmin(Kept, Listing):
    """Customers who share a price list."""

    list_display = ["name", "code", "customers"]
    search_fields = ["code", "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerGroup]:
        return super().get_queryset(request).annotate(count=Count("tenants"))

    @admin.display(description=_("customers"), ordering="count")
    def customers(self, row: Any) -> int:
        return row.count


@admin.register(Tag)
class TagAdmin(Listing):
    """Words on customers."""

    list_display = ["name", "customers"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(count=Count("tenants"))

    @admin.display(description=_("customers"), ordering="count")
    def customers(self, row: Any) -> int:
        return row.count


def note(request: HttpRequest, verb: str, row: Any, form: Any, *, tenant: Tenant | None) -> None:
    """Write an operator's edit into the audit log, in the edit's own transaction, with the names of what changed."""
    changed = list(getattr(form, "changed_data", []))
    target = f"{row._meta.model_name}:{row.pk}"
    audit.record(verb, tenant=tenant, target=target, at=timezone.now(), by=request.user, changed=changed)
