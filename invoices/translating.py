"""Translate one row of a file into a customer and what it buys; every cell that cannot be read is a refusal with its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from billing import orders, subscriptions
from billing.models import PlanVersion, Price
from billing.subscriptions import Order
from invoices.cells import day, fitting, number
from invoices.mapping import CustomerMap, Source
from invoices.sheets import Row
from tenants.companies import NewContact, NewTenant
from tenants.errors import DomainError, Invalid
from tenants.models import Seller, Tenant
from tenants.profiles import columns_of

Value = TypeVar("Value")
OF_ORDER = re.compile(r"(plan|start|end|quantities|prices|label|pays)\b")
YES_WORDS = {"true": True, "yes": True, "1": True, "是": True, "false": False, "no": False, "0": False, "否": False}


class Plans:
    """The plans on sale, each looked up once."""

    def __init__(self, seller: Seller | None) -> None:
        self.seller = seller
        self.found: dict[str, tuple[PlanVersion, list[Price]] | DomainError] = {}

    def get(self, code: str) -> tuple[PlanVersion, list[Price]]:
        """Return the version on sale with its prices; raise the refusal when there is none."""
        if code not in self.found:
            self.found[code] = self._look_up(code)
        answer = self.found[code]
        if isinstance(answer, DomainError):
            raise answer
        return answer

    def _look_up(self, code: str) -> tuple[PlanVersion, list[Price]] | DomainError:
        assert self.seller is not None
        try:
            version = subscriptions.on_sale(self.seller.pk, code)
        except DomainError as refusal:
            return refusal
        return version, list(version.prices.order_by("position", "pk"))


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a customer buys: the terms of an order, and the text under which it renews by itself, if any."""

    terms: dict[str, Any]
    consent: str = ""
    consent_version: str = ""

    @property
    def version_id(self) -> int:
        """The plan version, as it was on sale when the file was checked."""
        return int(self.terms["version"].pk)


@dataclass(slots=True)
class Entry:
    """What a row says, and what of it could not be read."""

    row: Row
    company: NewTenant
    purchase: Purchase | None = None
    refusals: list[DomainError] = field(default_factory=list)
    # Lists of the customer leave empty cells out: where each item stands in the mapping.
    places: dict[str, str] = field(default_factory=dict)

    def path_of(self, name: str) -> str:
        """Return the path in the mapping of what a refusal is about."""
        for short, path in self.places.items():
            if name == short or name.startswith(f"{short}."):
                return path + name[len(short) :]
        if not name or name.startswith(("customer.", "subscription.")):
            return name
        return f"subscription.{name}" if OF_ORDER.match(name) else f"customer.{name}"


def entry_of(row: Row, agreed: CustomerMap, plans: Plans) -> Entry:
    """Return the customer that a row is about, with the refusals of all cells that cannot be read."""
    reading = _Reading(row, agreed, plans)
    if row.spoilt:
        return Entry(row, NewTenant(code="", name=""), refusals=[row.spoilt])
    company = reading.company()
    purchase = reading.purchase(company) if agreed.subscription else None
    return Entry(row, company, purchase, reading.refusals, reading.places)


