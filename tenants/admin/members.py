"""Members: invited, given another role, removed; and the customer's pages as one of them sees them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from hijack.views import AcquireUserView
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants import audit, people
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, state
from tenants.models import Member, Tenant

TONES = {"owner": "good", "payer": "busy", "admin": "busy", "viewer": ""}


class ViewForm(forms.Form):
    """Whose pages are to be looked at; django-hijack reads the id."""

    user_pk = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, member: Member, **kwargs: Any) -> None:
        super().__init__(**kwargs, initial={"user_pk": member.user_id})
        self.member = member

    def clean_user_pk(self) -> int:
        if self.cleaned_data["user_pk"] != self.member.user_id:
            raise forms.ValidationError(_("This is somebody else's page."))
        return self.cleaned_data["user_pk"]


class RoleForm(forms.Form):
    """What a member may do."""

    role = forms.ChoiceField(label=_("role"), choices=Member.Role.choices, widget=UnfoldAdminSelectWidget)


class InviteForm(RoleForm):
    """A new member."""

    email = forms.EmailField(label=_("e-mail"), widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(label=_("name"), required=False, max_length=80, widget=UnfoldAdminTextInputWidget)
    field_order = ["email", "name", "role"]


@admin.register(Member)
class MemberAdmin(Reading):
    """Who may do what at which customer; an operator may look at the pages as a member sees them."""

    list_display = ["user", "tenant", "role_pill", "joined_at"]
    list_select_related = ["user", "tenant"]
    list_filter = [("role", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    search_fields = ["user__email", "user__name", "tenant__name", "tenant__code"]
    ordering = ["-id"]
    fields = ["tenant", "user", "role_pill", "joined_at"]
    actions_detail = ["view_as_customer", "change_role", "remove"]

    role_pill = state("role", TONES, _("role"))

    @act(
        _("Look as customer"),
        needs="tenants.view_tenant",
        icon="visibility",
        when=lambda row: row.user.is_active and not row.user.is_staff,
    )
    def view_as_customer(self, request: HttpRequest, member: Member) -> HttpResponse:
        def look(_data: dict[str, Any]) -> HttpResponse:
            target = f"user:{member.user_id}"
            audit.record("customer.viewed", tenant=member.tenant, target=target, at=timezone.now(), by=request.user)
            return AcquireUserView.as_view()(request)

        question = Question(
            title=gettext("Look at the pages as %(person)s") % {"person": member.user},
            lead=gettext("You see what this person sees and can change nothing. That you looked is in the audit log."),
            button=gettext("Look as customer"),
            back=address(member),
        )
        return ask(self, request, question, ViewForm(member, **sent(request)), look)

    @act(_("Change the role"), needs="tenants.change_member", icon="badge")
    def change_role(self, request: HttpRequest, member: Member) -> HttpResponse:
        def give(data: dict[str, Any]) -> HttpResponse:
            people.change_role(member, data["role"], at=timezone.now(), by=request.user)
            return done(request, gettext("The role is changed."), member)

        question = Question(
            title=gettext("Role of %(person)s") % {"person": member},
            button=gettext("Change the role"),
            back=address(member),
        )
        return ask(self, request, question, RoleForm(**sent(request), initial={"role": member.role}), give)

    @act(_("Remove"), needs="tenants.change_member", icon="person_remove")
    def remove(self, request: HttpRequest, member: Member) -> HttpResponse:
        def drop(_data: dict[str, Any]) -> HttpResponse:
            people.remove(member, at=timezone.now(), by=request.user)
            return done(request, gettext("%(person)s is no longer a member.") % {"person": member.user}, member.tenant)

        question = Question(
            title=gettext("Remove %(person)s") % {"person": member}, button=gettext("Remove"), back=address(member)
        )
        return ask(self, request, question, Nothing(**sent(request)), drop)


def invite(model_admin: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """Ask whom to invite; a new person gets a link on which to choose a password."""

    def send(data: dict[str, Any]) -> HttpResponse:
        made = people.invite(tenant, **data, at=timezone.now(), by=request.user)
        said = gettext("%(person)s is a member now.") % {"person": made.member.user}
        if made.reset_path:
            link = request.build_absolute_uri(made.reset_path)
            said += " " + gettext("Send this link, on which the password is chosen: %(link)s") % {"link": link}
        return done(request, said, tenant)

    question = Question(
        title=gettext("Invite a member of “%(tenant)s”") % {"tenant": tenant},
        button=gettext("Invite"),
        back=address(tenant),
    )
    return ask(model_admin, request, question, InviteForm(**sent(request)), send)
