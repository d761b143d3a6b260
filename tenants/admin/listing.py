"""How a table of operators looks and behaves: lists, read-only records, states as pills, and the acts of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.paginator import InfinitePaginator

from tenants.admin.words import fact_name

PILL = "inline-block font-semibold h-6 leading-6 px-2 rounded-default text-[11px] whitespace-nowrap "
TONES = {
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
    "good": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "busy": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "late": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "bad": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
}
EMPTY = "–"

Column = Callable[[Any, Any], Any]


def pill(text: object, tone: str = "") -> SafeString:
    """Return a state as a coloured pill; the word says it, the colour only helps."""
    return format_html('<span class="{}">{}</span>', PILL + TONES[tone], text)


def state(field: str, tones: Mapping[str, str], description: Any, *, empty: Any = "") -> Column:
    """Return a column that shows the choice `field` as a pill; `empty` is what it says where nothing is chosen yet."""

    @admin.display(description=description, ordering=field)
    def shown(_self: Any, row: Any) -> SafeString:
        return pill(getattr(row, f"get_{field}_display")() or empty, tones.get(getattr(row, field), ""))

    return shown


def plain(field: str, description: Any) -> Column:
    """Return a column under another heading than the field's own."""

    @admin.display(description=description, ordering=field)
    def shown(_self: Any, row: Any) -> str:
        return getattr(row, field)

    return shown


def number(field: str, description: Any) -> Column:
    """Return a column that shows an exact number without idle zeros."""

    @admin.display(description=description, ordering=field)
    def shown(_self: Any, row: Any) -> str:
        return exact(getattr(row, field))

    return shown


def exact(value: Decimal | None) -> str:
    """Write a quantity with thousands apart and no idle zeros."""
    return EMPTY if value is None else f"{value.normalize():,f}"


def facts(field: str, description: Any) -> Column:
    """Return a column that shows a JSON object as names and values."""

    @admin.display(description=description)
    def shown(_self: Any, row: Any) -> str:
        return written(getattr(row, field))

    return shown


def written(value: Any) -> str:
    """Write JSON for people: objects as rows, lists as lines."""
    if isinstance(value, dict) and value:
        rows = ((fact_name(key), written(part)) for key, part in value.items())
        return format_html(
            '<table class="facts">{}</table>',
            format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows),
        )
    if isinstance(value, list) and value:
        return format_html_join("", "<div>{}</div>", ((written(part),) for part in value))
    return EMPTY if value in ("", None, {}, []) else str(value)


class Listing(ModelAdmin):
    """A table of operators. Acts (see `acts.act`) show only to those who may do them, and where they make sense."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    warn_unsaved_form = True
    empty_value_display = EMPTY

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        found = super().get_actions_detail(request, object_id)
        allowed = [action for action in found if self.may(request, action.method)]
        if not any(getattr(action.method, "when", None) for action in allowed):
            return allowed
        row = self.get_object(request, str(object_id))
        return [action for action in allowed if row is not None and fits(action.method, row)]

    def get_actions_list(self, request: HttpRequest) -> list[UnfoldAction]:
        return [action for action in super().get_actions_list(request) if self.may(request, action.method)]

    def may(self, request: HttpRequest, method: Any) -> bool:
        """Whether the operator has the permission that an act needs."""
        needs = getattr(method, "needs", "")
        return not needs or request.user.has_perm(needs)


def fits(method: Any, row: Model) -> bool:
    """Whether an act makes sense for this row now."""
    when = getattr(method, "when", None)
    return when is None or bool(when(row))


class Sealed:
    """Nobody adds, changes or deletes these rows here: verbs write them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Reading(Sealed, Listing):
    """A record that is only read."""


class Endless(Reading):
    """A table that grows with every event: it is never counted, and paged by the newest rows first."""

    paginator = InfinitePaginator
    ordering = ["-id"]


class Rows(Sealed, TabularInline):
    """The parts of a record, read only."""

    extra = 0
    show_change_link = False
    hide_title = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields or ())


class Kept:
    """Rows that may be added and changed but never deleted here, for others point at them."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
