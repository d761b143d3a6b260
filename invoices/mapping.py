"""A mapping: which column of a file says what about a customer. YAML, every key known, every refusal with its path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext as _

from invoices.sheets import Row
from tenants.errors import DomainError, Invalid, Mistakes
from tenants.profiles import COLUMNS, CONTACT_FIELDS

TOP = ("file", "seller", "customer", "subscription", "yes", "no")
FILE = ("encoding", "delimiter", "sheet")
CUSTOMER = (*COLUMNS, "group", "parent", "tags", "contacts")
SIMPLE = ("plan", "start", "end", "label", "pays", "purchase_order", "cost_centre")
SUBSCRIPTION = (*SIMPLE, "quantities", "modules", "prices", "renewal")
SOURCE = ("column", "text", "by_value", "default")
RENEWAL = ("consent", "version")
YES = ("yes", "y", "true", "1", "是", "有")
NO = ("", "no", "n", "false", "0", "否", "无")
# {row} and {row:5}, {Column}: nothing else, so that a text can reach nothing but the row.
GAP = re.compile(r"\{([^{}:]+)(?::(\d{1,2}))?\}")


class Unmapped(DomainError):
    """A cell holds something that the mapping does not translate."""

    code = "unmapped_value"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a constant, a column (by a table of values, or as it is), or a text with columns in it."""

    path: str
    constant: str = ""
    column: str = ""
    text: str = ""
    by_value: Mapping[str, str] | None = None
    default: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.column,) if self.column else tuple(name for name, _w in GAP.findall(self.text) if name != "row")

    def of(self, row: Row) -> str:
        """Return what a row says; raise Unmapped when its value is not in the table."""
        if self.text:
            return GAP.sub(lambda gap: _filled(gap[1], gap[2], row), self.text)
        if not self.column:
            return self.constant
        cell = row.cells[self.column]
        if self.by_value is None:
            return cell or self.default
        if cell in self.by_value:
            return self.by_value[cell]
        if not cell and self.default:
            return self.default
        known = ", ".join(f"“{value}”" for value in self.by_value)
        raise Unmapped(_("“%(value)s” is none of %(known)s.") % {"value": cell, "known": known}, field=self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMap:
    """A mapping that was read. Each source's path is where it stands in the YAML."""

    seller: str
    file: Mapping[str, str]
    customer: Mapping[str, Source]
    tags: Sequence[Source] = ()
    contacts: Sequence[Mapping[str, Source]] = ()
    # Empty when the file brings customers alone.
    subscription: Mapping[str, Source]
    quantities: Mapping[str, Source]
    modules: Mapping[str, Source]
    # By price code: the model and its parameters, each a source or plain data.
    prices: Mapping[str, Mapping[str, Any]]
    renewal: Mapping[str, Source]
    yes: frozenset[str]
    no: frozenset[str]

    def sources(self) -> Iterator[Source]:
        """Yield every source."""
        groups = (self.customer, *self.contacts, self.subscription, self.quantities, self.modules, self.renewal)
        for group in (*groups, *self.prices.values()):
            yield from (source for source in group.values() if isinstance(source, Source))
        yield from self.tags

    def column_of(self, path: str) -> str:
        """Return the column that a path such as `customer.tax_number` is read from, or nothing."""
        return next((", ".join(source.columns) for source in self.sources() if source.path == path), "")

    def says_yes(self, source: Source, row: Row) -> bool:
        """Return whether a row takes something; raise Unmapped when the cell says neither yes nor no."""
        said = source.of(row)
        if said.lower() in self.yes:
            return True
        if said.lower() in self.no:
            return False
        raise Unmapped(
            _("“%(value)s” is neither yes nor no; add it to “yes” or “no” of the mapping.") % {"value": said},
            field=source.path,
        )


def read(text: str) -> CustomerMap:
    """Return the mapping in a YAML text.

    Raises Mistakes with every key that is not known and every value that is not of the right form, each with its path.
    """
    return _Reader().read(_yaml(text))


def check_columns(mapping: CustomerMap, columns: Sequence[str]) -> None:
    """Raise Mistakes when the mapping reads columns that the file does not have."""
    missing = [(source.path, c) for source in mapping.sources() for c in source.columns if c not in columns]
    if missing:
        message = _("The file has no column “%(column)s”. It has: %(columns)s.")
        told = ", ".join(columns)
        raise Mistakes([Invalid(message % {"column": c, "columns": told}, field=path) for path, c in missing])


class _Loader(yaml.BaseLoader):
    """Every scalar stays the text that was written (No is no boolean, 007 no number), and a key may stand once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _value in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            line = node.start_mark.line + 1
            raise yaml.constructor.ConstructorError(None, None, f"“{twice[0]}” twice, line {line}", node.start_mark)
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as wrong:
        raise Invalid(_("The mapping is no YAML: %(reason)s") % {"reason": wrong}, field="mapping") from None


class _Reader:
    """Reads a mapping and collects what is wrong with it."""

    def __init__(self) -> None:
        self.mistakes: list[DomainError] = []

    def read(self, data: Any) -> CustomerMap:
        """Return the whole mapping, or raise all mistakes."""
        top = self.table(data, "", TOP)
        customer = self.table(top.get("customer"), "customer", CUSTOMER)
        bought = self.table(top.get("subscription", {}), "subscription", SUBSCRIPTION)
        made = CustomerMap(
            seller=self.word(top, "seller"),
            file={key: str(value) for key, value in self.table(top.get("file", {}), "file", FILE).items()},
            customer=self.sources({k: v for k, v in customer.items() if k not in ("tags", "contacts")}, "customer"),
            tags=[self.source(tag, f"customer.tags[{n}]") for n, tag in self.items(customer, "customer", "tags")],
            contacts=[
                self.sources(self.table(one, f"customer.contacts[{n}]", CONTACT_FIELDS), f"customer.contacts[{n}]")
                for n, one in self.items(customer, "customer", "contacts")
            ],
            subscription=self.sources({k: v for k, v in bought.items() if k in SIMPLE}, "subscription"),
            quantities=self.part(bought, "quantities"),
            modules=self.part(bought, "modules"),
            prices=self.prices(bought),
            renewal=self.renewal(bought),
            yes=self.words(top, "yes", YES),
            no=self.words(top, "no", NO),
        )
        self.demand(made, bought)
        if self.mistakes:
            raise Mistakes(self.mistakes)
        return made

    def wrong(self, path: str, message: str) -> None:
        self.mistakes.append(Invalid(message, field=path))

    def table(self, data: Any, path: str, known: Iterable[str] | None) -> dict[str, Any]:
        """Return a table of keys; unknown ones are mistakes (None: any key may be)."""
        if not isinstance(data, dict):
            self.wrong(path or "mapping", _("Here a table of keys and values is needed."))
            return {}
        allowed = tuple(data) if known is None else tuple(known)
        for key in data:
            if key not in allowed:
                message = _("“%(key)s” is not known here; these are: %(known)s.")
                self.wrong(f"{path}.{key}".lstrip("."), message % {"key": key, "known": ", ".join(allowed)})
        return {key: value for key, value in data.items() if key in allowed}

    def sources(self, data: Mapping[str, Any], path: str) -> dict[str, Source]:
        return {key: self.source(value, f"{path}.{key}") for key, value in data.items()}

    def source(self, data: Any, path: str) -> Source:
        """Return a source: a constant, or a table with `column` or `text`."""
        if isinstance(data, str):
            return Source(path, constant=data)
        said = self.table(data, path, SOURCE)
        if ("column" in said) == ("text" in said):
            self.wrong(path, _("Give a value, or one of “column” and “text”."))
        if "text" in said and len(said) > 1:
            self.wrong(path, _("A “text” stands alone; its columns are named in it as {Column}."))
        table = said.get("by_value")
        if table is not None:
            table = {key: str(value) for key, value in self.table(table, f"{path}.by_value", None).items()}
        plain = {key: str(said[key]) for key in ("column", "text", "default") if key in said}
        return Source(path, by_value=table, **plain)

    def items(self, data: Mapping[str, Any], path: str, key: str) -> Iterator[tuple[int, Any]]:
        found = data.get(key, [])
        if not isinstance(found, list):
            self.wrong(f"{path}.{key}", _("Here a list is needed."))
            return
        yield from enumerate(found)

    def part(self, bought: Mapping[str, Any], key: str) -> dict[str, Source]:
        path = f"subscription.{key}"
        return self.sources(self.table(bought.get(key, {}), path, None), path)

    def prices(self, bought: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return negotiated prices; a parameter is a source where it names a column, else data of the price."""
        found = {}
        for code, price in self.table(bought.get("prices", {}), "subscription.prices", None).items():
            path = f"subscription.prices.{code}"
            said = self.table(price, path, None)
            found[code] = {
                key: self.source(value, f"{path}.{key}") if isinstance(value, dict) else _data(value)
                for key, value in said.items()
            }
        return found

    def renewal(self, bought: Mapping[str, Any]) -> dict[str, Source]:
        """Return where each customer's own consent stands; a constant would presume it."""
        if "renewal" not in bought:
            return {}
        path = "subscription.renewal"
        found = self.sources(self.table(bought["renewal"], path, RENEWAL), path)
        if "consent" not in found or not found["consent"].columns:
            message = _(
                "Automatic renewal needs a column that holds each customer's own consent; nobody's is presumed."
            )
            self.wrong(f"{path}.consent", message)
        if "version" not in found:
            self.wrong(f"{path}.version", _("Say which version of the text was consented to."))
        return found

    def word(self, data: Mapping[str, Any], key: str) -> str:
        value = data.get(key, "")
        if not isinstance(value, str):
            self.wrong(key, _("This must be a text."))
            return ""
        return value

    def words(self, data: Mapping[str, Any], key: str, default: Sequence[str]) -> frozenset[str]:
        found = data.get(key, list(default))
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            self.wrong(key, _("Here a list of words is needed."))
            return frozenset()
        return frozenset(word.lower() for word in found)

    def demand(self, made: CustomerMap, bought: Mapping[str, Any]) -> None:
        for key in ("code", "name"):
            if key not in made.customer:
                self.wrong(f"customer.{key}", _("Every customer needs this; say where it is read from."))
        if not bought:
            return
        for key in ("plan", "start"):
            if key not in made.subscription:
                self.wrong(f"subscription.{key}", _("Every subscription needs this; say where it is read from."))
        if not made.seller:
            self.wrong("seller", _("Name the seller whose plans these are."))


def _data(value: Any) -> Any:
    """Return a parameter of a price as the price knows it: an open last tier is null."""
    if isinstance(value, list):
        return [_data(one) for one in value]
    if isinstance(value, dict):
        return {key: _data(one) for key, one in value.items()}
    return None if value == "null" else value


def _filled(name: str, width: str | None, row: Row) -> str:
    value = str(row.number) if name == "row" else row.cells[name]
    return value.rjust(int(width), "0") if width else value