class _Reading:
    """One row being read."""

    def __init__(self, row: Row, agreed: CustomerMap, plans: Plans) -> None:
        self.row, self.agreed, self.plans = row, agreed, plans
        self.refusals: list[DomainError] = []
        self.places: dict[str, str] = {}

    def get(self, source: Source | None, read: Callable[[str, str], Value]) -> Value | None:
        """Return what a source says, or None when it says nothing or cannot be read."""
        if source is None:
            return None
        return self.attempt(lambda: read(text, source.path) if (text := source.of(self.row)) else None)

    def attempt(self, act: Callable[[], Value]) -> Value | None:
        try:
            return act()
        except DomainError as refusal:
            self.refusals.append(refusal)
            return None

    def text(self, source: Source | None) -> str:
        return self.get(source, lambda text, _path: text) or ""

    def company(self) -> NewTenant:
        said = {name: self.text(source) for name, source in self.agreed.customer.items()}
        return NewTenant(
            **{"code": "", "name": ""} | {name: text for name, text in said.items() if text},
            tags=self.tags(),
            contacts=self.contacts(),
        )

    def tags(self) -> list[str]:
        found: list[str] = []
        for source in self.agreed.tags:
            if (text := self.text(source)) and text not in found:
                self.places[f"tags[{len(found)}]"] = source.path
                found.append(text)
        return found

    def contacts(self) -> list[NewContact]:
        """Return the contacts with a name or an address."""
        found: list[NewContact] = []
        for number_, sources in enumerate(self.agreed.contacts):
            said: dict[str, Any] = {key: text for key, source in sources.items() if (text := self.text(source))}
            if not said.get("name") and not said.get("email"):
                continue
            path = f"customer.contacts[{number_}]"
            if "receives_bills" in said:
                said["receives_bills"] = self.get(sources["receives_bills"], _yes) or False
            self.places[f"contacts[{len(found)}]"] = path
            found.append(NewContact(**{"name": said.get("email", "")} | said))
        return found

    def purchase(self, company: NewTenant) -> Purchase | None:
        """Return what the customer buys, checked as an order of a customer not opened yet."""
        sources = self.agreed.subscription
        code, start = self.needed("plan", _as_it_is), self.needed("start", day)
        terms: dict[str, Any] = {
            "start_on": start,
            "end_on": self.get(sources.get("end"), day),
            "quantities": self.quantities(),
            "modules": self.modules(),
            "negotiated": self.prices(),
        }
        for name in ("label", "pays", "purchase_order", "cost_centre"):
            if text := self.get(sources.get(name), lambda text, path, name=name: fitting(name, text, path)):  # type: ignore[misc]
                terms[name] = text
        sold = self.attempt(lambda: self.plans.get(code)) if code else None
        if sold is None or start is None:
            return None
        terms["version"], prices = sold
        self.attempt(lambda: orders.check(Order(tenant=Tenant(**columns_of(company)), **terms), prices))
        renewal = self.agreed.renewal
        return Purchase(terms, self.text(renewal.get("consent")), self.text(renewal.get("version")))

    def needed(self, name: str, read: Callable[[str, str], Value]) -> Value | None:
        source = self.agreed.subscription[name]
        before = len(self.refusals)
        found = self.get(source, read)
        if found is None and len(self.refusals) == before:
            self.refusals.append(Invalid(_("This cell is empty, and it is needed."), field=source.path))
        return found

    def quantities(self) -> dict[str, Any]:
        said = {code: self.get(source, number) for code, source in self.agreed.quantities.items()}
        return {code: quantity for code, quantity in said.items() if quantity is not None}

    def modules(self) -> list[str]:
        taken: list[str] = []
        for code, source in self.agreed.modules.items():
            if self.attempt(lambda source=source: self.agreed.says_yes(source, self.row)):  # type: ignore[misc]
                self.places[f"modules[{len(taken)}]"] = source.path
                taken.append(code)
        return taken

    def prices(self) -> dict[str, dict[str, Any]]:
        """Return the negotiated prices; one whose cells are all empty is the plan's own."""
        found = {}
        for code, price in self.agreed.prices.items():
            read = {key: self.get(value, number) for key, value in price.items() if isinstance(value, Source)}
            if read and all(value is None for value in read.values()):
                continue
            found[code] = dict(price) | {key: f"{value:f}" for key, value in read.items() if value is not None}
            for key in [key for key, value in read.items() if value is None]:
                del found[code][key]
        return found


def _as_it_is(text: str, _path: str) -> str:
    return text


def _yes(text: str, path: str) -> bool:
    if text.lower() not in YES_WORDS:
        raise Invalid(_("“%(value)s” is neither yes nor no.") % {"value": text}, field=path)
    return YES_WORDS[text.lower()]
