"""People, their roles as operators, members, and the keys of programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectMultipleWidget

from tenants.admin.companies import note
from tenants.admin.listing import EMPTY, Listing, pill
from tenants.models import User

admin.site.unregister(Group)

ROLES = [_("Viewer"), _("Catalogue editor"), _("Billing operator"), _("Administrator")]


class NewPersonForm(forms.ModelForm):
    """A person, with a password to begin with."""

    password = forms.CharField(label=_("first password"), widget=UnfoldAdminPasswordWidget, min_length=8)

    class Meta:
        model = User
        fields = ["email", "name", "language", "is_staff"]

    def save(self, commit: bool = True) -> User:
        self.instance.email = self.instance.email.lower()
        self.instance.set_password(self.cleaned_data["password"])
        self.instance.date_joined = timezone.now()
        return super().save(commit)


class PersonForm(UserChangeForm):
    class Meta:
        model = User
        fields = ["email", "name", "language", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin, Listing):
    """People who log in: operators and members of customers."""

    form, add_form, change_password_form = PersonForm, NewPersonForm, AdminPasswordChangeForm
    list_display = ["email", "name", "operator", "roles", "is_active", "last_login"]
    list_filter = [
        ("is_staff", BooleanRadioFilter),
        ("is_active", BooleanRadioFilter),
        ("groups", RelatedDropdownFilter),
        ("language", ChoicesDropdownFilter),
    ]
    search_fields = ["email", "name"]
    ordering = ["email"]
    filter_horizontal: list[str] = []
    autocomplete_fields = ["groups"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["email", "password", "name", "language"]}),
        (_("May do"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "language", "is_staff", "password"]})]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("operator"), ordering="is_staff")
    def operator(self, row: User) -> str:
        return pill(_("operator"), "busy") if row.is_staff else EMPTY

    @admin.display(description=_("roles"))
    def roles(self, row: User) -> str:
        return ", ".join(gettext(group.name) for group in row.groups.all()) or EMPTY

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "person.saved", obj, form, tenant=None)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Listing):
    """Operators' roles."""

    list_display = ["role", "name"]
    filter_horizontal: list[str] = []

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if db_field.name == "permissions":
            rooms = ["tenants", "usage", "billing", "invoices", "auth", "django_celery_beat"]
            known = Permission.objects.filter(content_type__app_label__in=rooms).select_related("content_type")
            kwargs |= {"queryset": known, "widget": UnfoldAdminSelectMultipleWidget(attrs={"size": 24})}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=_("role"), ordering="name")
    def role(self, row: Group) -> str:
        return gettext(row.name)
