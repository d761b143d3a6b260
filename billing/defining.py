"""Make meters and plans from plain data of the shape of CONTRACTS §2 `catalogue`: for files, demos and rehearsals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from billing import catalogue
from billing.models import Family, Plan, PlanVersion, Price
from billing.models.catalogue import Interval, Status
from billing.money import Money, UnknownCurrency
from billing.rating import SHAPES
from tenants.errors import DomainError, Invalid
from tenants.models import Seller, User
from usage.models import Meter

Row = TypeVar("Row", bound=models.Model)
METER = {"code", "name", "name_en", "aggregation", "unit", "unit_en", "value", "recurring", "dimensions"}
# A plan's terms as data names them; the commitment is an amount there.
TERMS = [name for name in catalogue.TERMS if name != "minimum_minor"]
PLAN = {"code", "name", "name_en", "family", "minimum", "prices", *TERMS}
PRICE = {
    "code",
    "name",
    "name_en",
    "kind",
    "optional",
    "meter",
    "match",
    "above",
    "interval",
    "timing",
    "one_off",
    "unit",
    "unit_en",
    "tax_rate",
    "model",
}
SELLER = {
    "code",
    "legal_name",
    "brand",
    "brand_en",
    "mark",
    "colour",
    "tax_number",
    "tax_status",
    "tax_rate",
    "tax_inclusive",
    "address",
    "phone",
    "email",
    "bank_name",
    "bank_account",
    "currency",
    "timezone",
    "payment_days",
    "number_prefix",
}
PARAMS = frozenset({"included", "minimum", "maximum", "unit_cost"}).union(*(shape.keys for shape in SHAPES.values()))


@transaction.atomic
def define_catalogue(data: Mapping[str, Any], *, at: datetime, by: User | None) -> Seller:
    """Make a seller with meters and plans, what of it is not there yet; return the seller.

    What exists by its code stays as it is, so the same data may come again. Unknown keys and bad values are refused
    with the path, and nothing is made.
    """
    if not isinstance(data, Mapping):
        raise Invalid(_("Here a table of keys and values is needed."), field="catalogue")
    _only(data, {"seller", "meters", "plans"}, "catalogue")
    seller = _seller(data.get("seller"), at)
    meters = set(Meter.objects.filter(seller=seller).values_list("code", flat=True))
    define_meters(seller, [m for m in data.get("meters", ()) if m.get("code") not in meters], at=at)
    sold = PlanVersion.objects.filter(plan__seller=seller, status=Status.PUBLISHED)
    plans = set(sold.values_list("plan__code", flat=True))
    for number, plan in enumerate(data.get("plans", ())):
        if plan.get("code") not in plans:
            define_plan(seller, plan, at=at, by=by, path=f"plans[{number}]")
    return seller


def _seller(data: Any, at: datetime) -> Seller:
    if not isinstance(data, Mapping):
        raise Invalid(_("Here a table of keys and values is needed."), field="seller")
    _only(data, SELLER, "seller")
    code = _text(data, "code", "seller")
    if (found := Seller.objects.filter(code=code).first()) is not None:
        return found
    seller: Seller = _checked(Seller(**data, created_at=at), "seller")
    seller.save()
    return seller


@transaction.atomic
def define_meters(seller: Seller, data: Sequence[Mapping[str, Any]], *, at: datetime) -> list[Meter]:
    """Make meters; refuse unknown keys and bad values with the path, before anything is written."""
    made = []
    for number, one in enumerate(data):
        path = f"meters[{number}]"
        _only(one, METER, path)
        meter = Meter(
            seller=seller,
            code=_text(one, "code", path),
            name=one.get("name") or one["code"],
            name_en=one.get("name_en", ""),
            aggregation=one.get("aggregation", "sum"),
            unit=one.get("unit", ""),
            unit_en=one.get("unit_en", ""),
            value_property=one.get("value") or "",
            recurring=one.get("recurring", False),
            dimensions=list(one.get("dimensions", ())),
            created_at=at,
        )
        made.append(_checked(meter, path))
    return Meter.objects.bulk_create(made)


@transaction.atomic
def define_plan(
    seller: Seller, data: Mapping[str, Any], *, at: datetime, by: User | None, path: str = "plan"
) -> PlanVersion:
    """Make and publish a plan (or the next version of one) from data of the shape of `catalogue.plans`."""
    _only(data, PLAN, path)
    version = catalogue.draft(_plan(seller, data, path), at=at, by=by)
    interval = data.get("interval", Interval.MONTH)
    currency = data.get("currency") or seller.currency
    # What is left out has its default, whatever the version before it said.
    given = {**data, "interval": interval, "term": data.get("term", interval), "currency": currency}
    blank = PlanVersion()
    for name in TERMS:
        setattr(version, name, given.get(name, getattr(blank, name)))
    version.minimum_minor = _minor(data.get("minimum"), currency, f"{path}.minimum")
    _checked(version, path).save()
    version.prices.all().delete()
    prices = data.get("prices", ())
    Price.objects.bulk_create([_price(version, seller, one, n, f"{path}.prices[{n}]") for n, one in enumerate(prices)])
    try:
        return catalogue.publish(version, at=at, by=by)
    except DomainError as refusal:
        raise type(refusal)(refusal.message, field=f"{path}.{refusal.field}") from None


def _plan(seller: Seller, data: Mapping[str, Any], path: str) -> Plan:
    code = _text(data, "code", path)
    family, _made = Family.objects.get_or_create(
        seller=seller, code=data.get("family") or code, defaults={"name": data.get("family") or code}
    )
    plan, _new = Plan.objects.get_or_create(
        seller=seller,
        code=code,
        defaults={"family": family, "name": data.get("name") or code, "name_en": data.get("name_en", "")},
    )
    return plan


def _price(version: PlanVersion, seller: Seller, data: Mapping[str, Any], number: int, path: str) -> Price:
    _only(data, PRICE | PARAMS, path)
    meter = None
    if data.get("meter"):
        meter = Meter.objects.filter(seller=seller, code=data["meter"]).first()
        if meter is None:
            raise Invalid(_("There is no meter “%(code)s”.") % {"code": data["meter"]}, field=f"{path}.meter")
    kind = _text(data, "kind", path)
    price = Price(
        version=version,
        code=_text(data, "code", path),
        name=data.get("name") or data["code"],
        name_en=data.get("name_en", ""),
        position=number,
        kind=kind,
        model=_text(data, "model", path),
        params={key: data[key] for key in data if key in PARAMS},
        meter=meter,
        match=dict(data.get("match", {})),
        above=data.get("above") or "",
        interval=data.get("interval", ""),
        timing=data.get("timing") or ("arrears" if kind == "usage" else "advance"),
        optional=data.get("optional", False),
        one_off=data.get("one_off", False),
        unit=data.get("unit", ""),
        unit_en=data.get("unit_en", ""),
        tax_rate=data.get("tax_rate"),
    )
    return _checked(price, path)


def _checked(row: Row, path: str) -> Row:
    """Return the row if its fields are of the right form, else raise Invalid with the first field's path."""
    try:
        row.clean_fields(exclude=["version", "plan"])
    except ValidationError as wrong:
        name, messages = next(iter(wrong.message_dict.items()))
        raise Invalid(messages[0], field=f"{path}.{name}") from None
    return row


def _minor(amount: object, currency: str, path: str) -> int | None:
    if amount in (None, ""):
        return None
    try:
        return Money.of(str(amount) if isinstance(amount, str) else "", currency).minor
    except UnknownCurrency:
        return None  # refused with the plan's currency
    except ValueError:
        raise Invalid(_("Write the amount as a text, as “100.00”."), field=path) from None


def _only(data: Mapping[str, Any], known: frozenset[str] | set[str], path: str) -> None:
    for key in data:
        if key not in known:
            raise Invalid(_("“%(key)s” is not known here.") % {"key": key}, field=f"{path}.{key}")


def _text(data: Mapping[str, Any], key: str, path: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise Invalid(_("This must be a text."), field=f"{path}.{key}")
    return value
