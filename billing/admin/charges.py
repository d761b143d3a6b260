"""What was charged: billing periods and charges, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)

from billing import formatting
from billing.admin.columns import amount, day, moment, quantity
from billing.models import BillingPeriod, Charge, Price
from tenants.admin.listing import EMPTY, Endless, pill, state, written

REASON_TONES = {"period": "good", "change": "busy", "late": "late", "cap": "late", "correction": "bad"}


class TakenFilter(admin.SimpleListFilter):
    """Whether an invoice has taken the charge."""

    title, parameter_name = _("bill"), "taken"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("waiting for a bill")), ("yes", _("on a bill"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(taken_at__isnull=self.value() == "no") if self.value() else queryset


@admin.register(BillingPeriod)
class BillingPeriodAdmin(Endless):
    """Stretches of subscriptions that are charged."""

    list_display = ["subscription", "tenant", "interval", "first", "after", "trial", "state"]
    list_select_related = ["subscription__tenant", "subscription__plan", "tenant"]
    search_fields = ["tenant__code", "tenant__name", "=subscription__id"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("interval", ChoicesDropdownFilter),
        ("trial", BooleanRadioFilter),
        ("start", RangeDateTimeFilter),
        ("closed_at", RangeDateTimeFilter),
    ]
    fields = [
        "tenant",
        "subscription",
        "interval",
        "first",
        "after",
        "whole_start",
        "whole_end",
        "zone",
        "trial",
        "state",
    ]

    first = day("start_on", _("first day"))
    after = day("end_on", _("up to, not including"))
    first.admin_order_field, after.admin_order_field = "start", "end"  # type: ignore[attr-defined]

    @admin.display(description=_("state"), ordering="closed_at")
    def state(self, row: BillingPeriod) -> str:
        return pill(_("closed"), "good") if row.closed_at else pill(_("open"), "busy")


@admin.register(Charge)
class ChargeAdmin(Endless):
    """What something was worth, with every step of how it came about."""

    list_display = ["title", "tenant", "code", "kind_name", "reason_pill", "used", "cost", "due", "taken"]
    list_select_related = ["tenant"]
    search_fields = ["code", "name", "name_en", "tenant__code", "tenant__name"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("reason", ChoicesDropdownFilter),
        ("due_on", RangeDateFilter),
        TakenFilter,
    ]
    fieldsets = [
        (None, {"fields": ["title", "code", "kind_name", "reason_pill", "cause", "tenant", "payer", "seller"]}),
        (_("Amount"), {"fields": ["used", "cost", "exact_amount", "tax", "tax_inclusive", "service", "due", "taken"]}),
        (_("How this was computed"), {"fields": ["steps", "facts"]}),
        (
            _("Where it comes from"),
            {"fields": ["subscription", "period", "price", "acceptance", "corrected", "created"]},
        ),
    ]

    reason_pill = state("reason", REASON_TONES, _("reason"))
    used = quantity("quantity", _("quantity"), unit="unit")
    cost = amount("amount_minor", _("amount"))
    due = day("due_on", _("to be billed on"))
    taken = moment("taken_at", _("taken by a bill"))
    created = moment("created_at", _("created"))

    @admin.display(description=_("name"), ordering="name")
    def title(self, row: Charge) -> str:
        return row.name_in(get_language() or "")

    @admin.display(description=_("kind"), ordering="kind")
    def kind_name(self, row: Charge) -> str:
        return kind_text(row.kind)

    @admin.display(description=_("corrects"))
    def corrected(self, row: Charge) -> str:
        return str(row.corrects or EMPTY)

    @admin.display(description=_("exact amount"))
    def exact_amount(self, row: Charge) -> str:
        return formatting.unit_price(row.exact, row.currency)

    @admin.display(description=_("tax rate"))
    def tax(self, row: Charge) -> str:
        return formatting.percent(row.tax_rate)

    @admin.display(description=_("service"))
    def service(self, row: Charge) -> str:
        return f"{row.service_start_on} – {row.service_end_on}"

    @admin.display(description=_("steps"))
    def steps(self, row: Charge) -> str:
        told = row.details.get("steps") or []
        return format_html_join("", "<div>{}</div>", ((told_in(step),) for step in told)) or EMPTY

    @admin.display(description=_("what was measured"))
    def facts(self, row: Charge) -> str:
        return written({key: value for key, value in row.details.items() if key != "steps"})


def kind_text(kind: str) -> str:
    """Return what a kind of price is called; a commitment's true-up is of none."""
    return str(dict(Price.Kind.choices).get(kind, _("commitment per period") if kind == "minimum" else kind))


def told_in(step: Any) -> str:
    """Return a kept step as a sentence with its amount, in the operator's language."""
    if not isinstance(step, dict):
        return str(step)
    chinese = formatting.is_chinese(get_language() or "zh-hans")
    text = step.get("zh" if chinese else "en") or step.get("text_zh" if chinese else "text_en") or step.get("text", "")
    return f"{text} = {step['amount']}" if "amount" in step else str(text)
