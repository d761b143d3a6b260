"""The page on which a story is rehearsed: pasted, or written from a draft and example customers; and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import yaml
from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from billing.models import PlanVersion
from billing.models.catalogue import Status
from invoices import rehearsal
from invoices.admin import comparisons, value
from invoices.rehearsal import retelling
from tenants.models import Tenant

MOST_CUSTOMERS, MOST_STORIES = 20, 100
NEEDS = "billing.view_planversion"

EXAMPLE = """name: 1,200 messages on a plan of 1,000
timezone: Asia/Shanghai
currency: CNY
until: 2026-03-02T00:00:00
tax: {rate: "0.06", inclusive: true}
catalogue:
  meters:
    - {code: messages, aggregation: sum, unit: 条}
  plans:
    - code: standard
      interval: month
      prices:
        - {code: base, kind: base, model: flat, amount: "199.00"}
        - {code: seat, kind: seat, model: per_unit, unit_amount: "200.00"}
        - {code: messages, kind: usage, meter: messages, model: per_unit, included: "1000", unit_amount: "0.05"}
tenants:
  - {code: acme, wallet: "2000.00", pays: wallet}
steps:
  - {at: 2026-01-31T09:00:00, do: subscribe, tenant: acme, plan: standard, quantities: {seat: 3}}
  - {at: 2026-02-10T09:00:00, do: use, tenant: acme, meter: messages, quantity: "1200"}
"""


def addresses(site: AdminSite) -> list[URLPattern]:
    """Return the addresses of the pages that are no table, to stand before those of a table."""
    return [
        path("rehearse/", site.admin_view(lambda request: page(site, request)), name="rehearse"),
        path("compare/", site.admin_view(lambda request: comparisons.page(site, request)), name="compare_prices"),
        path("value/", site.admin_view(lambda request: value.page(site, request)), name="value"),
        path("value/<int:pk>/", site.admin_view(lambda request, pk: value.one(site, request, pk)), name="value_of"),
    ]


class StoryForm(forms.Form):
    """A story as text, and what one may be written from."""

    version = forms.ModelChoiceField(
        PlanVersion.objects.none(), label=_("plan"), required=False, widget=UnfoldAdminSelectWidget
    )
    customers = forms.CharField(
        label=_("example customers"),
        required=False,
        help_text=_("Codes, separated by blanks. Their seats and what they used by day become the story."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    months = forms.IntegerField(
        label=_("months"), min_value=1, max_value=12, initial=3, required=False, widget=UnfoldAdminIntegerFieldWidget
    )
    story = forms.CharField(
        label=_("story"),
        required=False,
        initial=EXAMPLE,
        strip=False,
        help_text=_("YAML or JSON; a list is several stories. Nothing of it is kept."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 24, "spellcheck": "false", "class": "font-mono"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        on_offer = PlanVersion.objects.exclude(status=Status.RETIRED).select_related("plan")
        self.fields["version"].queryset = on_offer.order_by("status", "plan__code")

    def clean_customers(self) -> list[Tenant]:
        codes = self.cleaned_data["customers"].replace(",", " ").split()
        found = Tenant.objects.in_bulk(codes[: MOST_CUSTOMERS + 1], field_name="code")
        if unknown := [code for code in codes if code not in found]:
            raise forms.ValidationError(gettext("There is no customer “%(code)s”.") % {"code": unknown[0]})
        if len(found) > MOST_CUSTOMERS:
            raise forms.ValidationError(gettext("At most %(count)s customers.") % {"count": MOST_CUSTOMERS})
        return list(found.values())

    def written(self, at: datetime) -> str:
        """Return a story of what was chosen, or what was sent."""
        said = self.cleaned_data
        if said["version"] is None:
            return str(said["story"])
        story = retelling.story_of(said["version"], said["customers"], at=at, months=said["months"] or 3)
        return str(yaml.safe_dump(story, allow_unicode=True, sort_keys=False, width=120))


def page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the form; write a story, or play what was sent and show or send what came of it."""
    if not request.user.has_perm(NEEDS):
        raise PermissionDenied
    act, told = request.POST.get("act", ""), []
    form = StoryForm(request.POST if act else None)
    if act == "write" and form.is_valid():
        story = {"story": form.written(timezone.now())}
        form = StoryForm(initial={**form.cleaned_data, "customers": request.POST["customers"]} | story)
    elif act and form.is_valid():
        told = list(rehearsal.rehearse_text(form.cleaned_data["story"], most=MOST_STORIES))
        if act == "download":
            named = {"Content-Disposition": 'attachment; filename="rehearsal.json"'}
            dumps = {"ensure_ascii": False, "indent": 1}
            return JsonResponse(told, safe=False, json_dumps_params=dumps, headers=named)
    shown = [{"told": one, "timeline": timeline(one)} for one in told]
    context = {**site.each_context(request), "title": gettext("Rehearse"), "form": form, "stories": shown}
    return TemplateResponse(request, "admin/rehearse.html", context)


def timeline(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what happened, in order of time: bills, payments, notices."""
    rows = [
        {
            "at": bill["issued_at"],
            "what": _("bill issued"),
            "tenant": bill["tenant"],
            "amount": bill["total"],
            "bill": bill,
        }
        for bill in told.get("invoices", ())
        if bill["issued_at"]
    ]
    rows += [
        {"at": one["at"], "what": _("payment"), "tenant": one["tenant"], "amount": one["amount"], "note": one["status"]}
        for one in told.get("payments", ())
    ]
    rows += [
        {
            "at": one["at"],
            "what": _("deduction announced"),
            "tenant": one["tenant"],
            "amount": one["total"],
            "note": one["charge_at"],
        }
        for one in told.get("notices", ())
    ]
    return sorted(rows, key=lambda row: datetime.fromisoformat(row["at"]))
