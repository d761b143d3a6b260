"""What may be said about a company, and the check of it: each mistake names its field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenants.errors import DomainError, Invalid
from tenants.models import Contact, CustomerGroup, Tag, Tenant
from tenants.models.companies import Language


@dataclass(frozen=True, kw_only=True)
class NewContact:
    """A person at the customer; `role` is finance, business or technical."""

    name: str
    email: str = ""
    phone: str = ""
    role: str = "finance"
    receives_bills: bool = True


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A customer to be opened. `group` and `parent` are codes; tags are made when they are new."""

    code: str
    name: str
    name_en: str = ""
    tax_number: str = ""
    group: str | None = None
    tags: Sequence[str] = ()
    parent: str | None = None
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    language: str = Language.CHINESE
    address: str = ""
    phone: str = ""
    purchase_order: str = ""
    cost_centre: str = ""
    note: str = ""
    contacts: Sequence[NewContact] = ()


# Fields of NewTenant that are columns of the company, by their column's name.
COLUMNS = {f.name: f.name for f in fields(NewTenant) if f.name not in ("group", "tags", "parent", "contacts")} | {
    "zone": "timezone"
}
CONTACT_FIELDS = tuple(f.name for f in fields(NewContact))


def columns_of(said: NewTenant | Mapping[str, Any]) -> dict[str, Any]:
    """Return the company's columns among what was said."""
    values = said if isinstance(said, Mapping) else {name: getattr(said, name) for name in COLUMNS}
    return {column: values[name] for name, column in COLUMNS.items() if name in values}


def contact_of(tenant: Tenant, said: NewContact) -> Contact:
    return Contact(tenant=tenant, **{name: getattr(said, name) for name in CONTACT_FIELDS})


def mistakes_of(tenant: Tenant) -> list[DomainError]:
    """Return what is wrong with the company's own columns, naming each as the caller does."""
    names = {column: name for name, column in COLUMNS.items()}
    return _asked(tenant, {"parent", "group", "opened_at"}, lambda field: names.get(field, field))


def contact_mistakes(contacts: Sequence[NewContact]) -> list[DomainError]:
    """Return what is wrong with the contacts, as contacts[0].email."""
    found: list[DomainError] = []
    for number, said in enumerate(contacts):
        unsaved = contact_of(Tenant(), said)
        found += _asked(unsaved, {"tenant"}, partial(_within, number))
        if said.receives_bills and not said.email:
            message = _("Bills are sent by e-mail: give an address, or switch “receives bills” off.")
            found.append(Invalid(message, field=f"contacts[{number}].email"))
    return found + _twice([c.email.lower() for c in contacts if c.email])


def _within(number: int, field: str) -> str:
    return f"contacts[{number}].{field}"


def tag_mistakes(names: Iterable[str]) -> list[DomainError]:
    """Return what is wrong with the tags, as tags[0]."""
    wrong = [number for number, name in enumerate(names) if not 0 < len(name.strip()) <= 40 or "\x00" in name]
    return [Invalid(_("A tag has 1 to 40 characters."), field=f"tags[{number}]") for number in wrong]


def _asked(row: Tenant | Contact, leave_out: set[str], name: Callable[[str], str]) -> list[DomainError]:
    texts = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    nulls = [field for field, value in texts.items() if isinstance(value, str) and "\x00" in value]
    try:
        row.clean_fields(exclude=leave_out)
    except ValidationError as wrong:
        return [Invalid(m, field=name(field)) for field, messages in wrong.message_dict.items() for m in messages]
    return [Invalid(_("A null character cannot be kept."), field=name(field)) for field in nulls]


def _twice(emails: list[str]) -> list[DomainError]:
    repeated = sorted({email for email in emails if emails.count(email) > 1})
    return [Invalid(_("“%(email)s” is here twice.") % {"email": e}, field="contacts") for e in repeated]


def groups(codes: Iterable[str | None]) -> dict[str, CustomerGroup]:
    """Return the groups of these codes; what is missing is not there."""
    return CustomerGroup.objects.in_bulk({code for code in codes if code}, field_name="code")


def tags(names: Iterable[str]) -> dict[str, Tag]:
    """Return the tags of these names, making those that are new."""
    wanted = sorted(set(names))
    Tag.objects.bulk_create([Tag(name=name) for name in wanted], ignore_conflicts=True)
    return Tag.objects.in_bulk(wanted, field_name="name")


def unknown_group(code: str) -> DomainError:
    return Invalid(_("There is no customer group “%(code)s”. Make it first.") % {"code": code}, field="group")


def unknown_parent(code: str) -> DomainError:
    return Invalid(_("There is no customer “%(code)s” to be the parent company.") % {"code": code}, field="parent")


def parent_has_parent(parent: str) -> DomainError:
    message = _("“%(code)s” has a parent company itself; name that one, because one company pays for all.")
    return Invalid(message % {"code": parent}, field="parent")


def parent_of_others() -> DomainError:
    return Invalid(
        _("Other companies have this one as their parent, so it cannot have a parent itself."), field="parent"
    )
