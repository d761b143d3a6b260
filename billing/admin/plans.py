"""Products and plans; what they cost stands in their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.admin import ExportMixin
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.contrib.import_export.forms import ExportForm
from unfold.enums import ActionVariant

from billing import catalogue
from billing.admin.columns import moment
from billing.models import Family, Plan, PlanVersion
from tenants.admin.acts import Nothing, Question, act, address, ask, done, sent
from tenants.admin.companies import note
from tenants.admin.listing import Kept, Listing, Rows, state

VERSION_TONES = {"draft": "busy", "published": "good", "retired": ""}


class PlanRows(TabularInline):
    model = Plan
    extra = 0
    fields = ["code", "name", "name_en", "on_sale"]
    show_change_link = True
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return []


@admin.register(Family)
class FamilyAdmin(Kept, Listing):
    """Products; their plans are editions and terms between which a customer may switch."""

    list_display = ["name", "code", "seller", "plan_count"]
    list_select_related = ["seller"]
    search_fields = ["code", "name", "name_en"]
    list_filter = [("seller", RelatedDropdownFilter)]
    fields = ["seller", "code", "name", "name_en", "description"]
    inlines = [PlanRows]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Family]:
        return super().get_queryset(request).annotate(count=Count("plans"))

    @admin.display(description=_("plans"), ordering="count")
    def plan_count(self, row: Any) -> int:
        return row.count

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for plan in formset.save(commit=False):
            plan.seller = form.instance.seller
            plan.save()
            note(request, "plan.saved", plan, formset, tenant=None)

    def save_model(self, request: HttpRequest, obj: Family, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "product.saved", obj, form, tenant=None)


class VersionRows(Rows):
    model = PlanVersion
    fields = ["link", "status_pill", "interval", "term", "published"]
    readonly_fields = fields
    tab = False

    status_pill = state("status", VERSION_TONES, _("state"))
    published = moment("published_at", _("published"))

    @admin.display(description=_("version"))
    def link(self, row: PlanVersion) -> str:
        return format_html('<a class="text-primary-600" href="{}">{}</a>', address(row), row)


class PlanResource(resources.ModelResource):
    """A plan as a row of a file."""

    class Meta:
        model = Plan
        fields = ["code", "name", "name_en", "family__code", "seller__code", "on_sale"]


@admin.register(Plan)
class PlanAdmin(ExportMixin, Kept, Listing):
    """Plans: one edition of a product with one term. What it costs stands in its versions."""

    resource_classes = [PlanResource]
    export_form_class = ExportForm
    list_display = ["name", "code", "family", "seller", "on_sale", "version_count"]
    list_select_related = ["family", "seller"]
    search_fields = ["code", "name", "name_en", "family__name"]
    list_filter = [
        ("family", RelatedDropdownFilter),
        ("seller", RelatedDropdownFilter),
        ("on_sale", BooleanRadioFilter),
    ]
    fields = ["family", "code", "name", "name_en", "on_sale"]
    autocomplete_fields = ["family"]
    inlines = [VersionRows]
    actions_detail = ["new_draft"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(count=Count("versions"))

    @admin.display(description=_("versions"), ordering="count")
    def version_count(self, row: Any) -> int:
        return row.count

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        return ["family", "code"] if obj else []

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        obj.seller = obj.family.seller
        super().save_model(request, obj, form, change)
        note(request, "plan.saved", obj, form, tenant=None)

    @act(_("New draft"), needs="billing.change_planversion", icon="edit_document", variant=ActionVariant.PRIMARY)
    def new_draft(self, request: HttpRequest, plan: Plan) -> HttpResponse:
        return new_draft(self, request, plan)


def new_draft(model_admin: Any, request: HttpRequest, plan: Plan) -> HttpResponse:
    """Ask, and open the plan's draft."""

    def make(_data: dict[str, Any]) -> HttpResponse:
        version = catalogue.draft(plan, at=timezone.now(), by=request.user)
        return done(request, gettext("This is the draft. Nobody pays by it before it is published."), version)

    question = Question(
        title=gettext("New draft of “%(plan)s”") % {"plan": plan},
        lead=gettext("The draft begins as a copy of the newest version. A draft that is there already is opened."),
        button=gettext("Open the draft"),
        back=address(plan),
    )
    return ask(model_admin, request, question, Nothing(**sent(request)), make)
