"""A price as a sentence: what it costs, what is included, where it is capped (REQUIREMENTS C10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing import formatting
from invoices.pages import wording

Params = Mapping[str, Any]


@dataclass(frozen=True)
class PriceWords:
    """`figure` is the price itself, `terms` the rest: tiers, what is included, minimum and cap."""

    figure: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """In which currency and unit a price's parameters are read."""

    currency: str
    unit: str

    def price(self, value: str) -> str:
        return formatting.unit_price(Decimal(value), self.currency)

    def count(self, value: str) -> str:
        return wording.count(Decimal(value), self.unit, get_language() or "")

    def each(self, value: str) -> str:
        return f"{self.price(value)} / {self.unit}" if self.unit else self.price(value)


def describe(model: str, params: Params, *, currency: str, unit: str) -> PriceWords:
    """Return how a price reads in the active language; `params` is a price of CONTRACTS §1."""
    read = Reader(currency, unit)
    words = READERS[model](params, read)
    return PriceWords(words.figure, words.terms + around(params, read))


def around(params: Params, read: Reader) -> tuple[str, ...]:
    """Return the sentences that any price may carry: included, minimum, maximum."""
    terms = []
    if Decimal(params.get("included") or 0):
        terms.append(_("%(quantity)s included") % {"quantity": read.count(params["included"])})
    if params.get("minimum") is not None:
        terms.append(_("at least %(amount)s") % {"amount": read.price(params["minimum"])})
    if params.get("maximum") is not None:
        terms.append(_("at most %(amount)s") % {"amount": read.price(params["maximum"])})
    return tuple(terms)


def flat(params: Params, read: Reader) -> PriceWords:
    return PriceWords(read.price(params["amount"]))


def per_unit(params: Params, read: Reader) -> PriceWords:
    return PriceWords(read.each(params["unit_amount"]))


def package(params: Params, read: Reader) -> PriceWords:
    figure = _("%(amount)s per %(size)s") % {
        "amount": read.price(params["package_amount"]),
        "size": read.count(params["package_size"]),
    }
    return PriceWords(figure, (_("a package begun counts whole"),))


def tiers(params: Params, read: Reader, line: Callable[[Params], str]) -> tuple[str, ...]:
    """Return one sentence per tier: `up to 10: …`, `above: …`."""
    said = []
    for tier in params["tiers"]:
        if tier.get("up_to") is None:
            said.append(_("above: %(price)s") % {"price": line(tier)})
        else:
            said.append(_("up to %(bound)s: %(price)s") % {"bound": read.count(tier["up_to"]), "price": line(tier)})
    return tuple(said)


def tier_price(tier: Params, read: Reader) -> str:
    price = read.each(tier.get("unit_amount") or "0")
    if Decimal(tier.get("flat_amount") or 0):
        return _("%(price)s and %(flat)s once") % {"price": price, "flat": read.price(tier["flat_amount"])}
    return price


def graduated(params: Params, read: Reader) -> PriceWords:
    return PriceWords(
        _("By tier, each unit at its own tier's price"), tiers(params, read, lambda t: tier_price(t, read))
    )


def volume(params: Params, read: Reader) -> PriceWords:
    return PriceWords(_("By tier, all units at the tier reached"), tiers(params, read, lambda t: tier_price(t, read)))


def stairstep(params: Params, read: Reader) -> PriceWords:
    return PriceWords(_("By tier, one amount for each"), tiers(params, read, lambda t: read.price(t["amount"])))


def percentage(params: Params, read: Reader) -> PriceWords:
    terms = []
    if params.get("fixed_amount"):
        terms.append(_("and %(amount)s per transaction") % {"amount": read.price(params["fixed_amount"])})
    if params.get("free_count"):
        terms.append(_("the first %(count)s transactions are free") % {"count": params["free_count"]})
    if params.get("free_amount"):
        terms.append(_("the first %(amount)s is free") % {"amount": read.price(params["free_amount"])})
    if params.get("min_amount"):
        terms.append(_("at least %(amount)s per transaction") % {"amount": read.price(params["min_amount"])})
    if params.get("max_amount"):
        terms.append(_("at most %(amount)s per transaction") % {"amount": read.price(params["max_amount"])})
    return PriceWords(_("%(rate)s of the amount") % {"rate": formatting.percent(Decimal(params["rate"]))}, tuple(terms))


def graduated_percentage(params: Params, read: Reader) -> PriceWords:
    def line(tier: Params) -> str:
        return formatting.percent(Decimal(tier["rate"]))

    money = Reader(read.currency, "")
    said = []
    for tier in params["tiers"]:
        bound = tier.get("up_to")
        head = _("above: %(price)s") if bound is None else _("up to %(bound)s: %(price)s")
        said.append(head % {"bound": money.price(bound) if bound else "", "price": line(tier)})
    return PriceWords(_("A share of the amount, by tier"), tuple(said))


READERS: Mapping[str, Callable[[Params, Reader], PriceWords]] = {
    "flat": flat,
    "per_unit": per_unit,
    "package": package,
    "graduated": graduated,
    "volume": volume,
    "stairstep": stairstep,
    "percentage": percentage,
    "graduated_percentage": graduated_percentage,
}
