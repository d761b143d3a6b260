"""A price as a form: the model chosen, then only the fields of that model, tiers as rows, refusals at the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.models import Price
from billing.money import plain
from billing.rating import SHAPES, PriceError, parse_price, rate
from billing.rating import Price as Rating

EXAMPLES = (Decimal(0), Decimal(10), Decimal(1200))
TIERED = ("graduated", "volume", "stairstep", "graduated_percentage")
COMMON = ("included", "minimum", "maximum", "unit_cost")
# Written in percent by people, as a fraction in a price.
SHARES = ("rate",)


@dataclass(frozen=True)
class Cell:
    """A column of the table of tiers: which models have it."""

    key: str
    label: Any
    models: tuple[str, ...]


CELLS = (
    Cell("up_to", _("up to and with"), TIERED),
    Cell("unit_amount", _("price of one"), ("graduated", "volume")),
    Cell("amount", _("amount of the tier"), ("stairstep",)),
    Cell("rate", _("rate in %"), ("graduated_percentage",)),
    Cell("flat_amount", _("plus fixed amount"), ("graduated", "volume", "graduated_percentage")),
)


class TiersWidget(forms.Widget):
    """A table with a row per tier; a row is added and removed by a button. `errors` stand in their cells."""

    template_name = "admin/tiers.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.errors: dict[tuple[int, str], str] = {}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        columns = {cell.key: listed(data, f"{name}.{cell.key}") for cell in CELLS}
        count = max((len(values) for values in columns.values()), default=0)
        rows = [{k: v[n].strip() if n < len(v) else "" for k, v in columns.items()} for n in range(count)]
        while rows and not any(rows[-1].values()) and len(rows) > 1:
            rows.pop()
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}.up_to" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = value or [{}, {}]
        context["cells"] = CELLS
        context["rows"] = [[self.cell(name, n, row, cell) for cell in CELLS] for n, row in enumerate(rows)]
        context["fresh"] = [self.cell(name, -1, {}, cell) for cell in CELLS]
        return context

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return mark_safe(render_to_string(self.template_name, self.get_context(name, value, attrs)))

    def cell(self, name: str, number: int, row: Mapping[str, str], cell: Cell) -> dict[str, Any]:
        """Return what the template shows of one cell."""
        error = self.errors.get((number, cell.key), "")
        return {"name": f"{name}.{cell.key}", "value": row.get(cell.key, ""), "error": error, "cell": cell}


class TiersField(forms.Field):
    """The rows of a tiered price, as they were typed."""

    widget = TiersWidget

    def clean(self, value: Any) -> list[dict[str, str]]:
        return value or []


def figure(label: Any, help_text: Any = "") -> forms.CharField:
    """Return a field for a number. The rating reads it, so that its refusals are the same as everywhere."""
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(label=label, required=False, help_text=help_text, widget=widget)


class PricingForm(forms.Form):
    """The shape of a price. Valid: `rating` is the price, `cleaned_data` has `model` and `params` as they are kept."""

    model = forms.ChoiceField(label=_("price model"), choices=Price.Model.choices, widget=UnfoldAdminSelectWidget)
    amount = figure(_("amount"), _("The amount of each period."))
    unit_amount = figure(_("price of one"))
    package_size = figure(_("units in a package"))
    package_amount = figure(_("price of a package"))
    rate = figure(_("rate in %"), _("1 is one percent."))
    fixed_amount = figure(_("fixed fee of each transaction"))
    free_amount = figure(_("free turnover"))
    free_count = figure(_("free transactions"))
    min_amount = figure(_("at least, of each transaction"))
    max_amount = figure(_("at most, of each transaction"))
    tiers = TiersField(
        label=_("tiers"), required=False, help_text=_("Leave the bound of the last tier empty: it has no end.")
    )
    included = figure(_("included"), _("Free units of each period."))
    minimum = figure(_("at least"), _("Of the whole, in each period."))
    maximum = figure(_("at most"), _("Of the whole, in each period."))
    unit_cost = figure(_("own cost of one"), _("For the margin only; customers never see it."))

    rating: Rating | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("model") in SHAPES:
            self.shape(data)
        return data

    def shape(self, data: dict[str, Any]) -> None:
        """Read the price out of the fields of its model."""
        try:
            self.rating = parse_price({"model": data["model"], **self.asked(data)}, path="")
        except PriceError as error:
            self.refuse(error)
            return
        kept = self.rating.to_json()
        data["model"], data["params"] = kept.pop("model"), kept

    def asked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that were filled in, of those that the model has."""
        keys = [key for key in (*SHAPES[data["model"]].keys, *COMMON) if key != "tiers"]
        asked: dict[str, Any] = {key: number_of(key, data.get(key, "")) for key in keys if data.get(key)}
        if "tiers" in SHAPES[data["model"]].keys:
            asked["tiers"] = [self.tier(data["model"], row) for row in data["tiers"]]
        return asked

    def tier(self, model: str, row: Mapping[str, str]) -> dict[str, Any]:
        """Return a row as a tier; an empty bound is no bound."""
        cells = [cell.key for cell in CELLS if model in cell.models and cell.key != "up_to"]
        return {"up_to": number_of("up_to", row["up_to"]) or None} | {k: number_of(k, row[k]) for k in cells if row[k]}

    def refuse(self, error: PriceError) -> None:
        """Put a refusal at its field, and of a tier also into its cell."""
        message = words(error)
        place = re.fullmatch(r"tiers\[(\d+)\](?:\.(\w+))?", error.path)
        if place is None:
            self.add_error(error.path if error.path in self.fields else None, message)
            return
        row = int(place[1])
        widget = self.fields["tiers"].widget
        widget.errors[row, place[2] or "up_to"] = message  # type: ignore[attr-defined]
        self.add_error("tiers", gettext("Tier %(number)s: %(message)s") % {"number": row + 1, "message": message})

    def models_of_json(self) -> str:
        """Return which models each field belongs to, for the page to show only those of the chosen one."""
        shapes = {name: " ".join(m for m, shape in SHAPES.items() if name in shape.keys) for name in self.fields}
        return json.dumps({name: models for name, models in shapes.items() if models})


