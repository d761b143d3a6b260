"""A plan's terms and prices as rows that can be read and compared."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import PlanVersion, Price
from billing.wording import price_text


def price_row(price: Price, currency: str) -> dict[str, str]:
    """Return what a table says of a price, by the name of the column."""
    notes = [_("optional")] if price.optional else []
    notes += [_("once only")] if price.one_off else []
    notes += [price.get_interval_display()] if price.interval else []
    notes += [f"{key} = {value}" for key, value in price.match.items()]
    return {
        _("name"): price.name,
        _("code"): price.code,
        _("kind"): price.get_kind_display(),
        _("price model"): price.get_model_display(),
        _("price"): price_text(price.model, price.params, currency),
        _("meter"): price.meter.name if price.meter else "",
        _("charged"): price.get_timing_display(),
        _("more"): _(", ").join(notes),
    }


def term_rows(version: PlanVersion) -> dict[str, str]:
    """Return a version's terms as people read them, by the name of the field."""
    names = ["currency", "interval", "term", "alignment", "billing_day", "trial_days", "after_trial", "proration"]
    names += ["refund", "credit_removals", "undo_hours", "minimum_minor", "terms"]
    rows = {}
    for name in names:
        field = version._meta.get_field(name)
        value = getattr(version, name)
        shown = getattr(version, f"get_{name}_display", lambda kept=value: kept)()
        if name == "minimum_minor" and value is not None:
            shown = formatting.money(value, version.currency)
        if isinstance(value, bool):
            shown = _("yes") if value else _("no")
        rows[str(field.verbose_name)] = "" if shown is None else str(shown)
    return rows


def differences(old: PlanVersion, new: PlanVersion) -> list[tuple[str, str, str]]:
    """Return what changes from one version to the next: what, before, after; nothing when they say the same."""
    found = []
    before, after = term_rows(old), term_rows(new)
    found += [(name, before[name], after[name]) for name in after if before[name] != after[name]]
    olds = {price.code: price for price in old.prices.select_related("meter")}
    news = {price.code: price for price in new.prices.select_related("meter")}
    for code in [*olds, *(code for code in news if code not in olds)]:
        was = price_row(olds[code], old.currency) if code in olds else {}
        now = price_row(news[code], new.currency) if code in news else {}
        label = (news.get(code) or olds[code]).name
        if not was or not now:
            found.append((label, summary(was) or _("(not there)"), summary(now) or _("(removed)")))
            continue
        found += [(f"{label}{_(': ')}{name}", was[name], now[name]) for name in now if was[name] != now[name]]
    return found


def summary(row: Mapping[str, str]) -> str:
    """Return a price row in one line."""
    return " · ".join(value for value in row.values() if value)
