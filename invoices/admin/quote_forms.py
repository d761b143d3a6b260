"""The form of a quote: an order with what only a quote has (validity, commitment, ramp, expected usage, clauses)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing.admin.subscribing import OrderForm, OwnPrice
from billing.forms import figure, filled
from billing.models import PlanVersion, Price
from billing.money import Money, plain
from invoices.quoting import Terms
from tenants.admin.choosing import CustomerField
from tenants.models import Tenant

VALID = timedelta(days=30)
WHOLE, QUANTITY, SHARE = "whole", "quantity", "share"


class ForWhomForm(forms.Form):
    """Which customer the quote is for."""

    tenant = CustomerField()


@dataclass
class QuotedPrice(OwnPrice):
    """A price that may have been agreed already, in the quote that is being revised."""

    agreed: bool = False

    @property
    def wanted(self) -> bool:
        return super().wanted if self.form.is_bound else self.agreed


class QuoteForm(OrderForm):
    """All that a quote offers; it begins with `terms` where one is revised."""

    renews = forms.BooleanField(
        label=_("renews by itself"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("The customer consents to it with the quote. Only without a fixed end."),
    )
    valid_until = forms.DateField(label=_("valid until and with"), widget=UnfoldAdminSingleDateWidget)
    minimum = figure(_("commitment per period"), _("The least that a period comes to, before discount and tax."))
    ramp_percent = figure(_("off in the beginning, in %"), _("Off the fees for plan, seats and modules."))
    ramp_months = figure(_("for so many months"))
    coupons = forms.CharField(
        label=_("coupons"), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Codes, apart by commas.")
    )
    clauses = forms.CharField(
        label=_("further terms"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )
    clauses_en = forms.CharField(
        label=_("further terms in English"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )

    def __init__(self, tenant: Tenant, version: PlanVersion, terms: Terms | None = None, **kwargs: Any) -> None:
        self.terms = terms
        super().__init__(tenant, version, **kwargs)
        for name in ("consent", "purchase_order", "cost_centre"):
            del self.fields[name]
        today = timezone.localdate(timezone=ZoneInfo(tenant.timezone))
        self.initial |= {"start_on": today, "valid_until": today + VALID}
        if terms:
            self.initial |= written(terms, {price.code: price.kind for price in self.prices})

    def add_quantities(self) -> None:
        """Add what is bought in numbers, services too, and the expected usage of every usage price."""
        super().add_quantities()
        for price in self.prices:
            if price.kind == Price.Kind.SERVICE:
                self.fields[f"count-{price.code}"] = figure(_("how many: %(name)s") % {"name": price.name})
            if price.kind == Price.Kind.USAGE:
                label = _("expected a month: %(name)s") % {"name": price.name}
                self.fields[f"expected.{price.code}"] = figure(label, _("For the estimate of the whole cost."))

    def own(self, price: Price, data: Any) -> OwnPrice:
        made = super().own(price, data)
        agreed = (self.terms.prices if self.terms else {}).get(price.code)
        if agreed and data is None:
            params = {key: value for key, value in agreed.items() if key != "model"}
            made.form.initial = filled(agreed["model"], params)
        return QuotedPrice(made.price, made.text, made.form, agreed=bool(agreed) and data is None)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for name in [name for name in self.fields if name.startswith("expected.")]:
            self._read(data, name, Decimal)
        self._read(data, "minimum", lambda text: Money.of(text, self.version.currency).minor)
        self._read(data, "ramp_percent", lambda text: Decimal(text.removesuffix("%")) / 100)
        self._read(data, "ramp_months", int)
        return data

    def _read(self, data: dict[str, Any], name: str, read: Any) -> None:
        """Replace what was typed by what it means; nothing typed is nothing said."""
        if not data.get(name):
            data[name] = None
            return
        try:
            data[name] = read(data[name].replace(",", "").replace("¥", "").strip())
        except (InvalidOperation, ValueError):
            self.add_error(name, _("This is no number."))

    def said(self) -> Terms:
        """Return what was written, ready for the verb."""
        data = self.cleaned_data | {"consent": None, "purchase_order": "", "cost_centre": ""}
        self.cleaned_data = data
        ordered = self.order()
        return Terms(
            version=self.version,
            start_on=ordered.start_on,
            end_on=ordered.end_on,
            valid_until=data["valid_until"],
            renews=data["renews"],
            pays=ordered.pays,
            label=ordered.label,
            quantities=ordered.quantities,
            modules=tuple(ordered.modules),
            prices=ordered.negotiated,
            minimum_minor=data["minimum"],
            ramp_percent=data["ramp_percent"],
            ramp_months=data["ramp_months"],
            coupons=tuple(code.strip() for code in data["coupons"].replace("，", ",").split(",") if code.strip()),
            expected={p.code: data[f"expected.{p.code}"] for p in self.prices if data.get(f"expected.{p.code}")},
            clauses=data["clauses"],
            clauses_en=data["clauses_en"],
        )


def written(terms: Terms, kinds: dict[str, str]) -> dict[str, Any]:
    """Return the initial values of the form from a quote's terms."""
    same = ("start_on", "end_on", "valid_until", "renews", "pays", "label", "clauses", "clauses_en", "ramp_months")
    said = {name: getattr(terms, name) for name in same}
    said |= {f"count-{code}": plain(quantity) for code, quantity in terms.quantities.items()}
    said |= {f"take-{code}": True for code in terms.modules}
    said |= {f"expected.{code}": plain(quantity) for code, quantity in terms.expected.items()}
    if terms.minimum_minor is not None:
        said["minimum"] = str(Money(terms.minimum_minor, terms.version.currency))
    if terms.ramp_percent is not None:
        said["ramp_percent"] = plain(terms.ramp_percent * 100)
    return said | {"coupons": ", ".join(terms.coupons)}