def words(error: PriceError) -> str:
    """Say a refusal as one who fills in a form needs it."""
    said = {
        "missing": gettext("Please fill this in."),
        "empty": gettext("A tiered price needs at least one tier."),
        "tiers_gap": gettext("What lies above has no price: leave the bound of the last tier empty."),
        "tiers_after_last": gettext("Only the last tier may be without a bound; write where this one ends."),
        "tiers_not_ascending": gettext("The bound must be above that of the tier before it."),
        "negative": gettext("A price cannot be below zero."),
        "not_a_decimal": gettext("This is no number: write digits with at most one point, such as 0.05."),
        "above_maximum": gettext("The least must not be above the most."),
    }
    return said.get(error.code) or error.text(get_language() or "zh-hans")


def number_of(key: str, text: str) -> str:
    """Return a typed number as a price has it: without thousands separators, percent as a fraction."""
    text = text.strip().replace(",", "").replace("，", "").removesuffix("%").strip()
    if key not in SHARES:
        return text
    try:
        return plain(Decimal(text) / 100)
    except InvalidOperation:
        return text


def filled(model: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial values of a form from a kept price."""
    values: dict[str, Any] = {key: typed(key, value) for key, value in params.items() if key != "tiers"}
    tiers = [{key: typed(key, value) for key, value in tier.items()} for tier in params.get("tiers", [])]
    return {**values, "model": model, "tiers": tiers}


def typed(key: str, value: Any) -> str:
    """Return a kept number as people type it."""
    if value is None:
        return ""
    return plain(Decimal(value) * 100) if key in SHARES else str(value)


def examples(price: Rating, currency: str, unit: str = "", more: Iterable[Decimal] = ()) -> list[dict[str, Any]]:
    """Return what some quantities cost, with the steps, as the page shows them."""
    found = []
    for quantity in [*EXAMPLES, *more]:
        rated = rate(price, quantity, currency, unit=unit, unit_en=unit)
        steps = [step.text(get_language() or "zh-hans") for step in rated.steps]
        total = formatting.money(rated.amount_minor, currency)
        found.append({"quantity": formatting.quantity(quantity, unit), "amount": total, "steps": steps})
    return found


def listed(data: Any, name: str) -> list[str]:
    """Return all values of a repeated input."""
    return data.getlist(name) if hasattr(data, "getlist") else list(data.get(name, []))
