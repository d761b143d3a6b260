"""What customers are worth and whom to keep: a list sorted by value at risk, one page for each, as CSV; and their opinions."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from billing import formatting
from billing.admin.columns import amount, moment
from billing.money import Money
from invoices import valuing
from invoices.models import PeerFigure, PlanAdvice, Survey
from invoices.valuing import Value
from tenants.admin.acts import address
from tenants.admin.listing import EMPTY, Reading
from tenants.models import Tenant

NEEDS = "invoices.view_survey"
SHOWN = 300


@admin.register(Survey)
class SurveyAdmin(Reading):
    """What customers said of us; an answer is never changed."""

    list_display = ["said", "tenant", "score", "words", "occasion", "by"]
    list_select_related = ["tenant", "by"]
    search_fields = ["tenant__code", "tenant__name", "words"]
    list_filter = ["score", ("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "said", "score", "words", "occasion", "by"]

    said = moment("at", _("at"))


@admin.register(PlanAdvice)
class PlanAdviceAdmin(Reading):
    """What each contract would have come to under the plans on sale."""

    list_display = ["tenant", "subscription", "day", "first", "end", "billed", "shown"]
    list_select_related = ["tenant", "subscription__plan", "subscription__tenant"]
    search_fields = ["tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "subscription", "day", "first", "end", "billed", "shown"]

    billed = amount("billed_minor", _("billed"))

    @admin.display(description=_("plans"))
    def shown(self, row: PlanAdvice) -> str:
        return "; ".join(f"{one['name']} {formatting.money(one['total_minor'], row.currency)}" for one in row.plans)


@admin.register(PeerFigure)
class PeerFigureAdmin(Reading):
    """What like customers pay, at least ten of them."""

    list_display = ["family", "band", "measure", "currency", "customers", "middle"]
    list_select_related = ["family"]
    search_fields = ["family__code", "family__name"]
    list_filter = [("band", ChoicesDropdownFilter), ("measure", ChoicesDropdownFilter)]
    ordering = ["-id"]
    fields = ["family", "band", "measure", "currency", "customers", "shown", "reckoned"]

    reckoned = moment("at", _("reckoned"))

    @admin.display(description=_("half pay less than"))
    def middle(self, row: PeerFigure) -> str:
        return formatting.money(row.deciles[4], row.currency)

    @admin.display(description=_("deciles"))
    def shown(self, row: PeerFigure) -> str:
        return ", ".join(formatting.money(one, row.currency) for one in row.deciles)


def page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the customers, who is most worth keeping first; or send them all as CSV."""
    if not request.user.has_perm(NEEDS):
        raise PermissionDenied
    now = timezone.now()
    found = valuing.values(at=now)
    if request.GET.get("as") == "csv":
        return as_csv(found)
    told = valuing.answered(at=now)
    mean = formatting.quantity(round(told["mean"], 1)) if told["count"] else EMPTY
    context = {
        **site.each_context(request),
        "title": gettext("Whom to keep"),
        "rows": [row_of(value) for value in found[:SHOWN]],
        "summary": gettext("%(count)s customers; %(answers)s answers of the last year, on average %(mean)s of 5.")
        % {"count": len(found), "answers": told["count"], "mean": mean},
    }
    return TemplateResponse(request, "admin/value.html", context)


def one(site: AdminSite, request: HttpRequest, pk: int) -> HttpResponse:
    """Show one customer: each figure, and how his health is made of them."""
    if not request.user.has_perm(NEEDS):
        raise PermissionDenied
    tenant = Tenant.objects.filter(pk=pk).first()
    if tenant is None:
        raise Http404
    found = valuing.values(at=timezone.now(), tenants=[pk])
    context = {
        **site.each_context(request),
        "title": gettext("Value of “%(tenant)s”") % {"tenant": tenant},
        "cards": [(row_of(value), parts(value)) for value in found],
        "opinions": valuing.opinions(tenant),
        "record": address(tenant),
        "back": reverse("admin:value"),
    }
    return TemplateResponse(request, "admin/value_of.html", context)


def row_of(value: Value) -> dict[str, Any]:
    """Return one customer as the pages show him."""
    growth = value.growth
    return {
        "tenant": value.tenant,
        "to": reverse("admin:value_of", args=[value.tenant.pk]),
        "lifetime": formatting.money(value.lifetime_minor, value.currency),
        "recent": formatting.money(value.recent_minor, value.currency),
        "growth": EMPTY if growth is None else f"{growth:+d} %",
        "days": value.active_days,
        "meters": f"{value.meters_used} / {value.meters_bought}",
        "score": EMPTY if value.score is None else formatting.quantity(value.score),
        "health": value.health.score,
        "risk": formatting.money(value.at_risk_minor, value.currency),
    }


def parts(value: Value) -> list[tuple[str, str, str]]:
    """Return (part, points, how they come about) of a health score."""
    health = value.health
    return [
        (
            gettext("Use"),
            f"{health.use} / 40",
            gettext("%(days)s days with use of the last 30; 20 are full. 24 where no meter counts.")
            % {"days": value.active_days},
        ),
        (
            gettext("Growth"),
            f"{health.growth} / 20",
            gettext(
                "%(recent)s in the last three months, %(before)s in the three before: 10 when equal, 20 from +50 %%, 0 from −50 %%."
            )
            % {
                "recent": formatting.money(value.recent_minor, value.currency),
                "before": formatting.money(value.before_minor, value.currency),
            },
        ),
        (
            gettext("Opinion"),
            f"{health.opinion} / 20",
            gettext("Average of the last year, 1 to 5: (average − 1) × 5. 12 without an answer."),
        ),
        (
            gettext("Payment"),
            f"{health.payment} / 20",
            gettext("20 with nothing overdue, 10 up to 30 days, else 0. Overdue now: %(overdue)s.")
            % {"overdue": formatting.money(value.overdue_minor, value.currency)},
        ),
    ]


COLUMNS = (
    "tenant",
    "name",
    "currency",
    "lifetime",
    "last_3_months",
    "3_months_before",
    "growth_percent",
    "active_days_of_30",
    "meters_used",
    "meters_bought",
    "opinion",
    "health",
    "value_at_risk",
)


def as_csv(found: list[Value]) -> HttpResponse:
    """Send the rows as CSV, with a mark so that Excel reads UTF-8; names that read as formulas are made text."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for value in found:
        table.writerow(
            [
                value.tenant.code,
                plain(value.tenant.name),
                value.currency,
                *(
                    Money(minor, value.currency)
                    for minor in (value.lifetime_minor, value.recent_minor, value.before_minor)
                ),
                "" if value.growth is None else value.growth,
                value.active_days,
                value.meters_used,
                value.meters_bought,
                "" if value.score is None else value.score,
                value.health.score,
                Money(value.at_risk_minor, value.currency),
            ]
        )
    named = {"Content-Disposition": 'attachment; filename="value.csv"'}
    return HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8", headers=named)


def plain(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
