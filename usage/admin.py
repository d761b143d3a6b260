"""Meters, and what they counted. Events and counters are read only: events are corrected by events."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)
from unfold.enums import ActionVariant

from tenants.admin.acts import Question, act, ask, done, list_address, sent
from tenants.admin.companies import note
from tenants.admin.listing import Endless, Kept, Listing, Reading, facts, number, plain, state
from usage.forms import UsageFileForm
from usage.models import Meter, UsageCounter, UsageEvent, UsageImport, UsageMark, UsageMember


@admin.register(Meter)
class MeterAdmin(Kept, Listing):
    """What is measured. Once events exist, how they are counted no longer changes."""

    list_display = ["name", "code", "aggregation", "unit", "seller", "recurring", "active"]
    list_select_related = ["seller"]
    search_fields = ["code", "name", "name_en"]
    list_filter = [
        ("aggregation", ChoicesDropdownFilter),
        ("seller", RelatedDropdownFilter),
        ("active", BooleanRadioFilter),
    ]
    fieldsets = [
        (None, {"fields": ["seller", "code", "name", "name_en", "unit", "unit_en", "active"]}),
        (_("Counting"), {"fields": ["aggregation", "value_property", "dimensions", "recurring"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Meter | None = None) -> list[str]:
        counted = obj is not None and UsageEvent.objects.filter(meter=obj).exists()
        return ["seller", "code", "aggregation", "value_property", "dimensions", "recurring"] if counted else []

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        obj.created_at = obj.created_at or timezone.now()
        super().save_model(request, obj, form, change)
        note(request, "meter.saved", obj, form, tenant=None)


@admin.register(UsageEvent)
class UsageEventAdmin(Endless):
    """What happened, as it was told."""

    list_display = ["occurred_at", "tenant", "meter", "amount", "kind_pill", "mark", "received_at"]
    list_select_related = ["tenant", "meter"]
    search_fields = ["=key", "tenant__code", "tenant__name"]
    search_help_text = _("The event's key, or the customer's name or code")
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("occurred_at", RangeDateTimeFilter),
    ]
    fields = [
        "tenant",
        "meter",
        "mark",
        "kind_pill",
        "voids",
        "occurred_at",
        "amount",
        "member",
        "apart",
        "told",
        "received_at",
    ]

    mark = plain("key", _("event key"))
    amount = number("quantity", _("quantity"))
    kind_pill = state("kind", {"use": "good", "void": "late"}, _("kind"))
    apart = facts("dimension", _("dimension"))
    told = facts("properties", _("properties"))


@admin.register(UsageCounter)
class UsageCounterAdmin(Endless):
    """What each hour adds up to."""

    list_display = ["bucket", "tenant", "meter", "events", "sum", "top", "latest"]
    list_select_related = ["tenant", "meter"]
    search_fields = ["tenant__code", "tenant__name", "meter__code", "meter__name"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
        ("bucket", RangeDateTimeFilter),
    ]
    fields = ["tenant", "meter", "apart", "bucket", "events", "sum", "top", "latest", "level"]

    sum = number("total", _("sum"))
    top = number("highest", _("highest"))
    latest = number("last_value", _("latest"))
    level = number("area", _("value-seconds"))
    apart = facts("dimension", _("dimension"))


@admin.register(UsageMark)
class UsageMarkAdmin(Reading):
    """Usage that changed since a close last measured it."""

    list_display = ["tenant", "meter", "since", "until"]
    list_select_related = ["tenant", "meter"]
    search_fields = ["tenant__code", "tenant__name", "meter__code", "meter__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("meter", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "meter", "since", "until"]


@admin.register(UsageMember)
class UsageMemberAdmin(Endless):
    """Which values a unique count has seen in an hour."""

    list_display = ["bucket", "tenant", "meter", "member", "events"]
    list_select_related = ["tenant", "meter"]
    search_fields = ["=member", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("meter", AutocompleteSelectFilter)]
    fields = ["tenant", "meter", "bucket", "member", "apart", "events"]

    apart = facts("dimension", _("dimension"))


@admin.register(UsageImport)
class UsageImportAdmin(Reading):
    """Files of usage that were read."""

    list_display = ["started_at", "file_name", "count_rows", "count_accepted", "duplicate", "refused", "finished_at"]
    search_fields = ["file_name", "sha256"]
    list_filter = [("started_at", RangeDateTimeFilter), ("refused", RangeNumericFilter)]
    date_hierarchy = "started_at"
    ordering = ["-started_at"]
    fields = ["file_name", "sha256", "started_at", "finished_at", "rows", "accepted", "duplicate", "refused"]

    @admin.display(description=_("rows"), ordering="rows")
    def count_rows(self, row: UsageImport) -> str:
        return f"{row.rows:,}"

    @admin.display(description=_("accepted"), ordering="accepted")
    def count_accepted(self, row: UsageImport) -> str:
        return f"{row.accepted:,}"

    actions_list = ["import_usage"]

    @act(_("Import usage"), needs="usage.add_usageimport", icon="upload_file", variant=ActionVariant.PRIMARY)
    def import_usage(self, request: HttpRequest) -> HttpResponse:
        form = UsageFileForm(**sent(request))

        def take(_data: dict[str, Any]) -> HttpResponse:
            told = form.take(at=timezone.now())
            said = gettext("%(rows)s lines: %(accepted)s new, %(duplicate)s known already, %(refused)s refused.") % told
            checked = gettext("Only checked, nothing was imported.") if form.cleaned_data["how"] == "check" else ""
            return done(request, f"{said} {checked}".strip(), list_address(UsageImport))

        question = Question(
            title=gettext("Import usage"),
            lead=gettext("Every line is checked first. An event counts once, so a file may be read twice."),
            button=gettext("Read the file"),
            back=list_address(UsageImport),
        )
        return ask(self, request, question, form, take)
