"""Customers' records: open companies, amend them, and say who receives their bills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenants import audit, profiles
from tenants.errors import Conflict, DomainError, Invalid, Mistakes
from tenants.models import Contact, CustomerGroup, Tenant, User
from tenants.profiles import NewContact, NewTenant

__all__ = ["NewContact", "NewTenant", "Opened", "amend", "check", "open", "set_contacts"]


@dataclass(frozen=True)
class Opened:
    """What came of one company: the tenant, or the mistakes for which it was refused."""

    code: str
    tenant: Tenant | None = None
    mistakes: tuple[DomainError, ...] = ()


@dataclass
class _Known:
    """What the database says about the codes of a batch."""

    codes: Counter[str]
    taken: set[str]
    groups: dict[str, CustomerGroup]
    parents: dict[str, Tenant]
    batch: dict[str, NewTenant]


@transaction.atomic
def open(companies: Sequence[NewTenant], *, at: datetime, by: User | None) -> list[Opened]:
    """Open the companies that are in order, in a handful of statements; the others are answered with their mistakes.

    The answers come in the order asked. Nothing is half written: a refused company leaves no row. A child may come in
    one batch with its parent.
    """
    with connection.cursor() as cursor:
        # Two openings of one code at once: the second one sees the first.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tenants.companies.open'))")
    known = _known(companies)
    refused = _refused(companies, known)
    fresh = _write([c for number, c in enumerate(companies) if number not in refused], known, at=at, by=by)
    return [
        Opened(c.code, mistakes=refused[n]) if n in refused else Opened(c.code, tenant=fresh[c.code])
        for n, c in enumerate(companies)
    ]


def check(companies: Sequence[NewTenant]) -> dict[int, tuple[DomainError, ...]]:
    """Return the mistakes for which `open` would refuse companies, by their place among those asked; write nothing."""
    return _refused(companies, _known(companies))


def _refused(companies: Sequence[NewTenant], known: _Known) -> dict[int, tuple[DomainError, ...]]:
    refused = {number: tuple(found) for number, c in enumerate(companies) if (found := _mistakes(c, known))}
    bad_parents = {companies[number].code for number in refused}
    for number, company in enumerate(companies):
        if number not in refused and company.parent in bad_parents and company.parent not in known.parents:
            refused[number] = (profiles.unknown_parent(company.parent or ""),)
    return refused


def _known(companies: Sequence[NewTenant]) -> _Known:
    codes = {c.code for c in companies}
    return _Known(
        codes=Counter(c.code for c in companies),
        taken=set(Tenant.objects.filter(code__in=codes).values_list("code", flat=True)),
        groups=profiles.groups(c.group for c in companies),
        parents=Tenant.objects.in_bulk({c.parent for c in companies if c.parent}, field_name="code"),
        batch={c.code: c for c in companies},
    )


def _mistakes(said: NewTenant, known: _Known) -> list[DomainError]:
    found = profiles.mistakes_of(Tenant(**profiles.columns_of(said))) + profiles.contact_mistakes(said.contacts)
    found += profiles.tag_mistakes(said.tags)
    if said.code in known.taken:
        found.append(Conflict(_("There is a customer “%(code)s” already.") % {"code": said.code}, field="code"))
    elif known.codes[said.code] > 1:
        found.append(Invalid(_("The code “%(code)s” is here twice.") % {"code": said.code}, field="code"))
    if said.group and said.group not in known.groups:
        found.append(profiles.unknown_group(said.group))
    if said.parent:
        found += _parent_mistakes(said, known)
    return found


def _parent_mistakes(said: NewTenant, known: _Known) -> list[DomainError]:
    name = said.parent or ""
    if name in known.parents:
        return [profiles.parent_has_parent(name)] if known.parents[name].parent_id else []
    if name == said.code or name not in known.batch:
        return [profiles.unknown_parent(name)]
    return [profiles.parent_has_parent(name)] if known.batch[name].parent else []


def _write(companies: Sequence[NewTenant], known: _Known, *, at: datetime, by: User | None) -> dict[str, Tenant]:
    """Insert companies (parents first), contacts, tags and audit entries; return the tenants by code."""
    rows: dict[str, Tenant] = {}
    for generation in ([c for c in companies if not c.parent], [c for c in companies if c.parent]):
        fresh = [_row(c, known, rows, at) for c in generation]
        rows |= {tenant.code: tenant for tenant in Tenant.objects.bulk_create(fresh)}
    contacts = [profiles.contact_of(rows[c.code], contact) for c in companies for contact in c.contacts]
    Contact.objects.bulk_create(contacts)
    tags = profiles.tags(tag for c in companies for tag in c.tags)
    through = Tenant.tags.through
    through.objects.bulk_create(
        through(tenant_id=rows[c.code].pk, tag_id=tags[name].pk) for c in companies for name in dict.fromkeys(c.tags)
    )
    acts = [audit.Act("tenant.opened", t, f"tenant:{t.pk}", {"code": t.code, "name": t.name}) for t in rows.values()]
    audit.record_many(acts, at=at, by=by)
    return rows


def _row(said: NewTenant, known: _Known, rows: Mapping[str, Tenant], at: datetime) -> Tenant:
    parent = (known.parents.get(said.parent) or rows[said.parent]) if said.parent else None
    group = known.groups[said.group] if said.group else None
    return Tenant(**profiles.columns_of(said), group=group, parent=parent, opened_at=at)


@transaction.atomic
def amend(tenant: Tenant, changes: Mapping[str, Any], *, at: datetime, by: User | None) -> Tenant:
    """Change what is said about a company, by the names of NewTenant; the audit entry has before and after.

    `group` and `parent` are codes or None, `tags` all the tags it shall have, `contacts` all its contacts. The code
    never changes. Raises Mistakes with every mistake, each naming its field; then nothing is changed.
    """
    row = (
        Tenant.objects.select_for_update(no_key=True, of=("self",)).select_related("group", "parent").get(pk=tenant.pk)
    )
    before = _said(row)
    allowed = set(before) | {"contacts"}
    found: list[DomainError] = [
        Invalid(_("“%(name)s” is nothing that can be changed.") % {"name": name}, field=name)
        for name in changes
        if name not in allowed
    ]
    for column, value in profiles.columns_of(changes).items():
        setattr(row, column, value)
    found += profiles.mistakes_of(row) + _amend_group(row, changes) + _amend_parent(row, changes)
    found += profiles.contact_mistakes(changes.get("contacts") or ()) + profiles.tag_mistakes(changes.get("tags") or ())
    if found:
        raise Mistakes(found)
    row.save()
    if "tags" in changes:
        row.tags.set(profiles.tags(changes["tags"]).values())
    if "contacts" in changes:
        set_contacts(row, changes["contacts"], at=at, by=by)
    _record_change(row, before, at=at, by=by)
    return row


def _said(row: Tenant) -> dict[str, Any]:
    """Return what is said about a company now, by the names of NewTenant that may change."""
    columns = {name: getattr(row, column) for name, column in profiles.COLUMNS.items() if name != "code"}
    return columns | {
        "group": row.group.code if row.group else None,
        "parent": row.parent.code if row.parent else None,
        "tags": sorted(tag.name for tag in row.tags.all()),
    }


def _amend_group(row: Tenant, changes: Mapping[str, Any]) -> list[DomainError]:
    if "group" not in changes:
        return []
    code = changes["group"]
    row.group = profiles.groups([code]).get(code) if code else None
    return [profiles.unknown_group(code)] if code and row.group is None else []


def _amend_parent(row: Tenant, changes: Mapping[str, Any]) -> list[DomainError]:
    if "parent" not in changes:
        return []
    code = changes["parent"]
    row.parent = Tenant.objects.filter(code=code).exclude(pk=row.pk).first() if code else None
    if not code:
        return []
    if row.parent is None:
        return [profiles.unknown_parent(code)]
    if row.parent.parent_id:
        return [profiles.parent_has_parent(code)]
    return [profiles.parent_of_others()] if row.children.exists() else []


def _record_change(row: Tenant, before: Mapping[str, Any], *, at: datetime, by: User | None) -> None:
    row = Tenant.objects.select_related("group", "parent").get(pk=row.pk)
    after = _said(row)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        said = {name: [before[name], after[name]] for name in changed}
        audit.record("tenant.amended", tenant=row, target=f"tenant:{row.pk}", at=at, by=by, changes=said)


@transaction.atomic
def set_contacts(tenant: Tenant, contacts: Sequence[NewContact], *, at: datetime, by: User | None) -> None:
    """Replace all contacts of a company; raise Mistakes and change nothing when one is wrong."""
    if found := profiles.contact_mistakes(contacts):
        raise Mistakes(found)
    before = sorted(tenant.contacts.values_list("name", "email"))
    tenant.contacts.all().delete()
    Contact.objects.bulk_create(profiles.contact_of(tenant, said) for said in contacts)
    after = sorted((c.name, c.email) for c in contacts)
    if before != after:
        changes = {"contacts": [[list(c) for c in before], [list(c) for c in after]]}
        audit.record("tenant.contacts_set", tenant=tenant, target=f"tenant:{tenant.pk}", at=at, by=by, **changes)
