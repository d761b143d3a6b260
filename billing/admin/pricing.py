"""The page on which a price is edited: the fields of its model, and at once what some quantities would cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing.forms import PricingForm, examples, filled
from billing.models import PlanVersion, Price, PriceListEntry
from billing.models.catalogue import Status
from billing.rating import SHAPES
from tenants.admin.acts import Question, address
from usage.models import Meter

SHAPE = list(PricingForm.base_fields)


@dataclass(frozen=True, kw_only=True)
class PricingQuestion(Question):
    """A question that is a price: the page shows its examples in `currency`."""

    currency: str
    template: str = "admin/pricing.html"

    @classmethod
    def of(cls, version: PlanVersion, title: str) -> PricingQuestion:
        """Return the question about a price of a draft."""
        lead = str(version)
        return cls(title=title, lead=lead, button=gettext("Save"), back=address(version), currency=version.currency)


class PropertiesField(forms.CharField):
    """Properties of an event, one `name = value` a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{k} = {v}" for k, v in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        found = {}
        for line in (super().to_python(value) or "").splitlines():
            name, sign, text = (part.strip() for part in line.partition("="))
            if line.strip() and not (name and sign and text):
                raise forms.ValidationError(gettext("Write “name = value”, one a line."))
            if line.strip():
                found[name] = text
        return found


class PriceForm(forms.ModelForm, PricingForm):
    """A price of a draft: what it is, and its shape."""

    match = PropertiesField(
        label=_("only events with"),
        required=False,
        help_text=_("“name = value”, one a line. Empty: all events that no other price takes."),
    )

    field_order = ["kind", "name", "name_en", "code", "meter", "match", "unit", "unit_en", *SHAPE, "timing", "interval"]

    class Meta:
        model = Price
        fields = [
            "kind",
            "code",
            "name",
            "name_en",
            "unit",
            "unit_en",
            "meter",
            "match",
            "above",
            "timing",
            "interval",
            "optional",
            "one_off",
            "tax_rate",
            "position",
            "model",
        ]
        widgets = {
            "kind": UnfoldAdminSelectWidget,
            "code": UnfoldAdminTextInputWidget,
            "name": UnfoldAdminTextInputWidget,
            "name_en": UnfoldAdminTextInputWidget,
            "unit": UnfoldAdminTextInputWidget,
            "unit_en": UnfoldAdminTextInputWidget,
            "meter": UnfoldAdminSelectWidget,
            "above": UnfoldAdminTextInputWidget,
            "timing": UnfoldAdminSelectWidget,
            "interval": UnfoldAdminSelectWidget,
            "optional": UnfoldBooleanWidget,
            "one_off": UnfoldBooleanWidget,
            "tax_rate": UnfoldAdminDecimalFieldWidget,
            "position": UnfoldAdminDecimalFieldWidget,
        }
        help_texts = {
            "code": _("Short, for programs: letters, digits, hyphens."),
            "meter": _("What is measured; only for usage."),
            "interval": _("Empty: as the plan is billed."),
            "optional": _("The customer chooses it; else it belongs to the plan."),
            "one_off": _("Charged once, at the start, not in each period."),
            "tax_rate": _("Empty: the seller's. As a fraction: 0.06 is 6 %."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial |= filled(self.instance.model, self.instance.params)
        self.fields["meter"].queryset = Meter.objects.filter(seller=self.instance.version.plan.seller, active=True)

    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        if self.instance.version.prices.exclude(pk=self.instance.pk).filter(code=code).exists():
            raise forms.ValidationError(_("This version has a price of this code already."))
        return code

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") == Price.Kind.USAGE:
            data["timing"] = Price.Timing.ARREARS
            if not data.get("meter"):
                self.add_error("meter", _("Choose what is measured."))
        else:
            data["meter"], data["match"] = None, {}
        if data.get("model") in SHAPES:
            self.shape(data)
        self.instance.params = data.get("params", {})
        return data


class EntryForm(forms.ModelForm, PricingForm):
    """A price of a group's list: whose it stands for, and its shape."""

    class Meta:
        model = PriceListEntry
        fields = ["plan", "price_code", "model"]
        widgets = {"plan": UnfoldAdminSelectWidget}

    price_code = forms.ChoiceField(label=_("price"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial |= filled(self.instance.model, self.instance.params)
        seller = self.instance.price_list.seller
        plans = self.fields["plan"].queryset.filter(seller=seller, versions__status=Status.PUBLISHED).distinct()
        self.fields["plan"].queryset = plans
        sold = Price.objects.filter(version__plan__in=plans, version__status=Status.PUBLISHED)
        sold = sold.order_by("version__plan__name", "position").values_list("code", "name", "version__plan__name")
        self.fields["price_code"].choices = list(
            {code: (code, f"{plan} · {name}") for code, name, plan in sold}.values()
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        plan, code = data.get("plan"), data.get("price_code")
        if plan and code:
            sold = Price.objects.filter(version__plan=plan, version__status=Status.PUBLISHED, code=code)
            if not sold.exists():
                self.add_error("price_code", _("The plan that was chosen has no such price on sale."))
            others = self.instance.price_list.entries.exclude(pk=self.instance.pk)
            if others.filter(plan=plan, price_code=code).exists():
                self.add_error("price_code", _("The list has a price for this already."))
        if data.get("model") in SHAPES:
            self.shape(data)
        self.instance.params = data.get("params", {})
        return data


def preview(request: HttpRequest) -> HttpResponse:
    """Answer what 0, 10, 1,200 (and one's own quantity) would cost, of a form as it stands now."""
    prefix = request.POST.get("pricing-prefix") or None
    form = PricingForm(request.POST, prefix=prefix)
    form.is_valid()
    rows: list[dict[str, Any]] = []
    if form.rating is not None:
        rows = examples(form.rating, request.POST.get("pricing-currency") or "CNY", more=own_quantity(request))
    return TemplateResponse(request, "admin/pricing_preview.html", {"rows": rows, "errors": form.errors})


def own_quantity(request: HttpRequest) -> list[Decimal]:
    """Return the quantity that was typed to be tried, if it is one."""
    try:
        value = Decimal(request.POST.get("pricing-quantity", "").replace(",", "") or "NaN")
    except InvalidOperation:
        return []
    return [value] if value.is_finite() and 0 <= value < Decimal(10) ** 15 else []
