"""The page that compares two sets of prices on what customers really used: who pays more, who less."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from billing import formatting
from billing.models import PlanVersion, PriceList, Subscription
from billing.models.catalogue import Status
from billing.money import Money, divide_half_up
from invoices.rehearsal.comparing import Comparison, Prices, Row, compare
from tenants.models import Tenant

NEEDS = "billing.view_planversion"
MOST = 5000  # customers at a time
BARS, WIDTH = 30, 480  # rows and half-width of the chart


@dataclass(frozen=True, slots=True)
class Bar:
    """One customer of the chart: to the right what he would pay more, to the left what he would pay less."""

    name: str
    figure: str
    y: int
    x: int
    width: int
    more: bool


class ComparisonForm(forms.Form):
    """Which prices against those in force, and of whom."""

    prices = forms.ChoiceField(label=_("new prices"), widget=UnfoldAdminSelectWidget)
    customers = forms.CharField(
        label=_("customers"),
        required=False,
        help_text=_("Codes, separated by blanks; empty: all whom these prices concern."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    months = forms.IntegerField(
        label=_("months"), min_value=1, max_value=36, initial=12, widget=UnfoldAdminIntegerFieldWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = PlanVersion.objects.exclude(status=Status.RETIRED).select_related("plan").order_by("status", "plan")
        lists = PriceList.objects.exclude(status=Status.RETIRED).select_related("group").order_by("status", "code")
        self.fields["prices"].choices = [
            *((f"version:{one.pk}", f"{one} ({one.get_status_display()})") for one in versions),
            *((f"list:{one.pk}", f"{one} · {one.group.name} ({one.get_status_display()})") for one in lists),
        ]

    def chosen(self) -> Prices:
        """Return the set of prices that was chosen."""
        kind, _colon, pk = self.cleaned_data["prices"].partition(":")
        if kind == "version":
            return Prices(version=PlanVersion.objects.select_related("plan").get(pk=pk))
        return Prices(price_list=PriceList.objects.get(pk=pk))

    def tenants(self, prices: Prices) -> list[Tenant]:
        """Return the customers that were named, or all whom the prices concern."""
        codes = self.cleaned_data["customers"].replace(",", " ").split()
        if codes:
            return list(Tenant.objects.filter(code__in=codes[:MOST]))
        concerned = Subscription.objects.all()
        if prices.version:
            concerned = concerned.filter(plan=prices.version.plan_id)
        if prices.price_list:
            concerned = concerned.filter(tenant__group=prices.price_list.group_id)
        return list(Tenant.objects.filter(pk__in=concerned.values("tenant")).order_by("code")[:MOST])


def page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the form, and what the chosen prices come to beside those in force; or send it as CSV or JSON."""
    if not request.user.has_perm(NEEDS):
        raise PermissionDenied
    form = ComparisonForm(request.GET or None)
    found = None
    if form.is_bound and form.is_valid():
        prices = form.chosen()
        months = form.cleaned_data["months"]
        found = compare(form.tenants(prices), Prices(), prices, at=timezone.now(), months=months)
        if request.GET.get("as") in FILES:
            return FILES[request.GET["as"]](found)
    context = {**site.each_context(request), "title": gettext("Compare prices"), "form": form}
    return TemplateResponse(request, "admin/compare.html", context | (shown(found, request) if found else {}))


def shown(found: Comparison, request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows of a comparison."""
    rows = [(row, *figures(row.currency, row.one_minor, row.other_minor)) for row in found.rows]
    totals = [(currency, *figures(currency, one, other)) for currency, (one, other) in sorted(found.totals().items())]
    more = sum(row.difference_minor > 0 for row in found.rows)
    less = sum(row.difference_minor < 0 for row in found.rows)
    return {
        "rows": rows,
        "totals": totals,
        "bars": bars(found.rows),
        "height": 24 * min(len(found.rows), BARS),
        "query": request.GET.urlencode(),
        "summary": gettext("%(more)s would pay more, %(less)s less, %(same)s the same.")
        % {"more": more, "less": less, "same": len(found.rows) - more - less},
    }


def figures(currency: str, one: int, other: int) -> tuple[str, str, str, str]:
    """Return both sums, the difference, and the difference in percent, as people read them."""
    percent = f"{divide_half_up((other - one) * 100, one):+d} %" if one > 0 else ""
    return (
        formatting.money(one, currency),
        formatting.money(other, currency),
        formatting.money(other - one, currency),
        percent,
    )


def bars(rows: tuple[Row, ...]) -> list[Bar]:
    """Return the bars of the customers with the greatest differences, the greatest increase first."""
    most = sorted(rows, key=lambda row: -abs(row.difference_minor))[:BARS]
    top = max((abs(row.difference_minor) for row in most), default=0) or 1
    chosen = sorted(most, key=lambda row: -row.difference_minor)
    return [_bar(row, place, top) for place, row in enumerate(chosen)]


def _bar(row: Row, place: int, top: int) -> Bar:
    width = abs(row.difference_minor) * WIDTH // 2 // top
    more = row.difference_minor > 0
    middle = WIDTH // 2
    return Bar(
        name=str(row.tenant),
        figure=formatting.money(row.difference_minor, row.currency),
        y=24 * place,
        x=middle if more else middle - width,
        width=width,
        more=more,
    )


def as_csv(found: Comparison) -> HttpResponse:
    """Send the rows as CSV, with a mark so that Excel reads UTF-8."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["tenant", "name", "currency", "from", "until", "in_force", "new", "difference"])
    for row in told(found):
        table.writerow(row.values())
    named = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
    return HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8", headers=named)


def as_json(found: Comparison) -> HttpResponse:
    """Send the rows as JSON; amounts are decimal strings."""
    named = {"Content-Disposition": 'attachment; filename="comparison.json"'}
    return JsonResponse(list(told(found)), safe=False, json_dumps_params={"ensure_ascii": False}, headers=named)


def told(found: Comparison) -> list[dict[str, str]]:
    """Return the rows as plain data."""
    return [
        {
            "tenant": row.tenant.code,
            "name": row.tenant.name,
            "currency": row.currency,
            "from": str(row.first),
            "until": str(row.last),
            "in_force": str(Money(row.one_minor, row.currency)),
            "new": str(Money(row.other_minor, row.currency)),
            "difference": str(Money(row.difference_minor, row.currency)),
        }
        for row in found.rows
    ]


FILES = {"csv": as_csv, "json": as_json}
